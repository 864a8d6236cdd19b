#include <cmath>
#include <inlay/detect/p_values.hpp>
#include <limits>

namespace inlay {
namespace {

// The continued fraction of the incomplete beta function, NIST DLMF 8.17.22, by Lentz's method as
// Thompson and Barnett (1986) give it.
double beta_fraction(double x, double a, double b) noexcept {
  constexpr double kTiny = 1e-300;
  const auto away_from_zero = [](double value) { return std::fabs(value) < kTiny ? kTiny : value; };
  double c = 1.0;
  double d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
  double fraction = d;
  // As many steps as the square root of the larger parameter, times a few.
  const int most = 1000 + static_cast<int>(20.0 * std::sqrt(std::fmin(std::fmax(a, b), 1e10)));
  for (int m = 1; m <= most; ++m) {
    const double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
    d = 1.0 / away_from_zero(1.0 + even * d);
    c = away_from_zero(1.0 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
    d = 1.0 / away_from_zero(1.0 + odd * d);
    c = away_from_zero(1.0 + odd / c);
    const double step = d * c;
    fraction *= step;
    if (std::fabs(step - 1.0) < 1e-15) break;
  }
  return fraction;
}

// I_x(a, b), with 1 - x given too, since it may hold digits that x does not.
double regularised_beta(double x, double rest, double a, double b) noexcept {
  if (x <= 0.0) return 0.0;
  if (rest <= 0.0) return 1.0;
  int sign = 0;
  const double log_front = lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) +
                           a * std::log(x) + b * std::log(rest);
  const double front = std::exp(log_front);
  if (x < (a + 1.0) / (a + b + 2.0)) return front * beta_fraction(x, a, b) / a;
  return 1.0 - front * beta_fraction(rest, b, a) / b;
}

}  // namespace

double f_p_value(double f, double numerator, double denominator) noexcept {
  if (!(numerator > 0.0 && denominator > 0.0) || std::isnan(f)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (f <= 0.0) return 1.0;
  if (std::isinf(f)) return 0.0;
  const double sum = numerator * f + denominator;
  return regularised_beta(denominator / sum, numerator * f / sum, denominator / 2, numerator / 2);
}

}  // namespace inlay
