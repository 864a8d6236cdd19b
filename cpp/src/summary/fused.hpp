#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
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
  /// True if the value went into the pending sums; else update_slow() must take it: the sums are
  /// not begun or full, or the value is zero (counted), huge or not finite.
  [[gnu::always_inline]] static bool moments_ready(const Moments& m,
                                                   std::uint64_t magnitude) noexcept {
    return (magnitude - 1 < kTameF64) & (m.pending_ - 1 < kPendingLimit - 1);
  }

  [[gnu::always_inline]] static void moments_add(Moments& m, double value) noexcept {
    const double distance = value - m.origin_;
    const double square = distance * distance;
    m.power1_ += distance;
    m.power2_ += square;
    m.power3_ += square * distance;
    m.power4_ += square * square;
    m.min_ = value < m.min_ ? value : m.min_;
    m.max_ = value > m.max_ ? value : m.max_;
    ++m.pending_;
  }

  [[gnu::always_inline]] static void update(Moments& m, double value) noexcept {
    if (moments_ready(m, std::bit_cast<std::uint64_t>(value) & kMagnitudeF64)) [[likely]] {
      moments_add(m, value);
    } else {
      m.update_slow(value);
    }
  }

  /// The count of the value's bucket if it is normal, allocated and 32 bits wide with room for one
  /// more; else null.
  [[gnu::always_inline]] static std::uint32_t* narrow_bucket(ExpHistogram& h,
                                                             std::uint64_t bits) noexcept {
    const std::uint64_t below = (bits & kMagnitudeF64) - 1;
    if (below - kMinNormalF64 >= kInfinityF64 - kMinNormalF64) [[unlikely]]
      return nullptr;
    const std::int32_t index = (biased_index_f64(below, kCellsF64.data()) - kBiasF64) >> h.shift_;
    const ExpHistogram::Side& side = h.sides_[bits >> 63];
    const auto at = static_cast<std::uint32_t>(index - side.first);
    if (at >= side.capacity || ((h.count_ + 1) >> 32) != 0) [[unlikely]]
      return nullptr;
    return static_cast<std::uint32_t*>(side.counts) + at;
  }

  [[gnu::always_inline]] static bool update(ExpHistogram& h, double value) noexcept {
    std::uint32_t* bucket = narrow_bucket(h, std::bit_cast<std::uint64_t>(value));
    if (bucket == nullptr) [[unlikely]]
      return h.update_slow(value);
    ++*bucket;
    ++h.count_;
    return true;
  }

  [[gnu::always_inline]] static bool update(Moments& m, ExpHistogram& h, double value) noexcept {
    if (!update(h, value)) [[unlikely]]
      return false;
    update(m, value);
    return true;
  }

  /// Values to either or both; null stands for not wanted. Returns how many were counted.
  template <class T>
  static std::size_t update_many(Moments* m, ExpHistogram* h, const T* values,
                                 std::size_t size) noexcept;

 private:
  template <class T>
  static bool update_block(Moments* m, ExpHistogram* h, const T* values, std::size_t size) noexcept;
  template <class T>
  static bool update_mixed_block(Moments* m, ExpHistogram* h, const T* values,
                                 std::size_t size) noexcept;
  template <class T>
  static bool count_block(ExpHistogram& h, const T* values, std::size_t size, double min,
                          double max, std::size_t zeros) noexcept;
  template <class T>
  static bool count_one_sided(ExpHistogram& h, const T* values, std::size_t size, double min,
                              double max) noexcept;
  template <class T>
  static bool count_two_sided(ExpHistogram& h, const T* values, std::size_t size,
                              std::size_t zeros) noexcept;
  static bool raise_count(ExpHistogram& h, std::size_t by) noexcept;
  static void add_sums(Moments& m, const BlockSums& sums, std::size_t size, double origin,
                       std::size_t zeros) noexcept;
  static void add_wild(Moments& m, const double* values, std::size_t size) noexcept;
};

}  // namespace inlay::detail
