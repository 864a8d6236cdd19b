#pragma once

#include <cstdint>
#include <inlay/export.hpp>

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

/// P(A >= a) of the standardised two-sample Anderson-Darling statistic, by its limit distribution.
INLAY_API double anderson_darling_p_value(double a) noexcept;

/// The variance of the two-sample Anderson-Darling statistic of n and m values, n + m > 3: Scholz
/// and Stephens, "K-Sample Anderson-Darling Tests", JASA 82 (1987), eq. 4.
INLAY_API double anderson_darling_variance(std::uint64_t n, std::uint64_t m) noexcept;

/// P(F >= f) of the F distribution; NaN unless both degrees of freedom are positive.
INLAY_API double f_p_value(double f, double numerator, double denominator) noexcept;

}  // namespace inlay
