#pragma once

#include <atomic>

#include "inlay/metric/histogram.hpp"

namespace inlay {

namespace detail {

/// One thread's log of histogram records that are not yet in a window's state. Its thread appends
/// and publishes the size; the collector reads entries below the size under the shard's lock.
struct Log {
  static constexpr uint32_t kCapacity = 256;
  std::atomic<uint32_t> size{0};
  uint32_t keys[kCapacity];
  double values[kCapacity];
};

/// Folds the calling thread's full log into its window state.
INLAY_API void flush(Log*) noexcept;

}  // namespace detail

/// The fastest way to record from C++: the calling thread's own log, looked up once.
/// Belongs to the thread that made it, which must use it alone and let it go before the thread
/// ends.
class INLAY_API Writer {
 public:
  /// @throws Error when this thread has no log of its own (out of memory, or the thread is ending).
  explicit Writer(std::shared_ptr<detail::Core> core);

  /// Records one value into a histogram of the same observer.
  void record(const BoundHistogram& histogram, double value) noexcept {
    const uint32_t n = log_->size.load(std::memory_order_relaxed);
    log_->keys[n] = histogram.key();
    log_->values[n] = value;
    log_->size.store(n + 1, std::memory_order_release);
    if (n + 1 == detail::Log::kCapacity) detail::flush(log_);
  }

 private:
  std::shared_ptr<detail::Core> core_;
  detail::Log* log_;
};

}  // namespace inlay
