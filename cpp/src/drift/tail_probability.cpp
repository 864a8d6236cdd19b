#include "drift/tail_probability.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace inlay::detail {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr int kMostTerms = 100'000;  // both expansions need about sqrt(dof) of them near the mean

double regularised(double a, double x) noexcept {
  const double scale = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a;
    double sum = term;
    for (int n = 1; n < kMostTerms && term > sum * kEpsilon; ++n) {
      term *= x / (a + n);
      sum += term;
    }
    return 1 - scale * sum;
  }
  // Lentz' evaluation of the continued fraction; nothing in it vanishes for x > a + 1.
  double b = x + 1 - a;
  double c = 1 / std::numeric_limits<double>::min();
  double d = 1 / b;
  double fraction = d;
  for (int n = 1; n < kMostTerms; ++n) {
    const double numerator = -n * (n - a);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    const double factor = c * d;
    fraction *= factor;
    if (std::fabs(factor - 1) < kEpsilon) break;
  }
  return scale * fraction;
}

}  // namespace

double chi2_tail(double x, double dof) noexcept {
  if (!(x > 0)) return 1;
  if (std::isinf(x)) return 0;
  return std::clamp(regularised(dof / 2, x / 2), 0.0, 1.0);
}

double kolmogorov_tail(double x) noexcept {
  if (!(x > 0)) return 1;
  if (x < 1) {
    // The theta function's other form, which converges where the alternating one does not.
    const double step = -kPi * kPi / (8 * x * x);
    double sum = 0;
    for (int k = 1; k < 20; k += 2) sum += std::exp(k * k * step);
    return std::clamp(1 - std::sqrt(2 * kPi) / x * sum, 0.0, 1.0);
  }
  double sum = 0;
  for (int k = 1; k < 20; ++k) {
    const double term = std::exp(-2.0 * k * k * x * x);
    sum += (k % 2 != 0) ? term : -term;
    if (term < kEpsilon * sum) break;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

double cramer_von_mises_tail(double x) noexcept {
  if (!(x > 0)) return 1;
  // Terms fall like exp(-k^2 / x); beyond this the sum loses all digits, and the tail all size.
  if (x > 12) return 0;
  double sum = 0;
  for (int k = 0; k < 60; ++k) {
    const double y = 4.0 * k + 1;
    const double q = y * y / (16 * x);
    if (q > 600) break;  // the Bessel function underflows, as does its factor
    const double u =
        std::exp(std::lgamma(k + 0.5) - std::lgamma(k + 1.0)) / (std::pow(kPi, 1.5) * std::sqrt(x));
    const double term = u * std::sqrt(y) * std::exp(-q) * std::cyl_bessel_k(0.25, q);
    sum += term;
    if (term < kEpsilon * sum) break;
  }
  return std::clamp(1 - sum, 0.0, 1.0);
}

double anderson_darling_tail(double x) noexcept {
  if (!(x > 0)) return 1;
  if (x < 2) {
    const double polynomial =
        2.00012 + (.247105 - (.0649821 - (.0347962 - (.011672 - .00168691 * x) * x) * x) * x) * x;
    return std::clamp(1 - std::exp(-1.2337141 / x) / std::sqrt(x) * polynomial, 0.0, 1.0);
  }
  const double inner =
      1.0776 - (2.30695 - (.43424 - (.082433 - (.008056 - .0003146 * x) * x) * x) * x) * x;
  // The fit ends where its inner polynomial turns; from there on the tail's own exponential rate.
  if (x > 10) return std::min(anderson_darling_tail(10) * std::exp(-(x - 10)), 1.0);
  return std::clamp(-std::expm1(-std::exp(inner)), 0.0, 1.0);
}

}  // namespace inlay::detail
