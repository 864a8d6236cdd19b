// Energy of processors and memory, from /sys/class/powercap.

#include <string>
#include <vector>

#include "infra/host_family.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {
namespace {

class Rapl final : public HostFamily {
 public:
  void scan(HostScan& scan) override {
    for (Zone& zone : zones_) zone.energy.file.refresh();
    const std::string base = scan.path("/sys/class/powercap");
    Status status = Status::kOk;
    for (const std::string& folder : scan.names(base, &status)) {
      // "intel-rapl:0" and "intel-rapl:0:1"; AMD's have the same name. Those of "intel-rapl-mmio"
      // count the same energy once more.
      if (folder.substr(0, 11) != "intel-rapl:") continue;
      bool known = false;
      for (const Zone& zone : zones_) known = known || zone.folder == folder;
      if (!known) add(scan, base, folder);
    }
    if (zones_.empty()) {
      scan.none("host.energy", "J", status == Status::kOk ? Status::kAbsent : status,
                ReadingKind::kCounter);
    }
  }

  void tick(HostTick& tick) noexcept override {
    for (Zone& zone : zones_) zone.energy.counter(tick);
  }

 private:
  struct Zone {
    std::string folder;
    NumberFile energy;
  };

  static std::string name_of(const std::string& base, const std::string& folder) {
    const std::string name = text_of(base + "/" + folder + "/name");
    return name.empty() ? folder : name;
  }

  void add(HostScan& scan, const std::string& base, const std::string& folder) {
    std::string name = name_of(base, folder);
    // "dram" is of a package: "package-0/dram".
    const std::size_t first = folder.find(':'), last = folder.rfind(':');
    if (last != first) name = name_of(base, folder.substr(0, last)) + "/" + name;
    for (const Zone& zone : zones_) {  // firmware that repeats itself
      if (name_of(base, zone.folder) == name) name += "/" + folder;
    }
    std::uint64_t range = 0;
    if (number_in(text_of(base + "/" + folder + "/max_energy_range_uj"), range) != Status::kOk) {
      range = 0;
    }
    Zone zone;
    zone.folder = folder;
    zone.energy.id = scan.counter("host.energy", "J", {{"zone", name}}, 1e-6,
                                  range == 0 ? 0 : range + 1);  // the range is the largest value
    zone.energy.file = scan.file(base + "/" + folder + "/energy_uj");
    zones_.push_back(std::move(zone));
  }

  std::vector<Zone> zones_;
};

}  // namespace

std::unique_ptr<HostFamily> make_rapl() { return std::make_unique<Rapl>(); }

}  // namespace inlay::infra::detail
