#pragma once

#include <cstdint>
#include <inlay/export.hpp>
#include <vector>

namespace inlay {

// Upper tails of null distributions, accurate in relative terms far into the tail. Pure functions.

/// P(D >= d) of the two-sided two-sample Kolmogorov-Smirnov statistic of continuous data.
///
/// Exact for samples of one size, by the sum of Gnedenko and Korolyuk (1951), and, by the
/// recurrence over lattice paths of Viehmann, "Numerically more stable computation of the p-values
/// for the two-sample Kolmogorov-Smirnov test" (2021), while the paths that stay within `d` have
/// few enough cells. Else that of one sample of n m / (n + m) values: Vrbik, "Small-Sample
/// Corrections to Kolmogorov-Smirnov Test Statistic" (2018), and in the tail the second-order
/// expansion of Maag and Dicaire, Biometrika 58 (1971).
/// @throws std::bad_alloc
INLAY_API double kolmogorov_p_value(double d, std::uint64_t n, std::uint64_t m);

/// Whether the one above is exact.
INLAY_API bool kolmogorov_is_exact(double d, std::uint64_t n, std::uint64_t m) noexcept;

/// P(T >= t) of the two-sample Cramer-von Mises statistic of continuous data.
///
/// Exact for at most 20 values a side, by the recurrence of Xiao, Gordon and Yakovlev, "A C++
/// Program for the Cramer-von Mises Two-Sample Test" (2006); else by the limit distribution, at a
/// statistic brought to the limit's mean and variance: Anderson, "On the Distribution of the
/// Two-Sample Cramer-von Mises Criterion" (1962).
/// @throws std::bad_alloc
INLAY_API double cramer_von_mises_p_value(double t, std::uint64_t n, std::uint64_t m);

/// The same of data with ties, given how many values of both samples are equal to each distinct
/// one: exact over all ways to share these out, `n` to the first sample.
/// @throws std::bad_alloc
INLAY_API double tied_cramer_von_mises_p_value(double t, std::uint64_t n,
                                               const std::vector<std::uint64_t>& ties);

/// Whether p-values of samples of these sizes are exact.
INLAY_API bool cramer_von_mises_is_exact(std::uint64_t n, std::uint64_t m) noexcept;

/// What ties change in the mean and the variance of Cramer-von Mises and Anderson-Darling over all
/// ways to share the values out to two samples.
///
/// Means are exact. Variances are those of samples without ties, times what ties make of the
/// variance of the Brownian bridge's integral; laws keep the shape of the limit. A plain value.
class INLAY_API TieMoments {
 public:
  /// Of so many values in all.
  explicit TieMoments(std::uint64_t total) noexcept : total_(static_cast<double>(total)) {}
  /// With what add() makes of all runs: the sums of w p (1 - p), of w_i w_j p_i^2 (1 - p_j)^2 and
  /// of the same for Anderson-Darling, see below.
  TieMoments(std::uint64_t total, double mean, double cramer, double anderson) noexcept
      : total_(static_cast<double>(total)), mean_(mean), cramer_(cramer), anderson_(anderson) {}

  /// The next distinct value is that of so many values.
  void add(std::uint64_t count) noexcept;

  /// P(T >= t), T with (F - G)^2 at a tie the mean of those before and after it.
  double cramer_von_mises_p_value(double t, std::uint64_t n, std::uint64_t m) const noexcept;

  /// Variance of the Anderson-Darling statistic by midranks, in that without ties.
  double anderson_darling_spread() const;

 private:
  double total_;
  double below_ = 0;           // share of the values so far
  double last_ = 0;            // share of the last distinct value
  double mean_ = 0;            // sum of w p (1 - p) over the steps p between distinct values
  double cramer_earlier_ = 0;  // sum of w p^2
  double cramer_ = 0;          // sum of w_i w_j p_i^2 (1 - p_j)^2 over i < j, and half of i = j
  double anderson_earlier_ = 0;
  double anderson_ = 0;
};

/// P(A >= a) of the standardised two-sample Anderson-Darling statistic, by its limit distribution.
INLAY_API double anderson_darling_p_value(double a) noexcept;

/// The variance of the two-sample Anderson-Darling statistic of n and m values, n + m > 3: Scholz
/// and Stephens, "K-Sample Anderson-Darling Tests", JASA 82 (1987), eq. 4.
INLAY_API double anderson_darling_variance(std::uint64_t n, std::uint64_t m) noexcept;

/// P(F >= f) of the F distribution; NaN unless both degrees of freedom are positive.
INLAY_API double f_p_value(double f, double numerator, double denominator) noexcept;

}  // namespace inlay
