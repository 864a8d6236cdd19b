#pragma once

/// What the kernel tells of the machine under a process.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inlay/export.hpp"
#include "inlay/infra/intervals.hpp"
#include "inlay/infra/readings.hpp"

namespace inlay::infra {

/// What a Host reads, and from what on something is an interval. A plain value.
struct HostOptions {
  std::string root = "/";             ///< procfs and sysfs are below it
  std::vector<std::string> families;  ///< of Host::family_names(); none: all
  double pressure = 0.25;      ///< share of a tick in which some tasks stall: `host.pressure`
  double congestion = 0.1;     ///< share of words that an InfiniBand port waits: `ib.congestion`
  std::size_t held_files = 0;  ///< files to hold open at most; 0: a quarter of the process's limit
};

/// What a family cost since it was made. A plain value.
struct HostFamilyStats {
  std::string name;
  bool slow = false;  ///< read by tick_slow()
  bool enabled = true;
  std::uint64_t ticks = 0;
  std::int64_t total_ns = 0, last_ns = 0, scan_ns = 0;
};

/// Reads procfs, sysfs and cgroups below a root, family by family, into Readings and an
/// IntervalLog.
///
/// Files stay open and are read where they are; a tick allocates nothing and never throws. What
/// cannot be read has a status that says why, file by file: one that is missing, forbidden or
/// broken leaves the others alone. Devices that come are found by scan(), devices that go are
/// absent until they are found again.
///
/// Thread-safe: scan() and the ticks take turns; readings() and intervals() lock themselves.
class INLAY_API Host {
 public:
  /// Looks for devices. @throws InvalidArgument for a family or a share that is none
  explicit Host(HostOptions options = {});
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// The families there are: "cpu", "memory" …
  static std::vector<std::string> family_names();

  /// Looks again for what came and what is back; allocates.
  void scan();
  /// Reads the families of which a reading is cheap …
  void tick(std::int64_t time_us, std::int64_t steady_ns) noexcept;
  /// … and those whose reading asks firmware or a bus.
  void tick_slow(std::int64_t time_us, std::int64_t steady_ns) noexcept;

  /// Switches a family off or on. @throws InvalidArgument for a name that is none
  void enable(std::string_view family, bool on);

  Readings& readings() noexcept;
  IntervalLog& intervals() noexcept;
  std::vector<HostFamilyStats> stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace inlay::infra
