#pragma once

/// What collectors of the infrastructure read, summed up for the open window.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "inlay/arrow/table.hpp"
#include "inlay/export.hpp"
#include "inlay/observer.hpp"

namespace inlay::infra {

/// Why a series has values or none; the column `status` of points.
enum class Status : std::uint8_t {
  kOk,
  kUnsupported,   ///< this machine, device or driver cannot tell
  kNoPermission,  ///< this user or container may not know
  kAbsent,        ///< what it would be read from is not here
  kError,         ///< reading it failed, or its counter stands still at its limit
  kUndefined,     ///< it was read and has no meaning now
  kInsufficient,  ///< too little was seen to tell
};

/// The word that the column `status` holds.
INLAY_API std::string_view status_name(Status status) noexcept;

enum class ReadingKind : std::uint8_t { kCounter, kGauge };

/// What a series is. A plain value.
struct Series {
  std::string metric, unit;
  std::string attrs = "{}";  ///< canonical JSON
  ReadingKind kind = ReadingKind::kGauge;
  double factor = 1;               ///< what a raw reading is multiplied by to be in `unit`
  std::uint64_t modulus = 0;       ///< counters begin again at 0 here; 0: at 2^64
  std::uint64_t saturates_at = 0;  ///< counters stand still here; 0: never
  /// A counter, one of many, that has a row of 0 only the first time.
  bool sparse = false;
};

/// The window that rows are for, and what names their series. A plain value.
struct ReadingsWindow {
  std::int64_t start_us = 0, time_us = 0;  ///< its bounds, microseconds of Unix time
  std::string_view service_name;           ///< part of every series_id
  std::string_view layer = "infra";
};

/// What was read of many series since the last take(): differences of counters; last, least,
/// largest, mean and number of gauges; and a status each.
///
/// The first total of a counter is its base. A total that falls is a wrap if the series has a
/// modulus and the step over it is less than a quarter of that, else a restart: the base is set
/// anew and the restart counted. A total at or above the modulus shows that there is none. A
/// counter at its limit has status error from the next window on, which an event
/// `inlay.counter.saturated` says once; it is never a rate of 0. Gauges know only what was read in
/// this window; one that is not finite is no value.
///
/// Thread-safe. Readings are written through a Writer, which holds the one lock: one for each tick.
/// Writing allocates nothing. A child of a fork goes on with what was read before it.
class INLAY_API Readings {
 public:
  Readings();
  ~Readings();
  Readings(const Readings&) = delete;
  Readings& operator=(const Readings&) = delete;

  /// Adds a series and returns its number, counted from 0. Allocates.
  std::uint32_t add(Series series);

  /// The number of series.
  std::size_t size() const;

  /// Writes readings while it lives. Not thread-safe itself; other writers and take() wait for it.
  class INLAY_API Writer {
   public:
    explicit Writer(Readings& readings) noexcept : readings_(readings) { readings_.mutex_.lock(); }
    ~Writer() { readings_.mutex_.unlock(); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Returns the raw difference to the total before: 0 for the first one, after a restart, and
    /// for a number that no series has.
    std::uint64_t counter(std::uint32_t id, std::uint64_t total, std::int64_t time_us) noexcept;

    /// The raw value; the last is that with the highest time.
    void gauge(std::uint32_t id, double value, std::int64_t time_us) noexcept;

    void status(std::uint32_t id, Status status) noexcept;

    /// The next total of a counter is its base again, for instance after its device came back.
    void forget_base(std::uint32_t id) noexcept;

    /// The counter turned out to go beyond `saturates_at`: from now on it has no limit.
    void without_limit(std::uint32_t id) noexcept;

   private:
    Readings& readings_;
  };

  /// Returns rows of `points` for the window, and begins the next. A counter that was read has its
  /// difference, factor applied, and as `count` how often it was read; a gauge that was read its
  /// last value, min, max, mean and count. A series without a value whose status is not ok has one
  /// row, and again only when its status changes. Events to tell are appended to `events`.
  Table take(const ReadingsWindow& window, std::vector<Event>& events);

  /// How many totals fell without a wrap, were taken for a wrap, and how many values were not
  /// finite, since this was made.
  struct Counts {
    std::uint64_t restarts = 0, wraps = 0, not_finite = 0;
  };
  Counts counts() const;

 private:
  friend class Writer;
  struct Known;
  struct Cell {
    std::uint64_t total = 0, delta = 0;
    double last = 0, min = 0, max = 0, sum = 0;
    std::int64_t last_us = 0;
    std::uint64_t count = 0;
    std::uint64_t modulus = 0, saturates_at = 0;
    Status status = Status::kOk, reported = Status::kOk;
    bool has_base = false, saturated = false, told_saturated = false;
    bool sparse = false, told = false;
  };
  class Forks;

  std::uint64_t counter(std::uint32_t id, std::uint64_t total, std::int64_t time_us) noexcept;
  void gauge(std::uint32_t id, double value, std::int64_t time_us) noexcept;

  mutable std::mutex mutex_;
  std::vector<Cell> cells_;                           // what writing touches
  std::vector<std::shared_ptr<const Known>> series_;  // shared: take() reads them without the lock
  Counts counts_;
  std::unique_ptr<Forks> forks_;
};

}  // namespace inlay::infra
