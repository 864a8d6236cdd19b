// For how long processors were too hot, from /sys/devices/system/cpu/cpu*/thermal_throttle.

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "infra/host_family.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {
namespace {

class ThermalThrottle final : public HostFamily {
 public:
  void scan(HostScan& scan) override {
    for (Package& package : packages_) {
      package.whole.file.refresh();
      for (HeldFile& core : package.cores) core.refresh();
    }
    const std::string base = scan.path("/sys/devices/system/cpu");
    Status status = Status::kOk;
    for (const std::string& name : scan.names(base, &status)) {
      std::uint64_t number = 0;
      if (name.substr(0, 3) != "cpu" || !to_number(std::string_view(name).substr(3), number)) {
        continue;
      }
      const std::string directory = base + "/" + name;
      const std::string throttle = directory + "/thermal_throttle";
      Status here = Status::kOk;
      text_of(throttle + "/core_throttle_total_time_ms", &here);
      if (here == Status::kAbsent) continue;
      // Threads of one core tell the same, and so do all cores of their package.
      std::string socket = text_of(directory + "/topology/physical_package_id");
      if (socket.empty()) socket = "0";
      std::string core = text_of(directory + "/topology/core_id");
      if (core.empty()) core = name;
      if (!cores_.insert({socket, core}).second) continue;
      Package& package = package_of(scan, socket, throttle);
      package.cores.push_back(scan.file(throttle + "/core_throttle_total_time_ms"));
    }
    if (packages_.empty()) {
      scan.none("host.thermal_throttle", "s", status == Status::kOk ? Status::kAbsent : status,
                ReadingKind::kCounter);
    }
  }

  void tick(HostTick& tick) noexcept override {
    for (Package& package : packages_) {
      package.whole.counter(tick);
      std::uint64_t sum = 0;
      Status status = Status::kAbsent;
      std::size_t read = 0;
      for (HeldFile& core : package.cores) {
        std::uint64_t value = 0;
        status = core.number(value);
        if (status != Status::kOk) continue;
        sum += value;
        ++read;
      }
      if (read == 0) {
        tick.writer.status(package.cores_id, status);
        continue;
      }
      // A core that went or came takes its past along.
      bool changed = read != package.read;
      package.read = read;
      write_counter(tick, package.cores_id, sum, changed);
    }
  }

 private:
  struct Package {
    std::string socket;
    NumberFile whole;
    std::vector<HeldFile> cores;
    std::uint32_t cores_id = 0;
    std::size_t read = 0;
  };

  Package& package_of(HostScan& scan, const std::string& socket, const std::string& throttle) {
    for (Package& package : packages_) {
      if (package.socket == socket) return package;
    }
    Package package;
    package.socket = socket;
    package.whole.id = scan.counter("host.thermal_throttle", "s",
                                    {{"package", socket}, {"scope", "package"}}, 1e-3);
    package.cores_id =
        scan.counter("host.thermal_throttle", "s", {{"package", socket}, {"scope", "core"}}, 1e-3);
    package.whole.file = scan.file(throttle + "/package_throttle_total_time_ms");
    packages_.push_back(std::move(package));
    return packages_.back();
  }

  std::vector<Package> packages_;
  std::set<std::pair<std::string, std::string>> cores_;
};

}  // namespace

std::unique_ptr<HostFamily> make_thermal_throttle() { return std::make_unique<ThermalThrottle>(); }

}  // namespace inlay::infra::detail
