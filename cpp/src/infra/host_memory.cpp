// Memory and paging of the machine, from /proc/meminfo and /proc/vmstat.

#include <array>

#include "infra/host_family.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {
namespace {

struct MemoryField {
  const char* key;
  const char* metric;
};
constexpr double kKibibyte = 1024;
// In kB as the kernel writes it, which is 1,024 bytes.
constexpr std::array<MemoryField, 8> kFields = {{{"MemTotal", "host.memory.total"},
                                                 {"MemAvailable", "host.memory.available"},
                                                 {"MemFree", "host.memory.free"},
                                                 {"Cached", "host.memory.cached"},
                                                 {"Dirty", "host.memory.dirty"},
                                                 {"Shmem", "host.memory.shared"},
                                                 {"SwapTotal", "host.swap.total"},
                                                 {"SwapFree", "host.swap.free"}}};
constexpr std::size_t kTotal = 0, kAvailable = 1, kFree = 2, kCached = 3;

struct EventField {
  const char* key;
  const char* metric;
  const char* unit;
  const char* attribute;  // or null
  const char* value;
};
constexpr std::array<EventField, 6> kEvents = {{
    {"pgfault", "host.memory.faults", "{fault}", "kind", "all"},
    {"pgmajfault", "host.memory.faults", "{fault}", "kind", "major"},
    {"pswpin", "host.swap.operations", "{page}", "direction", "in"},
    {"pswpout", "host.swap.operations", "{page}", "direction", "out"},
    {"oom_kill", "host.memory.oom_kills", "{kill}", nullptr, nullptr},
    {"allocstall_normal", "host.memory.allocation_stalls", "{stall}", nullptr, nullptr},
}};

class Memory final : public HostFamily {
 public:
  void scan(HostScan& scan) override {
    if (known_) {
      meminfo_.refresh();
      vmstat_.refresh();
      return;
    }
    known_ = true;
    for (std::size_t i = 0; i < kFields.size(); ++i) {
      fields_[i] = scan.gauge(kFields[i].metric, "By", {}, kKibibyte);
    }
    used_ = scan.gauge("host.memory.used", "By", {}, kKibibyte);
    for (std::size_t i = 0; i < kEvents.size(); ++i) {
      const EventField& event = kEvents[i];
      Attributes attributes;
      if (event.attribute != nullptr) attributes = {{event.attribute, event.value}};
      events_[i] = scan.counter(event.metric, event.unit, std::move(attributes));
    }
    meminfo_ = scan.file(scan.path("/proc/meminfo"));
    vmstat_ = scan.file(scan.path("/proc/vmstat"));
  }

  void tick(HostTick& tick) noexcept override {
    read_meminfo(tick);
    read_vmstat(tick);
  }

 private:
  void read_meminfo(HostTick& tick) noexcept {
    std::string_view text;
    const Status status = meminfo_.read(tick.buffer, tick.buffer_size, text, true);
    std::array<std::uint64_t, kFields.size()> values{};
    std::array<bool, kFields.size()> has{};
    Lines lines(text);
    for (std::string_view line; lines.next(line);) {
      std::string_view key;
      std::uint64_t value = 0;
      if (!keyed_number(line, key, value)) continue;
      for (std::size_t i = 0; i < kFields.size(); ++i) {
        if (key != kFields[i].key) continue;
        values[i] = value;
        has[i] = true;
        break;
      }
    }
    const Status missing = status == Status::kOk ? Status::kUnsupported : status;
    for (std::size_t i = 0; i < kFields.size(); ++i) {
      if (has[i]) {
        tick.writer.gauge(fields_[i], static_cast<double>(values[i]), tick.time_us);
      } else {
        tick.writer.status(fields_[i], missing);
      }
    }
    // Before Linux 3.14 there is no MemAvailable; free and cached is near it.
    const std::uint64_t available =
        has[kAvailable] ? values[kAvailable] : values[kFree] + values[kCached];
    if (has[kTotal] && (has[kAvailable] || has[kFree]) && available <= values[kTotal]) {
      tick.writer.gauge(used_, static_cast<double>(values[kTotal] - available), tick.time_us);
    } else {
      tick.writer.status(used_, missing);
    }
  }

  void read_vmstat(HostTick& tick) noexcept {
    std::string_view text;
    const Status status = vmstat_.read(tick.buffer, tick.buffer_size, text, true);
    std::array<bool, kEvents.size()> has{};
    std::size_t left = kEvents.size();
    Lines lines(text);
    for (std::string_view line; left > 0 && lines.next(line);) {
      // Most lines are none of ours, and told by their first letter.
      if (line.empty() || (line[0] != 'p' && line[0] != 'o' && line[0] != 'a')) continue;
      const std::string_view key = line.substr(0, line.find(' '));
      for (std::size_t i = 0; i < kEvents.size(); ++i) {
        if (key != kEvents[i].key || has[i]) continue;
        std::string_view same;
        std::uint64_t value = 0;
        if (!keyed_number(line, same, value)) break;
        tick.writer.counter(events_[i], value, tick.time_us);
        has[i] = true;
        --left;
        break;
      }
    }
    const Status missing = status == Status::kOk ? Status::kUnsupported : status;
    for (std::size_t i = 0; i < kEvents.size(); ++i) {
      if (!has[i]) tick.writer.status(events_[i], missing);
    }
  }

  bool known_ = false;
  HeldFile meminfo_, vmstat_;
  std::array<std::uint32_t, kFields.size()> fields_{};
  std::array<std::uint32_t, kEvents.size()> events_{};
  std::uint32_t used_ = 0;
};

}  // namespace

std::unique_ptr<HostFamily> make_memory() { return std::make_unique<Memory>(); }

}  // namespace inlay::infra::detail
