#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <inlay/summary/exp_histogram.hpp>
#include <inlay/summary/fused.hpp>
#include <inlay/summary/moments.hpp>

#include "summary/bucket_index.hpp"
#include "summary/kernels.hpp"

namespace inlay::detail {

/// Scalar updates collect this many values before they are folded.
inline constexpr std::uint32_t kPendingLimit = 256;

/// Up to this magnitude the fourth powers of 256 distances cannot overflow: 2^250.
inline constexpr std::uint64_t kTameF64 = std::uint64_t{1023 + 250} << 52;

/// The hot paths of the summaries, inline for those in the core that record value by value.
struct SummaryAccess {
  /// What a value changes of the pending sums of a Moments, in registers.
  class PendingSums {
   public:
    [[gnu::always_inline]] explicit PendingSums(const Moments& m) noexcept
        : origin_(m.origin_), min_(m.min_), max_(m.max_) {
      std::memcpy(&low_, m.powers_, sizeof(low_));
      std::memcpy(&high_, m.powers_ + 2, sizeof(high_));
    }
    [[gnu::always_inline]] void add(double value) noexcept {
      const double distance = value - origin_;
      const double square = distance * distance;
      low_ += Pair{distance, square};
      high_ += Pair{square * distance, square * square};
      min_ = value < min_ ? value : min_;
      max_ = value > max_ ? value : max_;
    }
    [[gnu::always_inline]] void store(Moments& m) const noexcept {
      std::memcpy(m.powers_, &low_, sizeof(low_));
      std::memcpy(m.powers_ + 2, &high_, sizeof(high_));
      m.min_ = min_;
      m.max_ = max_;
    }

   private:
    // In pairs: four single sums would wait for one another's stores.
    using Pair = double __attribute__((vector_size(16)));
    double origin_;
    Pair low_;
    Pair high_;
    double min_;
    double max_;
  };

  /// Whether moments_add() may take the value. Else update_slow() must: the pending sums are not
  /// begun or full, or the value is zero (and counted as such), huge or not finite.
  [[gnu::always_inline]] static bool moments_ready(const Moments& m,
                                                   std::uint64_t magnitude) noexcept {
    return (magnitude - 1 < kTameF64) & (m.pending_ - 1 < kPendingLimit - 1);
  }

  [[gnu::always_inline]] static void moments_add(Moments& m, double value) noexcept {
    PendingSums sums(m);
    sums.add(value);
    sums.store(m);
    ++m.pending_;
  }

  [[gnu::always_inline]] static void update(Moments& m, double value) noexcept {
    if (moments_ready(m, std::bit_cast<std::uint64_t>(value) & kMagnitudeF64)) [[likely]] {
      moments_add(m, value);
    } else {
      m.update_slow(value);
    }
  }

  /// Counts a normal value above the smallest if its bucket is allocated and stays as wide as it
  /// is: 16 or 32 bits.
  [[gnu::always_inline]] static bool count_narrow(ExpHistogram& h, std::uint64_t bits) noexcept {
    const auto index =
        static_cast<std::uint32_t>(table_index(bits & kMagnitudeF64, kCellsF64.data(), h.shift_));
    const ExpHistogram::Side& side = h.sides_[bits >> 63];
    const std::uint32_t at = index - static_cast<std::uint32_t>(side.first);
    const std::uint64_t count = h.count_ + 1;
    if (at >= side.capacity) [[unlikely]]
      return false;
    if ((count >> 16) == 0) {
      ++static_cast<std::uint16_t*>(side.counts)[at];
    } else if (count - 0x10001 < 0xFFFEFFFF) [[likely]] {
      ++static_cast<std::uint32_t*>(side.counts)[at];
    } else {
      return false;
    }
    h.count_ = count;
    return true;
  }

  [[gnu::always_inline]] static bool update(ExpHistogram& h, double value) noexcept {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const bool normal =
        (bits & kMagnitudeF64) - kMinNormalF64 - 1 < kInfinityF64 - kMinNormalF64 - 1;
    if (normal && count_narrow(h, bits)) [[likely]]
      return true;
    return h.update_slow(value);
  }

  [[gnu::always_inline]] static bool update(Moments& m, ExpHistogram& h, double value) noexcept {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    // Normal and tame at once; the pending sums begun and not full.
    const bool ready = ((bits & kMagnitudeF64) - kMinNormalF64 - 1 < kTameF64 - kMinNormalF64) &
                       (m.pending_ - 1 < kPendingLimit - 1);
    if (ready && count_narrow(h, bits)) [[likely]] {
      moments_add(m, value);
      return true;
    }
    return update_slow(m, h, value);
  }

  /// The same for a few values, fewer than are worth the loops over arrays: all that they touch but
  /// the buckets stays in registers. Returns how many were counted.
  static std::size_t update_few(Moments& m, ExpHistogram& h, const double* values,
                                std::size_t size) noexcept;

  /// Values to either or both; null stands for not wanted. Returns how many were counted.
  template <class T>
  static std::size_t update_many(Moments* m, ExpHistogram* h, const T* values,
                                 std::size_t size) noexcept;

 private:
  static bool update_slow(Moments& m, ExpHistogram& h, double value) noexcept;
  template <class Count>
  static std::size_t update_quick(Moments& m, ExpHistogram& h, const double* values,
                                  std::size_t size) noexcept;
  template <class T>
  static bool update_block(Moments* m, ExpHistogram* h, const T* values, std::size_t size) noexcept;
  template <class T>
  static bool update_mixed_block(Moments* m, ExpHistogram* h, const T* values,
                                 std::size_t size) noexcept;
  template <class T>
  static bool count_block(ExpHistogram& h, const T* values, std::size_t size, const BlockSums& sums,
                          std::size_t zeros, double smallest) noexcept;
  template <class T>
  static bool count_one_sided(ExpHistogram& h, const T* values, std::size_t size, double nearest,
                              double farthest) noexcept;
  template <class T>
  static bool reserve_both(ExpHistogram& h, const T* values, std::size_t size,
                           const BlockSums& sums, double smallest) noexcept;
  static bool raise_count(ExpHistogram& h, std::size_t by) noexcept;
  static void add_sums(Moments& m, const BlockSums& sums, std::size_t size, double origin,
                       std::size_t zeros) noexcept;
  static void add_wild(Moments& m, const double* values, std::size_t size) noexcept;
};

}  // namespace inlay::detail
