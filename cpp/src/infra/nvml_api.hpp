#pragma once

// What we know of NVML's binary interface (x86-64 and aarch64 Linux): our own declarations, since
// the library is found at run time and never linked. tests/nvml compares sizes and numbers with the
// vendor's header.

#include <cstdint>

namespace inlay::infra::nvml {

using Return = std::int32_t;
using Device = void*;
using EventSet = void*;
using GpmSample = void*;

// Return codes that are told apart.
constexpr Return kSuccess = 0, kNotSupported = 3, kNoPermission = 4, kAlreadyInitialized = 5,
                 kNotFound = 6, kInsufficientSize = 7, kDriverNotLoaded = 9, kTimeout = 10,
                 kLibraryNotFound = 12, kFunctionNotFound = 13, kGpuIsLost = 15,
                 kResetRequired = 16, kNoData = 21, kVersionMismatch = 25, kDeprecated = 26,
                 kNotReady = 27, kGpuNotFound = 28;

/// The version word of a struct.
template <class Struct>
constexpr std::uint32_t version_word(std::uint32_t version) {
  return static_cast<std::uint32_t>(sizeof(Struct)) | version << 24;
}

union Value {
  double real;
  std::uint32_t word;
  std::uint64_t wide;
  std::int64_t signed_wide;
  std::int32_t signed_word;
  std::uint16_t half;
};

// How a Value is to be read.
enum ValueType : std::uint32_t {
  kDouble = 0,
  kUnsigned = 1,
  kUnsignedLong = 2,
  kUnsignedLongLong = 3,
  kSignedLongLong = 4,
  kSigned = 5,
  kUnsignedShort = 6,
};

struct FieldValue {
  std::uint32_t field;
  std::uint32_t scope;
  std::int64_t timestamp_us;
  std::int64_t latency_us;
  std::uint32_t value_type;
  Return result;
  Value value;
};
static_assert(sizeof(FieldValue) == 40);

struct Sample {
  std::uint64_t timestamp_us;
  Value value;
};
static_assert(sizeof(Sample) == 16);

struct PciInfo {
  char legacy_bus_id[16];
  std::uint32_t domain, bus, device, device_id, subsystem_id;
  char bus_id[32];
};
static_assert(sizeof(PciInfo) == 68);

struct Memory {
  std::uint64_t total, free, used;
};

struct Memory2 {
  std::uint32_t version;
  std::uint64_t total, reserved, free, used;
};
static_assert(version_word<Memory2>(2) == 0x02000028);

struct Temperature {
  std::uint32_t version;
  std::uint32_t sensor;
  std::int32_t celsius;
};
static_assert(version_word<Temperature>(1) == 0x0100000c);

struct Margin {
  std::uint32_t version;
  std::int32_t celsius;
};
static_assert(version_word<Margin>(1) == 0x01000008);

struct Utilization {
  std::uint32_t gpu, memory;
};

struct Process {
  std::uint32_t pid;
  std::uint64_t used_memory;
  std::uint32_t gpu_instance, compute_instance;
};
static_assert(sizeof(Process) == 24);

struct ProcessSample {
  std::uint32_t pid;
  std::uint64_t timestamp_us;
  std::uint32_t sm, memory, encoder, decoder;
};
static_assert(sizeof(ProcessSample) == 32);

struct EventData {
  Device device;
  std::uint64_t type, data;
  std::uint32_t gpu_instance, compute_instance;
};
static_assert(sizeof(EventData) == 32);

struct FabricInfo2 {
  std::uint32_t version;
  unsigned char cluster[16];
  Return status;
  std::uint32_t clique, state, health_mask;
};
static_assert(version_word<FabricInfo2>(2) == 0x02000024);

struct FabricInfo3 {
  std::uint32_t version;
  unsigned char cluster[16];
  Return status;
  std::uint32_t clique, state, health_mask;
  unsigned char health_summary;
};
static_assert(version_word<FabricInfo3>(3) == 0x03000028);

struct GpmMetric {
  std::uint32_t id;
  Return result;
  double value;
  const char *short_name, *long_name, *unit;
};
static_assert(sizeof(GpmMetric) == 40);

/// The longest array of any header so far; the library reads `num_metrics` of them.
constexpr std::uint32_t kMostGpmMetrics = 477;

struct GpmMetrics {
  std::uint32_t version, num_metrics;
  GpmSample first, second;
  GpmMetric metrics[kMostGpmMetrics];
};

struct GpmSupport {
  std::uint32_t version, supported;
};

// Events.
constexpr std::uint64_t kEventSingleBitEcc = 0x1, kEventDoubleBitEcc = 0x2, kEventXid = 0x8,
                        kEventPoison = 0x1000, kEventFatalPoison = 0x2000,
                        kEventUnavailable = 0x4000, kEventRecovery = 0x8000;
constexpr std::uint32_t kNoInstance = 0xffffffff;

// Kinds of buffered samples.
constexpr std::uint32_t kSamplesPower = 0, kSamplesGpu = 1, kSamplesMemory = 2;

constexpr std::uint32_t kAllLinks = 0xffffffff;
constexpr std::uint32_t kMostLinks = 36;
constexpr std::uint32_t kSensorGpu = 0;
constexpr std::uint32_t kUnknownPState = 32;
constexpr std::uint32_t kFieldLinkCount = 91, kFieldRecoveryAction = 230;

// Starting where there may be no device.
constexpr std::uint32_t kInitNoGpus = 1;

}  // namespace inlay::infra::nvml
