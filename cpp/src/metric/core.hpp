#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "inlay/observer.hpp"
#include "metric/collector.hpp"
#include "metric/outbox.hpp"
#include "metric/process.hpp"
#include "metric/registry.hpp"
#include "metric/side_tables.hpp"
#include "metric/timer.hpp"

namespace inlay::detail {

/// One observer: its registry, its threads' shards, the open window, and what turns it.
///
/// Locks are taken in this order: process, timer, turn, shards, registry, side tables, outbox. None
/// of them is held while Python code runs. Thread-safe.
class INLAY_API Core {
 public:
  explicit Core(ObserverOptions options);
  ~Core();
  Core(const Core&) = delete;

  Registration registration() const noexcept { return registration_; }
  ShardList& shards() noexcept { return shards_; }
  Registry& registry() noexcept { return registry_; }
  SideTables& side_tables() noexcept { return side_tables_; }
  Outbox& outbox() noexcept { return outbox_; }
  const ObserverOptions& options() const noexcept { return options_; }

  /// The hot path; bodies in record.cpp, which alone calls these.
  template <typename T>
  void counter_add(uint32_t slot, T amount) noexcept;
  void record(uint32_t key, double value) noexcept;
  template <typename T>
  void record_many(uint32_t key, const T* values, size_t count) noexcept;
  void add_nulls(uint32_t key, uint64_t count) noexcept;
  void count_not_finite() noexcept { not_finite_.fetch_add(1, std::memory_order_relaxed); }
  void gauge_touched() noexcept {
    if (restart_pending_.load(std::memory_order_relaxed)) [[unlikely]]
      restart_after_fork();
  }

  bool add(Event event);
  bool add(Span span);
  bool add(Verdict verdict);
  bool add_points(const Table& table);
  bool add_verdicts(const Table& table);
  bool add_table(const std::string& name, const Table& table);
  std::shared_ptr<const NativeBatch> turn();
  std::shared_ptr<const NativeBatch> peek();
  void start();
  std::shared_ptr<const NativeBatch> stop();
  bool started() noexcept { return timer_.running(); }
  bool stopped() noexcept;
  void set_observing(bool on) noexcept { observing_.store(on); }
  void set_resource(std::string resource);
  ObserverStats stats();
  int64_t origin() const noexcept { return origin_.load(std::memory_order_relaxed); }
  int64_t window_seq() const noexcept { return window_seq_.load(std::memory_order_relaxed); }
  int64_t now_us() const noexcept;

  /// For the timer: how long until the open window is due, and cutting it.
  int64_t until_due_us();
  void turn_when_due();

  void before_fork();
  void after_fork_in_parent();
  void after_fork_in_child() noexcept;

  /// The first record in a child of a fork starts what ran in the parent.
  void restart_after_fork() noexcept;
  std::atomic<uint32_t>& attention() noexcept { return attention_; }

 private:
  struct Now {
    int64_t us;
    int64_t steady_ns;
  };
  Now logical_now() const noexcept;
  PointsHeader header(Now now) const;
  std::shared_ptr<const NativeBatch> cut(bool last = false);
  void discard();
  template <typename Use>
  void with_fallback(Use use) noexcept;

  const ObserverOptions options_;
  const std::shared_ptr<Clock> clock_;
  Registration registration_;
  std::atomic<int64_t> origin_;
  std::atomic<int64_t> window_seq_{0};
  std::atomic<bool> observing_{false};
  std::atomic<bool> restart_pending_{false};
  std::atomic<uint32_t> attention_{0};
  std::atomic<int64_t> not_finite_{0};

  // Guarded by turn_mutex_.
  std::mutex turn_mutex_;
  std::string resource_;
  std::atomic<int64_t> start_us_;
  std::atomic<int64_t> start_steady_ns_;
  bool stopped_ = false;
  int64_t dropped_after_stop_ = 0;

  ShardList shards_;
  Registry registry_;
  SideTables side_tables_;
  Outbox outbox_;
  Collector collector_;

  // Where the records go of threads that can have no shard: one whose owner is a lock.
  std::mutex fallback_mutex_;
  Shard* fallback_ = nullptr;
  std::atomic<int64_t> unkept_{0};

  Timer timer_;  // last: its thread uses all of the above
};

}  // namespace inlay::detail
