// GPUs divided into instances.

#include "call.hpp"

using namespace fake_nvml;

namespace {

constexpr unsigned kMostInstances = 7;

}  // namespace

FAKE_NVML_FUNCTION(nvmlDeviceGetMigMode, Device* device, unsigned* current, unsigned* pending) {
  Call call(entry_of_nvmlDeviceGetMigMode, device, Group::kMig);
  if (call.failed()) {
    return call.code();
  }
  if (current == nullptr || pending == nullptr) {
    return call.gives(kInvalidArgument);
  }
  // Since Ampere.
  if (device->is_mig() || call.world().architecture < 7) {
    return call.gives(kNotSupported);
  }
  *current = *pending = device->instances.empty() ? 0 : 1;
  return kSuccess;
}

FAKE_NVML_NUMBER(nvmlDeviceIsMigDeviceHandle, unsigned, kMig, device->is_mig() ? 1 : 0)
FAKE_NVML_NUMBER(nvmlDeviceGetMaxMigDeviceCount, unsigned, kMig,
                 device->is_mig() || device->instances.empty() ? 0 : kMostInstances)

FAKE_NVML_FUNCTION(nvmlDeviceGetMigDeviceHandleByIndex, Device* device, unsigned index,
                   Device** instance) {
  Call call(entry_of_nvmlDeviceGetMigDeviceHandleByIndex, device, Group::kMig);
  if (call.failed()) {
    return call.code();
  }
  if (instance == nullptr || index >= kMostInstances) {
    return call.gives(kInvalidArgument);
  }
  if (device->instances.empty()) {
    return call.gives(kNotSupported);
  }
  if (index >= device->instances.size()) {
    return call.gives(kNotFound);
  }
  *instance = device->instances[index];
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetDeviceHandleFromMigDeviceHandle, Device* instance,
                   Device** device) {
  Call call(entry_of_nvmlDeviceGetDeviceHandleFromMigDeviceHandle, instance, Group::kMig);
  if (call.failed()) {
    return call.code();
  }
  if (device == nullptr || !instance->is_mig()) {
    return call.gives(kInvalidArgument);
  }
  *device = instance->parent;
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetGpuInstanceId, Device* device, unsigned* id) {
  Call call(entry_of_nvmlDeviceGetGpuInstanceId, device, Group::kMig);
  if (call.failed()) {
    return call.code();
  }
  if (id == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (!device->is_mig()) {
    return call.gives(kNotSupported);
  }
  *id = device->instance;
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetComputeInstanceId, Device* device, unsigned* id) {
  Call call(entry_of_nvmlDeviceGetComputeInstanceId, device, Group::kMig);
  if (call.failed()) {
    return call.code();
  }
  if (id == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (!device->is_mig()) {
    return call.gives(kNotSupported);
  }
  *id = 0;
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetAttributes_v2, Device* device, DeviceAttributes* attributes) {
  Call call(entry_of_nvmlDeviceGetAttributes_v2, device, Group::kMig);
  if (call.failed()) {
    return call.code();
  }
  if (attributes == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (!device->is_mig()) {
    return call.gives(kNotSupported);
  }
  const auto share = static_cast<unsigned>(device->parent->instances.size());
  const unsigned slices = kMostInstances / share;
  const double memory = device->value(Quantity::memory_total, call.now());
  *attributes = {
      132 / share, 1, 1, 0, 1, 0, slices, slices, static_cast<unsigned long long>(memory) >> 20};
  return kSuccess;
}
