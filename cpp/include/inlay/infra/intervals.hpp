#pragma once

/// Stretches of time in which something was wrong, found tick by tick.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "inlay/export.hpp"
#include "inlay/observer.hpp"

namespace inlay::infra {

/// Severity numbers of events.
constexpr std::int32_t kInfo = 9, kWarning = 13, kSevere = 17;

/// What the intervals of one cause at one entity are told as. A plain value.
struct IntervalTrack {
  std::string name;                                             ///< of the event: "gpu.throttle"
  std::vector<std::pair<std::string, std::string>> attrs = {};  ///< of the event
  std::string amount = {};  ///< key of the attribute with what the ticks added up to; or none
  double factor = 1;        ///< what that sum is multiplied by
  std::int32_t severity = kWarning;
  std::string layer = "infra";
  std::string share = {};  ///< key of the attribute with that sum for each second; or none
};

/// Finished and open intervals of many tracks, in a ring of fixed size: the oldest finished one
/// makes room, and is counted. Ticks that follow one another are one interval.
///
/// Thread-safe: one lock. Ticks allocate nothing. A child of a fork begins with none.
class INLAY_API IntervalLog {
 public:
  explicit IntervalLog(std::size_t capacity = 1024);
  ~IntervalLog();
  IntervalLog(const IntervalLog&) = delete;
  IntervalLog& operator=(const IntervalLog&) = delete;

  /// Adds a track and returns its number. Allocates.
  std::uint32_t add(IntervalTrack track);

  /// It was so from `start_us` to `end_us`: lengthens the open interval, or opens one.
  void extend(std::uint32_t track, std::int64_t start_us, std::int64_t end_us,
              double amount = 0) noexcept;

  /// A counter of time says that it was so for `busy_us` of the tick from `start_us` to `end_us`;
  /// 0 closes. The interval's bounds are within a tick of the true ones: where it covers more than
  /// one tick they are exact for what lasts without a break.
  void stalled(std::uint32_t track, std::int64_t start_us, std::int64_t end_us,
               double busy_us) noexcept;

  /// It is not so any more: closes the open interval, if there is one.
  void quiet(std::uint32_t track) noexcept;

  /// Appends the events of what finished, by start. An open interval is told as its part so far,
  /// with the attribute `open`, and goes on from there.
  void take(std::vector<Event>& events);

  /// Finished intervals that made room for others.
  std::uint64_t dropped() const;

 private:
  struct Open {
    std::int64_t start_us = 0, end_us = 0;
    double amount = 0;
    bool open = false;
  };
  struct Finished {
    std::int64_t start_us, end_us;
    double amount;
    std::uint32_t track;
    bool open;
  };
  class Forks;

  void extend_locked(std::uint32_t track, std::int64_t start_us, std::int64_t end_us,
                     double amount) noexcept;
  void close_locked(std::uint32_t track, bool open) noexcept;

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const IntervalTrack>> tracks_;
  std::vector<Open> open_;
  std::vector<Finished> ring_;
  std::size_t first_ = 0, size_ = 0;
  std::uint64_t dropped_ = 0;
  std::unique_ptr<Forks> forks_;
};

}  // namespace inlay::infra
