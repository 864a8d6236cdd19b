/// Windows in which a device's clocks are held down, by cause.

#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace fake_nvml {

enum class Cause : std::uint8_t {
  kIdle,
  kApplicationClocks,
  kSwPower,
  kHwSlowdown,
  kSyncBoost,
  kSwThermal,
  kHwThermal,
  kHwPowerBrake,
  kDisplay,
  kBoardLimit,
  kReliability,
  kLowUtilization,
  kBaseClocks,
  kCount,
};

/// Cause::kCount where no cause has this name.
Cause find_cause(std::string_view name);
/// The bits of the event reasons that go up with the cause.
std::uint64_t reasons(Cause cause);

struct Window {
  double start;
  double end;
  double before = 0;  // seconds of the windows earlier than this one

  bool holds(double t) const { return t >= start && t < end; }
};

/// Windows in order, without overlaps once `build` has joined them. Read-only afterwards.
class Windows {
 public:
  void add(double start, double end) { windows_.push_back({start, end}); }
  void build();
  bool empty() const { return windows_.empty(); }
  bool holds(double t) const;
  /// Seconds in windows until `t`.
  double seconds(double t) const;

 private:
  const Window* last_started(double t) const;

  std::vector<Window> windows_;
};

struct Slowdown {
  double start;
  double end;
  double clock;  // MHz; 0: by the factor
  double factor;
};

/// All causes of one device.
class Throttle {
 public:
  void add(Cause cause, double start, double end, double clock);
  void build();

  std::uint64_t mask(double t) const;
  std::uint64_t nanoseconds(Cause cause, double t) const;
  /// Of software and hardware together.
  std::uint64_t thermal_nanoseconds(double t) const;
  /// What is left of a clock.
  double clock(double base, double t) const;

 private:
  std::array<Windows, static_cast<std::size_t>(Cause::kCount)> causes_;
  Windows thermal_;
  std::vector<Slowdown> slowdowns_;
  double longest_ = 0;
  bool any_ = false;
};

}  // namespace fake_nvml
