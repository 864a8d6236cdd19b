/// The machine that a scenario describes: read-only once built, but for its clock.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "field_ids.hpp"
#include "signal.hpp"
#include "signals.hpp"
#include "throttle.hpp"

namespace fake_nvml {

struct Entry;

inline constexpr double kForever = std::numeric_limits<double>::infinity();

/// An error that calls about a device give, for a group, a function or a field.
struct Refusal {
  double start = 0;
  double end = kForever;
  int code = 0;
  Group group = Group::kCount;
  const Entry* function = nullptr;
  int field = -1;
};

struct Event {
  double at;
  std::uint64_t type;
  std::uint64_t data;
  unsigned gpu_instance = 0xffffffffU;
};

enum class ProcessType : std::uint8_t { kCompute, kGraphics, kMps };

struct Process {
  unsigned pid = 0;  // 0: whoever asks
  ProcessType type = ProcessType::kCompute;
  std::string name;
  double memory = 0;
  double sm = 0;
  double memory_utilization = 0;
  double start = 0;
  double end = kForever;
};

inline constexpr unsigned kSumOfLinks = 0xffffffffU;

struct Device {
  unsigned index = 0;        // as the scenario counts; not what callers see once a device is gone
  Device* parent = nullptr;  // of a MIG instance
  unsigned instance = 0;     // of a MIG instance
  std::vector<Device*> instances;
  std::string uuid;
  std::string name;
  std::string serial;
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned slot = 0;
  int numa = 0;
  unsigned first_cpu = 0;
  unsigned last_cpu = 0;
  unsigned nvlinks = 0;
  unsigned fans = 0;
  bool gpm = true;

  std::array<Signal, kQuantities> signals;
  Throttle throttle;
  std::vector<Refusal> refusals;
  std::vector<Window> lost;
  double gone_at = kForever;
  std::vector<Event> events;
  std::vector<Process> processes;
  std::unordered_map<std::uint64_t, Signal> fields;  // by id and scope
  std::array<bool, field::kCount> field_written{};   // whether `fields` has the id at all
  std::unordered_map<unsigned, Signal> gpm_metrics;

  const Signal& operator[](Quantity quantity) const {
    return signals[static_cast<std::size_t>(quantity)];
  }
  Signal& operator[](Quantity quantity) { return signals[static_cast<std::size_t>(quantity)]; }

  static std::uint64_t key(unsigned id, unsigned scope) {
    return static_cast<std::uint64_t>(id) << 32 | scope;
  }
  const Signal* written_field(unsigned id, unsigned scope) const;
  /// 0, or the code that the calls of a group, by a function, give now.
  int refusal(double t, Group group, const Entry* function) const;
  int field_refusal(double t, Group group, unsigned id) const;
  bool is_lost(double t) const;
  bool is_mig() const { return parent != nullptr; }
  double value(Quantity quantity, double t) const { return (*this)[quantity].value(t); }
  /// A clock with what throttling leaves of it.
  double clock(Quantity quantity, double t) const;
  /// Millijoules since the driver was loaded.
  double energy_mj(double t) const;
  double average_power(double t) const;
};

struct World {
  std::string driver = "580.65.06";
  std::string nvml;  // empty: of CUDA and the driver
  int cuda = 13000;
  int architecture = 9;  // Hopper
  int capability_major = 9;
  int capability_minor = 0;
  int init_error = 0;
  bool manual = false;
  bool serialized = false;
  double gpm_interval = 0.1;
  double sample_period = 0.02;
  unsigned sample_count = 120;
  std::uint64_t seed = 1;
  double epoch = -1;  // seconds since 1970 of t = 0
  std::string log;
  // Fixed in number: callers hold pointers to them. Instances follow the whole GPUs.
  std::vector<Device> devices;
  unsigned gpus = 1;

  std::int64_t start_ns = 0;  // of the monotonic clock
  std::atomic<std::int64_t> moved_ns{0};

  /// Seconds since the scenario was loaded.
  double now() const;
  /// Microseconds of the CPU's clock.
  long long timestamp(double t) const;
  bool owns(const Device* device) const;
};

std::int64_t monotonic_ns();

}  // namespace fake_nvml
