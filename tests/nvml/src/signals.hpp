/// The quantities that a device has, by the names scenarios call them.

#pragma once

#include <cstdint>
#include <string_view>

namespace fake_nvml {

/// What may be refused together: `permission GROUP`, `unsupported GROUP`, `error GROUP CODE`.
enum class Group : std::uint8_t {
  kIdentity,
  kMemory,
  kUtilization,
  kPower,
  kEnergy,
  kTemperature,
  kClocks,
  kThrottle,
  kPstate,
  kFans,
  kEcc,
  kRemap,
  kPcie,
  kNvlink,
  kFabric,
  kGpm,
  kSamples,
  kProcesses,
  kEvents,
  kMig,
  kTopology,
  kRecovery,
  kFields,
  kCount,
};

enum class Kind : std::uint8_t {
  kLevel,  // what it is now
  kRate,   // per second; its total is a counter
  kCount,  // a counter itself
};

// name, kind, group, what it is unless a scenario says otherwise (absent: the device has no such
// thing)
#define FAKE_NVML_SIGNALS(X)                        \
  X(power, Level, Power, 350)                       \
  X(module_power, Level, Power, absent)             \
  X(memory_power, Level, Power, absent)             \
  X(power_limit, Level, Power, 700)                 \
  X(power_limit_min, Level, Power, 200)             \
  X(power_limit_max, Level, Power, 700)             \
  X(power_limit_default, Level, Power, 700)         \
  X(energy_before, Count, Energy, 1e6)              \
  X(temperature, Level, Temperature, 45)            \
  X(memory_temperature, Level, Temperature, 55)     \
  X(temperature_slowdown, Level, Temperature, 87)   \
  X(temperature_shutdown, Level, Temperature, 92)   \
  X(temperature_max, Level, Temperature, 85)        \
  X(temperature_memory_max, Level, Temperature, 95) \
  X(utilization, Level, Utilization, 60)            \
  X(memory_utilization, Level, Utilization, 30)     \
  X(encoder_utilization, Level, Utilization, 0)     \
  X(decoder_utilization, Level, Utilization, 0)     \
  X(jpeg_utilization, Level, Utilization, 0)        \
  X(ofa_utilization, Level, Utilization, 0)         \
  X(memory_total, Level, Memory, 85520809984)       \
  X(memory_used, Level, Memory, 21474836480)        \
  X(memory_reserved, Level, Memory, 629145600)      \
  X(bar1_total, Level, Memory, 137438953472)        \
  X(bar1_used, Level, Memory, 1073741824)           \
  X(clock_graphics, Level, Clocks, 1980)            \
  X(clock_sm, Level, Clocks, 1980)                  \
  X(clock_memory, Level, Clocks, 2619)              \
  X(clock_video, Level, Clocks, 1545)               \
  X(clock_graphics_max, Level, Clocks, 1980)        \
  X(clock_sm_max, Level, Clocks, 1980)              \
  X(clock_memory_max, Level, Clocks, 2619)          \
  X(clock_video_max, Level, Clocks, 1545)           \
  X(pstate, Level, Pstate, 0)                       \
  X(fan_speed, Level, Fans, 40)                     \
  X(fan_rpm, Level, Fans, 3000)                     \
  X(pcie_generation, Level, Pcie, 5)                \
  X(pcie_generation_max, Level, Pcie, 5)            \
  X(pcie_width, Level, Pcie, 16)                    \
  X(pcie_width_max, Level, Pcie, 16)                \
  X(pcie_tx, Rate, Pcie, 2e9)                       \
  X(pcie_rx, Rate, Pcie, 1e9)                       \
  X(pcie_replays, Count, Pcie, 0)                   \
  X(pcie_l0_recoveries, Count, Pcie, 0)             \
  X(nvlink_tx, Rate, Nvlink, 9e10)                  \
  X(nvlink_rx, Rate, Nvlink, 9e10)                  \
  X(nvlink_state, Level, Nvlink, 1)                 \
  X(nvlink_speed, Level, Nvlink, 26562)             \
  X(ecc_mode, Level, Ecc, 1)                        \
  X(ecc_corrected, Count, Ecc, 0)                   \
  X(ecc_uncorrected, Count, Ecc, 0)                 \
  X(ecc_corrected_before, Count, Ecc, 0)            \
  X(ecc_uncorrected_before, Count, Ecc, 0)          \
  X(retired_corrected, Count, Remap, absent)        \
  X(retired_uncorrected, Count, Remap, absent)      \
  X(retired_pending, Level, Remap, absent)          \
  X(remapped_correctable, Count, Remap, 0)          \
  X(remapped_uncorrectable, Count, Remap, 0)        \
  X(remapped_pending, Level, Remap, 0)              \
  X(remapped_failure, Level, Remap, 0)              \
  X(recovery_action, Level, Recovery, 0)            \
  X(fabric_state, Level, Fabric, 3)                 \
  X(fabric_status, Level, Fabric, 0)                \
  X(fabric_clique, Level, Fabric, 0)                \
  X(fabric_health, Level, Fabric, 426)              \
  X(fabric_summary, Level, Fabric, 1)               \
  X(graphics_activity, Level, Gpm, 60)              \
  X(sm_activity, Level, Gpm, 50)                    \
  X(sm_occupancy, Level, Gpm, 30)                   \
  X(integer_activity, Level, Gpm, 10)               \
  X(tensor_activity, Level, Gpm, 40)                \
  X(dfma_activity, Level, Gpm, 0)                   \
  X(hmma_activity, Level, Gpm, 40)                  \
  X(dmma_activity, Level, Gpm, 0)                   \
  X(imma_activity, Level, Gpm, 0)                   \
  X(dram_activity, Level, Gpm, 35)                  \
  X(fp64_activity, Level, Gpm, 0)                   \
  X(fp32_activity, Level, Gpm, 15)                  \
  X(fp16_activity, Level, Gpm, 10)

enum class Quantity : std::uint8_t {
#define FAKE_NVML_QUANTITY(name, kind, group, base) name,
  FAKE_NVML_SIGNALS(FAKE_NVML_QUANTITY)
#undef FAKE_NVML_QUANTITY
      count
};

inline constexpr std::size_t kQuantities = static_cast<std::size_t>(Quantity::count);

struct SignalSpec {
  std::string_view name;
  Kind kind;
  Group group;
  double base;
};

const SignalSpec& spec(Quantity quantity);
/// Quantity::count where no signal has this name.
Quantity find_signal(std::string_view name);
/// Group::kCount where no group has this name.
Group find_group(std::string_view name);

}  // namespace fake_nvml
