#include "world.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>

#include "call.hpp"

namespace fake_nvml {

std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

double World::now() const {
  const std::int64_t passed = manual ? 0 : monotonic_ns() - start_ns;
  return static_cast<double>(passed + moved_ns.load(std::memory_order_acquire)) * 1e-9;
}

long long World::timestamp(double t) const { return std::llround((epoch + t) * 1e6); }

bool World::owns(const Device* device) const {
  const auto first = reinterpret_cast<std::uintptr_t>(devices.data());
  const auto asked = reinterpret_cast<std::uintptr_t>(device);
  return asked >= first && asked < first + devices.size() * sizeof(Device) &&
         (asked - first) % sizeof(Device) == 0;
}

const Signal* Device::written_field(unsigned id, unsigned scope) const {
  if (id >= field::kCount || !field_written[id]) {
    return nullptr;
  }
  auto found = fields.find(key(id, scope));
  return found == fields.end() ? nullptr : &found->second;
}

int Device::refusal(double t, Group group, const Entry* function) const {
  for (const Refusal& refusal : refusals) {
    if (t >= refusal.start && t < refusal.end &&
        ((refusal.function != nullptr && refusal.function == function) ||
         (refusal.function == nullptr && refusal.field < 0 && refusal.group == group))) {
      return refusal.code;
    }
  }
  return kSuccess;
}

int Device::field_refusal(double t, Group group, unsigned id) const {
  for (const Refusal& refusal : refusals) {
    if (t >= refusal.start && t < refusal.end && refusal.function == nullptr &&
        (refusal.field == static_cast<int>(id) || (refusal.field < 0 && refusal.group == group))) {
      return refusal.code;
    }
  }
  return kSuccess;
}

bool Device::is_lost(double t) const {
  return std::any_of(lost.begin(), lost.end(),
                     [t](const Window& window) { return window.holds(t); });
}

double Device::clock(Quantity quantity, double t) const {
  const double base = value(quantity, t);
  const bool slows = quantity == Quantity::clock_graphics || quantity == Quantity::clock_sm ||
                     quantity == Quantity::clock_video;
  return slows ? throttle.clock(base, t) : base;
}

double Device::energy_mj(double t) const {
  return 1e3 * (value(Quantity::energy_before, t) + (*this)[Quantity::power].total(t));
}

double Device::average_power(double t) const {
  return (*this)[Quantity::power].mean(std::max(0.0, t - 1), t);
}

}  // namespace fake_nvml
