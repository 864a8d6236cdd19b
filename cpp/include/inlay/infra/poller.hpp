#pragma once

/// A native thread that reads things at fixed rates.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "inlay/clock.hpp"
#include "inlay/export.hpp"
#include "inlay/observer.hpp"
#include "inlay/summary/exp_histogram.hpp"

namespace inlay::infra {

/// One tick of a task. A plain value.
struct Tick {
  std::int64_t time_us;    ///< when it began, microseconds of Unix time
  std::int64_t steady_ns;  ///< the same on the clock that never jumps
  std::int64_t period_us;  ///< the task's period now, longer than asked for while it backs off
};

/// How a task fares, since it was added. A plain value.
struct TaskStats {
  std::string name;
  std::int64_t period_us = 0;      ///< as asked for
  std::int64_t period_now_us = 0;  ///< as backed off
  std::uint64_t ticks = 0;         ///< that ran
  std::uint64_t missed = 0;        ///< that were due while this thread was busy or asleep
  std::uint64_t backoffs = 0;      ///< how often the period doubled
  std::uint64_t failed = 0;        ///< ticks that threw
  std::int64_t cpu_ns = 0;         ///< of this thread, in its ticks
  ExpHistogram jitter;             ///< how late ticks began, in seconds
  ExpHistogram cost;               ///< how long they took, in seconds
};

/// Runs tasks in one thread of its own, each at its period.
///
/// Ticks begin at absolute times of the steady clock, so that errors do not add up. One that could
/// not begin before the next was due is counted as missed and never made up for. Of several that
/// are due the one with the shortest period runs first. A task whose ticks take more than a tenth
/// of its period three times in a row gets twice the period, up to 16 times; ten in a row under a
/// fiftieth halve it again. Each change is an event `inlay.collector.backoff`.
///
/// Tasks must not throw; one that does is counted. Thread-safe. stop() returns when the tick under
/// way has ended. A child of a fork has no thread until start() is called there; a fork waits for
/// the tick under way. Running ticks allocates nothing but histograms' wider counts.
class INLAY_API Poller final : public ClockListener {
 public:
  using Task = std::function<void(const Tick&)>;

  /// @param clock null: the system's
  explicit Poller(std::string name = "inlay-poller", std::shared_ptr<Clock> clock = nullptr);
  ~Poller() override;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Adds a task; its first tick is due `phase_us` after the thread's start. Returns its number.
  /// Tasks may add others; those are due `phase_us` from now.
  /// @throws InvalidArgument for a period below 1 ms, or from another thread while this one runs
  std::uint32_t add(std::string name, std::int64_t period_us, Task run, std::int64_t phase_us = 0);

  /// Starts the thread; nothing happens if it runs.
  void start();
  /// Ends it; nothing happens if there is none. A task must not call it.
  void stop() noexcept;
  bool running() const noexcept;

  /// How many tasks there are, and how one of them fares.
  std::size_t size() const;
  TaskStats stats(std::uint32_t task) const;

  /// Appends what there is to tell since the last call.
  void take(std::vector<Event>& events);

  void clock_moved(std::uint64_t version) noexcept override;

 private:
  struct Entry;
  class Forks;

  void run() noexcept;
  Entry* next_due(std::int64_t now_ns, std::int64_t& wait_ns) noexcept;
  void tick(Entry& entry, std::unique_lock<std::mutex>& lock) noexcept;
  void adapt(Entry& entry, std::int64_t wall_ns) noexcept;

  const std::string name_;
  const std::shared_ptr<Clock> clock_;
  std::mutex change_mutex_;  // starting and stopping; before the clock's lock and mutex_
  std::mutex tick_mutex_;    // held while a task runs; before mutex_
  mutable std::mutex mutex_;
  // By pointer: a child of a fork leaves them behind with the thread that used them.
  std::unique_ptr<std::condition_variable> wake_, done_;
  std::unique_ptr<std::thread> thread_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<Event> events_;
  bool stopping_ = false;
  std::uint64_t seen_version_ = 0, done_version_ = 0;
  std::unique_ptr<Forks> forks_;
};

}  // namespace inlay::infra
