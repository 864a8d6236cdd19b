#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <optional>
#include <vector>

namespace inlay {

/// Which stretches of time hold points: the bits of at most kMaxBuckets equal buckets.
///
/// Bucket i holds the points t with floor(t / width) = i; the width is the smallest power of two
/// of the points' unit with which the buckets from the earliest to the latest point are at most
/// kMaxBuckets. Doubling the width joins neighbours, which is exact, so the state is a function of
/// the set of points: their order, repeats and how they were split and merged do not matter.
///
/// Two points that follow one another lie in the same bucket, in neighbours, or on both sides of a
/// run of empty ones; r empty buckets of width w mean a gap of more than r w and of less than
/// (r + 2) w.
///
/// Not safe for concurrent use of one object when any of the uses changes it.
class INLAY_API TimeCoverage {
 public:
  static constexpr std::uint32_t kMaxBuckets = 2048;

  TimeCoverage() noexcept = default;

  void update(const std::int64_t* points, std::size_t size) noexcept;
  void merge(const TimeCoverage& other) noexcept;
  void reset() noexcept { *this = TimeCoverage(); }

  bool empty() const noexcept { return empty_; }
  /// The earliest and the latest point; 0 if empty.
  std::int64_t min() const noexcept { return min_; }
  std::int64_t max() const noexcept { return max_; }
  /// The width of a bucket is 2^shift() units.
  unsigned shift() const noexcept { return shift_; }
  std::uint64_t width() const noexcept { return std::uint64_t{1} << shift_; }

  /// Occupied buckets that follow one another: `size` of them from bucket `first` on, which begins
  /// at first * width().
  struct Run {
    std::int64_t first;
    std::uint32_t size;
  };
  /// @throws std::bad_alloc
  std::vector<Run> runs() const;

  /// The longest stretch between two points that follow one another, in the points' unit: at least
  /// `low`, at most `high`. `after` and `before` are the ends of the empty buckets that show it;
  /// equal if no bucket is empty.
  struct Gap {
    std::uint64_t low;
    std::uint64_t high;
    std::int64_t after;
    std::int64_t before;
  };
  /// Nothing with fewer than two different points.
  std::optional<Gap> largest_gap() const noexcept;

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static TimeCoverage from_bytes(const std::uint8_t* bytes, std::size_t size);

  friend INLAY_API bool operator==(const TimeCoverage& a, const TimeCoverage& b) noexcept;
  friend bool operator!=(const TimeCoverage& a, const TimeCoverage& b) noexcept {
    return !(a == b);
  }

 private:
  static constexpr std::uint32_t kWords = kMaxBuckets / 64;

  bool is_set(std::int64_t bucket) const noexcept {
    const auto at = static_cast<std::uint64_t>(bucket) % kMaxBuckets;
    return ((bits_[at / 64] >> (at % 64)) & 1U) != 0;
  }
  void set(std::int64_t bucket) noexcept {
    const auto at = static_cast<std::uint64_t>(bucket) % kMaxBuckets;
    bits_[at / 64] |= std::uint64_t{1} << (at % 64);
  }
  void widen(std::int64_t min, std::int64_t max) noexcept;

  std::int64_t min_ = 0;
  std::int64_t max_ = 0;
  // Bucket i is bit i % kMaxBuckets: no two in use share one, and nothing moves as time goes on.
  std::uint64_t bits_[kWords] = {};
  std::uint8_t shift_ = 0;
  bool empty_ = true;
};

}  // namespace inlay
