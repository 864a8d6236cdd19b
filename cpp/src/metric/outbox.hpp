#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "inlay/observer.hpp"

namespace inlay::detail {

/// What waits for the delivery thread: turned windows, and the request to run callbacks.
/// Thread-safe.
class Outbox {
 public:
  explicit Outbox(size_t capacity) : capacity_(capacity) {}

  /// Queues a batch; when full, the oldest one goes and is counted.
  void push(std::shared_ptr<const NativeBatch> batch);

  /// Waits for the next thing to do.
  Next next(int64_t timeout_us);

  /// Asks for callbacks and waits for `observed`, `close` or the time-out.
  void observe(int64_t timeout_us);
  void observed() noexcept;

  void open() noexcept;
  void close() noexcept;

  int64_t depth();
  int64_t dropped();

  void before_fork() { mutex_.lock(); }
  void after_fork_in_parent() { mutex_.unlock(); }
  void after_fork_in_child() noexcept;

 private:
  const size_t capacity_;
  std::mutex mutex_;
  // By pointer: a child of a fork leaves its parent's waiters behind with the old ones.
  std::unique_ptr<std::condition_variable> ready_{new std::condition_variable};
  std::unique_ptr<std::condition_variable> answered_{new std::condition_variable};
  std::deque<std::shared_ptr<const NativeBatch>> batches_;
  bool asking_ = false;
  bool waiting_ = false;
  bool closed_ = false;
  int64_t dropped_ = 0;
};

}  // namespace inlay::detail
