#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "inlay/clock.hpp"

namespace inlay::detail {

class Core;

/// The thread that cuts windows when they are due. Thread-safe.
class Timer final : public ClockListener {
 public:
  Timer(Core* core, std::shared_ptr<Clock> clock);
  ~Timer() override;

  void start();
  void stop() noexcept;
  bool running() noexcept;

  void clock_moved(uint64_t version) noexcept override;

  void before_fork() {
    change_mutex_.lock();
    mutex_.lock();
  }
  void after_fork_in_parent() {
    mutex_.unlock();
    change_mutex_.unlock();
  }
  /// The thread stayed in the parent; answers whether there was one.
  bool after_fork_in_child() noexcept;

 private:
  void run();

  Core* const core_;
  const std::shared_ptr<Clock> clock_;
  std::mutex change_mutex_;  // starting and stopping; taken before the clock's lock and mutex_
  std::mutex mutex_;
  // By pointer: a child of a fork leaves them behind with the thread that used them.
  std::unique_ptr<std::condition_variable> wake_{new std::condition_variable};
  std::unique_ptr<std::condition_variable> done_{new std::condition_variable};
  std::unique_ptr<std::thread> thread_;
  bool stopping_ = false;
  uint64_t seen_version_ = 0;
  uint64_t done_version_ = 0;
};

}  // namespace inlay::detail
