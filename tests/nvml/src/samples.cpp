// The ring of samples that the driver keeps of power, utilisation and clocks.

#include <algorithm>
#include <cmath>

#include "call.hpp"

using namespace fake_nvml;

namespace {

constexpr int kKinds = 10;

/// What a kind of sample shows at `t`; NaN: there is no ring of it.
double sampled(const Device& device, int kind, double t) {
  switch (kind) {
    case 0:
      return 1e3 * device.value(Quantity::power, t);
    case 1:
      return device.value(Quantity::utilization, t);
    case 2:
      return device.value(Quantity::memory_utilization, t);
    case 3:
      return device.value(Quantity::encoder_utilization, t);
    case 4:
      return device.value(Quantity::decoder_utilization, t);
    case 5:
      return device.clock(Quantity::clock_sm, t);
    case 6:
      return device.clock(Quantity::clock_memory, t);
    case 7:
      return 1e3 * device.value(Quantity::module_power, t);
    case 8:
      return device.value(Quantity::jpeg_utilization, t);
    default:
      return device.value(Quantity::ofa_utilization, t);
  }
}

bool is_utilization(int kind) { return (kind >= 1 && kind <= 4) || kind >= 8; }

}  // namespace

FAKE_NVML_FUNCTION(nvmlDeviceGetSamples, Device* device, int kind, unsigned long long last_seen,
                   int* type, unsigned* count, Sample* samples) {
  Call call(entry_of_nvmlDeviceGetSamples, device, Group::kSamples);
  if (call.failed()) {
    return call.code();
  }
  if (kind < 0 || kind >= kKinds || type == nullptr || count == nullptr ||
      (samples != nullptr && *count == 0)) {
    return call.gives(kInvalidArgument);
  }
  const World& world = call.world();
  const double t = call.now();
  if (std::isnan(sampled(*device, kind, t)) || device->is_mig() || world.sample_count == 0 ||
      (is_utilization(kind) && !device->instances.empty())) {
    return call.gives(kNotSupported);
  }
  *type = kUnsigned;
  // Samples are taken at whole periods since t = 0; the ring keeps the last of them.
  const auto newest = static_cast<long long>(std::floor(t / world.sample_period + 1e-9));
  const long long oldest = std::max(0LL, newest - static_cast<long long>(world.sample_count) + 1);
  const auto timestamp = [&](long long tick) {
    return static_cast<unsigned long long>(
        world.timestamp(static_cast<double>(tick) * world.sample_period));
  };
  long long first = oldest;
  if (last_seen >= timestamp(oldest)) {
    const double since = static_cast<double>(last_seen) * 1e-6 - world.epoch;
    first = std::max(oldest, static_cast<long long>(std::floor(since / world.sample_period)) - 1);
    while (first <= newest && timestamp(first) <= last_seen) {
      ++first;
    }
  }
  if (first > newest) {
    return call.gives(kNotFound);
  }
  const auto available = static_cast<unsigned>(newest - first + 1);
  if (samples == nullptr) {
    // The size to allocate: of the whole ring.
    *count = world.sample_count;
    return kSuccess;
  }
  *count = std::min(*count, available);
  for (unsigned i = 0; i < *count; ++i) {
    const double at = static_cast<double>(first + i) * world.sample_period;
    samples[i].timestamp = timestamp(first + i);
    samples[i].value.as_wide = 0;
    samples[i].value.as_unsigned = rounded(sampled(*device, kind, at));
  }
  return kSuccess;
}
