// How well the clock keeps to the time of others, from adjtimex().

#include <sys/timex.h>

#include <array>
#include <cerrno>

#include "infra/host_family.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {
namespace {

class ClockError final : public HostFamily {
 public:
  void scan(HostScan& scan) override {
    if (known_) {
      recorded_.refresh();
      return;
    }
    known_ = true;
    error_ = scan.gauge("host.clock.error", "s", {{"kind", "maximum"}}, 1e-6);
    estimate_ = scan.gauge("host.clock.error", "s", {{"kind", "estimated"}}, 1e-6);
    synchronised_ = scan.gauge("host.clock.synchronized", "1");
    // Where the root has this file, as the trees of tests do, it stands for the call.
    recorded_ = scan.file(scan.path("/sys/inlay-adjtimex"));
    is_recorded_ = recorded_.exists();
  }

  void tick(HostTick& tick) noexcept override {
    std::array<std::uint64_t, 3> values{};  // maximum error, estimated error, status
    Status status = Status::kOk;
    if (is_recorded_) {
      std::string_view text;
      status = recorded_.read(tick.buffer, tick.buffer_size, text);
      Words words(text);
      if (status == Status::kOk && words.numbers(values.data(), values.size()) != values.size()) {
        status = Status::kError;
      }
    } else {
      timex clock = {};  // changes nothing: no mode is set
      if (::adjtimex(&clock) < 0) {
        status = status_of_errno(errno);
      } else {
        values = {static_cast<std::uint64_t>(clock.maxerror),
                  static_cast<std::uint64_t>(clock.esterror),
                  static_cast<std::uint64_t>(static_cast<unsigned>(clock.status))};
      }
    }
    if (status != Status::kOk) {
      for (const std::uint32_t id : {error_, estimate_, synchronised_}) {
        tick.writer.status(id, status);
      }
      return;
    }
    const bool synchronised = (values[2] & STA_UNSYNC) == 0;
    tick.writer.gauge(synchronised_, synchronised ? 1.0 : 0.0, tick.time_us);
    if (!synchronised) {  // the kernel's numbers mean nothing then
      tick.writer.status(error_, Status::kUndefined);
      tick.writer.status(estimate_, Status::kUndefined);
      return;
    }
    tick.writer.gauge(error_, static_cast<double>(values[0]), tick.time_us);
    tick.writer.gauge(estimate_, static_cast<double>(values[1]), tick.time_us);
  }

 private:
  bool known_ = false, is_recorded_ = false;
  HeldFile recorded_;
  std::uint32_t error_ = 0, estimate_ = 0, synchronised_ = 0;
};

}  // namespace

std::unique_ptr<HostFamily> make_clock() { return std::make_unique<ClockError>(); }

}  // namespace inlay::infra::detail
