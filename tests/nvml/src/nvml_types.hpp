/// What NVML's callers hand over and get back, x86-64 and aarch64: own declarations of its layouts.
/// tests/nvml/layout_check.cpp compares every size, offset and number here with the vendor's
/// header.

#pragma once

#include <cstdint>

namespace fake_nvml {

enum Return : int {
  kSuccess = 0,
  kUninitialized = 1,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNoPermission = 4,
  kNotFound = 6,
  kInsufficientSize = 7,
  kDriverNotLoaded = 9,
  kTimeout = 10,
  kFunctionNotFound = 13,
  kGpuIsLost = 15,
  kResetRequired = 16,
  kLibraryVersionMismatch = 18,
  kMemory = 20,
  kNoData = 21,
  kArgumentVersionMismatch = 25,
  kUnknown = 999,
};

enum ValueType : int {
  kDouble = 0,
  kUnsigned = 1,
  kUnsignedLongLong = 3,
  kSigned = 5,
};

union Value {
  double as_double;
  int as_signed;
  unsigned as_unsigned;
  unsigned long long as_wide;
};

struct FieldValue {
  unsigned field_id;
  unsigned scope_id;
  long long timestamp;  // microseconds of the CPU's clock
  long long latency_us;
  int value_type;
  int status;
  Value value;
};

struct Sample {
  unsigned long long timestamp;
  Value value;
};

struct PciInfo {
  char bus_id_legacy[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned pci_device_id;
  unsigned pci_subsystem_id;
  char bus_id[32];
};

struct PciInfoExt {
  unsigned version;
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned pci_device_id;
  unsigned pci_subsystem_id;
  unsigned base_class;
  unsigned sub_class;
  char bus_id[32];
};

struct Utilization {
  unsigned gpu;
  unsigned memory;
};

struct MemoryInfo {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct MemoryInfoV2 {
  unsigned version;
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long free;
  unsigned long long used;
};

struct Bar1Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct Temperature {
  unsigned version;
  int sensor;
  int celsius;
};

struct MarginTemperature {
  unsigned version;
  int celsius;
};

struct FanSpeedInfo {
  unsigned version;
  unsigned fan;
  unsigned rpm;
};

struct ViolationTime {
  unsigned long long reference_us;
  unsigned long long violation_ns;
};

struct EccErrorCounts {
  unsigned long long l1;
  unsigned long long l2;
  unsigned long long device_memory;
  unsigned long long register_file;
};

struct RowRemapperHistogram {
  unsigned max;
  unsigned high;
  unsigned partial;
  unsigned low;
  unsigned none;
};

struct RemappedRows {
  unsigned corrected;
  unsigned corrected_inactive;
  unsigned uncorrected;
  unsigned uncorrected_inactive;
  unsigned pending;
  unsigned failed;
};

struct SramEccErrorStatus {
  unsigned version;
  unsigned long long counts[11];
  unsigned threshold_exceeded;
};

struct ProcessInfoV1 {
  unsigned pid;
  unsigned long long memory;
};

struct ProcessInfo {
  unsigned pid;
  unsigned long long memory;
  unsigned gpu_instance;
  unsigned compute_instance;
};

struct ProcessDetail {
  unsigned pid;
  unsigned long long memory;
  unsigned gpu_instance;
  unsigned compute_instance;
  unsigned long long protected_memory;
};

struct ProcessDetailList {
  unsigned version;
  unsigned mode;
  unsigned count;
  ProcessDetail* processes;
};

struct ProcessUtilization {
  unsigned pid;
  unsigned long long timestamp;
  unsigned sm;
  unsigned memory;
  unsigned encoder;
  unsigned decoder;
};

struct ProcessUtilizationInfo {
  unsigned long long timestamp;
  unsigned pid;
  unsigned sm;
  unsigned memory;
  unsigned encoder;
  unsigned decoder;
  unsigned jpeg;
  unsigned ofa;
};

struct ProcessesUtilization {
  unsigned version;
  unsigned count;
  unsigned long long last_seen;
  ProcessUtilizationInfo* processes;
};

struct DeviceAttributes {
  unsigned multiprocessors;
  unsigned copy_engines;
  unsigned decoders;
  unsigned encoders;
  unsigned jpeg_engines;
  unsigned ofa_engines;
  unsigned gpu_slices;
  unsigned compute_slices;
  unsigned long long memory_mib;
};

struct EventData {
  struct Device* device;
  unsigned long long type;
  unsigned long long data;
  unsigned gpu_instance;
  unsigned compute_instance;
};

struct FabricInfo {
  unsigned char cluster_uuid[16];
  int status;
  unsigned clique_id;
  unsigned char state;
};

struct FabricInfoV2 {
  unsigned version;
  unsigned char cluster_uuid[16];
  int status;
  unsigned clique_id;
  unsigned char state;
  unsigned health_mask;
};

struct FabricInfoV3 {
  unsigned version;
  unsigned char cluster_uuid[16];
  int status;
  unsigned clique_id;
  unsigned char state;
  unsigned health_mask;
  unsigned char health_summary;
};

struct GpmMetric {
  unsigned id;
  int status;
  double value;
  const char* short_name;
  const char* long_name;
  const char* unit;
};

/// The array behind has as many entries as the caller's header knew metrics: only `count` are sure.
struct GpmMetricsGet {
  unsigned version;
  unsigned count;
  struct GpmSample* sample1;
  struct GpmSample* sample2;
  GpmMetric metrics[1];
};

struct GpmSupport {
  unsigned version;
  unsigned supported;
};

template <typename Struct>
constexpr unsigned version_of(unsigned version) {
  return static_cast<unsigned>(sizeof(Struct)) | version << 24U;
}

}  // namespace fake_nvml
