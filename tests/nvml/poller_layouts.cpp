// Compiled by a test against the vendor's header of PyPI's nvidia-nvml-dev: what the poller of GPUs
// declares for itself. Nothing of it is linked.

#include <nvml.h>

#include <cstddef>

#include "infra/nvml_api.hpp"

namespace ours = inlay::infra::nvml;

#define SIZE(mine, theirs) static_assert(sizeof(ours::mine) == sizeof(theirs), #mine)
#define PLACE(mine, member, theirs, other) \
  static_assert(offsetof(ours::mine, member) == offsetof(theirs, other), #mine "." #member)

SIZE(FieldValue, nvmlFieldValue_t);
PLACE(FieldValue, value_type, nvmlFieldValue_t, valueType);
PLACE(FieldValue, result, nvmlFieldValue_t, nvmlReturn);
PLACE(FieldValue, value, nvmlFieldValue_t, value);
SIZE(Sample, nvmlSample_t);
SIZE(PciInfo, nvmlPciInfo_t);
PLACE(PciInfo, bus_id, nvmlPciInfo_t, busId);
SIZE(Memory, nvmlMemory_t);
SIZE(Memory2, nvmlMemory_v2_t);
PLACE(Memory2, reserved, nvmlMemory_v2_t, reserved);
PLACE(Memory2, used, nvmlMemory_v2_t, used);
SIZE(Temperature, nvmlTemperature_v1_t);
SIZE(Margin, nvmlMarginTemperature_v1_t);
SIZE(Utilization, nvmlUtilization_t);
SIZE(Process, nvmlProcessInfo_t);
PLACE(Process, used_memory, nvmlProcessInfo_t, usedGpuMemory);
SIZE(ProcessSample, nvmlProcessUtilizationSample_t);
PLACE(ProcessSample, sm, nvmlProcessUtilizationSample_t, smUtil);
SIZE(EventData, nvmlEventData_t);
PLACE(EventData, gpu_instance, nvmlEventData_t, gpuInstanceId);
SIZE(FabricInfo2, nvmlGpuFabricInfo_v2_t);
SIZE(FabricInfo3, nvmlGpuFabricInfo_v3_t);
PLACE(FabricInfo3, state, nvmlGpuFabricInfo_v3_t, state);
PLACE(FabricInfo3, health_summary, nvmlGpuFabricInfo_v3_t, healthSummary);
SIZE(GpmSupport, nvmlGpmSupport_t);
SIZE(GpmMetric, nvmlGpmMetric_t);
PLACE(GpmMetric, value, nvmlGpmMetric_t, value);
PLACE(GpmMetrics, first, nvmlGpmMetricsGet_t, sample1);
PLACE(GpmMetrics, metrics, nvmlGpmMetricsGet_t, metrics);
// Headers to come may have longer arrays: no more than so many are ever asked for.
static_assert(ours::kMostGpmMetrics >= 200);

static_assert(ours::kInitNoGpus == NVML_INIT_FLAG_NO_GPUS);
static_assert(ours::kEventDoubleBitEcc == nvmlEventTypeDoubleBitEccError);
static_assert(ours::kEventXid == nvmlEventTypeXidCriticalError);
static_assert(ours::kEventPoison == nvmlEventTypeNonFatalPoisonError);
static_assert(ours::kEventFatalPoison == nvmlEventTypeFatalPoisonError);
static_assert(ours::kEventUnavailable == nvmlEventTypeGpuUnavailableError);
static_assert(ours::kEventRecovery == nvmlEventTypeGpuRecoveryAction);
static_assert(ours::kFieldLinkCount == NVML_FI_DEV_NVLINK_LINK_COUNT);
static_assert(ours::kFieldRecoveryAction == NVML_FI_DEV_GET_GPU_RECOVERY_ACTION);
static_assert(ours::kUnknownPState == NVML_PSTATE_UNKNOWN);
static_assert(ours::kSamplesPower == NVML_TOTAL_POWER_SAMPLES);
static_assert(ours::kSamplesGpu == NVML_GPU_UTILIZATION_SAMPLES);
static_assert(ours::kSamplesMemory == NVML_MEMORY_UTILIZATION_SAMPLES);
static_assert(ours::kSuccess == NVML_SUCCESS && ours::kNotSupported == NVML_ERROR_NOT_SUPPORTED);
static_assert(ours::kNoPermission == NVML_ERROR_NO_PERMISSION);
static_assert(ours::kNotFound == NVML_ERROR_NOT_FOUND);
static_assert(ours::kInsufficientSize == NVML_ERROR_INSUFFICIENT_SIZE);
static_assert(ours::kDriverNotLoaded == NVML_ERROR_DRIVER_NOT_LOADED);
static_assert(ours::kTimeout == NVML_ERROR_TIMEOUT);
static_assert(ours::kFunctionNotFound == NVML_ERROR_FUNCTION_NOT_FOUND);
static_assert(ours::kGpuIsLost == NVML_ERROR_GPU_IS_LOST);
static_assert(ours::kNoData == NVML_ERROR_NO_DATA && ours::kNotReady == NVML_ERROR_NOT_READY);
static_assert(ours::kVersionMismatch == NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
static_assert(ours::kGpuNotFound == NVML_ERROR_GPU_NOT_FOUND);
static_assert(NVML_GPM_METRIC_SM_UTIL == 2 && NVML_GPM_METRIC_SM_OCCUPANCY == 3 &&
              NVML_GPM_METRIC_INTEGER_UTIL == 4 && NVML_GPM_METRIC_ANY_TENSOR_UTIL == 5 &&
              NVML_GPM_METRIC_DRAM_BW_UTIL == 10 && NVML_GPM_METRIC_FP64_UTIL == 11 &&
              NVML_GPM_METRIC_FP32_UTIL == 12 && NVML_GPM_METRIC_FP16_UTIL == 13 &&
              NVML_GPM_METRIC_PCIE_TX_PER_SEC == 20 && NVML_GPM_METRIC_PCIE_RX_PER_SEC == 21 &&
              NVML_GPM_METRIC_NVLINK_TOTAL_RX_PER_SEC == 60 &&
              NVML_GPM_METRIC_NVLINK_TOTAL_TX_PER_SEC == 61);
