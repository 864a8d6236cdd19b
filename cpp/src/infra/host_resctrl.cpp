// Memory bandwidth and cache occupancy, from /sys/fs/resctrl where it is mounted.

#include <array>
#include <string>
#include <vector>

#include "infra/host_family.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {
namespace {

class Resctrl final : public HostFamily {
 public:
  void scan(HostScan& scan) override {
    for (Domain& domain : domains_) {
      domain.total.file.refresh();
      domain.local.file.refresh();
      domain.occupancy.file.refresh();
    }
    const std::string base = scan.path("/sys/fs/resctrl/mon_data");
    Status status = Status::kOk;
    for (const std::string& folder : scan.names(base, &status)) {
      if (folder.substr(0, 7) != "mon_L3_") continue;
      bool known = false;
      for (const Domain& domain : domains_) known = known || domain.folder == folder;
      if (known) continue;
      // "mon_L3_00" is cache 0, which is the node on most machines.
      std::string node = folder.substr(7);
      std::uint64_t number = 0;
      if (to_number(std::string_view(node), number)) node = std::to_string(number);
      Domain domain;
      domain.folder = folder;
      domain.total.id =
          scan.counter("host.memory.bandwidth", "By", {{"kind", "total"}, {"node", node}});
      domain.local.id =
          scan.counter("host.memory.bandwidth", "By", {{"kind", "local"}, {"node", node}});
      domain.occupancy.id = scan.gauge("host.cache.occupancy", "By", {{"node", node}});
      domain.total.file = scan.file(base + "/" + folder + "/mbm_total_bytes");
      domain.local.file = scan.file(base + "/" + folder + "/mbm_local_bytes");
      domain.occupancy.file = scan.file(base + "/" + folder + "/llc_occupancy");
      domains_.push_back(std::move(domain));
    }
    if (domains_.empty()) {
      scan.none("host.memory.bandwidth", "By", status == Status::kOk ? Status::kAbsent : status,
                ReadingKind::kCounter);
    }
  }

  void tick(HostTick& tick) noexcept override {
    for (Domain& domain : domains_) {
      domain.total.counter(tick);
      domain.local.counter(tick);
      domain.occupancy.gauge(tick);
    }
  }

 private:
  struct Domain {
    std::string folder;
    NumberFile total, local, occupancy;
  };

  std::vector<Domain> domains_;
};

}  // namespace

std::unique_ptr<HostFamily> make_resctrl() { return std::make_unique<Resctrl>(); }

}  // namespace inlay::infra::detail
