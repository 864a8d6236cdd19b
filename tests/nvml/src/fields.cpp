#include "fields.hpp"

#include <cmath>

#include "call.hpp"

using namespace fake_nvml;

namespace fake_nvml {
namespace {

constexpr double kKibibyte = 0x1p10;
constexpr int kShutdownTlimit = -8;
constexpr int kSlowdownTlimit = -2;

void put_wide(FieldValue& field, std::uint64_t value) {
  field.value_type = kUnsignedLongLong;
  field.value.as_wide = value;
}

void put_unsigned(FieldValue& field, double value) {
  if (std::isnan(value)) {
    field.status = kNotSupported;
    return;
  }
  field.value_type = kUnsigned;
  field.value.as_wide = 0;
  field.value.as_unsigned = rounded(value);
}

void put_signed(FieldValue& field, double value) {
  if (std::isnan(value)) {
    field.status = kNotSupported;
    return;
  }
  field.value_type = kSigned;
  field.value.as_wide = 0;
  field.value.as_signed = static_cast<int>(std::lround(value));
}

void put_count(FieldValue& field, const Signal& signal, double amount) {
  if (std::isnan(amount)) {
    field.status = kNotSupported;
    return;
  }
  put_wide(field, signal.counted(amount));
}

void put_watts(FieldValue& field, double watts) { put_unsigned(field, watts * 1e3); }

/// Of the GPU, or of the module or the memory where a scenario gives them power.
void put_power(const Device& device, bool average, double t, FieldValue& field) {
  if (field.scope_id == 0) {
    return put_watts(field, average ? device.average_power(t) : device.value(Quantity::power, t));
  }
  const Quantity quantity = field.scope_id == 1 ? Quantity::module_power : Quantity::memory_power;
  if (field.scope_id > 2) {
    field.status = kInvalidArgument;
    return;
  }
  put_watts(field, device.value(quantity, t));
}

/// Bytes or KiB of one link or of all.
void put_traffic(const Device& device, Quantity quantity, double unit, double t,
                 FieldValue& field) {
  if (device.nvlinks == 0) {
    field.status = kNotSupported;
    return;
  }
  const bool sum = field.scope_id == kSumOfLinks;
  if (!sum && field.scope_id >= device.nvlinks) {
    field.status = kInvalidArgument;
    return;
  }
  const double bytes = device[quantity].total(t) / (sum ? 1 : device.nvlinks);
  put_count(field, device[quantity], bytes / unit);
}

void put_link(const Device& device, unsigned id, double t, FieldValue& field) {
  if (device.nvlinks == 0) {
    field.status = kNotSupported;
    return;
  }
  if (field.scope_id != kSumOfLinks && field.scope_id >= device.nvlinks) {
    field.status = kInvalidArgument;
    return;
  }
  if (field.scope_id != kSumOfLinks) {
    const double value = link_value(device, id, field.scope_id, t);
    return id == field::kNvlinkState || id == field::kNvlinkSpeed || id == field::kNvlinkVersion
               ? put_unsigned(field, value)
               : put_wide(field, value > 0 ? static_cast<std::uint64_t>(value + 1e-6) : 0);
  }
  double sum = 0;
  // Errors are 0 until a line tells of some.
  const bool zero = !device.field_written[id] && id != field::kNvlinkState &&
                    id != field::kNvlinkSpeed && id != field::kNvlinkVersion;
  for (unsigned link = 0; link < device.nvlinks && !zero; ++link) {
    sum += link_value(device, id, link, t);
  }
  put_wide(field, static_cast<std::uint64_t>(sum + 1e-6));
}

void put_total_of_links(const Device& device, unsigned id, double t, FieldValue& field) {
  field.scope_id = kSumOfLinks;
  put_link(device, id, t, field);
  field.scope_id = 0;
}

Group group_of(unsigned id) {
  if (id <= field::kEccUncorrectedAggregateLast) {
    return Group::kEcc;
  }
  if (id <= field::kRetiredPending || (id >= 92 && id <= 93) || (id >= 142 && id <= 145) ||
      (id >= 301 && id <= 307)) {
    return Group::kRemap;
  }
  if (id < field::kThrottlePower || (id >= 84 && id <= 91) || (id >= 96 && id <= 141) ||
      (id >= 146 && id <= 168) || (id >= 200 && id <= 225) || (id >= 235 && id <= 250) ||
      (id >= 289 && id <= 296)) {
    return Group::kNvlink;
  }
  if (id <= field::kThrottleBaseClocks || (id >= 269 && id <= 271)) {
    return Group::kThrottle;
  }
  if (id == field::kTotalEnergy || id == field::kEnergy) {
    return Group::kEnergy;
  }
  if (id == field::kMemoryTemperature || (id >= 193 && id <= 196) || id == 308) {
    return Group::kTemperature;
  }
  if (id == 94 || id == 95 || id == 169 || (id >= 173 && id <= 183) || id == 197 || id == 198) {
    return Group::kPcie;
  }
  if (id >= 185 && id <= 192) {
    return Group::kPower;
  }
  return id == field::kRecoveryAction ? Group::kRecovery : Group::kFields;
}

void put_throttle(const Device& device, Cause cause, double t, FieldValue& field) {
  put_wide(field, device.throttle.nanoseconds(cause, t));
}

void put_ecc(const Device& device, bool corrected, bool aggregate, double t, FieldValue& field) {
  if (device.value(Quantity::ecc_mode, t) == 0) {
    field.status = kNotSupported;
    return;
  }
  const Signal& now = device[corrected ? Quantity::ecc_corrected : Quantity::ecc_uncorrected];
  const Signal& before =
      device[corrected ? Quantity::ecc_corrected_before : Quantity::ecc_uncorrected_before];
  put_count(field, now, now.value(t) + (aggregate ? before.value(t) : 0));
}

/// Fields of the device as a whole but for NVLink's; false: none of them.
bool fill_device(const Device& device, double t, FieldValue& field) {
  const auto count = [&](Quantity quantity) {
    put_count(field, device[quantity], device.value(quantity, t));
  };
  const auto number = [&](Quantity quantity) { put_unsigned(field, device.value(quantity, t)); };
  switch (field.field_id) {
    case field::kEccCurrent:
    case field::kEccPending:
      number(Quantity::ecc_mode);
      return true;
    case field::kEccCorrectedVolatile:
    case field::kEccCorrectedVolatileMemory:
      put_ecc(device, true, false, t, field);
      return true;
    case field::kEccUncorrectedVolatile:
    case field::kEccUncorrectedVolatileMemory:
      put_ecc(device, false, false, t, field);
      return true;
    case field::kEccCorrectedAggregate:
    case field::kEccCorrectedAggregateMemory:
      put_ecc(device, true, true, t, field);
      return true;
    case field::kEccUncorrectedAggregate:
    case field::kEccUncorrectedAggregateMemory:
      put_ecc(device, false, true, t, field);
      return true;
    case field::kRetiredCorrected:
      count(Quantity::retired_corrected);
      return true;
    case field::kRetiredUncorrected:
      count(Quantity::retired_uncorrected);
      return true;
    case field::kRetiredPending:
      number(Quantity::retired_pending);
      return true;
    case field::kRemappedCorrectable:
      number(Quantity::remapped_correctable);
      return true;
    case field::kRemappedUncorrectable:
      number(Quantity::remapped_uncorrectable);
      return true;
    case field::kRemappedPending:
      number(Quantity::remapped_pending);
      return true;
    case field::kRemappedFailure:
      number(Quantity::remapped_failure);
      return true;
    case field::kRecoveryAction:
      number(Quantity::recovery_action);
      return true;
    case field::kMemoryTemperature:
      number(Quantity::memory_temperature);
      return true;
    case field::kGpuTemperature:
      field.value_type = kDouble;
      field.value.as_double = device.value(Quantity::temperature, t);
      return true;
    case field::kShutdownTlimit:
      put_signed(field, kShutdownTlimit);
      return true;
    case field::kSlowdownTlimit:
      put_signed(field, kSlowdownTlimit);
      return true;
    case field::kMemoryMaxTlimit:
    case field::kGpuMaxTlimit:
      put_signed(field, 0);
      return true;
    case field::kTotalEnergy:
    case field::kEnergy:
      put_count(field, device[Quantity::energy_before], device.energy_mj(t));
      return true;
    case field::kPowerAverage:
    case field::kPowerInstant:
      put_power(device, field.field_id == field::kPowerAverage, t, field);
      return true;
    case field::kPowerMinLimit:
      put_watts(field, device.value(Quantity::power_limit_min, t));
      return true;
    case field::kPowerMaxLimit:
      put_watts(field, device.value(Quantity::power_limit_max, t));
      return true;
    case field::kPowerDefaultLimit:
      put_watts(field, device.value(Quantity::power_limit_default, t));
      return true;
    case field::kPowerCurrentLimit:
    case field::kPowerRequestedLimit:
      put_watts(field, device.value(Quantity::power_limit, t));
      return true;
    case field::kPcieTxBytes:
      put_count(field, device[Quantity::pcie_tx], device[Quantity::pcie_tx].total(t));
      return true;
    case field::kPcieRxBytes:
      put_count(field, device[Quantity::pcie_rx], device[Quantity::pcie_rx].total(t));
      return true;
    case field::kPcieReplays:
      count(Quantity::pcie_replays);
      return true;
    case field::kPcieReplayRollovers:
      put_wide(field, 0);
      return true;
    case field::kPcieL0Recoveries:
      count(Quantity::pcie_l0_recoveries);
      return true;
    case field::kC2cLinkCount:
      put_unsigned(field, 0);
      return true;
    default:
      return false;
  }
}

bool fill_throttle(const Device& device, double t, FieldValue& field) {
  switch (field.field_id) {
    case field::kThrottlePower:
      put_throttle(device, Cause::kSwPower, t, field);
      return true;
    case field::kThrottleThermal:
      put_wide(field, device.throttle.thermal_nanoseconds(t));
      return true;
    case field::kThrottleSyncBoost:
      put_throttle(device, Cause::kSyncBoost, t, field);
      return true;
    case field::kThrottleBoardLimit:
      put_throttle(device, Cause::kBoardLimit, t, field);
      return true;
    case field::kThrottleLowUtilization:
      put_throttle(device, Cause::kLowUtilization, t, field);
      return true;
    case field::kThrottleReliability:
      put_throttle(device, Cause::kReliability, t, field);
      return true;
    case field::kThrottleApplicationClocks:
      put_throttle(device, Cause::kApplicationClocks, t, field);
      return true;
    case field::kThrottleBaseClocks:
      put_throttle(device, Cause::kBaseClocks, t, field);
      return true;
    case field::kThrottleSwThermal:
      put_throttle(device, Cause::kSwThermal, t, field);
      return true;
    case field::kThrottleHwThermal:
      put_throttle(device, Cause::kHwThermal, t, field);
      return true;
    case field::kThrottleHwPowerBrake:
      put_throttle(device, Cause::kHwPowerBrake, t, field);
      return true;
    default:
      return false;
  }
}

bool fill_nvlink(const Device& device, double t, FieldValue& field) {
  switch (field.field_id) {
    case field::kNvlinkCrcFlitTotal:
      put_total_of_links(device, field::kNvlinkCrc, t, field);
      return true;
    case field::kNvlinkReplayTotal:
      put_total_of_links(device, field::kNvlinkReplay, t, field);
      return true;
    case field::kNvlinkRecoveryTotal:
      put_total_of_links(device, field::kNvlinkRecovery, t, field);
      return true;
    case field::kNvlinkCrcDataTotal:
    case field::kNvlinkEccDataTotal:
      device.nvlinks > 0 ? put_wide(field, 0) : put_unsigned(field, std::nan(""));
      return true;
    case field::kNvlinkSpeedCommon:
      put_unsigned(field,
                   device.nvlinks > 0 ? device.value(Quantity::nvlink_speed, t) : std::nan(""));
      return true;
    case field::kNvlinkLinkCount:
      put_unsigned(field, device.nvlinks);
      return true;
    case field::kNvlinkDataTx:
    case field::kNvlinkRawTx:
      put_traffic(device, Quantity::nvlink_tx, kKibibyte, t, field);
      return true;
    case field::kNvlinkDataRx:
    case field::kNvlinkRawRx:
      put_traffic(device, Quantity::nvlink_rx, kKibibyte, t, field);
      return true;
    case field::kNvlinkXmitBytes:
      put_traffic(device, Quantity::nvlink_tx, 1, t, field);
      return true;
    case field::kNvlinkRcvBytes:
      put_traffic(device, Quantity::nvlink_rx, 1, t, field);
      return true;
    case field::kNvlinkReplay:
    case field::kNvlinkRecovery:
    case field::kNvlinkCrc:
    case field::kNvlinkSpeed:
    case field::kNvlinkState:
    case field::kNvlinkVersion:
    case field::kNvlinkMalformedPackets:
    case field::kNvlinkBufferOverruns:
    case field::kNvlinkRcvErrors:
    case field::kNvlinkLinkRecoverySuccessful:
    case field::kNvlinkLinkRecoveryFailed:
    case field::kNvlinkLinkRecovery:
    case field::kNvlinkEffectiveErrors:
    case field::kNvlinkEffectiveBer:
    case field::kNvlinkSymbolErrors:
    case field::kNvlinkSymbolBer:
      put_link(device, field.field_id, t, field);
      return true;
    default:
      return false;
  }
}

}  // namespace

double link_value(const Device& device, unsigned id, unsigned link, double t) {
  if (const Signal* written = device.written_field(id, link)) {
    return written->value(t);
  }
  switch (id) {
    case field::kNvlinkState:
      return device.value(Quantity::nvlink_state, t);
    case field::kNvlinkSpeed:
      return device.value(Quantity::nvlink_speed, t);
    case field::kNvlinkVersion:
      return 7;  // NVLink 4
    default:
      return 0;
  }
}

void fill_field(const Device& device, double t, FieldValue& field) {
  field.status = kSuccess;
  field.value_type = kUnsignedLongLong;
  field.value.as_wide = 0;
  if (field.field_id == 0 || field.field_id >= field::kCount) {
    field.status = kInvalidArgument;
    return;
  }
  if (!device.refusals.empty()) {
    field.status = device.field_refusal(t, group_of(field.field_id), field.field_id);
    if (field.status != kSuccess) {
      return;
    }
  }
  if (device.field_written[field.field_id]) {
    if (const Signal* written = device.written_field(field.field_id, field.scope_id)) {
      return put_count(field, *written, written->value(t));
    }
  }
  if (!fill_throttle(device, t, field) && !fill_device(device, t, field) &&
      !fill_nvlink(device, t, field)) {
    field.status = kNotSupported;
  }
}

}  // namespace fake_nvml

FAKE_NVML_FUNCTION(nvmlDeviceGetFieldValues, Device* device, int count, FieldValue* values) {
  Call call(entry_of_nvmlDeviceGetFieldValues, device, Group::kFields);
  if (call.failed()) {
    return call.code();
  }
  if (count <= 0 || values == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const double t = call.now();
  const long long timestamp = call.world().timestamp(t);
  bool any = false;
  for (int i = 0; i < count; ++i) {
    FieldValue& field = values[i];
    field.timestamp = timestamp;
    field.latency_us = 0;
    if (device->is_mig()) {
      field.status = kNotSupported;
      continue;
    }
    fill_field(*device, t, field);
    any = any || field.status == kSuccess;
  }
  // Successful as soon as one field is; each field has its own status.
  return call.gives(any ? kSuccess : values[0].status);
}
