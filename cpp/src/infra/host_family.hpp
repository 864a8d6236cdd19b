#pragma once

/// The families of readings of a host; each has a file of its own.

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <inlay/infra/host.hpp>
#include <inlay/infra/intervals.hpp>
#include <inlay/infra/readings.hpp>
#include "infra/held_file.hpp"
#include "infra/host_scan.hpp"

namespace inlay::infra::detail {

/// What a tick works with. `buffer` is for texts; nobody keeps a view of it. A plain value.
struct HostTick {
  Readings::Writer& writer;
  IntervalLog& intervals;
  char* buffer;
  std::size_t buffer_size;
  std::int64_t time_us;     ///< now, Unix time
  std::int64_t since_us;    ///< the tick of this family before, 0 for the first
  std::int64_t elapsed_us;  ///< the time between, of the steady clock; 0 for the first
};

/// What belongs together: one kind of device or one controller. Thread-safety: none.
class HostFamily {
 public:
  virtual ~HostFamily() = default;
  /// Looks for what there is, at first and every now and then; may allocate.
  virtual void scan(HostScan& scan) = 0;
  /// Reads it all; allocates nothing.
  virtual void tick(HostTick& tick) noexcept = 0;
};

/// A file of one number and its series.
struct NumberFile {
  HeldFile file;
  std::uint32_t id = 0;
  bool lost = false;        ///< the reading before failed
  std::uint64_t limit = 0;  ///< where a counter stands still, unless it is seen beyond; 0: nowhere

  /// Reads a counter; returns its raw difference.
  std::uint64_t counter(HostTick& tick) noexcept;
  /// Reads a gauge of numbers that may be negative.
  void gauge(HostTick& tick) noexcept;
};

/// Writes a counter of something that may have been lost: then its total is a new base.
std::uint64_t write_counter(HostTick& tick, std::uint32_t id, std::uint64_t total,
                            bool& lost) noexcept;

std::unique_ptr<HostFamily> make_cpu();
std::unique_ptr<HostFamily> make_memory();
std::unique_ptr<HostFamily> make_pressure(const HostOptions& options);
std::unique_ptr<HostFamily> make_cgroup();
std::unique_ptr<HostFamily> make_numa();
std::unique_ptr<HostFamily> make_disks();
std::unique_ptr<HostFamily> make_network();
std::unique_ptr<HostFamily> make_ethtool();
std::unique_ptr<HostFamily> make_infiniband(const HostOptions& options);
std::unique_ptr<HostFamily> make_sensors();
std::unique_ptr<HostFamily> make_thermal_throttle();
std::unique_ptr<HostFamily> make_rapl();
std::unique_ptr<HostFamily> make_resctrl();
std::unique_ptr<HostFamily> make_clock();

}  // namespace inlay::infra::detail
