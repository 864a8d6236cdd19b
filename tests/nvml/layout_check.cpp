// Compiled by a test against the vendor's header of PyPI's nvidia-nvml-dev; nothing of it is
// linked.

#include <nvml.h>

#include <cstddef>

#include "src/events.hpp"
#include "src/field_ids.hpp"
#include "src/nvml_types.hpp"

namespace fake = fake_nvml;

#define SIZE(ours, theirs) static_assert(sizeof(fake::ours) == sizeof(theirs), #ours)
#define PLACE(ours, member, theirs, other) \
  static_assert(offsetof(fake::ours, member) == offsetof(theirs, other), #ours "." #member)
#define VERSION(ours, number, theirs) static_assert(fake::version_of<fake::ours>(number) == theirs)
#define FIELD(ours, theirs) static_assert(fake::field::ours == NVML_FI_DEV_##theirs, #ours)
#define CODE(ours, theirs) static_assert(static_cast<int>(fake::ours) == NVML_##theirs, #ours)
#define EVENT(ours, theirs) static_assert(fake::event::ours == nvmlEvent##theirs, #ours)

SIZE(FieldValue, nvmlFieldValue_t);
PLACE(FieldValue, scope_id, nvmlFieldValue_t, scopeId);
PLACE(FieldValue, timestamp, nvmlFieldValue_t, timestamp);
PLACE(FieldValue, latency_us, nvmlFieldValue_t, latencyUsec);
PLACE(FieldValue, value_type, nvmlFieldValue_t, valueType);
PLACE(FieldValue, status, nvmlFieldValue_t, nvmlReturn);
PLACE(FieldValue, value, nvmlFieldValue_t, value);
SIZE(Value, nvmlValue_t);
SIZE(Sample, nvmlSample_t);
PLACE(Sample, value, nvmlSample_t, sampleValue);
SIZE(PciInfo, nvmlPciInfo_t);
PLACE(PciInfo, domain, nvmlPciInfo_t, domain);
PLACE(PciInfo, pci_device_id, nvmlPciInfo_t, pciDeviceId);
PLACE(PciInfo, bus_id, nvmlPciInfo_t, busId);
SIZE(PciInfoExt, nvmlPciInfoExt_t);
PLACE(PciInfoExt, bus_id, nvmlPciInfoExt_t, busId);
VERSION(PciInfoExt, 1, nvmlPciInfoExt_v1);
SIZE(Utilization, nvmlUtilization_t);
SIZE(MemoryInfo, nvmlMemory_t);
PLACE(MemoryInfo, used, nvmlMemory_t, used);
SIZE(MemoryInfoV2, nvmlMemory_v2_t);
PLACE(MemoryInfoV2, reserved, nvmlMemory_v2_t, reserved);
PLACE(MemoryInfoV2, used, nvmlMemory_v2_t, used);
VERSION(MemoryInfoV2, 2, nvmlMemory_v2);
SIZE(Bar1Memory, nvmlBAR1Memory_t);
PLACE(Bar1Memory, free, nvmlBAR1Memory_t, bar1Free);
SIZE(Temperature, nvmlTemperature_v1_t);
PLACE(Temperature, celsius, nvmlTemperature_v1_t, temperature);
VERSION(Temperature, 1, nvmlTemperature_v1);
SIZE(MarginTemperature, nvmlMarginTemperature_t);
VERSION(MarginTemperature, 1, nvmlMarginTemperature_v1);
SIZE(FanSpeedInfo, nvmlFanSpeedInfo_t);
PLACE(FanSpeedInfo, rpm, nvmlFanSpeedInfo_t, speed);
VERSION(FanSpeedInfo, 1, nvmlFanSpeedInfo_v1);
SIZE(ViolationTime, nvmlViolationTime_t);
PLACE(ViolationTime, violation_ns, nvmlViolationTime_t, violationTime);
SIZE(EccErrorCounts, nvmlEccErrorCounts_t);
PLACE(EccErrorCounts, device_memory, nvmlEccErrorCounts_t, deviceMemory);
SIZE(RowRemapperHistogram, nvmlRowRemapperHistogramValues_t);
PLACE(RowRemapperHistogram, none, nvmlRowRemapperHistogramValues_t, none);
SIZE(RemappedRows, nvmlRemappedRowsInfo_v2_t);
PLACE(RemappedRows, uncorrected, nvmlRemappedRowsInfo_v2_t, uncActiveRemaps);
PLACE(RemappedRows, failed, nvmlRemappedRowsInfo_v2_t, bFailureOccurred);
SIZE(SramEccErrorStatus, nvmlEccSramErrorStatus_t);
PLACE(SramEccErrorStatus, threshold_exceeded, nvmlEccSramErrorStatus_t, bThresholdExceeded);
VERSION(SramEccErrorStatus, 1, nvmlEccSramErrorStatus_v1);
SIZE(ProcessInfoV1, nvmlProcessInfo_v1_t);
SIZE(ProcessInfo, nvmlProcessInfo_v2_t);
PLACE(ProcessInfo, memory, nvmlProcessInfo_v2_t, usedGpuMemory);
PLACE(ProcessInfo, compute_instance, nvmlProcessInfo_v2_t, computeInstanceId);
SIZE(ProcessDetail, nvmlProcessDetail_v1_t);
PLACE(ProcessDetail, protected_memory, nvmlProcessDetail_v1_t, usedGpuCcProtectedMemory);
SIZE(ProcessDetailList, nvmlProcessDetailList_t);
PLACE(ProcessDetailList, processes, nvmlProcessDetailList_t, procArray);
VERSION(ProcessDetailList, 1, nvmlProcessDetailList_v1);
SIZE(ProcessUtilization, nvmlProcessUtilizationSample_t);
PLACE(ProcessUtilization, timestamp, nvmlProcessUtilizationSample_t, timeStamp);
PLACE(ProcessUtilization, decoder, nvmlProcessUtilizationSample_t, decUtil);
SIZE(ProcessUtilizationInfo, nvmlProcessUtilizationInfo_v1_t);
PLACE(ProcessUtilizationInfo, pid, nvmlProcessUtilizationInfo_v1_t, pid);
PLACE(ProcessUtilizationInfo, ofa, nvmlProcessUtilizationInfo_v1_t, ofaUtil);
SIZE(ProcessesUtilization, nvmlProcessesUtilizationInfo_t);
PLACE(ProcessesUtilization, last_seen, nvmlProcessesUtilizationInfo_t, lastSeenTimeStamp);
PLACE(ProcessesUtilization, processes, nvmlProcessesUtilizationInfo_t, procUtilArray);
VERSION(ProcessesUtilization, 1, nvmlProcessesUtilizationInfo_v1);
SIZE(DeviceAttributes, nvmlDeviceAttributes_t);
PLACE(DeviceAttributes, compute_slices, nvmlDeviceAttributes_t, computeInstanceSliceCount);
PLACE(DeviceAttributes, memory_mib, nvmlDeviceAttributes_t, memorySizeMB);
SIZE(EventData, nvmlEventData_t);
PLACE(EventData, type, nvmlEventData_t, eventType);
PLACE(EventData, data, nvmlEventData_t, eventData);
PLACE(EventData, compute_instance, nvmlEventData_t, computeInstanceId);
SIZE(FabricInfo, nvmlGpuFabricInfo_t);
PLACE(FabricInfo, state, nvmlGpuFabricInfo_t, state);
SIZE(FabricInfoV2, nvmlGpuFabricInfo_v2_t);
PLACE(FabricInfoV2, health_mask, nvmlGpuFabricInfo_v2_t, healthMask);
VERSION(FabricInfoV2, 2, nvmlGpuFabricInfo_v2);
SIZE(FabricInfoV3, nvmlGpuFabricInfo_v3_t);
PLACE(FabricInfoV3, state, nvmlGpuFabricInfo_v3_t, state);
PLACE(FabricInfoV3, health_summary, nvmlGpuFabricInfo_v3_t, healthSummary);
VERSION(FabricInfoV3, 3, nvmlGpuFabricInfo_v3);
SIZE(GpmMetric, nvmlGpmMetric_t);
PLACE(GpmMetric, status, nvmlGpmMetric_t, nvmlReturn);
PLACE(GpmMetric, value, nvmlGpmMetric_t, value);
PLACE(GpmMetric, short_name, nvmlGpmMetric_t, metricInfo);
PLACE(GpmMetricsGet, sample1, nvmlGpmMetricsGet_t, sample1);
PLACE(GpmMetricsGet, metrics, nvmlGpmMetricsGet_t, metrics);
static_assert(NVML_GPM_METRICS_GET_VERSION == 1);
SIZE(GpmSupport, nvmlGpmSupport_t);
PLACE(GpmSupport, supported, nvmlGpmSupport_t, isSupportedDevice);

CODE(kSuccess, SUCCESS);
CODE(kUninitialized, ERROR_UNINITIALIZED);
CODE(kInvalidArgument, ERROR_INVALID_ARGUMENT);
CODE(kNotSupported, ERROR_NOT_SUPPORTED);
CODE(kNoPermission, ERROR_NO_PERMISSION);
CODE(kNotFound, ERROR_NOT_FOUND);
CODE(kInsufficientSize, ERROR_INSUFFICIENT_SIZE);
CODE(kDriverNotLoaded, ERROR_DRIVER_NOT_LOADED);
CODE(kTimeout, ERROR_TIMEOUT);
CODE(kFunctionNotFound, ERROR_FUNCTION_NOT_FOUND);
CODE(kGpuIsLost, ERROR_GPU_IS_LOST);
CODE(kResetRequired, ERROR_RESET_REQUIRED);
CODE(kLibraryVersionMismatch, ERROR_LIB_RM_VERSION_MISMATCH);
CODE(kMemory, ERROR_MEMORY);
CODE(kNoData, ERROR_NO_DATA);
CODE(kArgumentVersionMismatch, ERROR_ARGUMENT_VERSION_MISMATCH);
CODE(kUnknown, ERROR_UNKNOWN);
CODE(kDouble, VALUE_TYPE_DOUBLE);
CODE(kUnsigned, VALUE_TYPE_UNSIGNED_INT);
CODE(kUnsignedLongLong, VALUE_TYPE_UNSIGNED_LONG_LONG);
CODE(kSigned, VALUE_TYPE_SIGNED_INT);

EVENT(kSingleBitEcc, TypeSingleBitEccError);
EVENT(kDoubleBitEcc, TypeDoubleBitEccError);
EVENT(kPstate, TypePState);
EVENT(kXid, TypeXidCriticalError);
EVENT(kClock, TypeClock);
EVENT(kPowerSource, TypePowerSourceChange);
EVENT(kMigChange, MigConfigChange);
EVENT(kSingleBitEccStorm, TypeSingleBitEccErrorStorm);
EVENT(kDramRetirement, TypeDramRetirementEvent);
EVENT(kDramRetirementFailure, TypeDramRetirementFailure);
EVENT(kNonFatalPoison, TypeNonFatalPoisonError);
EVENT(kFatalPoison, TypeFatalPoisonError);
EVENT(kGpuUnavailable, TypeGpuUnavailableError);
EVENT(kRecoveryAction, TypeGpuRecoveryAction);
EVENT(kAll, TypeAll);

FIELD(kEccCurrent, ECC_CURRENT);
FIELD(kEccPending, ECC_PENDING);
FIELD(kEccCorrectedVolatile, ECC_SBE_VOL_TOTAL);
FIELD(kEccUncorrectedVolatile, ECC_DBE_VOL_TOTAL);
FIELD(kEccCorrectedAggregate, ECC_SBE_AGG_TOTAL);
FIELD(kEccUncorrectedAggregate, ECC_DBE_AGG_TOTAL);
FIELD(kEccCorrectedVolatileMemory, ECC_SBE_VOL_DEV);
FIELD(kEccUncorrectedVolatileMemory, ECC_DBE_VOL_DEV);
FIELD(kEccCorrectedAggregateMemory, ECC_SBE_AGG_DEV);
FIELD(kEccUncorrectedAggregateMemory, ECC_DBE_AGG_DEV);
FIELD(kEccUncorrectedAggregateLast, ECC_DBE_AGG_CBU);
FIELD(kRetiredCorrected, RETIRED_SBE);
FIELD(kRetiredUncorrected, RETIRED_DBE);
FIELD(kRetiredPending, RETIRED_PENDING);
FIELD(kNvlinkCrcFlitTotal, NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL);
FIELD(kNvlinkCrcDataTotal, NVLINK_CRC_DATA_ERROR_COUNT_TOTAL);
FIELD(kNvlinkReplayTotal, NVLINK_REPLAY_ERROR_COUNT_TOTAL);
FIELD(kNvlinkRecoveryTotal, NVLINK_RECOVERY_ERROR_COUNT_TOTAL);
FIELD(kThrottlePower, PERF_POLICY_POWER);
FIELD(kThrottlePower, CLOCKS_EVENT_REASON_SW_POWER_CAP);
FIELD(kThrottleThermal, PERF_POLICY_THERMAL);
FIELD(kThrottleSyncBoost, PERF_POLICY_SYNC_BOOST);
FIELD(kThrottleBoardLimit, PERF_POLICY_BOARD_LIMIT);
FIELD(kThrottleLowUtilization, PERF_POLICY_LOW_UTILIZATION);
FIELD(kThrottleReliability, PERF_POLICY_RELIABILITY);
FIELD(kThrottleApplicationClocks, PERF_POLICY_TOTAL_APP_CLOCKS);
FIELD(kThrottleBaseClocks, PERF_POLICY_TOTAL_BASE_CLOCKS);
FIELD(kMemoryTemperature, MEMORY_TEMP);
FIELD(kTotalEnergy, TOTAL_ENERGY_CONSUMPTION);
FIELD(kNvlinkSpeedCommon, NVLINK_SPEED_MBPS_COMMON);
FIELD(kNvlinkLinkCount, NVLINK_LINK_COUNT);
FIELD(kPcieReplays, PCIE_REPLAY_COUNTER);
FIELD(kPcieReplayRollovers, PCIE_REPLAY_ROLLOVER_COUNTER);
FIELD(kNvlinkDataTx, NVLINK_THROUGHPUT_DATA_TX);
FIELD(kNvlinkDataRx, NVLINK_THROUGHPUT_DATA_RX);
FIELD(kNvlinkRawTx, NVLINK_THROUGHPUT_RAW_TX);
FIELD(kNvlinkRawRx, NVLINK_THROUGHPUT_RAW_RX);
FIELD(kRemappedCorrectable, REMAPPED_COR);
FIELD(kRemappedUncorrectable, REMAPPED_UNC);
FIELD(kRemappedPending, REMAPPED_PENDING);
FIELD(kRemappedFailure, REMAPPED_FAILURE);
FIELD(kNvlinkEccDataTotal, NVLINK_ECC_DATA_ERROR_COUNT_TOTAL);
FIELD(kNvlinkReplay, NVLINK_ERROR_DL_REPLAY);
FIELD(kNvlinkRecovery, NVLINK_ERROR_DL_RECOVERY);
FIELD(kNvlinkCrc, NVLINK_ERROR_DL_CRC);
FIELD(kNvlinkSpeed, NVLINK_GET_SPEED);
FIELD(kNvlinkState, NVLINK_GET_STATE);
FIELD(kNvlinkVersion, NVLINK_GET_VERSION);
FIELD(kPcieL0Recoveries, PCIE_L0_TO_RECOVERY_COUNTER);
FIELD(kC2cLinkCount, C2C_LINK_COUNT);
FIELD(kPcieCorrectableErrors, PCIE_COUNT_CORRECTABLE_ERRORS);
FIELD(kPcieLaneErrors, PCIE_COUNT_LANE_ERROR);
FIELD(kPowerAverage, POWER_AVERAGE);
FIELD(kPowerInstant, POWER_INSTANT);
FIELD(kPowerMinLimit, POWER_MIN_LIMIT);
FIELD(kPowerMaxLimit, POWER_MAX_LIMIT);
FIELD(kPowerDefaultLimit, POWER_DEFAULT_LIMIT);
FIELD(kPowerCurrentLimit, POWER_CURRENT_LIMIT);
FIELD(kEnergy, ENERGY);
FIELD(kPowerRequestedLimit, POWER_REQUESTED_LIMIT);
FIELD(kShutdownTlimit, TEMPERATURE_SHUTDOWN_TLIMIT);
FIELD(kSlowdownTlimit, TEMPERATURE_SLOWDOWN_TLIMIT);
FIELD(kMemoryMaxTlimit, TEMPERATURE_MEM_MAX_TLIMIT);
FIELD(kGpuMaxTlimit, TEMPERATURE_GPU_MAX_TLIMIT);
FIELD(kPcieTxBytes, PCIE_COUNT_TX_BYTES);
FIELD(kPcieRxBytes, PCIE_COUNT_RX_BYTES);
FIELD(kNvlinkXmitPackets, NVLINK_COUNT_XMIT_PACKETS);
FIELD(kNvlinkXmitBytes, NVLINK_COUNT_XMIT_BYTES);
FIELD(kNvlinkRcvPackets, NVLINK_COUNT_RCV_PACKETS);
FIELD(kNvlinkRcvBytes, NVLINK_COUNT_RCV_BYTES);
FIELD(kNvlinkMalformedPackets, NVLINK_COUNT_MALFORMED_PACKET_ERRORS);
FIELD(kNvlinkBufferOverruns, NVLINK_COUNT_BUFFER_OVERRUN_ERRORS);
FIELD(kNvlinkRcvErrors, NVLINK_COUNT_RCV_ERRORS);
FIELD(kNvlinkLinkRecoverySuccessful, NVLINK_COUNT_LINK_RECOVERY_SUCCESSFUL_EVENTS);
FIELD(kNvlinkLinkRecoveryFailed, NVLINK_COUNT_LINK_RECOVERY_FAILED_EVENTS);
FIELD(kNvlinkLinkRecovery, NVLINK_COUNT_LINK_RECOVERY_EVENTS);
FIELD(kNvlinkEffectiveErrors, NVLINK_COUNT_EFFECTIVE_ERRORS);
FIELD(kNvlinkEffectiveBer, NVLINK_COUNT_EFFECTIVE_BER);
FIELD(kNvlinkSymbolErrors, NVLINK_COUNT_SYMBOL_ERRORS);
FIELD(kNvlinkSymbolBer, NVLINK_COUNT_SYMBOL_BER);
FIELD(kRecoveryAction, GET_GPU_RECOVERY_ACTION);
FIELD(kThrottleSwThermal, CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN);
FIELD(kThrottleHwThermal, CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN);
FIELD(kThrottleHwPowerBrake, CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN);
FIELD(kGpuTemperature, GPU_TEMP);
static_assert(fake::field::kCount == NVML_FI_MAX);
