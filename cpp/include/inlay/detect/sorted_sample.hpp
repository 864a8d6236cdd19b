#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <limits>
#include <vector>

namespace inlay {

/// Takes runs of values, one after the other.
class INLAY_API SpanSink {
 public:
  virtual ~SpanSink();
  virtual void take(const double* values, std::size_t size) noexcept = 0;
  virtual void take(const float* values, std::size_t size) noexcept = 0;
};

/// A column that can be read several times over, each time the same.
///
/// Implementations say whether several threads may read one at once; SortedSample reads in one.
class INLAY_API SampleSource {
 public:
  virtual ~SampleSource();
  /// How many values there are, nulls included.
  virtual std::size_t size() const noexcept = 0;
  /// Hands all values that are not null to the sink, in order; returns the nulls.
  virtual std::size_t read(SpanSink& sink) const noexcept = 0;
};

/// The values of a column in ascending order, kept as integers that order as the values do.
///
/// Infinities are values like others; zeros of either sign are one value. NaN and nulls are counted
/// apart. Eight bytes a value; while it sorts, one more a value and about 100 kB.
///
/// Sorts by sampled splitters into at most 255 buckets that fit a core's cache, each of them by its
/// digits. Deterministic: equal values leave nothing to choose. Safe for concurrent reading.
class INLAY_API SortedSample {
 public:
  /// The most values: products of two counts fit 62 bits.
  static constexpr std::size_t kMaxSize = (std::size_t{1} << 30) - 1;

  SortedSample() = default;
  /// @throws InvalidArgument if the source has more than kMaxSize values; std::bad_alloc.
  explicit SortedSample(const SampleSource& source);

  /// Values that are neither NaN nor null.
  std::size_t size() const noexcept { return keys_.empty() ? 0 : keys_.size() - 1; }
  std::uint64_t nan_count() const noexcept { return nan_count_; }
  std::uint64_t null_count() const noexcept { return null_count_; }
  bool has_infinity() const noexcept;
  /// The value at a position below size().
  double value(std::size_t i) const noexcept;
  std::size_t memory_bytes() const noexcept { return keys_.capacity() * sizeof(std::uint64_t); }

  /// Ascending, and behind the last one kEnd, which is above any key; null if there are none.
  const std::uint64_t* keys() const noexcept { return keys_.data(); }
  static constexpr std::uint64_t kEnd = std::numeric_limits<std::uint64_t>::max();

 private:
  std::vector<std::uint64_t> keys_;
  std::uint64_t nan_count_ = 0;
  std::uint64_t null_count_ = 0;
};

}  // namespace inlay
