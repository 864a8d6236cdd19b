#pragma once

// Upper tails of the distributions that statistics of two samples have in the limit. A tail is the
// chance of at least `x`; all return 1 for x <= 0.

namespace inlay::detail {

/// Chi-squared, `dof` > 0. Regularised incomplete gamma function by its series or its continued
/// fraction, whichever converges (DLMF 8.7.1 and 8.9.2).
double chi2_tail(double x, double dof) noexcept;

/// Kolmogorov's distribution, of sqrt(n m / (n + m)) times the largest difference.
double kolmogorov_tail(double x) noexcept;

/// Cramér and von Mises' omega squared, of n m / (n + m) times the integral of (F - G)^2 dH
/// (Csörgő and Faraway 1996, equation 1.3).
double cramer_von_mises_tail(double x) noexcept;

/// Anderson and Darling's statistic (Marsaglia and Marsaglia 2004, the limit; off by a few
/// millionths).
double anderson_darling_tail(double x) noexcept;

}  // namespace inlay::detail
