#include "metric/timer.hpp"

#include <algorithm>
#include <chrono>

#include "metric/core.hpp"

namespace inlay::detail {

namespace {
// A wall clock that jumps, or a machine that was suspended, is noticed within this time.
constexpr int64_t kLookAgainUs = 500'000;
}  // namespace

Timer::Timer(Core* core, std::shared_ptr<Clock> clock) : core_(core), clock_(std::move(clock)) {}

Timer::~Timer() { stop(); }

void Timer::start() {
  std::lock_guard changing(change_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (thread_ != nullptr) return;
    stopping_ = false;
    seen_version_ = done_version_ = 0;
    thread_ = std::make_unique<std::thread>([this] { run(); });
  }
  if (!clock_->runs_by_itself()) clock_->add_listener(this);
}

void Timer::stop() noexcept {
  std::lock_guard changing(change_mutex_);
  std::unique_ptr<std::thread> ending;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_->notify_all();
    done_->notify_all();
    ending = std::move(thread_);
  }
  if (ending == nullptr) return;
  if (!clock_->runs_by_itself()) clock_->remove_listener(this);
  ending->join();
}

bool Timer::running() noexcept {
  std::lock_guard lock(mutex_);
  return thread_ != nullptr;
}

void Timer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const uint64_t version = seen_version_;
    lock.unlock();
    const int64_t wait_us = core_->until_due_us();
    if (wait_us <= 0) core_->turn_when_due();
    lock.lock();
    if (wait_us <= 0) continue;
    done_version_ = version;
    done_->notify_all();
    if (stopping_ || seen_version_ != version) continue;
    if (clock_->runs_by_itself()) {
      wake_->wait_for(lock, std::chrono::microseconds(std::min(wait_us, kLookAgainUs)));
    } else {
      wake_->wait(lock);
    }
  }
}

void Timer::clock_moved(uint64_t version) noexcept {
  std::unique_lock lock(mutex_);
  if (thread_ == nullptr) return;
  seen_version_ = version;
  wake_->notify_all();
  done_->wait(lock, [&] { return done_version_ >= version || stopping_; });
}

bool Timer::after_fork_in_child() noexcept {
  const bool ran = thread_ != nullptr;
  static_cast<void>(wake_.release());
  static_cast<void>(done_.release());
  static_cast<void>(thread_.release());
  wake_.reset(new std::condition_variable);
  done_.reset(new std::condition_variable);
  stopping_ = false;
  after_fork_in_parent();
  return ran;
}

}  // namespace inlay::detail
