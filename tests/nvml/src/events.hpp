/// The kinds of events that the driver tells of.

#pragma once

#include <cstdint>
#include <string_view>

namespace fake_nvml {

namespace event {
inline constexpr std::uint64_t kSingleBitEcc = 0x1;
inline constexpr std::uint64_t kDoubleBitEcc = 0x2;
inline constexpr std::uint64_t kPstate = 0x4;
inline constexpr std::uint64_t kXid = 0x8;
inline constexpr std::uint64_t kClock = 0x10;
inline constexpr std::uint64_t kPowerSource = 0x80;
inline constexpr std::uint64_t kMigChange = 0x100;
inline constexpr std::uint64_t kSingleBitEccStorm = 0x200;
inline constexpr std::uint64_t kDramRetirement = 0x400;
inline constexpr std::uint64_t kDramRetirementFailure = 0x800;
inline constexpr std::uint64_t kNonFatalPoison = 0x1000;
inline constexpr std::uint64_t kFatalPoison = 0x2000;
inline constexpr std::uint64_t kGpuUnavailable = 0x4000;
inline constexpr std::uint64_t kRecoveryAction = 0x8000;
inline constexpr std::uint64_t kAll = 0xff9f;
}  // namespace event

/// 0 where no kind of event has this name.
std::uint64_t find_event(std::string_view name);

}  // namespace fake_nvml
