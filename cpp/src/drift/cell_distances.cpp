#include <algorithm>
#include <cmath>
#include <inlay/drift/tally_distances.hpp>
#include <inlay/error.hpp>
#include <limits>
#include <numbers>
#include <utility>

#include "drift/log_gamma.hpp"
#include "drift/tail_probability.hpp"

namespace inlay {
namespace {

constexpr const char* kEmpty = "empty";
constexpr const char* kEmptyReference = "empty reference";
constexpr const char* kOneCell = "one cell holds all rows";

// Shares of the cells, and where empty cells would make a logarithm infinite those of smoothed
// counts.
struct Shares {
  Shares(const std::uint64_t* reference_counts, const std::uint64_t* current_counts,
         std::size_t size)
      : reference(reference_counts), current(current_counts), cells(size) {
    if (cells == 0) detail::fail<InvalidArgument>("there must be cells; cells", cells);
    n_reference = sum(reference);
    n = sum(current);
    bool one_sided = false;
    for (std::size_t i = 0; i < cells; ++i) {
      one_sided |= (reference[i] == 0) != (current[i] == 0);
      filled += (reference[i] | current[i]) != 0;
    }
    if (one_sided) half = 0.5;
  }

  bool is_empty() const { return n == 0 || n_reference == 0; }
  double p(std::size_t i) const {
    return static_cast<double>(reference[i]) / static_cast<double>(n_reference);
  }
  double q(std::size_t i) const { return static_cast<double>(current[i]) / static_cast<double>(n); }
  double smooth(std::uint64_t count, std::uint64_t total) const {
    return (static_cast<double>(count) + half) /
           (static_cast<double>(total) + half * static_cast<double>(cells));
  }

  const std::uint64_t* reference;
  const std::uint64_t* current;
  std::size_t cells;
  std::uint64_t n = 0;
  std::uint64_t n_reference = 0;
  std::size_t filled = 0;  // cells that either side has
  double half = 0;

 private:
  std::uint64_t sum(const std::uint64_t* counts) const {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < cells; ++i) {
      if (counts[i] > INT64_MAX - total) {
        detail::fail<InvalidArgument>("counts must add up to less than 2^63; count", counts[i]);
      }
      total += counts[i];
    }
    return total;
  }
};

// x ln(x / m), 0 at 0.
double entropy_term(double x, double m) { return x > 0 ? x * std::log(x / m) : 0.0; }

double part(CellDistance kind, const Shares& s, std::size_t i) {
  const double p = s.p(i);
  const double q = s.q(i);
  switch (kind) {
    case CellDistance::kPsi: {
      const double a = s.smooth(s.reference[i], s.n_reference);
      const double b = s.smooth(s.current[i], s.n);
      return a > 0 && b > 0 ? (b - a) * std::log(b / a) : 0.0;
    }
    case CellDistance::kKl: {
      const double a = s.smooth(s.reference[i], s.n_reference);
      const double b = s.smooth(s.current[i], s.n);
      return entropy_term(b, a);
    }
    case CellDistance::kJensenShannon: {
      const double m = (p + q) / 2;
      // Rounding may leave a hair below 0 where p and q are nearly equal.
      return std::max((entropy_term(p, m) + entropy_term(q, m)) / (2 * std::numbers::ln2), 0.0);
    }
    case CellDistance::kHellinger: {
      const double root = std::sqrt(p) - std::sqrt(q);
      return root * root / 2;
    }
    case CellDistance::kTotalVariation:
      return std::fabs(p - q) / 2;
    case CellDistance::kLInfinity:
      return std::fabs(p - q);
    case CellDistance::kChi2: {
      const auto both = static_cast<double>(s.reference[i]) + static_cast<double>(s.current[i]);
      if (!(both > 0)) return 0;
      // (a/n - b/m)^2 n m / (a + b) is what both rows of the table add for this column.
      return (p - q) * (p - q) / both * static_cast<double>(s.n) *
             static_cast<double>(s.n_reference);
    }
  }
  return 0;
}

double total(CellDistance kind, const Shares& s) {
  double sum = 0;
  for (std::size_t i = 0; i < s.cells; ++i) {
    const double x = part(kind, s, i);
    sum = kind == CellDistance::kLInfinity ? std::max(sum, x) : sum + x;
  }
  switch (kind) {
    case CellDistance::kJensenShannon:
    case CellDistance::kHellinger:
      return std::min(std::sqrt(sum), 1.0);
    case CellDistance::kKl:
      return std::max(sum, 0.0);
    default:
      return sum;
  }
}

// What times n m / (n + m) is about chi-squared; negative where nothing is.
double chi2_like(CellDistance kind, double value, double harmonic) {
  switch (kind) {
    case CellDistance::kPsi:
      return value * harmonic;
    case CellDistance::kKl:
      return 2 * value * harmonic;
    case CellDistance::kJensenShannon:
      return 8 * std::numbers::ln2 * value * value * harmonic;
    case CellDistance::kHellinger:
      return 8 * value * value * harmonic;
    case CellDistance::kChi2:
      return value;
    default:
      return -1;
  }
}

// The distance whose chi2_like() is a statistic.
double from_chi2_like(CellDistance kind, double statistic, double harmonic) {
  switch (kind) {
    case CellDistance::kPsi:
      return statistic / harmonic;
    case CellDistance::kKl:
      return statistic / (2 * harmonic);
    case CellDistance::kJensenShannon:
      return std::sqrt(statistic / (8 * std::numbers::ln2 * harmonic));
    case CellDistance::kHellinger:
      return std::sqrt(statistic / (8 * harmonic));
    default:
      return statistic;
  }
}

// Cells that expect fewer rows than this on a side are joined before a p-value is computed.
constexpr double kExpected = 5;

struct Pooled {
  std::vector<std::uint64_t> reference;
  std::vector<std::uint64_t> current;

  void add(std::uint64_t a, std::uint64_t b) {
    reference.push_back(a);
    current.push_back(b);
  }
  std::uint64_t both(std::size_t i) const { return reference[i] + current[i]; }
};

// Which cells are joined depends on the sums of both sides alone, which leaves the law of the
// statistic, given these sums, as it is.
Pooled pooled(const Shares& s, bool is_ordered) {
  const double share = static_cast<double>(std::min(s.n, s.n_reference)) /
                       (static_cast<double>(s.n) + static_cast<double>(s.n_reference));
  const auto expects = [&](std::uint64_t both) { return static_cast<double>(both) * share; };
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < s.cells; ++i) {
    if ((s.reference[i] | s.current[i]) != 0) order.push_back(i);
  }
  if (!is_ordered) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
      return s.reference[i] + s.current[i] < s.reference[j] + s.current[j];
    });
  }
  Pooled out;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  for (const std::size_t i : order) {
    a += s.reference[i];
    b += s.current[i];
    if (expects(a + b) < kExpected) continue;
    out.add(a, b);
    a = b = 0;
  }
  if ((a | b) == 0) return out;
  if (out.reference.empty()) {
    out.add(a, b);
  } else {
    // The cells at the end were too few for one of their own.
    out.reference.back() += a;
    out.current.back() += b;
  }
  return out;
}

// By how much the mean of a statistic exceeds that of Pearson's for lack of rows: the second order
// in 1 / expected rows, which are `x` on the reference's side and `y` on the other, and the third
// without products of both.
double excess(CellDistance kind, double x, double y) {
  const double a = 1 / x;
  const double b = 1 / y;
  const double weight = 1 / (a + b);
  const double squares = a * a + b * b;
  const double cubes = a * a * a + b * b * b;
  switch (kind) {
    case CellDistance::kPsi:
      return weight * (squares / 2 + 5 * cubes / 6);
    case CellDistance::kKl:
      return weight * ((5 * a * a + b * b) / 6 + 3 * a * a * a / 2 + b * b * b / 6);
    case CellDistance::kJensenShannon:
      return weight * ((3 * squares - 2 * a * b) / 8 + 17 * cubes / 48);
    case CellDistance::kHellinger:
      return weight * ((7 * squares - 2 * a * b) / 16 + 75 * cubes / 128);
    default:
      return 0;
  }
}

// The chance of as uneven a share of `both` rows among a and b as this, given all sums: Fisher's
// exact test of two cells, twice the smaller tail.
double exact_p_value(std::uint64_t a, std::uint64_t b, std::uint64_t n_a, std::uint64_t n_b) {
  // As rows of a; of the other tail the roles of both sides are exchanged.
  if (static_cast<double>(a) * static_cast<double>(n_b) <
      static_cast<double>(b) * static_cast<double>(n_a)) {
    std::swap(a, b);
    std::swap(n_a, n_b);
  }
  const auto log_choose = [](double n, double k) {
    return detail::log_gamma(n + 1) - detail::log_gamma(k + 1) - detail::log_gamma(n - k + 1);
  };
  const auto rows = static_cast<double>(n_a);
  const auto others = static_cast<double>(n_b);
  const auto both = static_cast<double>(a + b);
  auto k = static_cast<double>(a);
  double term = std::exp(log_choose(rows, k) + log_choose(others, both - k) -
                         log_choose(rows + others, both));
  double sum = 0;
  while (term > 1e-17 * sum && term > 0) {
    sum += term;
    term *= (rows - k) * (both - k) / ((k + 1) * (others - both + k + 1));
    k += 1;
  }
  return std::min(2 * sum, 1.0);
}

// The largest cell against all others together, for rows that are too few for any other test.
double exact_p_value(const Shares& s) {
  std::size_t largest = 0;
  for (std::size_t i = 1; i < s.cells; ++i) {
    if (s.reference[i] + s.current[i] > s.reference[largest] + s.current[largest]) largest = i;
  }
  return exact_p_value(s.n_reference - s.reference[largest], s.n - s.current[largest],
                       s.n_reference, s.n);
}

void add_p_values(const Shares& s, bool is_ordered, double harmonic, CellDistances& out) {
  const Pooled cells = pooled(s, is_ordered);
  const std::size_t size = cells.reference.size();
  const Shares shares(cells.reference.data(), cells.current.data(), size);
  const auto dof = static_cast<double>(size) - 1;
  const auto n = static_cast<double>(s.n);
  const auto m = static_cast<double>(s.n_reference);
  for (std::size_t k = 0; k < kCellDistances; ++k) {
    const auto kind = static_cast<CellDistance>(k);
    if (chi2_like(kind, 0, harmonic) < 0) continue;
    if (size == 1) {
      out.each[k].p_value = exact_p_value(s);
      continue;
    }
    double more = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const double share = static_cast<double>(cells.both(i)) / (n + m);
      more += excess(kind, m * share, n * share);
    }
    const double statistic = chi2_like(kind, total(kind, shares), harmonic);
    out.each[k].p_value = detail::chi2_tail(statistic / (1 + more / dof), dof);
  }
}

// What is left of a distance when what samples of one distribution differ by on average is taken
// off.
double effect(CellDistance kind, const Shares& s, double value, double harmonic, double dof) {
  const double all = static_cast<double>(s.n) + static_cast<double>(s.n_reference);
  if (kind == CellDistance::kChi2) {  // Cramér's V
    return std::min(std::sqrt(std::max(value - dof, 0.0) / all), 1.0);
  }
  if (kind == CellDistance::kTotalVariation) {
    double sum = 0;
    for (std::size_t i = 0; i < s.cells; ++i) {
      const double share =
          (static_cast<double>(s.reference[i]) + static_cast<double>(s.current[i])) / all;
      sum += std::sqrt(share * (1 - share));
    }
    // Half the mean size of a normal variate.
    return std::max(value - sum / std::sqrt(2 * std::numbers::pi * harmonic), 0.0);
  }
  const double statistic = chi2_like(kind, value, harmonic);
  if (statistic < 0) return value;
  return from_chi2_like(kind, std::max(statistic - dof, 0.0), harmonic);
}

}  // namespace

CellDistances cell_distances(const std::uint64_t* reference, const std::uint64_t* current,
                             std::size_t cells, bool is_ordered) {
  const Shares s(reference, current, cells);
  CellDistances out;
  out.n = s.n;
  out.n_reference = s.n_reference;
  if (s.is_empty()) {
    for (Distance& distance : out.each) {
      distance.reason = s.n_reference == 0 ? kEmptyReference : kEmpty;
    }
    return out;
  }
  const auto n = static_cast<double>(s.n);
  const auto m = static_cast<double>(s.n_reference);
  const double harmonic = n / (n + m) * m;
  out.chi2_dof = static_cast<double>(s.filled) - 1;
  for (std::size_t k = 0; k < kCellDistances; ++k) {
    const auto kind = static_cast<CellDistance>(k);
    Distance& distance = out.each[k];
    if (kind == CellDistance::kChi2 && s.filled == 1) {
      distance.reason = kOneCell;  // nothing varies, so there is no table to test
      continue;
    }
    const double value = total(kind, s);
    distance.value = distance.low = distance.high = value;
    out.effects[k] = effect(kind, s, value, harmonic, out.chi2_dof);
  }
  if (s.filled > 1) add_p_values(s, is_ordered, harmonic, out);
  const double chi2 = out[CellDistance::kChi2].value;
  if (s.filled > 1) out.cramers_v = std::min(std::sqrt(chi2 / (n + m)), 1.0);
  return out;
}

double cell_distance(CellDistance kind, const std::uint64_t* reference,
                     const std::uint64_t* current, std::size_t cells) {
  const Shares s(reference, current, cells);
  if (s.is_empty() || (kind == CellDistance::kChi2 && s.filled == 1)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return total(kind, s);
}

std::vector<double> cell_parts(CellDistance kind, const std::uint64_t* reference,
                               const std::uint64_t* current, std::size_t cells) {
  const Shares s(reference, current, cells);
  std::vector<double> out;
  if (s.is_empty()) return out;
  out.reserve(cells);
  for (std::size_t i = 0; i < cells; ++i) out.push_back(part(kind, s, i));
  return out;
}

}  // namespace inlay
