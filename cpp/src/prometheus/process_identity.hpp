#pragma once

#include <array>
#include <cstdint>

namespace inlay::prometheus {

/// Which process this is, over reuse of its number, other containers and restarts of the machine. A
/// plain value.
struct ProcessIdentity {
  std::int64_t pid = 0;
  std::uint64_t start_ticks = 0;    ///< when it started, in clock ticks since boot
  std::uint64_t pid_namespace = 0;  ///< what its number counts in
  std::array<std::uint8_t, 16> boot{};

  bool operator==(const ProcessIdentity& other) const {
    return pid == other.pid && start_ticks == other.start_ticks &&
           pid_namespace == other.pid_namespace && boot == other.boot;
  }

  /// The process that calls.
  static ProcessIdentity current();
};

/// What can be said of a process.
enum class Liveness { kAlive, kDead, kUnknown };

/// Whether a process still runs. Unknown when its number counts in another namespace than `own`'s;
/// a process of another boot is dead.
Liveness liveness(const ProcessIdentity& process, const ProcessIdentity& own);

}  // namespace inlay::prometheus
