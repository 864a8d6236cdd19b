#pragma once

#include <cstdint>
#include <inlay/detect/p_values.hpp>
#include <inlay/detect/sorted_sample.hpp>
#include <inlay/export.hpp>
#include <limits>
#include <vector>

namespace inlay {

/// Why statistics of two samples have no value.
enum class Undefined : std::uint8_t {
  kDefined,
  kEmpty,     // a side has no values
  kInfinite,  // an infinite value makes the distance infinite or not a number
  kOverflow,  // beyond the largest double
  kConstant,  // all values of both sides are equal
  kTooFew,    // fewer values than the statistic's variance needs
};

/// Exact statistics of two samples, ties included. What has no value is NaN, and says why.
struct INLAY_API TwoSample {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  std::uint64_t n = 0;  // of the first sample
  std::uint64_t m = 0;  // of the second
  /// Kolmogorov-Smirnov: the largest difference of the two distribution functions, and the first
  /// value where it occurs.
  double ks = kNone;
  double ks_location = kNone;
  double ks_p_value = kNone;
  /// Cramer-von Mises: T of Anderson (1962); at a tie (F - G)^2 is the mean of that before and
  /// after it, so that equal samples are at 0.
  double cramer_von_mises = kNone;
  double cramer_von_mises_p_value = kNone;
  /// Anderson-Darling of two samples by midranks, standardised as without ties: Scholz and Stephens
  /// (1987), eq. 7. Its p-value and that of Cramer-von Mises allow for ties; that of
  /// Kolmogorov-Smirnov is too large for them.
  double anderson_darling = kNone;
  double anderson_darling_p_value = kNone;
  /// Wasserstein-1: the area between the two distribution functions, in the unit of the values.
  double wasserstein = kNone;
  /// Energy distance: the root of twice the integral of their squared difference.
  double energy = kNone;
  Undefined ranks = Undefined::kEmpty;      // of KS and Cramer-von Mises
  Undefined anderson = Undefined::kEmpty;   // of Anderson-Darling
  Undefined distances = Undefined::kEmpty;  // of Wasserstein and energy
};

/// What a walk over the values of two samples adds up: all that their statistics need. Of it,
/// difference is n m times that of the distribution functions.
struct INLAY_API TwoSampleSums {
  std::uint64_t n = 0;  // values of the first sample and of the second
  std::uint64_t m = 0;
  std::int64_t ks = 0;       // the largest difference
  double ks_location = 0.0;  // the first value where it occurs
  double squares = 0.0;      // its squares before and after each value, over all values one by one
  double anderson = 0.0;     // Scholz and Stephens' eq. 7 but for its factors
  double area = 0.0;         // its area
  double square_area = 0.0;  // the area of its square
  double low = 0.0;          // the smallest value of both, and the largest
  double high = 0.0;
  bool has_ties = false;
  TieMoments ties{0};               // of n + m values, if there are ties
  std::vector<std::uint64_t> runs;  // of equal values, in order, if p-values of ties are exact
};

/// The statistics; undefined ones if a side is empty.
/// @throws std::bad_alloc
INLAY_API TwoSample two_sample_of(const TwoSampleSums& sums);

/// One pass over both; nothing is allocated but for the exact p-values of small samples.
/// Safe for concurrent use, as the samples are only read.
/// @throws std::bad_alloc
INLAY_API TwoSample two_sample(const SortedSample& x, const SortedSample& y);

/// The mean of the p-th power (1 or 2) of the distance between equal quantiles of both samples:
/// Wasserstein-p to the p-th power. NaN if a side is empty or holds an infinity.
/// Safe for concurrent use.
INLAY_API double quantile_distance(const SortedSample& x, const SortedSample& y, int p) noexcept;

}  // namespace inlay
