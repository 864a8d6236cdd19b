#pragma once

// Which fields of NVML become which series. Numbers and units are facts of the driver's interface.

#include <cstdint>

#include "infra/nvml_api.hpp"
#include "inlay/infra/readings.hpp"

namespace inlay::infra {

enum class Tier : std::uint8_t { kFast, kMedium, kSlow };

/// A series read by a field value; one of two fields, whichever the driver knows. A plain value.
struct FieldSpec {
  Tier tier;
  std::uint32_t field, alternative;  ///< 0: none
  const char* metric;
  const char* unit;
  ReadingKind kind;
  double factor;
  const char* key;  ///< of its attribute; null: none
  const char* value;
  std::uint32_t scope = 0;
};

constexpr ReadingKind kCounter = ReadingKind::kCounter, kGauge = ReadingKind::kGauge;

constexpr const char* kThrottle = "gpu.throttle";

// Nanoseconds in which something held clocks down, by cause; power; energy; bytes.
constexpr FieldSpec kFields[] = {
    {Tier::kFast, 74, 0, kThrottle, "s", kCounter, 1e-9, "cause", "sw_power_cap"},
    {Tier::kFast, 75, 0, kThrottle, "s", kCounter, 1e-9, "cause", "thermal"},
    {Tier::kFast, 76, 0, kThrottle, "s", kCounter, 1e-9, "cause", "sync_boost"},
    {Tier::kFast, 77, 0, kThrottle, "s", kCounter, 1e-9, "cause", "board_limit"},
    {Tier::kFast, 78, 0, kThrottle, "s", kCounter, 1e-9, "cause", "low_utilization"},
    {Tier::kFast, 79, 0, kThrottle, "s", kCounter, 1e-9, "cause", "reliability"},
    {Tier::kFast, 269, 0, kThrottle, "s", kCounter, 1e-9, "cause", "sw_thermal"},
    {Tier::kFast, 270, 0, kThrottle, "s", kCounter, 1e-9, "cause", "hw_thermal"},
    {Tier::kFast, 271, 0, kThrottle, "s", kCounter, 1e-9, "cause", "hw_power_brake"},
    {Tier::kFast, 186, 185, "gpu.power", "W", kGauge, 1e-3, nullptr, nullptr},
    {Tier::kFast, 83, 191, "gpu.energy", "J", kCounter, 1e-3, nullptr, nullptr},
    {Tier::kFast, 197, 0, "gpu.pcie.io", "By", kCounter, 1, "direction", "transmit"},
    {Tier::kFast, 198, 0, "gpu.pcie.io", "By", kCounter, 1, "direction", "receive"},
    {Tier::kFast, 94, 0, "gpu.pcie.replays", "{replay}", kCounter, 1, nullptr, nullptr},
    {Tier::kFast, 138, 0, "gpu.nvlink.io", "By", kCounter, 1024, "direction", "transmit",
     nvml::kAllLinks},
    {Tier::kFast, 139, 0, "gpu.nvlink.io", "By", kCounter, 1024, "direction", "receive",
     nvml::kAllLinks},
    {Tier::kMedium, 82, 0, "gpu.temperature", "Cel", kGauge, 1, "sensor", "memory"},
    {Tier::kMedium, 190, 192, "gpu.power.limit", "W", kGauge, 1e-3, nullptr, nullptr},
    {Tier::kMedium, nvml::kFieldRecoveryAction, 0, "gpu.recovery_action", "1", kGauge, 1, nullptr,
     nullptr},
    {Tier::kSlow, 142, 0, "gpu.rows.remapped", "{row}", kGauge, 1, "cause", "corrected"},
    {Tier::kSlow, 143, 0, "gpu.rows.remapped", "{row}", kGauge, 1, "cause", "uncorrected"},
    {Tier::kSlow, 144, 0, "gpu.rows.remapped", "{row}", kGauge, 1, "cause", "pending"},
    {Tier::kSlow, 145, 0, "gpu.rows.remapped", "{row}", kGauge, 1, "cause", "failure"},
    {Tier::kSlow, 29, 0, "gpu.pages.retired", "{page}", kGauge, 1, "cause", "corrected"},
    {Tier::kSlow, 30, 0, "gpu.pages.retired", "{page}", kGauge, 1, "cause", "uncorrected"},
    {Tier::kSlow, 31, 0, "gpu.pages.retired", "{page}", kGauge, 1, "cause", "pending"},
};

/// Errors of memory since the driver was loaded.
struct EccSpec {
  std::uint32_t field;
  const char *type, *location;
};
constexpr EccSpec kEccFields[] = {
    {3, "corrected", "total"},       {4, "uncorrected", "total"},  {7, "corrected", "l1"},
    {8, "uncorrected", "l1"},        {9, "corrected", "l2"},       {10, "uncorrected", "l2"},
    {11, "corrected", "dram"},       {12, "uncorrected", "dram"},  {13, "corrected", "register"},
    {14, "uncorrected", "register"}, {15, "corrected", "texture"}, {16, "uncorrected", "texture"},
    {17, "uncorrected", "cbu"},
};

/// Errors of one link.
struct LinkSpec {
  std::uint32_t field;
  const char* kind;
};
constexpr LinkSpec kLinkErrors[] = {
    {161, "replay"},        {162, "recovery"},
    {163, "crc"},           {208, "receive"},
    {206, "malformed"},     {207, "overrun"},
    {211, "integrity"},     {212, "discard"},
    {215, "link_recovery"}, {214, "link_recovery_failed"},
    {219, "effective"},     {221, "symbol"},
};
constexpr std::uint32_t kLinkState = 165;

/// How busy parts of the GPU were, by GPM: shares in percent, rates in MiB/s.
struct GpmSpec {
  std::uint32_t id;
  const char* metric;
};
constexpr GpmSpec kGpmShares[] = {
    {2, "gpu.sm.activity"},    {3, "gpu.sm.occupancy"},   {5, "gpu.tensor.activity"},
    {10, "gpu.dram.activity"}, {13, "gpu.fp16.activity"}, {12, "gpu.fp32.activity"},
    {11, "gpu.fp64.activity"}, {4, "gpu.int.activity"},
};

/// Bytes for GPUs that have no counters of them.
struct GpmRateSpec {
  std::uint32_t id;
  const char *metric, *direction;
};
constexpr GpmRateSpec kGpmRates[] = {
    {20, "gpu.pcie.io", "transmit"},
    {21, "gpu.pcie.io", "receive"},
    {61, "gpu.nvlink.io", "transmit"},
    {60, "gpu.nvlink.io", "receive"},
};

struct ClockSpec {
  std::uint32_t domain;
  const char* name;
};
constexpr ClockSpec kClocks[] = {{0, "graphics"}, {1, "sm"}, {2, "memory"}, {3, "video"}};

/// What the driver advises for a GPU.
constexpr const char* kRecoveryActions[] = {"none",
                                            "reset the GPU",
                                            "reboot the node",
                                            "drain its peers",
                                            "drain and reset",
                                            "recover the IMEX domain",
                                            "reset the bus",
                                            "reboot the system"};

}  // namespace inlay::infra
