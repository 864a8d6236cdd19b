// Temperatures, fans and clocks.

#include <cmath>

#include "call.hpp"

using namespace fake_nvml;

namespace {

double margin(const Device& device, double t) {
  return device.value(Quantity::temperature_slowdown, t) - device.value(Quantity::temperature, t);
}

}  // namespace

// ---- temperatures ------------------------------------------------------------------------------

FAKE_NVML_FUNCTION(nvmlDeviceGetTemperature, Device* device, int sensor, unsigned* celsius) {
  Call call(entry_of_nvmlDeviceGetTemperature, device, Group::kTemperature);
  if (call.failed()) {
    return call.code();
  }
  if (sensor != 0) {
    return call.gives(kInvalidArgument);
  }
  return give_level(call, *device, device->value(Quantity::temperature, call.now()), celsius);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetTemperatureV, Device* device, Temperature* temperature) {
  Call call(entry_of_nvmlDeviceGetTemperatureV, device, Group::kTemperature);
  if (call.failed()) {
    return call.code();
  }
  if (temperature == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (temperature->version != version_of<Temperature>(1)) {
    return call.gives(kArgumentVersionMismatch);
  }
  if (temperature->sensor != 0) {
    return call.gives(kInvalidArgument);
  }
  const double celsius = device->value(Quantity::temperature, call.now());
  if (std::isnan(celsius) || device->is_mig()) {
    return call.gives(kNotSupported);
  }
  temperature->celsius = static_cast<int>(std::lround(celsius));
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetMarginTemperature, Device* device, MarginTemperature* left) {
  Call call(entry_of_nvmlDeviceGetMarginTemperature, device, Group::kTemperature);
  if (call.failed()) {
    return call.code();
  }
  if (left == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (left->version != version_of<MarginTemperature>(1)) {
    return call.gives(kArgumentVersionMismatch);
  }
  const double celsius = margin(*device, call.now());
  // Since Ada.
  if (std::isnan(celsius) || device->is_mig() || call.world().architecture < 8) {
    return call.gives(kNotSupported);
  }
  left->celsius = static_cast<int>(std::lround(celsius));
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetTemperatureThreshold, Device* device, int which,
                   unsigned* celsius) {
  Call call(entry_of_nvmlDeviceGetTemperatureThreshold, device, Group::kTemperature);
  if (call.failed()) {
    return call.code();
  }
  constexpr Quantity kThresholds[] = {Quantity::temperature_shutdown,
                                      Quantity::temperature_slowdown,
                                      Quantity::temperature_memory_max, Quantity::temperature_max};
  if (which < 0 || which > 7) {
    return call.gives(kInvalidArgument);
  }
  return give_level(call, *device,
                    which > 3 ? std::nan("") : device->value(kThresholds[which], call.now()),
                    celsius);
}

// ---- fans --------------------------------------------------------------------------------------

namespace {

int fill_fan(Call& call, const Device& device, unsigned fan, Quantity quantity, unsigned* number) {
  if (device.fans == 0) {
    return call.gives(kNotSupported);
  }
  return fan >= device.fans ? call.gives(kInvalidArgument)
                            : give_level(call, device, device.value(quantity, call.now()), number);
}

}  // namespace

FAKE_NVML_FUNCTION(nvmlDeviceGetNumFans, Device* device, unsigned* fans) {
  Call call(entry_of_nvmlDeviceGetNumFans, device, Group::kFans);
  if (call.failed()) {
    return call.code();
  }
  return give_level(call, *device, device->fans == 0 ? std::nan("") : device->fans, fans);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetFanSpeed, Device* device, unsigned* percent) {
  Call call(entry_of_nvmlDeviceGetFanSpeed, device, Group::kFans);
  return call.failed() ? call.code() : fill_fan(call, *device, 0, Quantity::fan_speed, percent);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetFanSpeed_v2, Device* device, unsigned fan, unsigned* percent) {
  Call call(entry_of_nvmlDeviceGetFanSpeed_v2, device, Group::kFans);
  return call.failed() ? call.code() : fill_fan(call, *device, fan, Quantity::fan_speed, percent);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetTargetFanSpeed, Device* device, unsigned fan, unsigned* percent) {
  Call call(entry_of_nvmlDeviceGetTargetFanSpeed, device, Group::kFans);
  return call.failed() ? call.code() : fill_fan(call, *device, fan, Quantity::fan_speed, percent);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetFanSpeedRPM, Device* device, FanSpeedInfo* speed) {
  Call call(entry_of_nvmlDeviceGetFanSpeedRPM, device, Group::kFans);
  if (call.failed()) {
    return call.code();
  }
  if (speed == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (speed->version != version_of<FanSpeedInfo>(1)) {
    return call.gives(kArgumentVersionMismatch);
  }
  return fill_fan(call, *device, speed->fan, Quantity::fan_rpm, &speed->rpm);
}

// ---- clocks ------------------------------------------------------------------------------------

namespace {

constexpr Quantity kClocks[] = {Quantity::clock_graphics, Quantity::clock_sm,
                                Quantity::clock_memory, Quantity::clock_video};
constexpr Quantity kMaxima[] = {Quantity::clock_graphics_max, Quantity::clock_sm_max,
                                Quantity::clock_memory_max, Quantity::clock_video_max};

int fill_clock(Call& call, const Device& device, int domain, bool highest, unsigned* mhz) {
  if (domain < 0 || domain > 3) {
    return call.gives(kInvalidArgument);
  }
  const double value = highest ? device.value(kMaxima[domain], call.now())
                               : device.clock(kClocks[domain], call.now());
  return give_level(call, device, value, mhz);
}

}  // namespace

FAKE_NVML_FUNCTION(nvmlDeviceGetClockInfo, Device* device, int domain, unsigned* mhz) {
  Call call(entry_of_nvmlDeviceGetClockInfo, device, Group::kClocks);
  return call.failed() ? call.code() : fill_clock(call, *device, domain, false, mhz);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetMaxClockInfo, Device* device, int domain, unsigned* mhz) {
  Call call(entry_of_nvmlDeviceGetMaxClockInfo, device, Group::kClocks);
  return call.failed() ? call.code() : fill_clock(call, *device, domain, true, mhz);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetMaxCustomerBoostClock, Device* device, int domain, unsigned* mhz) {
  Call call(entry_of_nvmlDeviceGetMaxCustomerBoostClock, device, Group::kClocks);
  return call.failed() ? call.code() : fill_clock(call, *device, domain, true, mhz);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetApplicationsClock, Device* device, int domain, unsigned* mhz) {
  Call call(entry_of_nvmlDeviceGetApplicationsClock, device, Group::kClocks);
  return call.failed() ? call.code() : fill_clock(call, *device, domain, true, mhz);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetClock, Device* device, int domain, int which, unsigned* mhz) {
  Call call(entry_of_nvmlDeviceGetClock, device, Group::kClocks);
  if (call.failed()) {
    return call.code();
  }
  if (which < 0 || which > 3) {
    return call.gives(kInvalidArgument);
  }
  return fill_clock(call, *device, domain, which != 0, mhz);
}
