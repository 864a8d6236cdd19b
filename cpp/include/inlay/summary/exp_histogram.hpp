#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <optional>
#include <vector>

namespace inlay {

namespace detail {
struct SummaryAccess;
}  // namespace detail

/// A base-2 exponential histogram, the same buckets as OpenTelemetry's and Prometheus' native ones.
///
/// At scale s, bucket i of a side counts the values whose magnitude lies in
/// (2^(i*2^-s), 2^((i+1)*2^-s)]: upper bounds belong to their bucket. Every finite double, the
/// subnormal ones included, lands in its exact bucket; zeros, NaN and both infinities are counted
/// apart. A quantile's relative error is at most (g-1)/(g+1) with g = 2^(2^-s): 1.083 % at the
/// default scale 5, whatever the data.
///
/// A side holds one dense run of at most kMaxBuckets buckets, allocated to fit. Values further
/// apart lower the scale by one or more steps: neighbouring buckets are added, which is exact, and
/// downscales() tells. The outcome depends on the values alone, not on their order or on how they
/// were split and merged. Counts have 16 bits until the total needs 32 or 64.
///
/// Not safe for concurrent use of one object when any of the uses changes it.
class INLAY_API ExpHistogram {
 public:
  static constexpr int kMinScale = -4;
  static constexpr int kMaxScale = 8;
  static constexpr int kDefaultScale = 5;
  static constexpr int kMaxBuckets = 2048;

  /// @throws InvalidArgument if scale lies outside kMinScale to kMaxScale.
  explicit ExpHistogram(int scale = kDefaultScale);
  /// @throws std::bad_alloc; assign() is the form that does not throw.
  ExpHistogram(const ExpHistogram& other);
  ExpHistogram(ExpHistogram&& other) noexcept;
  ExpHistogram& operator=(const ExpHistogram& other);
  ExpHistogram& operator=(ExpHistogram&& other) noexcept;
  ~ExpHistogram();
  void swap(ExpHistogram& other) noexcept;

  /// Counts one value. False only when memory ran out; the value is then counted nowhere.
  bool update(double value) noexcept;
  /// Counts `size` values and returns how many were counted; fewer only when memory ran out.
  std::size_t update(const double* values, std::size_t size) noexcept;
  std::size_t update(const float* values, std::size_t size) noexcept;

  /// Adds what `other` counted, at the coarser of the two scales. False when memory ran out: all
  /// counts are then as before, though perhaps at a coarser scale.
  bool merge(const ExpHistogram& other) noexcept;
  /// Becomes a copy. False when memory ran out; this object is then unchanged.
  bool assign(const ExpHistogram& other) noexcept;
  /// Forgets everything and returns to the scale asked for. Memory is kept for the next use unless
  /// told otherwise.
  void reset(bool keep_memory = true) noexcept;
  /// Lowers the resolution; what the histogram would be had it been made with this scale.
  /// @throws InvalidArgument if scale is below kMinScale or above scale().
  void downscale_to(int scale);

  int scale() const noexcept { return scale_; }
  /// Steps between the scale asked for (the finest one, after merges) and scale().
  int downscales() const noexcept { return base_scale_ - scale_; }
  /// Finite values, zeros included.
  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t zero_count() const noexcept { return zero_count_; }
  std::uint64_t nan_count() const noexcept { return nan_count_; }
  std::uint64_t pos_inf_count() const noexcept { return pos_inf_count_; }
  std::uint64_t neg_inf_count() const noexcept { return neg_inf_count_; }

  /// The run from the first to the last bucket in use of one side, by OTLP's indices. Valid until
  /// the histogram changes.
  class Buckets {
   public:
    std::int32_t offset() const noexcept { return offset_; }
    std::uint32_t size() const noexcept { return size_; }
    /// Count of bucket offset() + i; i must be below size().
    std::uint64_t operator[](std::uint32_t i) const noexcept {
      switch (width_) {
        case 2:
          return static_cast<const std::uint16_t*>(counts_)[i];
        case 4:
          return static_cast<const std::uint32_t*>(counts_)[i];
        default:
          return static_cast<const std::uint64_t*>(counts_)[i];
      }
    }
    /// Writes size() counts.
    void copy_to(std::int64_t* out) const noexcept {
      for (std::uint32_t i = 0; i < size_; ++i) out[i] = static_cast<std::int64_t>((*this)[i]);
    }

   private:
    friend class ExpHistogram;
    const void* counts_ = nullptr;
    std::int32_t offset_ = 0;
    std::uint32_t size_ = 0;
    unsigned width_ = 2;
  };
  /// Offset 0 and size 0 when the side is empty.
  Buckets positive() const noexcept { return used(sides_[0]); }
  Buckets negative() const noexcept { return used(sides_[1]); }

  /// The value at rank ceil(q * count) of the finite values, to the relative error above; nothing
  /// if there are none. 0 gives the smallest, 1 the largest.
  /// @throws InvalidArgument if q is not within 0 to 1.
  std::optional<double> quantile(double q) const;

  /// How many finite values lie in some range: at least `low`, at most `high`, and `estimate` if
  /// values are spread evenly inside the buckets at the range's ends.
  struct CountBounds {
    std::uint64_t low;
    double estimate;
    std::uint64_t high;
  };
  /// Counts finite values <= x; exact where x is the upper bound of a positive bucket or no value
  /// shares its bucket. Never decreases in x.
  /// @throws InvalidArgument if x is NaN.
  CountBounds count_at_most(double x) const;
  /// Counts finite values in (low, high].
  /// @throws InvalidArgument if a bound is NaN or low > high.
  CountBounds count_between(double low, double high) const;
  /// count_at_most(x).estimate / count(); nothing if there are no finite values.
  std::optional<double> cdf(double x) const;

  /// Object plus buckets, in bytes.
  std::size_t memory_bytes() const noexcept;

  /// What a row of points holds.
  struct Fields {
    struct Run {
      std::int32_t offset = 0;
      std::vector<std::uint64_t> counts;
    };
    int scale = kDefaultScale;
    std::uint64_t zero_count = 0;
    std::uint64_t nan_count = 0;
    std::uint64_t pos_inf_count = 0;
    std::uint64_t neg_inf_count = 0;
    Run positive;
    Run negative;
  };
  /// Runs may begin and end with empty buckets; longer ones than kMaxBuckets lower the scale.
  /// @throws InvalidArgument if the scale is out of range, a filled bucket lies beyond all doubles,
  /// or the counts do not fit a signed 64-bit total.
  static ExpHistogram from_fields(const Fields& fields);

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static ExpHistogram from_bytes(const std::uint8_t* bytes, std::size_t size);

  /// Equal scale, scale asked for and counts; where the buckets lie in memory does not matter.
  friend INLAY_API bool operator==(const ExpHistogram& a, const ExpHistogram& b) noexcept;
  friend bool operator!=(const ExpHistogram& a, const ExpHistogram& b) noexcept {
    return !(a == b);
  }

 private:
  friend struct detail::SummaryAccess;

  // Buckets [first, first + capacity) of one sign. Their counts take width() bytes each.
  struct Side {
    void* counts = nullptr;
    std::int32_t first = 0;
    std::uint32_t capacity = 0;
  };

  // Bytes a count takes when the total is `count`: 2, 4 or 8.
  static unsigned width_for(std::uint64_t count) noexcept {
    return (count >> 16) == 0 ? 2 : (count >> 32) == 0 ? 4 : 8;
  }
  // Follows from count_, so that the hot path needs no flag of its own.
  unsigned width() const noexcept { return width_for(count_); }
  Buckets used(const Side& side) const noexcept;
  bool reserve(Side& side, std::int32_t finest_first, std::int32_t finest_last) noexcept;
  bool widen_for(std::uint64_t count) noexcept;
  void lower(int steps) noexcept;
  void release() noexcept;
  bool update_slow(double value) noexcept;
  void fill(const Fields& fields);

  // What one record touches comes first; a Moments placed before it in a struct ends with its own.
  std::int8_t scale_;
  std::int8_t base_scale_;
  std::uint8_t shift_;  // kMaxScale - scale_
  std::uint64_t count_ = 0;
  Side sides_[2];  // positive, negative
  std::uint64_t zero_count_ = 0;
  std::uint64_t nan_count_ = 0;
  std::uint64_t pos_inf_count_ = 0;
  std::uint64_t neg_inf_count_ = 0;
};

}  // namespace inlay
