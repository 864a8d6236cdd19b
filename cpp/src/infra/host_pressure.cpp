// Pressure stall information, from /proc/pressure.

#include <array>

#include "infra/host_family.hpp"
#include "infra/host_text.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {

bool parse_pressure(std::string_view text, Pressure& pressure) noexcept {
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    Words words(line);
    std::string_view kind;
    if (!words.next(kind)) continue;
    std::optional<std::uint64_t>* field = kind == "some"   ? &pressure.some_us
                                          : kind == "full" ? &pressure.full_us
                                                           : nullptr;
    if (field == nullptr) continue;
    for (std::string_view word; words.next(word);) {
      std::uint64_t value = 0;
      if (word.substr(0, 6) == "total=" && to_number(word.substr(6), value)) *field = value;
    }
  }
  return pressure.some_us || pressure.full_us;
}

namespace {

constexpr std::array<const char*, 4> kResources = {"cpu", "memory", "io", "irq"};
constexpr std::size_t kIrq = 3;

class PressureStalls final : public HostFamily {
 public:
  explicit PressureStalls(double share) : share_(share) {}

  void scan(HostScan& scan) override {
    if (known_) {
      for (Resource& resource : resources_) resource.file.refresh();
      return;
    }
    known_ = true;
    for (std::size_t i = 0; i < kResources.size(); ++i) {
      Resource& resource = resources_[i];
      resource.file = scan.file(scan.path(std::string("/proc/pressure/") + kResources[i]));
      // Of interrupts the kernel tells only when all were stalled, and only newer ones do.
      if (i != kIrq) resource.some = make(scan, kResources[i], "some");
      if (i != kIrq || resource.file.exists()) resource.full = make(scan, kResources[i], "full");
      resource.track = scan.track("host.pressure", {{"resource", kResources[i]}}, "seconds", 1e-6,
                                  kWarning, "share");
    }
  }

  void tick(HostTick& tick) noexcept override {
    for (Resource& resource : resources_) read(tick, resource);
  }

 private:
  struct Resource {
    HeldFile file;
    std::optional<std::uint32_t> some, full;
    std::uint32_t track = 0;
    bool lost = false;
  };

  static std::uint32_t make(HostScan& scan, const char* resource, const char* kind) {
    return scan.counter("host.pressure", "s", {{"kind", kind}, {"resource", resource}}, 1e-6);
  }

  void read(HostTick& tick, Resource& resource) const noexcept {
    std::string_view text;
    Status status = resource.file.read(tick.buffer, tick.buffer_size, text);
    Pressure pressure;
    if (status == Status::kOk && !parse_pressure(text, pressure)) status = Status::kError;
    const bool was_lost = resource.lost;
    resource.lost = status != Status::kOk;
    if (resource.lost) tick.intervals.quiet(resource.track);
    std::uint64_t stalled = 0;
    const auto write = [&](const std::optional<std::uint32_t>& id,
                           const std::optional<std::uint64_t>& total) noexcept {
      if (!id) return;
      if (!total) {
        tick.writer.status(*id, status == Status::kOk ? Status::kUnsupported : status);
        return;
      }
      bool lost = was_lost;
      const std::uint64_t delta = write_counter(tick, *id, *total, lost);
      if (delta > stalled) stalled = delta;
    };
    write(resource.some, pressure.some_us);
    write(resource.full, pressure.full_us);
    if (resource.lost || tick.elapsed_us <= 0) return;
    const auto elapsed = static_cast<double>(tick.elapsed_us);
    if (static_cast<double>(stalled) < share_ * elapsed) {
      tick.intervals.quiet(resource.track);
    } else {
      tick.intervals.extend(resource.track, tick.since_us, tick.time_us,
                            static_cast<double>(stalled));
    }
  }

  const double share_;
  bool known_ = false;
  std::array<Resource, kResources.size()> resources_;
};

}  // namespace

std::unique_ptr<HostFamily> make_pressure(const HostOptions& options) {
  return std::make_unique<PressureStalls>(options.pressure);
}

}  // namespace inlay::infra::detail
