#include <algorithm>
#include <cmath>
#include <inlay/drift/distances.hpp>
#include <inlay/error.hpp>
#include <limits>

#include "drift/tail_probability.hpp"

namespace inlay {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr const char* kEmpty = "empty";
constexpr const char* kEmptyReference = "empty reference";
constexpr const char* kInfinite = "infinite values";
constexpr const char* kUnbounded = "outer cells hold rows and their bounds are not known";
constexpr const char* kOverflow = "beyond the range of float64";

/// What one cell, or one step between kept values, leaves open of F - G and H.
struct Step {
  double d0 = 0, d1 = 0;       // F - G at both ends
  double least = 0, most = 0;  // of |F - G| within
  double h0 = 0, h1 = 0;       // H at both ends
  double width = 0;            // in the unit of the values
};

double square(double x) { return x * x; }
double logit_between(double a, double b) { return std::log(b / a) + std::log((1 - a) / (1 - b)); }

// Integral of (F - G)^2 / (h (1 - h)) where F - G runs straight from d0 to d1. With F - G = a + b h
// the integrand is a^2 / h + (a + b)^2 / (1 - h) - b^2.
double anderson_darling_even(const Step& s) {
  const double mass = s.h1 - s.h0;
  if (!(mass > 0)) return 0;
  const double b = (s.d1 - s.d0) / mass;
  const double a = s.d0 - b * s.h0;
  double out = -b * b * mass;
  // At H = 0 and H = 1 the difference vanishes, and so does what it divides.
  if (s.h0 > 0) out += a * a * std::log(s.h1 / s.h0);
  if (s.h1 < 1) out += square(a + b) * std::log((1 - s.h0) / (1 - s.h1));
  return std::max(out, 0.0);
}

// Integral of min(most, h / w, (1 - h) / w)^2 / (h (1 - h)): neither F nor G exceeds h / w where w
// is the lesser share of the rows, nor falls short of 1 by more than (1 - h) / w.
double anderson_darling_most(const Step& s, double w) {
  const double rise = std::clamp(w * s.most, 0.0, 0.5);
  double out = 0;
  const double a = std::min(s.h1, rise);
  if (a > s.h0) out += (std::log((1 - s.h0) / (1 - a)) - (a - s.h0)) / square(w);
  const double from = std::max(s.h0, rise);
  const double to = std::min(s.h1, 1 - rise);
  if (to > from && s.most > 0) out += square(s.most) * logit_between(from, to);
  const double c = std::max(s.h0, 1 - rise);
  if (s.h1 > c) out += (std::log(s.h1 / c) - (s.h1 - c)) / square(w);
  return out;
}

double wasserstein_even(const Step& s) {
  const double a = std::fabs(s.d0);
  const double b = std::fabs(s.d1);
  if (a + b == 0) return 0;
  if ((s.d0 < 0) == (s.d1 < 0)) return s.width * (a + b) / 2;
  return s.width * (a * a + b * b) / (2 * (a + b));
}

double squares_even(double size, const Step& s) {
  return size * (s.d0 * s.d0 + s.d0 * s.d1 + s.d1 * s.d1) / 3;
}

/// Sums of the five integrals and their bounds.
class Integrals {
 public:
  /// Adds a cell whose rows lie anywhere in it.
  void add_cell(const Step& s, double lesser_share) {
    add_ks(std::fabs(s.d1), std::fabs(s.d1), s.most);
    const double mass = s.h1 - s.h0;
    add(OrderedDistance::kCramerVonMises, squares_even(mass, s), mass * square(s.least),
        mass * square(s.most));
    const double weight = s.least > 0 ? logit_between(s.h0, s.h1) : 0.0;
    add(OrderedDistance::kAndersonDarling, anderson_darling_even(s), square(s.least) * weight,
        anderson_darling_most(s, lesser_share));
    if (s.width > 0) {
      add(OrderedDistance::kWasserstein, wasserstein_even(s), s.width * s.least, s.width * s.most);
      add(OrderedDistance::kEnergy, squares_even(s.width, s), s.width * square(s.least),
          s.width * square(s.most));
    }
  }

  /// Adds a kept value: F - G jumps to d1 there and stays for `width`.
  void add_jump(const Step& s) {
    const double d = std::fabs(s.d1);
    add_ks(d, s.least, s.most);
    const double mass = s.h1 - s.h0;
    add(OrderedDistance::kCramerVonMises, mass * square(d), mass * square(s.least),
        mass * square(s.most));
    if (s.h1 > 0 && s.h1 < 1) {
      const double weight = mass / (s.h1 * (1 - s.h1));
      add(OrderedDistance::kAndersonDarling, weight * square(d), weight * square(s.least),
          weight * square(s.most));
    }
    if (s.width > 0) {
      add(OrderedDistance::kWasserstein, s.width * d, s.width * s.least, s.width * s.most);
      add(OrderedDistance::kEnergy, s.width * square(d), s.width * square(s.least),
          s.width * square(s.most));
    }
  }

  OrderedDistances finish(double n, double m, const char* no_widths) {
    const double harmonic = n / (n + m) * m;
    Distance& ks = at(OrderedDistance::kKolmogorovSmirnov);
    Distance& cvm = at(OrderedDistance::kCramerVonMises);
    Distance& ad = at(OrderedDistance::kAndersonDarling);
    ks.p_value = detail::kolmogorov_tail(std::sqrt(harmonic) * ks.low);
    cvm.p_value = detail::cramer_von_mises_tail(harmonic * cvm.low);
    ad.p_value = detail::anderson_darling_tail(harmonic * ad.low);
    Distance& energy = at(OrderedDistance::kEnergy);
    for (double* x : {&energy.value, &energy.low, &energy.high}) *x = std::sqrt(2 * *x);
    for (const auto kind : {OrderedDistance::kWasserstein, OrderedDistance::kEnergy}) {
      Distance& distance = at(kind);
      if (no_widths == nullptr && !std::isfinite(distance.high)) no_widths = kOverflow;
      if (no_widths != nullptr) {
        distance = Distance{};
        distance.reason = no_widths;
      }
    }
    return out_;
  }

  Integrals() {
    for (Distance& distance : out_.each) distance.value = distance.low = distance.high = 0;
  }

 private:
  Distance& at(OrderedDistance kind) { return out_.each[static_cast<std::size_t>(kind)]; }
  void add(OrderedDistance kind, double value, double low, double high) {
    Distance& distance = at(kind);
    // What is spread evenly is one of the possibilities; only rounding says otherwise.
    distance.low += std::min(low, value);
    distance.value += value;
    distance.high += std::max(high, value);
  }
  void add_ks(double value, double low, double high) {
    Distance& ks = at(OrderedDistance::kKolmogorovSmirnov);
    ks.value = std::max(ks.value, value);
    ks.low = std::max(ks.low, low);
    ks.high = std::min(std::max(ks.high, high), 1.0);
  }

  OrderedDistances out_;
};

OrderedDistances undefined(const char* reason) {
  OrderedDistances out;
  for (Distance& distance : out.each) distance.reason = reason;
  return out;
}

std::uint64_t sum(const std::uint64_t* counts, std::size_t size) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (counts[i] > INT64_MAX - total) {
      detail::fail<InvalidArgument>("counts must add up to less than 2^63; count", counts[i]);
    }
    total += counts[i];
  }
  return total;
}

// The bounds of cell i, infinite where they are not known.
struct Bounds {
  double low;
  double high;
};

Bounds bounds_of(const OrderedCells& cells, std::size_t i) {
  const double lowest = cells.lowest.value_or(-kInfinity);
  const double highest = cells.highest.value_or(kInfinity);
  const double* edges = cells.edges;
  // A range that ends inside narrows the cell: no row lies beyond it.
  const double low = i == 0 ? lowest : std::max(edges[i - 1], lowest);
  const double high = i == cells.num_edges ? highest : std::min(edges[i], highest);
  return {low, std::max(low, high)};
}

}  // namespace

OrderedDistances ordered_distances(const OrderedCells& cells) {
  for (std::size_t i = 0; i < cells.num_edges; ++i) {
    if (!std::isfinite(cells.edges[i]) || (i > 0 && !(cells.edges[i - 1] < cells.edges[i]))) {
      detail::fail<InvalidArgument>("edges must be finite and increase; edge", cells.edges[i]);
    }
  }
  const std::size_t size = cells.num_edges + 1;
  const auto m = static_cast<double>(sum(cells.reference, size));
  const auto n = static_cast<double>(sum(cells.current, size));
  if (m == 0 || n == 0) return undefined(m == 0 ? kEmptyReference : kEmpty);
  Integrals integrals;
  const char* no_widths = cells.has_infinity ? kInfinite : nullptr;
  const double share = m / (n + m);
  std::uint64_t reference = 0;
  std::uint64_t current = 0;
  double f0 = 0;
  double g0 = 0;
  for (std::size_t i = 0; i < size; ++i) {
    reference += cells.reference[i];
    current += cells.current[i];
    const double f1 = static_cast<double>(reference) / m;
    const double g1 = static_cast<double>(current) / n;
    Step s;
    s.d0 = f0 - g0;
    s.d1 = f1 - g1;
    s.h0 = share * f0 + (1 - share) * g0;
    s.h1 = i + 1 == size ? 1 : share * f1 + (1 - share) * g1;
    s.most = std::max(f1 - g0, g1 - f0);
    s.least = std::max({0.0, f0 - g1, g0 - f1});
    if (s.most > 0) {
      const Bounds bounds = bounds_of(cells, i);
      s.width = bounds.high - bounds.low;
      if (!std::isfinite(s.width)) {
        s.width = 0;
        if (no_widths == nullptr) no_widths = kUnbounded;
      }
    }
    integrals.add_cell(s, std::min(share, 1 - share));
    f0 = f1;
    g0 = g1;
  }
  return integrals.finish(n, m, no_widths);
}

namespace {

// Distribution function of one sketch, infinite values included.
template <class T>
class SketchedSteps {
 public:
  explicit SketchedSteps(const Kll<T>& sketch)
      : kept_(sketch.cumulative()),
        below_(static_cast<double>(sketch.neg_inf_count())),
        total_(below_ + static_cast<double>(sketch.count()) +
               static_cast<double>(sketch.pos_inf_count())),
        error_(sketch.num_retained() == sketch.count() ? 0 : sketch.normalized_rank_error(false)) {}

  double total() const { return total_; }
  double error() const { return error_; }
  bool is_done() const { return next_ == kept_.size(); }
  double value() const { return is_done() ? kInfinity : static_cast<double>(kept_[next_].first); }
  void take_equal(double x) {
    while (!is_done() && value() == x) rank_ = static_cast<double>(kept_[next_++].second);
  }
  double fraction() const { return (below_ + rank_) / total_; }

 private:
  std::vector<std::pair<T, std::uint64_t>> kept_;
  double below_;
  double total_;
  double error_;
  double rank_ = 0;
  std::size_t next_ = 0;
};

template <class T>
bool has_infinity(const Kll<T>& sketch) {
  return sketch.neg_inf_count() + sketch.pos_inf_count() != 0 ||
         (sketch.count() != 0 && !(std::isfinite(*sketch.min()) && std::isfinite(*sketch.max())));
}

}  // namespace

template <class T>
OrderedDistances sketch_distances(const Kll<T>& reference, const Kll<T>& current) {
  SketchedSteps<T> f(reference);
  SketchedSteps<T> g(current);
  const double m = f.total();
  const double n = g.total();
  if (m == 0 || n == 0) return undefined(m == 0 ? kEmptyReference : kEmpty);
  const double error = f.error() + g.error();
  const double share = m / (n + m);
  Integrals integrals;
  double h0 = 0;
  const auto step_to_here = [&](double width) {
    Step s;
    s.d1 = f.fraction() - g.fraction();
    s.h0 = h0;
    s.h1 = h0 = share * f.fraction() + (1 - share) * g.fraction();
    s.least = std::max(std::fabs(s.d1) - error, 0.0);
    s.most = std::min(std::fabs(s.d1) + error, 1.0);
    s.width = width;
    integrals.add_jump(s);
  };
  step_to_here(0);  // the values of minus infinity
  while (!f.is_done() || !g.is_done()) {
    const double x = std::min(f.value(), g.value());
    f.take_equal(x);
    g.take_equal(x);
    const double next = std::min(f.value(), g.value());
    step_to_here(std::isinf(next) ? 0 : next - x);
  }
  const bool infinite = has_infinity(reference) || has_infinity(current);
  return integrals.finish(n, m, infinite ? kInfinite : nullptr);
}

template OrderedDistances sketch_distances(const Kll<float>&, const Kll<float>&);
template OrderedDistances sketch_distances(const Kll<double>&, const Kll<double>&);

}  // namespace inlay
