#pragma once

#include <cstdint>
#include <memory>

#include "inlay/export.hpp"

namespace inlay {

/// One reading of both clocks of the process.
struct Instant {
  int64_t wall_us;    ///< Microseconds of Unix time; may jump either way.
  int64_t steady_ns;  ///< Monotonic nanoseconds since an arbitrary start.
};

/// Gets woken when a clock moved in a way that waiting threads cannot foresee.
class INLAY_API ClockListener {
 public:
  virtual ~ClockListener();

  /// Looks at the clock again; returns once everything due at `version` was done.
  virtual void clock_moved(uint64_t version) noexcept = 0;
};

/// Source of time for an Observer. Every method may be called from any thread.
class INLAY_API Clock {
 public:
  virtual ~Clock();

  virtual Instant now() const noexcept = 0;

  /// True where a thread may sleep until a steady time; false where only `clock_moved` wakes it.
  virtual bool runs_by_itself() const noexcept = 0;

  virtual void add_listener(ClockListener*) {}
  virtual void remove_listener(ClockListener*) {}
};

/// The clocks of the operating system. Thread-safe: it holds no state.
class INLAY_API SystemClock final : public Clock {
 public:
  Instant now() const noexcept override;
  bool runs_by_itself() const noexcept override { return true; }
};

/// A clock that moves only when told, for tests and replays. Thread-safe: a mutex guards its state.
class INLAY_API ManualClock final : public Clock {
 public:
  /// Starts at `wall_us` of Unix time.
  explicit ManualClock(int64_t wall_us);
  ~ManualClock() override;

  Instant now() const noexcept override;
  bool runs_by_itself() const noexcept override { return false; }

  /// Moves both clocks forward and returns after every listener did what became due.
  void advance(int64_t us);

  /// Moves the wall clock alone, in either direction, as an operator or NTP would.
  void jump(int64_t us);

  void add_listener(ClockListener*) override;
  void remove_listener(ClockListener*) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace inlay
