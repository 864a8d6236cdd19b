#include <algorithm>
#include <cmath>
#include <cstdint>
#include <inlay/detect/p_values.hpp>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

// The limits of Cramer-von Mises and Anderson-Darling are weighted sums of squared normals, whose
// tails Smirnov (1937) gives as a series: with the poles y_1 < y_2 < … of 1 / D,
//   P(Q > x) = 1 / pi * sum over k of (-1)^(k+1) * integral from y_(2k-1) to y_(2k) of
//              exp(-x y / 2) / (y sqrt(|D(y)|)) dy,
// D(y) = sin(sqrt(y)) / sqrt(y) for Cramer-von Mises, poles (pi j)^2, and
// D(y) = -cos(pi/2 sqrt(1 + 4 y)) / (pi y) for Anderson-Darling, poles j (j + 1).
// Each term is far smaller than the one before, so that the tail keeps its digits.

namespace inlay {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kNodes = 64;             // Gauss-Chebyshev; the integrand is smooth between the poles
constexpr int kMaxTerms = 2000;        // reached only where the tail is 1 to sixteen digits
constexpr double kNegligible = 745.0;  // exp(-745) is the smallest double

// pole(j) is the j-th pole; weight(y) is 1 / (y sqrt(|D(y)|)).
template <class Pole, class Weight>
double tail(double x, Pole pole, Weight weight) noexcept {
  if (!(x > 0.0)) return 1.0;
  double sum = 0.0;
  for (int k = 1; k <= kMaxTerms; ++k) {
    const double low = pole(2 * k - 1);
    const double high = pole(2 * k);
    if (x * low / 2 > kNegligible) break;
    const double centre = (low + high) / 2;
    const double half = (high - low) / 2;
    double integral = 0.0;
    for (int i = 0; i < kNodes; ++i) {
      // y = centre + half cos(t) takes away the root's poles at both ends.
      const double t = kPi * (i + 0.5) / kNodes;
      const double y = centre + half * std::cos(t);
      integral += std::exp(-x * y / 2) * weight(y) * half * std::sin(t);
    }
    integral /= kNodes;  // times pi, which the series divides by
    sum += k % 2 == 1 ? integral : -integral;
    if (integral < 1e-18 * sum) break;
  }
  return std::clamp(sum, 0.0, 1.0);
}

double cramer_von_mises_tail(double x) noexcept {
  if (x < 0.01) return 1.0;  // to 1e-11
  return tail(
      x, [](int j) { return kPi * kPi * j * j; },
      [](double y) {
        const double root = std::sqrt(y);
        return 1.0 / (y * std::sqrt(std::fabs(std::sin(root)) / root));
      });
}

double anderson_darling_tail(double x) noexcept {
  if (x < 0.05) return 1.0;  // to 1e-10
  return tail(
      x, [](int j) { return static_cast<double>(j) * (j + 1); },
      [](double y) {
        const double d = std::fabs(std::cos(kPi / 2 * std::sqrt(1.0 + 4.0 * y))) / (kPi * y);
        return 1.0 / (y * std::sqrt(d));
      });
}

// Exact sums of squared differences over all ways to mix n and m values, as counts by sum.
using Counts = std::map<std::int64_t, double>;

double exact_cramer_von_mises(double t, std::int64_t n, const std::vector<std::uint64_t>& ties) {
  std::int64_t total = 0;
  for (const std::uint64_t count : ties) total += static_cast<std::int64_t>(count);
  const std::int64_t m = total - n;
  const std::int64_t multiple = std::lcm(n, m);
  const std::int64_t step_x = multiple / n;
  const std::int64_t step_y = multiple / m;
  // T = n m / (n + m)^2 times the sum over all values of (F - G)^2, the mean of before and after a
  // tie; all of it twice.
  const auto scale = 2.0 * static_cast<double>(total) * static_cast<double>(total) /
                     (static_cast<double>(n) * static_cast<double>(m)) *
                     static_cast<double>(multiple) * static_cast<double>(multiple);
  const double bound = t * scale * (1.0 - 1e-12) - 1e-6;
  // By how many of the values so far are of the first sample.
  std::vector<Counts> column(static_cast<std::size_t>(n) + 1);
  column[0] = {{0, 1.0}};
  std::int64_t below = 0;
  for (std::size_t k = 0; k < ties.size(); ++k) {
    const auto tied = static_cast<std::int64_t>(ties[k]);
    below += tied;
    // What lies between this value and the next belongs half to each.
    const std::int64_t weight =
        tied + (k + 1 < ties.size() ? static_cast<std::int64_t>(ties[k + 1]) : 0);
    std::vector<Counts> mixed(column.size());
    for (std::int64_t i = 0; i <= std::min(n, below); ++i) {
      if (below - i > m) continue;
      const std::int64_t off = i * step_x - (below - i) * step_y;
      Counts& into = mixed[static_cast<std::size_t>(i)];
      double ways = 1.0;  // to choose those of the first sample from the tied ones
      for (std::int64_t chosen = 0; chosen <= std::min(tied, i); ++chosen) {
        for (const auto& [sum, count] : column[static_cast<std::size_t>(i - chosen)]) {
          into[sum + weight * off * off] += ways * count;
        }
        ways = ways * static_cast<double>(tied - chosen) / static_cast<double>(chosen + 1);
      }
    }
    column = std::move(mixed);
  }
  double all = 0.0;
  double reached = 0.0;
  for (const auto& [sum, count] : column.back()) {
    all += count;
    if (static_cast<double>(sum) >= bound) reached += count;
  }
  return reached / all;
}

double cramer_von_mises_variance(double x, double y) noexcept {
  const double total = x + y;
  return (total + 1.0) * (4.0 * x * y * total - 3.0 * (x * x + y * y) - 2.0 * x * y) /
         (45.0 * total * total * 4.0 * x * y);
}

double cramer_von_mises_limit(double t, double mean, double variance) noexcept {
  return cramer_von_mises_tail(1.0 / 6.0 + (t - mean) / std::sqrt(45.0 * variance));
}

// The sum of 1 / i, or of 1 / i^2, for i = 1 … n.
double harmonic(double n) noexcept {
  constexpr double kEuler = 0.57721566490153286061;
  if (n < 64.0) {
    double sum = 0.0;
    for (double i = n; i >= 1.0; i -= 1.0) sum += 1.0 / i;
    return sum;
  }
  const double square = n * n;
  return std::log(n) + kEuler + 0.5 / n - 1.0 / (12.0 * square) + 1.0 / (120.0 * square * square);
}

double harmonic_squares(double n) noexcept {
  if (n < 64.0) {
    double sum = 0.0;
    for (double i = n; i >= 1.0; i -= 1.0) sum += 1.0 / (i * i);
    return sum;
  }
  const double square = n * n;
  return kPi * kPi / 6.0 - 1.0 / n + 0.5 / square - 1.0 / (6.0 * square * n) +
         1.0 / (30.0 * square * square * n);
}

}  // namespace

bool cramer_von_mises_is_exact(std::uint64_t n, std::uint64_t m) noexcept {
  constexpr std::uint64_t kExact = 20;
  return std::max(n, m) <= kExact;
}

double tied_cramer_von_mises_p_value(double t, std::uint64_t n,
                                     const std::vector<std::uint64_t>& ties) {
  return exact_cramer_von_mises(t, static_cast<std::int64_t>(n), ties);
}

double cramer_von_mises_p_value(double t, std::uint64_t n, std::uint64_t m) {
  if (cramer_von_mises_is_exact(n, m)) {
    return tied_cramer_von_mises_p_value(t, n, std::vector<std::uint64_t>(n + m, 1));
  }
  const auto x = static_cast<double>(n);
  const auto y = static_cast<double>(m);
  const double mean = (1.0 + 1.0 / (x + y)) / 6.0;
  return cramer_von_mises_limit(t, mean, cramer_von_mises_variance(x, y));
}

void TieMoments::add(std::uint64_t count) noexcept {
  const double share = static_cast<double>(count) / total_;
  if (last_ > 0.0) {
    const double w = (last_ + share) / 2;
    const double p = below_;
    const double square = (1.0 - p) * (1.0 - p);
    mean_ += w * p * (1.0 - p);
    cramer_ += w * square * (cramer_earlier_ + w * p * p / 2);
    cramer_earlier_ += w * p * p;
  }
  const double b = below_ + share / 2;
  const double v = b * (1.0 - b) - share / 4;  // of the difference by midranks
  if (v > 0.0) {                               // else all values are equal
    anderson_ += share * ((1.0 - b) * (1.0 - b) / v * anderson_earlier_ + share / 2);
    anderson_earlier_ += share * b * b / v;
  }
  below_ += share;
  last_ = share;
}

double TieMoments::cramer_von_mises_p_value(double t, std::uint64_t n,
                                            std::uint64_t m) const noexcept {
  if (!(mean_ > 0.0 && t > 0.0)) return 1.0;  // all values are equal, or both samples are
  const double mean = mean_ * total_ / (total_ - 1.0);
  // 4 times the sum is the bridge's variance, which is 1 / 45 without ties.
  const double variance = 4.0 * cramer_ * 45.0 *
                          cramer_von_mises_variance(static_cast<double>(n), static_cast<double>(m));
  return cramer_von_mises_limit(t, mean, variance);
}

double TieMoments::anderson_darling_spread() const {
  // The same sum without ties nears its limit like 1 / total.
  constexpr double kMany = 4096.0;
  const auto total = static_cast<std::uint64_t>(std::min(total_, kMany));
  TieMoments without(total);
  for (std::uint64_t i = 0; i < total; ++i) without.add(1);
  return anderson_ > 0.0 ? anderson_ / without.anderson_ : 1.0;
}

double anderson_darling_p_value(double a) noexcept {
  // The limit has mean 1 and this variance.
  const double variance = 2.0 * (kPi * kPi - 9.0) / 3.0;
  return anderson_darling_tail(1.0 + a * std::sqrt(variance));
}

double anderson_darling_variance(std::uint64_t n, std::uint64_t m) noexcept {
  const auto total = static_cast<double>(n + m);
  const double inverse = 1.0 / static_cast<double>(n) + 1.0 / static_cast<double>(m);
  const double h = harmonic(total - 1.0);
  // The double sum of the paper, in closed form by Euler's sum of harmonic numbers.
  const double g = harmonic_squares(total - 1.0) - 2.0 * h / total;
  const double a = 4.0 * g - 6.0 + (10.0 - 6.0 * g) * inverse;
  const double b = 4.0 * (2.0 * g - 4.0) + 16.0 * h + (2.0 * g - 14.0 * h - 4.0) * inverse -
                   8.0 * h + 4.0 * g - 6.0;
  const double c = 4.0 * (6.0 * h + 2.0 * g - 2.0) + 2.0 * (4.0 * h - 4.0 * g + 6.0) +
                   (2.0 * h - 6.0) * inverse + 4.0 * h;
  const double d = 4.0 * (2.0 * h + 6.0) - 8.0 * h;
  return (((a * total + b) * total + c) * total + d) /
         ((total - 1.0) * (total - 2.0) * (total - 3.0));
}

}  // namespace inlay
