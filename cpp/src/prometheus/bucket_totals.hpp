#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace inlay::prometheus {

/// Prometheus knows schemas -4 to 8 only.
inline constexpr int kMinSchema = -4;
inline constexpr int kMaxSchema = 8;

/// The scales OTLP producers use at most; others are refused.
inline constexpr int kMinInputScale = -10;
inline constexpr int kMaxInputScale = 20;

/// What is nearer to zero than this counts as zero: the width Prometheus' own clients use. It is
/// the same for every histogram and for all time, since a zero bucket that shrinks reads as a
/// restart.
inline constexpr double kZeroThreshold = 0x1p-128;
inline constexpr int kZeroThresholdLog2 = -128;

/// A run of consecutive bucket counts; does not own them.
struct BucketRun {
  std::int32_t offset =
      0;  ///< OTLP index of the first: bucket i holds (2^(i·2^-s), 2^((i+1)·2^-s)]
  const std::int64_t* counts = nullptr;
  std::size_t size = 0;
};

/// One histogram's buckets as a table row or a snapshot states them; does not own them.
struct BucketsView {
  std::int32_t scale = 0;
  std::int64_t zero_count = 0;
  double zero_threshold = 0;
  BucketRun positive;
  BucketRun negative;
};

/// One side of a running histogram: dense counts from `offset` on, no empty bucket at either end.
class BucketSide {
 public:
  std::int32_t offset() const { return offset_; }
  const std::vector<std::int64_t>& counts() const { return counts_; }
  bool empty() const { return counts_.empty(); }
  std::int64_t total() const;
  /// Whether the bucket of this OTLP index has a count.
  bool holds(std::int64_t index) const;

  /// Adds a run whose indices are shifted right by `shift` first.
  void add(const BucketRun& run, int shift);
  /// Halves the resolution `shift` times.
  void downscale(int shift);
  /// Takes out and returns the counts of buckets below OTLP index `end`.
  std::int64_t take_below(std::int64_t end);

 private:
  void trim();
  std::int32_t offset_ = 0;
  std::vector<std::int64_t> counts_;
};

/// The running total of a base-2 exponential histogram. Its scale only ever falls and its zero
/// bucket only ever grows, which is what Prometheus needs to see no restart. Used by one thread at
/// a time.
class BucketTotals {
 public:
  /// @param max_buckets a side spanning more is halved in resolution, but not below schema -4.
  explicit BucketTotals(std::size_t max_buckets = 160) : max_buckets_(max_buckets) {}

  void add(const BucketsView& view);
  void add(const BucketTotals& other) { add(other.view()); }

  BucketsView view() const;
  std::int32_t scale() const { return scale_; }
  std::int64_t zero_count() const { return zero_count_; }
  double zero_threshold() const { return zero_threshold_; }
  const BucketSide& positive() const { return positive_; }
  const BucketSide& negative() const { return negative_; }
  std::int64_t count() const;

  /// Whether 2^(index · 2^-resolution) lies between two buckets rather than inside one.
  bool is_edge(std::int64_t index, int resolution) const;

 private:
  void lower_scale(int scale);
  void widen_zero(double threshold);

  std::size_t max_buckets_;
  std::int32_t scale_ = kMaxSchema;
  std::int64_t zero_count_ = 0;
  double zero_threshold_ = kZeroThreshold;
  BucketSide positive_;
  BucketSide negative_;
};

/// Counts up to edges asked for in ascending order. Used by one thread, while the totals stay as
/// they are.
class CumulativeCounts {
 public:
  explicit CumulativeCounts(const BucketTotals& totals);
  /// How many values are at most 2^(index · 2^-resolution), exactly, if `totals.is_edge` of it.
  std::int64_t at_most(std::int64_t index, int resolution);

 private:
  const BucketTotals& totals_;
  std::size_t next_ = 0;
  std::int64_t below_;
};

/// Whether a histogram from outside can be one of doubles: no negative count, no index beyond what
/// a double reaches at its scale, a total that fits. What fails this must not reach
/// `BucketTotals::add`.
bool plausible(const BucketsView& view);

/// 2^(index · 2^-scale), the upper edge of OTLP bucket index - 1.
double bucket_edge(std::int64_t index, int scale);

}  // namespace inlay::prometheus
