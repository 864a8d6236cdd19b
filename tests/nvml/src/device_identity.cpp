// Who a device is and where it sits.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "call.hpp"
#include "scenario_text.hpp"

using namespace fake_nvml;

namespace {

// H100 SXM, by its PCI numbers.
constexpr unsigned kPciDevice = 0x233010de;
constexpr unsigned kPciSubsystem = 0x16c110de;

constexpr int kSystem = 50;
constexpr int kNode = 40;

// NOLINTNEXTLINE(bugprone-return-const-ref-from-parameter): devices stay as long as their world
const Device& whole(const Device& device) { return device.is_mig() ? *device.parent : device; }

void fill_pci(const Device& device, PciInfo& pci) {
  const Device& gpu = whole(device);
  pci = {};
  std::snprintf(pci.bus_id_legacy, sizeof pci.bus_id_legacy, "%04X:%02X:%02X.0",
                gpu.domain & 0xffffU, gpu.bus & 0xffU, gpu.slot & 0x1fU);
  std::snprintf(pci.bus_id, sizeof pci.bus_id, "%08X:%02X:%02X.0", gpu.domain, gpu.bus & 0xffU,
                gpu.slot & 0x1fU);
  pci.domain = gpu.domain;
  pci.bus = gpu.bus;
  pci.device = gpu.slot;
  pci.pci_device_id = kPciDevice;
  pci.pci_subsystem_id = kPciSubsystem;
}

int hand_out(Call& call, Device* found, Device** device) {
  if (device == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (found == nullptr) {
    return call.gives(kNotFound);
  }
  if (found->is_lost(call.now())) {
    return call.gives(kGpuIsLost);
  }
  *device = found;
  return kSuccess;
}

template <typename Matches>
Device* find_device(Matches matches) {
  for (std::uint32_t i = 0; i < visible_count(); ++i) {
    Device* device = visible_device(i);
    if (matches(*device)) {
      return device;
    }
    for (Device* instance : device->instances) {
      if (matches(*instance)) {
        return instance;
      }
    }
  }
  return nullptr;
}

}  // namespace

namespace {

int count_devices(Entry& entry, unsigned* count) {
  Call call(entry);
  if (call.failed()) {
    return call.code();
  }
  if (count == nullptr) {
    return call.gives(kInvalidArgument);
  }
  *count = visible_count();
  return kSuccess;
}

int device_by_index(Entry& entry, unsigned index, Device** device) {
  Call call(entry);
  if (call.failed()) {
    return call.code();
  }
  if (index >= visible_count()) {
    return call.gives(kInvalidArgument);
  }
  return hand_out(call, visible_device(index), device);
}

}  // namespace

FAKE_NVML_FUNCTION(nvmlDeviceGetCount, unsigned* count) {
  return count_devices(entry_of_nvmlDeviceGetCount, count);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetCount_v2, unsigned* count) {
  return count_devices(entry_of_nvmlDeviceGetCount_v2, count);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetHandleByIndex, unsigned index, Device** device) {
  return device_by_index(entry_of_nvmlDeviceGetHandleByIndex, index, device);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetHandleByIndex_v2, unsigned index, Device** device) {
  return device_by_index(entry_of_nvmlDeviceGetHandleByIndex_v2, index, device);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetHandleByUUID, const char* uuid, Device** device) {
  Call call(entry_of_nvmlDeviceGetHandleByUUID);
  if (call.failed()) {
    return call.code();
  }
  if (uuid == nullptr) {
    return call.gives(kInvalidArgument);
  }
  return hand_out(call, find_device([&](const Device& one) { return one.uuid == uuid; }), device);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetHandleBySerial, const char* serial, Device** device) {
  Call call(entry_of_nvmlDeviceGetHandleBySerial);
  if (call.failed()) {
    return call.code();
  }
  if (serial == nullptr) {
    return call.gives(kInvalidArgument);
  }
  return hand_out(call, find_device([&](const Device& one) { return one.serial == serial; }),
                  device);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetHandleByPciBusId_v2, const char* bus_id, Device** device) {
  Call call(entry_of_nvmlDeviceGetHandleByPciBusId_v2);
  if (call.failed()) {
    return call.code();
  }
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned slot = 0;
  if (bus_id == nullptr || !parse_bus_id(bus_id, domain, bus, slot)) {
    return call.gives(kInvalidArgument);
  }
  return hand_out(call, find_device([&](const Device& one) {
                    return !one.is_mig() && one.domain == domain && one.bus == bus &&
                           one.slot == slot;
                  }),
                  device);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetIndex, Device* device, unsigned* index) {
  Call call(entry_of_nvmlDeviceGetIndex, device, Group::kIdentity);
  if (call.failed()) {
    return call.code();
  }
  if (index == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const int seen = visible_index(device);
  if (!device->is_mig() && seen < 0) {
    return call.gives(kGpuIsLost);
  }
  *index = device->is_mig() ? device->instance : static_cast<unsigned>(seen);
  return kSuccess;
}

#define FAKE_NVML_TEXT(function, what)                                              \
  FAKE_NVML_FUNCTION(function, Device* device, char* text, unsigned length) {       \
    Call call(entry_of_##function, device, Group::kIdentity);                       \
    return call.failed() ? call.code() : call.gives(copy_text(what, text, length)); \
  }
FAKE_NVML_TEXT(nvmlDeviceGetUUID, device->uuid)
FAKE_NVML_TEXT(nvmlDeviceGetName, device->name)
FAKE_NVML_TEXT(nvmlDeviceGetSerial, whole(*device).serial)
FAKE_NVML_TEXT(nvmlDeviceGetVbiosVersion, "96.00.74.00.01")
FAKE_NVML_TEXT(nvmlDeviceGetBoardPartNumber, "692-2G520-0200-000")
FAKE_NVML_TEXT(nvmlDeviceGetInforomImageVersion, "G520.0200.00.05")

FAKE_NVML_FUNCTION(nvmlDeviceGetPciInfo_v3, Device* device, PciInfo* pci) {
  Call call(entry_of_nvmlDeviceGetPciInfo_v3, device, Group::kIdentity);
  if (call.failed()) {
    return call.code();
  }
  if (pci == nullptr) {
    return call.gives(kInvalidArgument);
  }
  fill_pci(*device, *pci);
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetPciInfoExt, Device* device, PciInfoExt* pci) {
  Call call(entry_of_nvmlDeviceGetPciInfoExt, device, Group::kIdentity);
  if (call.failed()) {
    return call.code();
  }
  if (pci == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (pci->version != version_of<PciInfoExt>(1)) {
    return call.gives(kArgumentVersionMismatch);
  }
  PciInfo plain;
  fill_pci(*device, plain);
  pci->domain = plain.domain;
  pci->bus = plain.bus;
  pci->device = plain.device;
  pci->pci_device_id = plain.pci_device_id;
  pci->pci_subsystem_id = plain.pci_subsystem_id;
  pci->base_class = 3;
  pci->sub_class = 2;
  std::memcpy(pci->bus_id, plain.bus_id, sizeof pci->bus_id);
  return kSuccess;
}

FAKE_NVML_NUMBER(nvmlDeviceGetMinorNumber, unsigned, kIdentity, whole(*device).index)
FAKE_NVML_NUMBER(nvmlDeviceGetModuleId, unsigned, kIdentity, whole(*device).index % 8 + 1)
FAKE_NVML_NUMBER(nvmlDeviceGetBoardId, unsigned, kIdentity, whole(*device).bus << 8)
FAKE_NVML_NUMBER(nvmlDeviceGetBrand, int, kIdentity, 14)
FAKE_NVML_NUMBER(nvmlDeviceGetArchitecture, unsigned, kIdentity, call.world().architecture)
FAKE_NVML_NUMBER(nvmlDeviceGetNumGpuCores, unsigned, kIdentity, 16896)
FAKE_NVML_NUMBER(nvmlDeviceGetMemoryBusWidth, unsigned, kIdentity, 5120)
FAKE_NVML_NUMBER(nvmlDeviceGetComputeMode, int, kIdentity, 0)
FAKE_NVML_NUMBER(nvmlDeviceGetPersistenceMode, int, kIdentity, 1)
FAKE_NVML_NUMBER(nvmlDeviceGetDisplayMode, int, kIdentity, 0)
FAKE_NVML_NUMBER(nvmlDeviceGetDisplayActive, int, kIdentity, 0)
FAKE_NVML_NUMBER(nvmlDeviceGetMultiGpuBoard, unsigned, kIdentity, 0)
FAKE_NVML_NUMBER(nvmlDeviceGetNumaNodeId, unsigned, kTopology, whole(*device).numa)

FAKE_NVML_FUNCTION(nvmlDeviceGetCudaComputeCapability, Device* device, int* major, int* minor) {
  Call call(entry_of_nvmlDeviceGetCudaComputeCapability, device, Group::kIdentity);
  if (call.failed()) {
    return call.code();
  }
  if (major == nullptr || minor == nullptr) {
    return call.gives(kInvalidArgument);
  }
  *major = call.world().capability_major;
  *minor = call.world().capability_minor;
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetTopologyCommonAncestor, Device* one, Device* other, int* level) {
  Call call(entry_of_nvmlDeviceGetTopologyCommonAncestor, one, Group::kTopology);
  if (call.failed()) {
    return call.code();
  }
  if (level == nullptr || !call.world().owns(other)) {
    return call.gives(kInvalidArgument);
  }
  const Device& a = whole(*one);
  const Device& b = whole(*other);
  *level = &a == &b ? 0 : a.numa == b.numa ? kNode : kSystem;
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetP2PStatus, Device* one, Device* other, int capability,
                   int* status) {
  Call call(entry_of_nvmlDeviceGetP2PStatus, one, Group::kTopology);
  if (call.failed()) {
    return call.code();
  }
  if (status == nullptr || !call.world().owns(other) || capability < 0 || capability > 4) {
    return call.gives(kInvalidArgument);
  }
  *status = 0;
  return kSuccess;
}

namespace {

int fill_cpus(Call& call, const Device& device, unsigned words, unsigned long* set) {
  if (words == 0 || set == nullptr) {
    return call.gives(kInvalidArgument);
  }
  constexpr unsigned kBits = 8 * sizeof(unsigned long);
  std::memset(set, 0, words * sizeof *set);
  for (unsigned cpu = device.first_cpu; cpu <= device.last_cpu && cpu / kBits < words; ++cpu) {
    set[cpu / kBits] |= 1UL << cpu % kBits;
  }
  return kSuccess;
}

}  // namespace

FAKE_NVML_FUNCTION(nvmlDeviceGetCpuAffinity, Device* device, unsigned words, unsigned long* set) {
  Call call(entry_of_nvmlDeviceGetCpuAffinity, device, Group::kTopology);
  return call.failed() ? call.code() : fill_cpus(call, whole(*device), words, set);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetCpuAffinityWithinScope, Device* device, unsigned words,
                   unsigned long* set, unsigned scope) {
  Call call(entry_of_nvmlDeviceGetCpuAffinityWithinScope, device, Group::kTopology);
  if (call.failed()) {
    return call.code();
  }
  return scope > 1 ? call.gives(kInvalidArgument) : fill_cpus(call, whole(*device), words, set);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetMemoryAffinity, Device* device, unsigned words, unsigned long* set,
                   unsigned scope) {
  Call call(entry_of_nvmlDeviceGetMemoryAffinity, device, Group::kTopology);
  if (call.failed()) {
    return call.code();
  }
  if (words == 0 || set == nullptr || scope > 1) {
    return call.gives(kInvalidArgument);
  }
  std::memset(set, 0, words * sizeof *set);
  const auto node = static_cast<unsigned>(whole(*device).numa);
  if (node / 64 < words) {
    set[node / 64] |= 1UL << node % 64;
  }
  return kSuccess;
}
