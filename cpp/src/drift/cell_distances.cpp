#include <algorithm>
#include <cmath>
#include <inlay/drift/distances.hpp>
#include <inlay/error.hpp>
#include <numbers>

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

// What times n m / (n + m) is about chi-squared; 0 where nothing is.
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

}  // namespace

CellDistances cell_distances(const std::uint64_t* reference, const std::uint64_t* current,
                             std::size_t cells) {
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
    const double statistic = chi2_like(kind, value, harmonic);
    if (statistic >= 0 && s.filled > 1) {
      distance.p_value = detail::chi2_tail(statistic, out.chi2_dof);
    }
  }
  const double chi2 = out[CellDistance::kChi2].value;
  if (s.filled > 1) out.cramers_v = std::min(std::sqrt(chi2 / (n + m)), 1.0);
  return out;
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
