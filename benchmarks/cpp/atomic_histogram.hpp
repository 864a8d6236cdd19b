/// The usual way to share a histogram between threads, as the peer: one set of atomics.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace bench {

/// Buckets 1.6 % wide by the bits of the value, a count and a sum. Thread-safe: every member is an
/// atomic that all threads write.
class AtomicHistogram {
 public:
  void record(double value) noexcept {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    // Sign, exponent and 6 bits of mantissa; the buckets kept cover 2^-16 to 2^16.
    const auto index = static_cast<std::uint32_t>((bits >> 46) - ((1023 - 16) << 6)) % kBuckets;
    buckets_[index].fetch_add(1, std::memory_order_relaxed);
    count_.fetch_add(1, std::memory_order_relaxed);
    double seen = sum_.load(std::memory_order_relaxed);
    while (!sum_.compare_exchange_weak(seen, seen + value, std::memory_order_relaxed)) {
    }
  }

  long count() const noexcept { return count_.load(); }

 private:
  static constexpr std::uint32_t kBuckets = 2048;
  std::array<std::atomic<std::int64_t>, kBuckets> buckets_{};
  std::atomic<long> count_{0};
  std::atomic<double> sum_{0};
};

}  // namespace bench
