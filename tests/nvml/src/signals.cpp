#include "signals.hpp"

#include <array>
#include <limits>

namespace fake_nvml {
namespace {

constexpr double absent = std::numeric_limits<double>::quiet_NaN();

constexpr std::array<SignalSpec, kQuantities> kSpecs{{
#define FAKE_NVML_SPEC(name, kind, group, base) {#name, Kind::k##kind, Group::k##group, base},
    FAKE_NVML_SIGNALS(FAKE_NVML_SPEC)
#undef FAKE_NVML_SPEC
}};

constexpr std::array<std::string_view, static_cast<std::size_t>(Group::kCount)> kGroups{
    "identity", "memory",   "utilization", "power",    "energy",  "temperature",
    "clocks",   "throttle", "pstate",      "fans",     "ecc",     "remap",
    "pcie",     "nvlink",   "fabric",      "gpm",      "samples", "processes",
    "events",   "mig",      "topology",    "recovery", "fields"};

}  // namespace

const SignalSpec& spec(Quantity quantity) { return kSpecs[static_cast<std::size_t>(quantity)]; }

Quantity find_signal(std::string_view name) {
  for (std::size_t i = 0; i < kQuantities; ++i) {
    if (kSpecs[i].name == name) {
      return static_cast<Quantity>(i);
    }
  }
  return Quantity::count;
}

Group find_group(std::string_view name) {
  for (std::size_t i = 0; i < kGroups.size(); ++i) {
    if (kGroups[i] == name) {
      return static_cast<Group>(i);
    }
  }
  return Group::kCount;
}

}  // namespace fake_nvml
