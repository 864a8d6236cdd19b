#include <algorithm>
#include <cmath>
#include <cstdint>
#include <inlay/detect/p_values.hpp>
#include <inlay/detect/two_sample.hpp>

#include "summary/block_sort.hpp"

namespace inlay {
namespace {

__extension__ typedef __int128 Wide;

double value_of(std::uint64_t key) noexcept { return detail::from_ordered_bits<double>(key); }

// What one walk over the distinct values of both samples adds up.
struct Sums {
  std::int64_t ks = 0;         // n m times the largest difference
  std::int64_t ks_signed = 0;  // the same with its sign
  std::uint64_t ks_key = 0;
  Wide squares_x = 0;      // sum over x of (2 midrank - 2 rank among x)^2
  Wide squares_y = 0;      // the same of y
  double anderson = 0.0;   // Scholz and Stephens' eq. 7 but for its factors
  double area = 0.0;       // n m times the area between the distribution functions
  double square_area = 0;  // (n m)^2 times the integral of their squared difference
};

// Sum over t = 1 … count of (distance - 2 t)^2.
Wide squares(std::int64_t distance, std::int64_t count) noexcept {
  const Wide d = distance;
  const Wide c = count;
  return c * d * d - 2 * d * c * (c + 1) + 2 * c * (c + 1) * (2 * c + 1) / 3;
}

// Both have values, and kEnd behind them.
Sums walk(const std::uint64_t* x, std::int64_t n, const std::uint64_t* y, std::int64_t m) noexcept {
  Sums sums;
  const std::int64_t all = n + m;
  const auto total = static_cast<double>(all);
  std::int64_t below_x = 0;
  std::int64_t below_y = 0;
  std::int64_t difference = 0;  // n m (F(v) - G(v))
  std::uint64_t key = std::min(*x, *y);
  double value = value_of(key);
  while (key != SortedSample::kEnd) {
    // Without a branch where there are no ties, which continuous data seldom have.
    std::int64_t a = *x == key ? 1 : 0;
    std::int64_t b = *y == key ? 1 : 0;
    x += a;
    y += b;
    std::uint64_t next = std::min(*x, *y);
    if (next == key) {
      while (*x == key) ++x, ++a;
      while (*y == key) ++y, ++b;
      next = std::min(*x, *y);
    }
    difference += a * m - b * n;
    const std::int64_t magnitude = difference < 0 ? -difference : difference;
    if (magnitude > sums.ks) {
      sums.ks = magnitude;
      sums.ks_signed = difference;
      sums.ks_key = key;
    }
    // Twice the midrank is 2 (below_x + below_y) + a + b + 1; the rank among x, 2 (below_x + t).
    if (a + b == 1) {
      sums.squares_x += Wide{a * 4} * below_y * below_y;
      sums.squares_y += Wide{b * 4} * below_x * below_x;
    } else {
      sums.squares_x += squares(2 * below_y + a + b + 1, a);
      sums.squares_y += squares(2 * below_x + a + b + 1, b);
    }
    const auto ties = static_cast<double>(a + b);
    const double rank = static_cast<double>(below_x + below_y) + ties / 2;
    const double among_x = static_cast<double>(below_x) + static_cast<double>(a) / 2;
    const double off = total * among_x - rank * static_cast<double>(n);
    sums.anderson += ties * off * off / (rank * (total - rank) - total * ties / 4);
    below_x += a;
    below_y += b;
    if (next == SortedSample::kEnd) break;
    const double next_value = value_of(next);
    const double gap = next_value - value;
    const auto height = static_cast<double>(magnitude);
    sums.area += height * gap;
    sums.square_area += height * height * gap;
    key = next;
    value = next_value;
  }
  return sums;
}

// U of Anderson (1962) from the squares, then T, all in integers until the last division.
double cramer_von_mises(const Sums& sums, std::int64_t n, std::int64_t m) noexcept {
  const Wide four_u = sums.squares_x * n + sums.squares_y * m;
  const Wide product = Wide{n} * m;
  const Wide numerator = 6 * four_u - 4 * product * (4 * product - 1);
  return static_cast<double>(numerator) /
         (24.0 * static_cast<double>(product) * static_cast<double>(n + m));
}

void anderson_darling(const Sums& sums, std::uint64_t n, std::uint64_t m, bool constant,
                      TwoSample& out) noexcept {
  if (n + m < 4) {
    out.anderson = Undefined::kTooFew;
    return;
  }
  if (constant) {
    out.anderson = Undefined::kConstant;
    return;
  }
  const auto total = static_cast<double>(n + m);
  const double both = 1.0 / static_cast<double>(n) + 1.0 / static_cast<double>(m);
  const double statistic = sums.anderson * both * (total - 1.0) / (total * total);
  out.anderson = Undefined::kDefined;
  out.anderson_darling = (statistic - 1.0) / std::sqrt(anderson_darling_variance(n, m));
  out.anderson_darling_p_value = anderson_darling_p_value(out.anderson_darling);
}

}  // namespace

TwoSample two_sample(const SortedSample& x, const SortedSample& y) {
  TwoSample out;
  out.n = x.size();
  out.m = y.size();
  if (out.n == 0 || out.m == 0) return out;
  const auto n = static_cast<std::int64_t>(out.n);
  const auto m = static_cast<std::int64_t>(out.m);
  const Sums sums = walk(x.keys(), n, y.keys(), m);
  const double product = static_cast<double>(n) * static_cast<double>(m);
  out.ranks = Undefined::kDefined;
  out.ks = static_cast<double>(sums.ks) / product;
  if (sums.ks != 0) {
    out.ks_location = value_of(sums.ks_key);
    out.ks_difference = static_cast<double>(sums.ks_signed) / product;
  } else {
    out.ks_location = x.value(0);
    out.ks_difference = 0.0;
  }
  out.ks_p_value = kolmogorov_p_value(out.ks, out.n, out.m);
  out.cramer_von_mises = cramer_von_mises(sums, n, m);
  out.cramer_von_mises_p_value = cramer_von_mises_p_value(out.cramer_von_mises, out.n, out.m);
  const double low = std::min(x.value(0), y.value(0));
  const double high = std::max(x.value(x.size() - 1), y.value(y.size() - 1));
  anderson_darling(sums, out.n, out.m, low == high, out);
  if (x.has_infinity() || y.has_infinity()) {
    out.distances = Undefined::kInfinite;
    return out;
  }
  const double wasserstein = sums.area / product;
  const double energy = std::sqrt(2.0 * (sums.square_area / product / product));
  if (!std::isfinite(wasserstein) || !std::isfinite(energy)) {
    out.distances = Undefined::kOverflow;
    return out;
  }
  out.distances = Undefined::kDefined;
  out.wasserstein = wasserstein;
  out.energy = energy;
  return out;
}

double quantile_distance(const SortedSample& x, const SortedSample& y, int p) noexcept {
  if (x.size() == 0 || y.size() == 0 || x.has_infinity() || y.has_infinity()) {
    return TwoSample::kNone;
  }
  const auto n = static_cast<std::int64_t>(x.size());
  const auto m = static_cast<std::int64_t>(y.size());
  std::size_t i = 0;
  std::size_t j = 0;
  std::int64_t at = 0;  // n m times the probability reached
  double sum = 0.0;
  while (i < x.size() && j < y.size()) {
    const std::int64_t end_x = static_cast<std::int64_t>(i + 1) * m;
    const std::int64_t end_y = static_cast<std::int64_t>(j + 1) * n;
    const std::int64_t end = std::min(end_x, end_y);
    const double distance = std::fabs(x.value(i) - y.value(j));
    sum += static_cast<double>(end - at) * (p == 1 ? distance : distance * distance);
    at = end;
    i += end == end_x ? 1U : 0U;
    j += end == end_y ? 1U : 0U;
  }
  return sum / (static_cast<double>(n) * static_cast<double>(m));
}

}  // namespace inlay
