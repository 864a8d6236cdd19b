#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <limits>
#include <optional>
#include <vector>

namespace inlay {

namespace detail {
struct BlockSums;
struct MomentsPart;
struct SummaryAccess;
}  // namespace detail

/// Count, extremes, sum, mean and the second to fourth central moments of a stream.
///
/// NaN and both infinities are counted apart and enter nothing else; so are nulls. Values are
/// summed in blocks of powers of their distance from one of them, and blocks are merged
/// by the formulas of Chan, Golub and LeVeque (1983) and Pebay (2008): M2 keeps a relative error
/// below 1e-9 when the mean is 1e8 standard deviations away from zero. The sum is carried in twice
/// the precision of a double; sums of integers are exact while they and the values fit 2^53.
///
/// Magnitudes above about 1e76 can take M2 to M4 beyond what a double holds. Such a moment
/// becomes *undefined for good* (its accessor returns nothing, overflowed() is true) while counts,
/// extremes, sum and mean stay right up to the largest double; a sum beyond it is infinite.
///
/// Merging is commutative bit for bit, and associative to rounding. Not safe for concurrent use of
/// one object when any of the uses changes it.
class INLAY_API Moments {
 public:
  Moments() noexcept = default;

  void update(double value) noexcept;
  void update(const double* values, std::size_t size) noexcept;
  void update(const float* values, std::size_t size) noexcept;
  void add_nulls(std::uint64_t n) noexcept { null_count_ += n; }
  void merge(const Moments& other) noexcept;
  void reset() noexcept { *this = Moments(); }

  /// Finite values, zeros included.
  std::uint64_t count() const noexcept { return count_ + pending_; }
  std::uint64_t null_count() const noexcept { return null_count_; }
  std::uint64_t nan_count() const noexcept { return nan_count_; }
  std::uint64_t pos_inf_count() const noexcept { return pos_inf_count_; }
  std::uint64_t neg_inf_count() const noexcept { return neg_inf_count_; }
  std::uint64_t zero_count() const noexcept { return zero_count_; }

  /// All that is computed, in one go. Nothing where there is no finite value or, for m2 to m4,
  /// where it overflowed.
  struct Values {
    std::uint64_t count;
    double sum;
    bool overflowed;
    std::optional<double> min, max, mean, m2, m3, m4;
  };
  Values values() const noexcept;

  /// What a row of points holds.
  struct Fields {
    std::uint64_t null_count, nan_count, pos_inf_count, neg_inf_count, zero_count;
    Values values;
  };
  /// The digits of the sum beyond a double are lost; all else is as it was. An m2, m3 or m4 that is
  /// absent overflowed; `overflowed` is not looked at.
  /// @throws InvalidArgument if the fields contradict one another.
  static Moments from_fields(const Fields& fields);

  std::optional<double> min() const noexcept;
  std::optional<double> max() const noexcept;
  /// 0 without values; infinite when it exceeds the largest double.
  double sum() const noexcept { return values().sum; }
  std::optional<double> mean() const noexcept { return values().mean; }
  /// Sums of the second, third and fourth powers of the distances from the mean.
  std::optional<double> m2() const noexcept { return values().m2; }
  std::optional<double> m3() const noexcept { return values().m3; }
  std::optional<double> m4() const noexcept { return values().m4; }
  bool overflowed() const noexcept { return values().overflowed; }
  /// m2 / (count - ddof); nothing unless count > ddof.
  std::optional<double> variance(unsigned ddof = 1) const noexcept;
  std::optional<double> std(unsigned ddof = 1) const noexcept;
  /// sqrt(n) m3 / m2^1.5; nothing if all values are equal.
  std::optional<double> skewness() const noexcept;
  /// n m4 / m2^2 - 3; nothing if all values are equal.
  std::optional<double> kurtosis() const noexcept;

  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static Moments from_bytes(const std::uint8_t* bytes, std::size_t size);

  /// Equal counts and equal values of everything computed from them.
  friend INLAY_API bool operator==(const Moments& a, const Moments& b) noexcept;
  friend bool operator!=(const Moments& a, const Moments& b) noexcept { return !(a == b); }

 private:
  friend struct detail::SummaryAccess;

  void update_slow(double value) noexcept;
  detail::MomentsPart part() const noexcept;
  void set_part(const detail::MomentsPart& part) noexcept;
  void merge_part(const detail::MomentsPart& part) noexcept;
  void fold_pending() noexcept;
  double next_origin(double value) const noexcept;

  std::uint64_t null_count_ = 0;
  std::uint64_t nan_count_ = 0;
  std::uint64_t pos_inf_count_ = 0;
  std::uint64_t neg_inf_count_ = 0;
  std::uint64_t zero_count_ = 0;

  // What was folded: count_ values.
  std::uint64_t count_ = 0;
  double sum_high_ = 0;  // times 2^64 if sum_scaled_
  double sum_low_ = 0;
  double m2_ = 0;
  double m3_ = 0;
  double m4_ = 0;

  // What one record touches comes last, 64 bytes. min_ and max_ cover folded and pending values.
  double min_ = std::numeric_limits<double>::infinity();
  double max_ = -std::numeric_limits<double>::infinity();
  double origin_ = 0;  // of the power sums of the pending values
  double powers_[4] = {};
  std::uint32_t pending_ = 0;
  bool sum_scaled_ = false;
};

}  // namespace inlay
