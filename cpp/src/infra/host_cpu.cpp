// CPU time of the machine, from /proc/stat.

#include <unistd.h>

#include <array>
#include <utility>

#include "infra/host_family.hpp"
#include "infra/host_text.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {

bool parse_stat(std::string_view text, ProcStat& stat) noexcept {
  bool found = false;
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    Words words(line);
    std::string_view key;
    if (!words.next(key)) continue;
    if (key == "cpu") {
      stat.cpu.modes = words.numbers(stat.cpu.ticks.data(), CpuTimes::kModes);
      found = stat.cpu.modes >= 4;
      continue;
    }
    std::optional<std::uint64_t>* field = key == "ctxt"            ? &stat.switches
                                          : key == "processes"     ? &stat.forks
                                          : key == "procs_running" ? &stat.running
                                          : key == "procs_blocked" ? &stat.blocked
                                                                   : nullptr;
    std::uint64_t value = 0;
    if (field != nullptr && words.number(value)) *field = value;
  }
  return found;
}

namespace {

constexpr std::array<const char*, CpuTimes::kModes> kModeNames = {
    "user", "nice", "system", "idle", "iowait", "interrupt", "softirq", "steal"};
constexpr std::size_t kIdle = 3, kIowait = 4;

class Cpu final : public HostFamily {
 public:
  void scan(HostScan& scan) override {
    if (known_) {
      file_.refresh();
      return;
    }
    known_ = true;
    const long rate = ::sysconf(_SC_CLK_TCK);
    const double tick = 1.0 / static_cast<double>(rate > 0 ? rate : 100);
    for (std::size_t i = 0; i < modes_.size(); ++i) {
      modes_[i] = scan.counter("host.cpu.time", "s", {{"mode", kModeNames[i]}}, tick);
    }
    utilization_ = scan.gauge("host.cpu.utilization", "1");
    switches_ = scan.counter("host.context_switches", "{switch}");
    forks_ = scan.counter("host.processes.created", "{process}");
    running_ = scan.gauge("host.processes", "{process}", {{"state", "running"}});
    blocked_ = scan.gauge("host.processes", "{process}", {{"state", "blocked"}});
    file_ = scan.file(scan.path("/proc/stat"));
  }

  void tick(HostTick& tick) noexcept override {
    std::string_view text;
    Status status = file_.read(tick.buffer, tick.buffer_size, text, true);
    ProcStat stat;
    if (status == Status::kOk && !parse_stat(text, stat)) status = Status::kError;
    if (status != Status::kOk) {
      for (const std::uint32_t mode : modes_) tick.writer.status(mode, status);
      for (const std::uint32_t id : {utilization_, switches_, forks_, running_, blocked_}) {
        tick.writer.status(id, status);
      }
      has_before_ = false;
      return;
    }
    std::uint64_t busy = 0, all = 0;
    bool fell = false;
    for (std::size_t i = 0; i < stat.cpu.modes; ++i) {
      const std::uint64_t now = stat.cpu.ticks[i];
      tick.writer.counter(modes_[i], now, tick.time_us);
      // The kernel's idle and iowait may run back by a few ticks; then nothing of them was used.
      const std::uint64_t delta = now >= before_[i] ? now - before_[i] : 0;
      fell = fell || (now < before_[i] && i != kIdle && i != kIowait);
      all += delta;
      if (i != kIdle && i != kIowait) busy += delta;
    }
    if (has_before_ && all > 0 && !fell) {
      tick.writer.gauge(utilization_, static_cast<double>(busy) / static_cast<double>(all),
                        tick.time_us);
    }
    before_ = stat.cpu.ticks;
    has_before_ = true;
    if (stat.switches) tick.writer.counter(switches_, *stat.switches, tick.time_us);
    if (stat.forks) tick.writer.counter(forks_, *stat.forks, tick.time_us);
    if (stat.running) {
      tick.writer.gauge(running_, static_cast<double>(*stat.running), tick.time_us);
    }
    if (stat.blocked) {
      tick.writer.gauge(blocked_, static_cast<double>(*stat.blocked), tick.time_us);
    }
  }

 private:
  bool known_ = false, has_before_ = false;
  HeldFile file_;
  std::array<std::uint32_t, CpuTimes::kModes> modes_{};
  std::array<std::uint64_t, CpuTimes::kModes> before_{};
  std::uint32_t utilization_ = 0, switches_ = 0, forks_ = 0, running_ = 0, blocked_ = 0;
};

}  // namespace

std::unique_ptr<HostFamily> make_cpu() { return std::make_unique<Cpu>(); }

}  // namespace inlay::infra::detail
