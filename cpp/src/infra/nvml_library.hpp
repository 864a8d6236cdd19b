#pragma once

#include <memory>
#include <string>

#include "infra/nvml_api.hpp"
#include "inlay/infra/readings.hpp"

namespace inlay::infra {

// Every function of NVML that is called: name here, name there, arguments.
#define INLAY_NVML_FUNCTIONS(X)                                                                    \
  X(init, nvmlInit_v2, (void))                                                                     \
  X(init_with_flags, nvmlInitWithFlags, (std::uint32_t))                                           \
  X(shutdown, nvmlShutdown, (void))                                                                \
  X(driver_version, nvmlSystemGetDriverVersion, (char*, std::uint32_t))                            \
  X(count, nvmlDeviceGetCount_v2, (std::uint32_t*))                                                \
  X(handle_by_index, nvmlDeviceGetHandleByIndex_v2, (std::uint32_t, nvml::Device*))                \
  X(handle_by_uuid, nvmlDeviceGetHandleByUUID, (const char*, nvml::Device*))                       \
  X(uuid, nvmlDeviceGetUUID, (nvml::Device, char*, std::uint32_t))                                 \
  X(index, nvmlDeviceGetIndex, (nvml::Device, std::uint32_t*))                                     \
  X(name, nvmlDeviceGetName, (nvml::Device, char*, std::uint32_t))                                 \
  X(pci_info, nvmlDeviceGetPciInfo_v3, (nvml::Device, nvml::PciInfo*))                             \
  X(numa_node, nvmlDeviceGetNumaNodeId, (nvml::Device, std::uint32_t*))                            \
  X(common_ancestor, nvmlDeviceGetTopologyCommonAncestor,                                          \
    (nvml::Device, nvml::Device, std::uint32_t*))                                                  \
  X(field_values, nvmlDeviceGetFieldValues, (nvml::Device, std::int32_t, nvml::FieldValue*))       \
  X(gpm_support, nvmlGpmQueryDeviceSupport, (nvml::Device, nvml::GpmSupport*))                     \
  X(gpm_sample_alloc, nvmlGpmSampleAlloc, (nvml::GpmSample*))                                      \
  X(gpm_sample_free, nvmlGpmSampleFree, (nvml::GpmSample))                                         \
  X(gpm_sample_get, nvmlGpmSampleGet, (nvml::Device, nvml::GpmSample))                             \
  X(gpm_mig_sample_get, nvmlGpmMigSampleGet, (nvml::Device, std::uint32_t, nvml::GpmSample))       \
  X(gpm_metrics_get, nvmlGpmMetricsGet, (nvml::GpmMetrics*))                                       \
  X(memory2, nvmlDeviceGetMemoryInfo_v2, (nvml::Device, nvml::Memory2*))                           \
  X(memory, nvmlDeviceGetMemoryInfo, (nvml::Device, nvml::Memory*))                                \
  X(temperature_v, nvmlDeviceGetTemperatureV, (nvml::Device, nvml::Temperature*))                  \
  X(temperature, nvmlDeviceGetTemperature, (nvml::Device, std::uint32_t, std::uint32_t*))          \
  X(margin, nvmlDeviceGetMarginTemperature, (nvml::Device, nvml::Margin*))                         \
  X(clock, nvmlDeviceGetClockInfo, (nvml::Device, std::uint32_t, std::uint32_t*))                  \
  X(pstate, nvmlDeviceGetPerformanceState, (nvml::Device, std::uint32_t*))                         \
  X(samples, nvmlDeviceGetSamples,                                                                 \
    (nvml::Device, std::uint32_t, std::uint64_t, std::uint32_t*, std::uint32_t*, nvml::Sample*))   \
  X(utilization, nvmlDeviceGetUtilizationRates, (nvml::Device, nvml::Utilization*))                \
  X(pcie_generation, nvmlDeviceGetCurrPcieLinkGeneration, (nvml::Device, std::uint32_t*))          \
  X(pcie_width, nvmlDeviceGetCurrPcieLinkWidth, (nvml::Device, std::uint32_t*))                    \
  X(fabric, nvmlDeviceGetGpuFabricInfoV, (nvml::Device, void*))                                    \
  X(num_fans, nvmlDeviceGetNumFans, (nvml::Device, std::uint32_t*))                                \
  X(fan_speed, nvmlDeviceGetFanSpeed_v2, (nvml::Device, std::uint32_t, std::uint32_t*))            \
  X(nvlink_state, nvmlDeviceGetNvLinkState, (nvml::Device, std::uint32_t, std::uint32_t*))         \
  X(mig_mode, nvmlDeviceGetMigMode, (nvml::Device, std::uint32_t*, std::uint32_t*))                \
  X(mig_count, nvmlDeviceGetMaxMigDeviceCount, (nvml::Device, std::uint32_t*))                     \
  X(mig_device, nvmlDeviceGetMigDeviceHandleByIndex, (nvml::Device, std::uint32_t, nvml::Device*)) \
  X(gpu_instance, nvmlDeviceGetGpuInstanceId, (nvml::Device, std::uint32_t*))                      \
  X(compute_instance, nvmlDeviceGetComputeInstanceId, (nvml::Device, std::uint32_t*))              \
  X(parent, nvmlDeviceGetDeviceHandleFromMigDeviceHandle, (nvml::Device, nvml::Device*))           \
  X(processes, nvmlDeviceGetComputeRunningProcesses_v3,                                            \
    (nvml::Device, std::uint32_t*, nvml::Process*))                                                \
  X(process_utilization, nvmlDeviceGetProcessUtilization,                                          \
    (nvml::Device, nvml::ProcessSample*, std::uint32_t*, std::uint64_t))                           \
  X(supported_events, nvmlDeviceGetSupportedEventTypes, (nvml::Device, std::uint64_t*))            \
  X(event_set_create, nvmlEventSetCreate, (nvml::EventSet*))                                       \
  X(register_events, nvmlDeviceRegisterEvents, (nvml::Device, std::uint64_t, nvml::EventSet))      \
  X(event_set_wait, nvmlEventSetWait_v2, (nvml::EventSet, nvml::EventData*, std::uint32_t))        \
  X(event_set_free, nvmlEventSetFree, (nvml::EventSet))

/// A function that the library may lack; calling it then says so.
template <class Signature>
struct NvmlFunction;

template <class... Arguments>
struct NvmlFunction<nvml::Return(Arguments...)> {
  nvml::Return (*address)(Arguments...) = nullptr;

  explicit operator bool() const noexcept { return address != nullptr; }
  nvml::Return operator()(Arguments... arguments) const noexcept {
    return address == nullptr ? nvml::kFunctionNotFound : address(arguments...);
  }
};

/// The library, found and opened at run time. Its functions are thread-safe. The library stays
/// loaded once it was: threads of it may live on.
class NvmlLibrary {
 public:
  /// Returns null and sets `reason` where there is none.
  /// @param path empty: libnvidia-ml.so.1, wherever the loader finds it
  static std::shared_ptr<const NvmlLibrary> open(const std::string& path, std::string& reason);

#define INLAY_NVML_MEMBER(here, there, arguments) NvmlFunction<nvml::Return arguments> here;
  INLAY_NVML_FUNCTIONS(INLAY_NVML_MEMBER)
#undef INLAY_NVML_MEMBER

  /// Names of functions that this library lacks.
  std::string missing;
};

/// What a return code says of a series.
Status status_of(nvml::Return code) noexcept;

/// Whether a return code says that the device is not there any more.
bool is_lost(nvml::Return code) noexcept;

/// A few words on a return code.
const char* return_text(nvml::Return code) noexcept;

/// Returns an integer value; a negative or fractional one as 0 or rounded down.
std::uint64_t whole_value(const nvml::Value& value, std::uint32_t type) noexcept;
double real_value(const nvml::Value& value, std::uint32_t type) noexcept;

}  // namespace inlay::infra
