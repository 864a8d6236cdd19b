#include "throttle.hpp"

#include <algorithm>
#include <cmath>

namespace fake_nvml {
namespace {

struct CauseSpec {
  std::string_view name;
  std::uint64_t reasons;
  double factor;  // of the clock, unless a scenario names one
};

// Hardware slowdowns halve the clocks or worse, and show as "hardware slowdown" beside their cause.
constexpr std::array<CauseSpec, static_cast<std::size_t>(Cause::kCount)> kCauses{{
    {"idle", 0x1, 0.2},
    {"app_clocks", 0x2, 1},
    {"sw_power", 0x4, 0.75},
    {"hw_slowdown", 0x8, 0.5},
    {"sync_boost", 0x10, 0.9},
    {"sw_thermal", 0x20, 0.75},
    {"hw_thermal", 0x40 | 0x8, 0.5},
    {"hw_power_brake", 0x80 | 0x8, 0.5},
    {"display", 0x100, 1},
    {"board_limit", 0x200, 0.9},
    {"reliability", 0x400, 0.9},
    {"low_utilization", 0, 1},
    {"base_clocks", 0, 1},
}};

std::uint64_t in_nanoseconds(double seconds) {
  return static_cast<std::uint64_t>(std::llround(seconds * 1e9));
}

}  // namespace

Cause find_cause(std::string_view name) {
  for (std::size_t i = 0; i < kCauses.size(); ++i) {
    if (kCauses[i].name == name) {
      return static_cast<Cause>(i);
    }
  }
  return Cause::kCount;
}

std::uint64_t reasons(Cause cause) { return kCauses[static_cast<std::size_t>(cause)].reasons; }

void Windows::build() {
  std::sort(windows_.begin(), windows_.end(),
            [](const Window& x, const Window& y) { return x.start < y.start; });
  std::vector<Window> joined;
  for (const Window& window : windows_) {
    if (!joined.empty() && window.start <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, window.end);
      continue;
    }
    const double before =
        joined.empty() ? 0 : joined.back().before + joined.back().end - joined.back().start;
    joined.push_back({window.start, window.end, before});
  }
  windows_ = std::move(joined);
}

const Window* Windows::last_started(double t) const {
  auto after = std::upper_bound(windows_.begin(), windows_.end(), t,
                                [](double at, const Window& window) { return at < window.start; });
  return after == windows_.begin() ? nullptr : &*(after - 1);
}

bool Windows::holds(double t) const {
  const Window* window = last_started(t);
  return window != nullptr && window->holds(t);
}

double Windows::seconds(double t) const {
  const Window* window = last_started(t);
  return window == nullptr ? 0 : window->before + std::min(t, window->end) - window->start;
}

void Throttle::add(Cause cause, double start, double end, double clock) {
  any_ = true;
  causes_[static_cast<std::size_t>(cause)].add(start, end);
  if (cause == Cause::kSwThermal || cause == Cause::kHwThermal) {
    thermal_.add(start, end);
  }
  const double factor = kCauses[static_cast<std::size_t>(cause)].factor;
  if (clock > 0 || factor < 1) {
    slowdowns_.push_back({start, end, clock, factor});
    longest_ = std::max(longest_, end - start);
  }
}

void Throttle::build() {
  for (Windows& windows : causes_) {
    windows.build();
  }
  thermal_.build();
  std::sort(slowdowns_.begin(), slowdowns_.end(),
            [](const Slowdown& x, const Slowdown& y) { return x.start < y.start; });
}

std::uint64_t Throttle::mask(double t) const {
  std::uint64_t mask = 0;
  if (any_) {
    for (std::size_t i = 0; i < causes_.size(); ++i) {
      mask |= causes_[i].holds(t) ? kCauses[i].reasons : 0;
    }
  }
  return mask;
}

std::uint64_t Throttle::nanoseconds(Cause cause, double t) const {
  return any_ ? in_nanoseconds(causes_[static_cast<std::size_t>(cause)].seconds(t)) : 0;
}

std::uint64_t Throttle::thermal_nanoseconds(double t) const {
  return any_ ? in_nanoseconds(thermal_.seconds(t)) : 0;
}

double Throttle::clock(double base, double t) const {
  double lowest = base;
  auto after =
      std::upper_bound(slowdowns_.begin(), slowdowns_.end(), t,
                       [](double at, const Slowdown& slowdown) { return at < slowdown.start; });
  while (after != slowdowns_.begin()) {
    const Slowdown& slowdown = *--after;
    if (slowdown.start + longest_ <= t) {
      break;
    }
    if (t < slowdown.end) {
      lowest = std::min(lowest, slowdown.clock > 0 ? slowdown.clock : base * slowdown.factor);
    }
  }
  return lowest;
}

}  // namespace fake_nvml
