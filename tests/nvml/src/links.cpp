// PCIe, NVLink and the fabric.

#include <cmath>
#include <cstdio>
#include <cstring>

#include "call.hpp"
#include "fields.hpp"

using namespace fake_nvml;

namespace {

constexpr unsigned kSwitch = 2;
constexpr unsigned kSwitches = 4;

int check_link(Call& call, const Device& device, unsigned link, const void* out) {
  if (device.nvlinks == 0 || device.is_mig()) {
    return call.gives(kNotSupported);
  }
  return link >= device.nvlinks || out == nullptr ? call.gives(kInvalidArgument) : kSuccess;
}

}  // namespace

// ---- PCIe --------------------------------------------------------------------------------------

#define FAKE_NVML_LEVEL(function, quantity)                                                        \
  FAKE_NVML_FUNCTION(function, Device* device, unsigned* number) {                                 \
    Call call(entry_of_##function, device, Group::kPcie);                                          \
    return call.failed()                                                                           \
               ? call.code()                                                                       \
               : give_level(call, *device, device->value(Quantity::quantity, call.now()), number); \
  }
FAKE_NVML_LEVEL(nvmlDeviceGetCurrPcieLinkGeneration, pcie_generation)
FAKE_NVML_LEVEL(nvmlDeviceGetCurrPcieLinkWidth, pcie_width)
FAKE_NVML_LEVEL(nvmlDeviceGetMaxPcieLinkGeneration, pcie_generation_max)
FAKE_NVML_LEVEL(nvmlDeviceGetGpuMaxPcieLinkGeneration, pcie_generation_max)
FAKE_NVML_LEVEL(nvmlDeviceGetMaxPcieLinkWidth, pcie_width_max)
FAKE_NVML_LEVEL(nvmlDeviceGetPcieReplayCounter, pcie_replays)

// KB/s over the last 20 ms; the driver takes that long for it, here only `latency_us` does.
FAKE_NVML_FUNCTION(nvmlDeviceGetPcieThroughput, Device* device, int counter, unsigned* kilobytes) {
  Call call(entry_of_nvmlDeviceGetPcieThroughput, device, Group::kPcie);
  if (call.failed()) {
    return call.code();
  }
  if (counter != 0 && counter != 1) {
    return call.gives(kInvalidArgument);
  }
  const Quantity quantity = counter == 0 ? Quantity::pcie_tx : Quantity::pcie_rx;
  const double t = call.now();
  return give_level(call, *device, (*device)[quantity].mean(std::fmax(0, t - 0.02), t) / 1e3,
                    kilobytes);
}

// ---- NVLink ------------------------------------------------------------------------------------

FAKE_NVML_FUNCTION(nvmlDeviceGetNvLinkState, Device* device, unsigned link, int* active) {
  Call call(entry_of_nvmlDeviceGetNvLinkState, device, Group::kNvlink);
  if (call.failed() || check_link(call, *device, link, active) != kSuccess) {
    return call.code();
  }
  *active = link_value(*device, field::kNvlinkState, link, call.now()) == 0 ? 0 : 1;
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetNvLinkVersion, Device* device, unsigned link, unsigned* version) {
  Call call(entry_of_nvmlDeviceGetNvLinkVersion, device, Group::kNvlink);
  if (call.failed() || check_link(call, *device, link, version) != kSuccess) {
    return call.code();
  }
  *version = rounded(link_value(*device, field::kNvlinkVersion, link, call.now()));
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetNvLinkCapability, Device* device, unsigned link, int capability,
                   unsigned* supported) {
  Call call(entry_of_nvmlDeviceGetNvLinkCapability, device, Group::kNvlink);
  if (call.failed() || check_link(call, *device, link, supported) != kSuccess) {
    return call.code();
  }
  if (capability < 0 || capability > 5) {
    return call.gives(kInvalidArgument);
  }
  *supported = capability != 4 ? 1 : 0;  // all but an SLI bridge
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetNvLinkErrorCounter, Device* device, unsigned link, int counter,
                   unsigned long long* count) {
  Call call(entry_of_nvmlDeviceGetNvLinkErrorCounter, device, Group::kNvlink);
  if (call.failed() || check_link(call, *device, link, count) != kSuccess) {
    return call.code();
  }
  constexpr unsigned kFields[] = {field::kNvlinkReplay, field::kNvlinkRecovery, field::kNvlinkCrc};
  if (counter < 0 || counter > 4) {
    return call.gives(kInvalidArgument);
  }
  const double value = counter < 3 ? link_value(*device, kFields[counter], link, call.now()) : 0;
  *count = value > 0 ? static_cast<unsigned long long>(value + 1e-6) : 0;
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetNvLinkRemoteDeviceType, Device* device, unsigned link,
                   unsigned* type) {
  Call call(entry_of_nvmlDeviceGetNvLinkRemoteDeviceType, device, Group::kNvlink);
  if (call.failed() || check_link(call, *device, link, type) != kSuccess) {
    return call.code();
  }
  *type = kSwitch;
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetNvLinkRemotePciInfo_v2, Device* device, unsigned link,
                   PciInfo* pci) {
  Call call(entry_of_nvmlDeviceGetNvLinkRemotePciInfo_v2, device, Group::kNvlink);
  if (call.failed() || check_link(call, *device, link, pci) != kSuccess) {
    return call.code();
  }
  *pci = {};
  pci->domain = device->domain;
  pci->bus = 7 + link % kSwitches;
  std::snprintf(pci->bus_id_legacy, sizeof pci->bus_id_legacy, "%04X:%02X:00.0",
                pci->domain & 0xffffU, pci->bus & 0xffU);
  std::snprintf(pci->bus_id, sizeof pci->bus_id, "%08X:%02X:00.0", pci->domain, pci->bus & 0xffU);
  return kSuccess;
}

// ---- the fabric --------------------------------------------------------------------------------

namespace {

int check_fabric(Call& call, const Device& device) {
  const bool absent = std::isnan(device.value(Quantity::fabric_state, call.now()));
  // Since Hopper.
  return absent || device.is_mig() || call.world().architecture < 9 ? call.gives(kNotSupported)
                                                                    : kSuccess;
}

/// What all versions have.
template <typename Info>
void fill_fabric(const Device& device, double t, Info& info) {
  for (unsigned i = 0; i < sizeof info.cluster_uuid; ++i) {
    info.cluster_uuid[i] = static_cast<unsigned char>(0xa0 + i);
  }
  info.status = static_cast<int>(rounded(device.value(Quantity::fabric_status, t)));
  info.clique_id = rounded(device.value(Quantity::fabric_clique, t));
  info.state = static_cast<unsigned char>(rounded(device.value(Quantity::fabric_state, t)));
}

}  // namespace

FAKE_NVML_FUNCTION(nvmlDeviceGetGpuFabricInfo, Device* device, FabricInfo* info) {
  Call call(entry_of_nvmlDeviceGetGpuFabricInfo, device, Group::kFabric);
  if (call.failed()) {
    return call.code();
  }
  if (info == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (check_fabric(call, *device) == kSuccess) {
    fill_fabric(*device, call.now(), *info);
  }
  return call.code();
}

FAKE_NVML_FUNCTION(nvmlDeviceGetGpuFabricInfoV, Device* device, FabricInfoV3* info) {
  Call call(entry_of_nvmlDeviceGetGpuFabricInfoV, device, Group::kFabric);
  if (call.failed()) {
    return call.code();
  }
  if (info == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const bool third = info->version == version_of<FabricInfoV3>(3);
  if (!third && info->version != version_of<FabricInfoV2>(2)) {
    return call.gives(kArgumentVersionMismatch);
  }
  if (check_fabric(call, *device) != kSuccess) {
    return call.code();
  }
  const double t = call.now();
  const unsigned health = rounded(device->value(Quantity::fabric_health, t));
  if (!third) {
    auto& second = *reinterpret_cast<FabricInfoV2*>(info);
    fill_fabric(*device, t, second);
    second.health_mask = health;
    return kSuccess;
  }
  fill_fabric(*device, t, *info);
  info->health_mask = health;
  info->health_summary =
      static_cast<unsigned char>(rounded(device->value(Quantity::fabric_summary, t)));
  return kSuccess;
}
