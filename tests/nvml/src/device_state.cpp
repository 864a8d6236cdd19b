// What a device does now.

#include <cmath>

#include "call.hpp"

using namespace fake_nvml;

namespace {

bool is_divided(const Device& device) { return !device.instances.empty(); }

}  // namespace

#define FAKE_NVML_LEVEL(function, group, what)                                    \
  FAKE_NVML_FUNCTION(function, Device* device, unsigned* number) {                \
    Call call(entry_of_##function, device, Group::group);                         \
    return call.failed() ? call.code() : give_level(call, *device, what, number); \
  }

// ---- power and energy --------------------------------------------------------------------------

// One second's average on everything since Ampere but GA100, the sensor's own value before.
FAKE_NVML_LEVEL(nvmlDeviceGetPowerUsage, kPower,
                1e3 * (call.world().architecture >= 8 ? device->average_power(call.now())
                                                      : device->value(Quantity::power, call.now())))
FAKE_NVML_LEVEL(nvmlDeviceGetPowerManagementLimit, kPower,
                1e3 * device->value(Quantity::power_limit, call.now()))
FAKE_NVML_LEVEL(nvmlDeviceGetEnforcedPowerLimit, kPower,
                1e3 * device->value(Quantity::power_limit, call.now()))
FAKE_NVML_LEVEL(nvmlDeviceGetPowerManagementDefaultLimit, kPower,
                1e3 * device->value(Quantity::power_limit_default, call.now()))
FAKE_NVML_LEVEL(nvmlDeviceGetPowerManagementMode, kPower, 1)
FAKE_NVML_LEVEL(nvmlDeviceGetPerformanceState, kPstate, device->value(Quantity::pstate, call.now()))
FAKE_NVML_LEVEL(nvmlDeviceGetPowerState, kPstate, device->value(Quantity::pstate, call.now()))

FAKE_NVML_FUNCTION(nvmlDeviceGetPowerManagementLimitConstraints, Device* device, unsigned* lowest,
                   unsigned* highest) {
  Call call(entry_of_nvmlDeviceGetPowerManagementLimitConstraints, device, Group::kPower);
  if (call.failed()) {
    return call.code();
  }
  const int code =
      give_level(call, *device, 1e3 * device->value(Quantity::power_limit_min, call.now()), lowest);
  return code != kSuccess
             ? code
             : give_level(call, *device, 1e3 * device->value(Quantity::power_limit_max, call.now()),
                          highest);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetTotalEnergyConsumption, Device* device,
                   unsigned long long* millijoules) {
  Call call(entry_of_nvmlDeviceGetTotalEnergyConsumption, device, Group::kEnergy);
  if (call.failed()) {
    return call.code();
  }
  if (millijoules == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const double energy = device->energy_mj(call.now());
  if (device->is_mig() || std::isnan(energy)) {
    return call.gives(kNotSupported);
  }
  *millijoules = (*device)[Quantity::energy_before].counted(energy);
  return kSuccess;
}

// ---- memory ------------------------------------------------------------------------------------

FAKE_NVML_FUNCTION(nvmlDeviceGetMemoryInfo, Device* device, MemoryInfo* memory) {
  Call call(entry_of_nvmlDeviceGetMemoryInfo, device, Group::kMemory);
  if (call.failed()) {
    return call.code();
  }
  if (memory == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const double t = call.now();
  const double total = device->value(Quantity::memory_total, t);
  // The first version counts what is reserved as used.
  const double used =
      device->value(Quantity::memory_used, t) + device->value(Quantity::memory_reserved, t);
  *memory = {static_cast<unsigned long long>(total),
             static_cast<unsigned long long>(std::fmax(0, total - used)),
             static_cast<unsigned long long>(used)};
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetMemoryInfo_v2, Device* device, MemoryInfoV2* memory) {
  Call call(entry_of_nvmlDeviceGetMemoryInfo_v2, device, Group::kMemory);
  if (call.failed()) {
    return call.code();
  }
  if (memory == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (memory->version != version_of<MemoryInfoV2>(2)) {
    return call.gives(kArgumentVersionMismatch);
  }
  const double t = call.now();
  const double total = device->value(Quantity::memory_total, t);
  const double used = device->value(Quantity::memory_used, t);
  const double reserved = device->value(Quantity::memory_reserved, t);
  memory->total = static_cast<unsigned long long>(total);
  memory->reserved = static_cast<unsigned long long>(reserved);
  memory->free = static_cast<unsigned long long>(std::fmax(0, total - used - reserved));
  memory->used = static_cast<unsigned long long>(used);
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetBAR1MemoryInfo, Device* device, Bar1Memory* memory) {
  Call call(entry_of_nvmlDeviceGetBAR1MemoryInfo, device, Group::kMemory);
  if (call.failed()) {
    return call.code();
  }
  if (memory == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const double total = device->value(Quantity::bar1_total, call.now());
  const double used = device->value(Quantity::bar1_used, call.now());
  *memory = {static_cast<unsigned long long>(total),
             static_cast<unsigned long long>(std::fmax(0, total - used)),
             static_cast<unsigned long long>(used)};
  return kSuccess;
}

// ---- utilisation -------------------------------------------------------------------------------

FAKE_NVML_FUNCTION(nvmlDeviceGetUtilizationRates, Device* device, Utilization* rates) {
  Call call(entry_of_nvmlDeviceGetUtilizationRates, device, Group::kUtilization);
  if (call.failed()) {
    return call.code();
  }
  if (rates == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const double gpu = device->value(Quantity::utilization, call.now());
  const double memory = device->value(Quantity::memory_utilization, call.now());
  if (device->is_mig() || is_divided(*device) || std::isnan(gpu) || std::isnan(memory)) {
    return call.gives(kNotSupported);
  }
  *rates = {rounded(gpu), rounded(memory)};
  return kSuccess;
}

#define FAKE_NVML_ENGINE(function, quantity)                                                \
  FAKE_NVML_FUNCTION(function, Device* device, unsigned* percent, unsigned* period_us) {    \
    Call call(entry_of_##function, device, Group::kUtilization);                            \
    if (call.failed()) {                                                                    \
      return call.code();                                                                   \
    }                                                                                       \
    if (period_us == nullptr) {                                                             \
      return call.gives(kInvalidArgument);                                                  \
    }                                                                                       \
    *period_us = 167000;                                                                    \
    return give_level(                                                                      \
        call, *device,                                                                      \
        is_divided(*device) ? std::nan("") : device->value(Quantity::quantity, call.now()), \
        percent);                                                                           \
  }
FAKE_NVML_ENGINE(nvmlDeviceGetEncoderUtilization, encoder_utilization)
FAKE_NVML_ENGINE(nvmlDeviceGetDecoderUtilization, decoder_utilization)
FAKE_NVML_ENGINE(nvmlDeviceGetJpgUtilization, jpeg_utilization)
FAKE_NVML_ENGINE(nvmlDeviceGetOfaUtilization, ofa_utilization)

// ---- throttling --------------------------------------------------------------------------------

FAKE_NVML_NUMBER(nvmlDeviceGetCurrentClocksEventReasons, unsigned long long, kThrottle,
                 device->throttle.mask(call.now()))
FAKE_NVML_NUMBER(nvmlDeviceGetCurrentClocksThrottleReasons, unsigned long long, kThrottle,
                 device->throttle.mask(call.now()))
FAKE_NVML_NUMBER(nvmlDeviceGetSupportedClocksEventReasons, unsigned long long, kThrottle, 0x1ff)
FAKE_NVML_NUMBER(nvmlDeviceGetSupportedClocksThrottleReasons, unsigned long long, kThrottle, 0x1ff)

FAKE_NVML_FUNCTION(nvmlDeviceGetViolationStatus, Device* device, int policy, ViolationTime* time) {
  Call call(entry_of_nvmlDeviceGetViolationStatus, device, Group::kThrottle);
  if (call.failed()) {
    return call.code();
  }
  if (time == nullptr) {
    return call.gives(kInvalidArgument);
  }
  constexpr Cause kPolicies[12] = {Cause::kSwPower,
                                   Cause::kCount,
                                   Cause::kSyncBoost,
                                   Cause::kBoardLimit,
                                   Cause::kLowUtilization,
                                   Cause::kReliability,
                                   Cause::kCount,
                                   Cause::kCount,
                                   Cause::kCount,
                                   Cause::kCount,
                                   Cause::kApplicationClocks,
                                   Cause::kBaseClocks};
  const double t = call.now();
  if (policy < 0 || policy > 11 || (policy != 1 && kPolicies[policy] == Cause::kCount)) {
    return call.gives(kInvalidArgument);
  }
  time->reference_us = static_cast<unsigned long long>(call.world().timestamp(t));
  time->violation_ns = policy == 1 ? device->throttle.thermal_nanoseconds(t)
                                   : device->throttle.nanoseconds(kPolicies[policy], t);
  return kSuccess;
}
