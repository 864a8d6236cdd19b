// Memory errors and what was repaired.

#include <cmath>

#include "call.hpp"

using namespace fake_nvml;

namespace {

constexpr int kDeviceMemory = 2;
constexpr int kLocations = 8;

/// The count of one kind; all of it is of the device's memory.
int count_errors(Call& call, const Device& device, int kind, int counter,
                 unsigned long long* count) {
  if (count == nullptr || kind < 0 || kind > 1 || counter < 0 || counter > 1) {
    return call.gives(kInvalidArgument);
  }
  const double t = call.now();
  if (device.is_mig() || device.value(Quantity::ecc_mode, t) == 0) {
    return call.gives(kNotSupported);
  }
  const Signal& since = device[kind == 0 ? Quantity::ecc_corrected : Quantity::ecc_uncorrected];
  const Signal& before =
      device[kind == 0 ? Quantity::ecc_corrected_before : Quantity::ecc_uncorrected_before];
  const double all = since.value(t) + (counter == 1 ? before.value(t) : 0);
  if (std::isnan(all)) {
    return call.gives(kNotSupported);
  }
  *count = since.counted(all);
  return kSuccess;
}

unsigned whole(const Device& device, Quantity quantity, double t) {
  return rounded(device.value(quantity, t));
}

int fill_retired(Call& call, const Device& device, int cause, unsigned* count,
                 unsigned long long* addresses, unsigned long long* timestamps) {
  if (count == nullptr || cause < 0 || cause > 1) {
    return call.gives(kInvalidArgument);
  }
  const double value = device.value(
      cause == 0 ? Quantity::retired_corrected : Quantity::retired_uncorrected, call.now());
  if (std::isnan(value) || device.is_mig()) {
    return call.gives(kNotSupported);
  }
  const unsigned room = *count;
  *count = rounded(value);
  if (room < *count || (addresses == nullptr && *count > 0)) {
    return call.gives(kInsufficientSize);
  }
  for (unsigned i = 0; i < *count; ++i) {
    addresses[i] = 0x100000ULL * (i + 1);
    if (timestamps != nullptr) {
      timestamps[i] = static_cast<unsigned long long>(call.world().timestamp(0)) / 1000000;
    }
  }
  return kSuccess;
}

}  // namespace

FAKE_NVML_FUNCTION(nvmlDeviceGetEccMode, Device* device, int* current, int* pending) {
  Call call(entry_of_nvmlDeviceGetEccMode, device, Group::kEcc);
  if (call.failed()) {
    return call.code();
  }
  if (current == nullptr || pending == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const double mode = device->value(Quantity::ecc_mode, call.now());
  if (std::isnan(mode)) {
    return call.gives(kNotSupported);
  }
  *current = *pending = static_cast<int>(rounded(mode));
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetTotalEccErrors, Device* device, int kind, int counter,
                   unsigned long long* count) {
  Call call(entry_of_nvmlDeviceGetTotalEccErrors, device, Group::kEcc);
  return call.failed() ? call.code() : count_errors(call, *device, kind, counter, count);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetMemoryErrorCounter, Device* device, int kind, int counter,
                   int location, unsigned long long* count) {
  Call call(entry_of_nvmlDeviceGetMemoryErrorCounter, device, Group::kEcc);
  if (call.failed()) {
    return call.code();
  }
  if (location < 0 || location >= kLocations) {
    return call.gives(kInvalidArgument);
  }
  const int code = count_errors(call, *device, kind, counter, count);
  if (code == kSuccess && location != kDeviceMemory) {
    *count = 0;
  }
  return code;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetDetailedEccErrors, Device* device, int kind, int counter,
                   EccErrorCounts* counts) {
  Call call(entry_of_nvmlDeviceGetDetailedEccErrors, device, Group::kEcc);
  if (call.failed()) {
    return call.code();
  }
  if (counts == nullptr) {
    return call.gives(kInvalidArgument);
  }
  *counts = {};
  return count_errors(call, *device, kind, counter, &counts->device_memory);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetSramEccErrorStatus, Device* device, SramEccErrorStatus* status) {
  Call call(entry_of_nvmlDeviceGetSramEccErrorStatus, device, Group::kEcc);
  if (call.failed()) {
    return call.code();
  }
  if (status == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const unsigned version = status->version;
  if (version != version_of<SramEccErrorStatus>(1)) {
    return call.gives(kArgumentVersionMismatch);
  }
  *status = {};
  status->version = version;
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetRemappedRows, Device* device, unsigned* corrected,
                   unsigned* uncorrected, unsigned* pending, unsigned* failed) {
  Call call(entry_of_nvmlDeviceGetRemappedRows, device, Group::kRemap);
  if (call.failed()) {
    return call.code();
  }
  if (corrected == nullptr || uncorrected == nullptr || pending == nullptr || failed == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const double t = call.now();
  if (std::isnan(device->value(Quantity::remapped_correctable, t)) || device->is_mig()) {
    return call.gives(kNotSupported);
  }
  *corrected = whole(*device, Quantity::remapped_correctable, t);
  *uncorrected = whole(*device, Quantity::remapped_uncorrectable, t);
  *pending = whole(*device, Quantity::remapped_pending, t);
  *failed = whole(*device, Quantity::remapped_failure, t);
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetRemappedRows_v2, Device* device, RemappedRows* rows) {
  Call call(entry_of_nvmlDeviceGetRemappedRows_v2, device, Group::kRemap);
  if (call.failed()) {
    return call.code();
  }
  if (rows == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const double t = call.now();
  if (std::isnan(device->value(Quantity::remapped_correctable, t)) || device->is_mig()) {
    return call.gives(kNotSupported);
  }
  *rows = {whole(*device, Quantity::remapped_correctable, t),
           0,
           whole(*device, Quantity::remapped_uncorrectable, t),
           0,
           whole(*device, Quantity::remapped_pending, t),
           whole(*device, Quantity::remapped_failure, t)};
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetRowRemapperHistogram, Device* device,
                   RowRemapperHistogram* histogram) {
  Call call(entry_of_nvmlDeviceGetRowRemapperHistogram, device, Group::kRemap);
  if (call.failed()) {
    return call.code();
  }
  if (histogram == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const double t = call.now();
  if (std::isnan(device->value(Quantity::remapped_correctable, t)) || device->is_mig()) {
    return call.gives(kNotSupported);
  }
  // Banks of an H100's memory; each row in use is of a bank of its own.
  constexpr unsigned kBanks = 2560;
  const unsigned used = whole(*device, Quantity::remapped_correctable, t) +
                        whole(*device, Quantity::remapped_uncorrectable, t);
  *histogram = {kBanks - (used < kBanks ? used : kBanks), used, 0, 0, 0};
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetRetiredPages, Device* device, int cause, unsigned* count,
                   unsigned long long* addresses) {
  Call call(entry_of_nvmlDeviceGetRetiredPages, device, Group::kRemap);
  return call.failed() ? call.code()
                       : fill_retired(call, *device, cause, count, addresses, nullptr);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetRetiredPages_v2, Device* device, int cause, unsigned* count,
                   unsigned long long* addresses, unsigned long long* timestamps) {
  Call call(entry_of_nvmlDeviceGetRetiredPages_v2, device, Group::kRemap);
  return call.failed() ? call.code()
                       : fill_retired(call, *device, cause, count, addresses, timestamps);
}

FAKE_NVML_FUNCTION(nvmlDeviceGetRetiredPagesPendingStatus, Device* device, int* pending) {
  Call call(entry_of_nvmlDeviceGetRetiredPagesPendingStatus, device, Group::kRemap);
  if (call.failed()) {
    return call.code();
  }
  if (pending == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const double value = device->value(Quantity::retired_pending, call.now());
  if (std::isnan(value) || device->is_mig()) {
    return call.gives(kNotSupported);
  }
  *pending = static_cast<int>(rounded(value));
  return kSuccess;
}
