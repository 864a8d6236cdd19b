#include <algorithm>
#include <cmath>
#include <inlay/detect/p_values.hpp>
#include <vector>

namespace inlay {
namespace {

// Some 10 ms of the recurrence below, whether by cells or by rows.
constexpr double kMaxCells = 2e6;
constexpr std::uint64_t kMaxRows = 500000;

// Cells (i, j) with |i / n - j / m| < d: the whole less two triangles of legs 1 - d.
double cells_within(double d, double n, double m) noexcept {
  const double outside = 1.0 - std::min(d, 1.0);
  return n * m * (1.0 - outside * outside);
}

// The probability that a random path from (0, 0) to (n, m) reaches |i / n - j / m| >= d, of which
// the probability at a cell is the mean of those of the two cells before it, weighted by the chance
// to come from there: averages alone, so that small ones keep their digits.
double exact(double d, std::int64_t n, std::int64_t m) {
  // d is a multiple of 1 / (n m) but for its rounding.
  const std::int64_t limit = std::llround(d * static_cast<double>(n) * static_cast<double>(m));
  std::vector<double> row(static_cast<std::size_t>(m) + 1, 1.0);
  // Row 0 is the way up along j.
  row[0] = limit <= 0 ? 1.0 : 0.0;
  for (std::int64_t j = 1; j <= m; ++j) {
    row[static_cast<std::size_t>(j)] = j * n >= limit ? 1.0 : row[static_cast<std::size_t>(j - 1)];
  }
  for (std::int64_t i = 1; i <= n; ++i) {
    // |i m - j n| < limit, for j from `first` to `last`.
    const std::int64_t least = i * m - limit;
    const std::int64_t first = least < 0 ? 0 : least / n + 1;
    const std::int64_t last = std::min(m, (i * m + limit - 1) / n);
    // What lies below the band is outside it; so is what lies above and was never written.
    if (first > 0) row[static_cast<std::size_t>(first - 1)] = 1.0;
    std::int64_t j = first;
    if (j == 0 && j <= last) ++j;  // (i, 0) is reached from (i - 1, 0) alone
    double before = row[static_cast<std::size_t>(j - 1)];
    for (; j <= last; ++j) {
      const auto up = static_cast<double>(j);
      const auto right = static_cast<double>(i);
      double& cell = row[static_cast<std::size_t>(j)];
      const double part = 1.0 / (up + right);  // no step waits for the division of the one before
      before = right * part * cell + up * part * before;
      cell = before;
    }
  }
  return row[static_cast<std::size_t>(m)];
}

// Of two samples of n values and a largest difference of h / n, for any n: Gnedenko and Korolyuk's
// alternating sum of C(2 n, n - k h) / C(2 n, n), whose terms fall like exp(-(k h)^2 / n).
double exact_of_equal_sizes(double d, double n) noexcept {
  const double h = std::round(d * n);
  double term = 1.0;
  double sum = 0.0;
  double sign = 2.0;
  for (double s = 0.0; s < n; s += 1.0) {
    term *= (n - s) / (n + 1.0 + s);
    if (std::fmod(s + 1.0, h) == 0.0) {
      sum += sign * term;
      sign = -sign;
      if (term < 1e-18 * sum || term == 0.0) break;
    }
  }
  return std::clamp(sum, 0.0, 1.0);
}

// Of one sample of n values, n perhaps no integer.
double limit_p_value(double d, double n) noexcept {
  const double z = std::sqrt(n) * d;
  if (z > 1.6) {
    const double x = 6.0 * n * d + 1.0;
    const double square = x * x / (18.0 * n);
    const double factor = 1.0 - (2.0 * square * square - 4.0 * square - 1.0) / (18.0 * n);
    // Where the expansion fails the first order is an upper bound of the right size.
    return std::min(1.0, 2.0 * std::exp(-square) * (factor > 0.0 && factor < 1.0 ? factor : 1.0));
  }
  const double shifted = z + 1.0 / (6.0 * std::sqrt(n)) + (z - 1.0) / (4.0 * n);
  if (shifted <= 0.0) return 1.0;
  constexpr double kPi = 3.14159265358979323846;
  if (shifted < 1.0) {
    double sum = 0.0;
    for (int k = 1; k < 20; k += 2) {
      sum += std::exp(-k * k * kPi * kPi / (8.0 * shifted * shifted));
    }
    return std::clamp(1.0 - std::sqrt(2.0 * kPi) / shifted * sum, 0.0, 1.0);
  }
  double sum = 0.0;
  for (int k = 1; k < 8; ++k) {
    sum += (k % 2 == 1 ? 2.0 : -2.0) * std::exp(-2.0 * k * k * shifted * shifted);
  }
  return std::clamp(sum, 0.0, 1.0);
}

}  // namespace

bool kolmogorov_is_exact(double d, std::uint64_t n, std::uint64_t m) noexcept {
  if (n == m) return true;
  return std::max(n, m) <= kMaxRows &&
         cells_within(d, static_cast<double>(n), static_cast<double>(m)) <= kMaxCells;
}

double kolmogorov_p_value(double d, std::uint64_t n, std::uint64_t m) {
  if (!(d > 0.0)) return 1.0;
  if (n == m) return exact_of_equal_sizes(d, static_cast<double>(n));
  if (kolmogorov_is_exact(d, n, m)) {
    // The shorter row is the one kept; the law is the same.
    return std::min(1.0, exact(d, static_cast<std::int64_t>(std::max(n, m)),
                               static_cast<std::int64_t>(std::min(n, m))));
  }
  const auto x = static_cast<double>(n);
  const auto y = static_cast<double>(m);
  return limit_p_value(d, x * y / (x + y));
}

}  // namespace inlay
