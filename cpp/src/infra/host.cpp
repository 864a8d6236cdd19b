#include <inlay/infra/host.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <utility>

#include <inlay/error.hpp>
#include "infra/host_family.hpp"

namespace inlay::infra {
namespace {

using detail::HostFamily;

constexpr std::size_t kBuffer = 1 << 16;  // a text of procfs: hundreds of disks or interfaces

struct FamilyKind {
  const char* name;
  bool slow;  // reading it asks firmware or a bus
  std::unique_ptr<HostFamily> (*make)(const HostOptions&);
};

template <std::unique_ptr<HostFamily> (*kMake)()>
std::unique_ptr<HostFamily> plain(const HostOptions&) {
  return kMake();
}

constexpr FamilyKind kKinds[] = {
    {"cpu", false, &plain<&detail::make_cpu>},
    {"memory", false, &plain<&detail::make_memory>},
    {"pressure", false, &detail::make_pressure},
    {"cgroup", false, &plain<&detail::make_cgroup>},
    {"numa", false, &plain<&detail::make_numa>},
    {"disks", false, &plain<&detail::make_disks>},
    {"network", false, &plain<&detail::make_network>},
    {"infiniband", false, &detail::make_infiniband},
    {"energy", false, &plain<&detail::make_rapl>},
    {"thermal_throttle", false, &plain<&detail::make_thermal_throttle>},
    {"memory_bandwidth", false, &plain<&detail::make_resctrl>},
    {"clock", false, &plain<&detail::make_clock>},
    {"ethtool", true, &plain<&detail::make_ethtool>},
    {"sensors", true, &plain<&detail::make_sensors>},
};

std::int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::size_t files_to_hold(std::size_t asked) {
  if (asked != 0) return asked;
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 4096;
  return std::min<std::size_t>(static_cast<std::size_t>(limit.rlim_cur) / 4, 4096);
}

std::string without_slash(std::string root) {
  while (!root.empty() && root.back() == '/') root.pop_back();
  return root;
}

void check_share(const char* name, double share) {
  if (std::isfinite(share) && share > 0 && share <= 1) return;
  inlay::detail::fail<InvalidArgument>(std::string(name) + " is a share above 0, up to 1", share);
}

}  // namespace

struct Host::State {
  struct Family {
    std::unique_ptr<HostFamily> reads;
    HostFamilyStats stats;
    std::int64_t since_us = 0, since_ns = 0;
    bool ticked = false;
  };

  explicit State(const HostOptions& options)
      : scan(without_slash(options.root), files_to_hold(options.held_files), readings, intervals),
        buffer(kBuffer, '\0') {}

  Readings readings;
  IntervalLog intervals;
  mutable std::mutex mutex;
  detail::HostScan scan;
  std::string buffer;
  std::vector<Family> families;

  Family& family(std::string_view name) {
    for (Family& family : families) {
      if (family.stats.name == name) return family;
    }
    inlay::detail::fail<InvalidArgument>("no family of this host", name);
  }

  void look(Family& family) {
    const std::int64_t start = now_ns();
    family.reads->scan(scan);
    family.stats.scan_ns = now_ns() - start;
  }

  void scan_all() {
    for (Family& family : families) {
      if (family.stats.enabled) look(family);
    }
    Readings::Writer writer(readings);
    for (const auto& [id, status] : scan.take_statements()) writer.status(id, status);
  }

  void tick(std::int64_t time_us, std::int64_t steady_ns, bool slow) noexcept {
    for (Family& family : families) {
      if (family.stats.slow != slow || !family.stats.enabled) continue;
      const std::int64_t start = now_ns();
      {
        Readings::Writer writer(readings);
        const std::int64_t elapsed =
            family.ticked ? std::max<std::int64_t>((steady_ns - family.since_ns) / 1000, 0) : 0;
        detail::HostTick tick{writer,        intervals, buffer.data(),
                              buffer.size(), time_us,   family.ticked ? family.since_us : time_us,
                              elapsed};
        family.reads->tick(tick);
      }
      family.since_us = time_us;
      family.since_ns = steady_ns;
      family.ticked = true;
      family.stats.last_ns = now_ns() - start;
      family.stats.total_ns += family.stats.last_ns;
      ++family.stats.ticks;
    }
  }
};

Host::Host(HostOptions options) {
  check_share("pressure", options.pressure);
  check_share("congestion", options.congestion);
  state_ = std::make_unique<State>(options);
  for (const std::string& name : options.families) {
    const bool known = std::any_of(std::begin(kKinds), std::end(kKinds),
                                   [&](const FamilyKind& kind) { return name == kind.name; });
    if (!known) inlay::detail::fail<InvalidArgument>("no family of readings of a host", name);
  }
  for (const FamilyKind& kind : kKinds) {
    const bool wanted = options.families.empty() ||
                        std::find(options.families.begin(), options.families.end(), kind.name) !=
                            options.families.end();
    if (!wanted) continue;
    State::Family family;
    family.reads = kind.make(options);
    family.stats.name = kind.name;
    family.stats.slow = kind.slow;
    state_->families.push_back(std::move(family));
  }
  state_->scan_all();
}

Host::~Host() = default;

std::vector<std::string> Host::family_names() {
  std::vector<std::string> names;
  for (const FamilyKind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

void Host::scan() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->scan_all();
}

void Host::tick(std::int64_t time_us, std::int64_t steady_ns) noexcept {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->tick(time_us, steady_ns, false);
}

void Host::tick_slow(std::int64_t time_us, std::int64_t steady_ns) noexcept {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->tick(time_us, steady_ns, true);
}

void Host::enable(std::string_view family, bool on) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  State::Family& found = state_->family(family);
  if (found.stats.enabled == on) return;
  found.stats.enabled = on;
  found.ticked = false;
  if (on) state_->look(found);
}

Readings& Host::readings() noexcept { return state_->readings; }

IntervalLog& Host::intervals() noexcept { return state_->intervals; }

std::vector<HostFamilyStats> Host::stats() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  std::vector<HostFamilyStats> stats;
  for (const State::Family& family : state_->families) stats.push_back(family.stats);
  return stats;
}

}  // namespace inlay::infra
