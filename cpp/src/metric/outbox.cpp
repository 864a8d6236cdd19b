#include "metric/outbox.hpp"

#include <chrono>

namespace inlay::detail {

void Outbox::push(std::shared_ptr<const NativeBatch> batch) {
  std::lock_guard lock(mutex_);
  if (batches_.size() >= capacity_) {
    batches_.pop_front();
    ++dropped_;
  }
  batches_.push_back(std::move(batch));
  ready_->notify_one();
}

Next Outbox::next(int64_t timeout_us) {
  std::unique_lock lock(mutex_);
  ready_->wait_for(lock, std::chrono::microseconds(timeout_us),
                   [&] { return !batches_.empty() || asking_ || closed_; });
  if (!batches_.empty()) {
    Next found{Next::What::batch, std::move(batches_.front())};
    batches_.pop_front();
    return found;
  }
  if (asking_) {
    asking_ = false;
    return {Next::What::observe, nullptr};
  }
  return {closed_ ? Next::What::closed : Next::What::timeout, nullptr};
}

void Outbox::observe(int64_t timeout_us) {
  std::unique_lock lock(mutex_);
  asking_ = waiting_ = true;
  ready_->notify_one();
  answered_->wait_for(lock, std::chrono::microseconds(timeout_us),
                      [&] { return !waiting_ || closed_; });
  asking_ = waiting_ = false;
}

void Outbox::observed() noexcept {
  std::lock_guard lock(mutex_);
  waiting_ = false;
  answered_->notify_all();
}

void Outbox::open() noexcept {
  std::lock_guard lock(mutex_);
  closed_ = false;
}

void Outbox::close() noexcept {
  std::lock_guard lock(mutex_);
  closed_ = true;
  ready_->notify_all();
  answered_->notify_all();
}

int64_t Outbox::depth() {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>(batches_.size());
}

int64_t Outbox::dropped() {
  std::lock_guard lock(mutex_);
  return dropped_;
}

void Outbox::after_fork_in_child() noexcept {
  static_cast<void>(ready_.release());
  static_cast<void>(answered_.release());
  ready_.reset(new std::condition_variable);
  answered_.reset(new std::condition_variable);
  batches_.clear();
  asking_ = waiting_ = false;
  dropped_ = 0;
  mutex_.unlock();
}

}  // namespace inlay::detail
