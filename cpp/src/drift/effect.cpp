#include "drift/effect.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "drift/log_gamma.hpp"

namespace inlay::detail {
namespace {

constexpr double kQuantile95 = 1.6448536269514722;  // of the standard normal distribution

/// Divergence in nats, and what its variance is made of.
struct Divergence {
  double value = 0;
  double reference_variance = 0;  // of ln(p / m) / 2 under p
  double current_variance = 0;    // of ln(q / m) / 2 under q
  double n = 0;
  double n_reference = 0;
  std::size_t filled = 0;  // cells that either side has
};

Divergence divergence(const std::vector<std::uint64_t>& reference, const std::uint64_t* current) {
  Divergence out;
  const std::size_t size = reference.size();
  std::uint64_t n = 0;
  std::uint64_t n_reference = 0;
  for (std::size_t i = 0; i < size; ++i) {
    n_reference += reference[i];
    n += current[i];
  }
  if (n == 0 || n_reference == 0) return out;
  out.n = static_cast<double>(n);
  out.n_reference = static_cast<double>(n_reference);
  double reference_mean = 0;
  double current_mean = 0;
  // Logarithms some at a time: of p / m in the first half, of q / m in the second.
  constexpr std::size_t kBlock = 32;
  double p[kBlock];
  double q[kBlock];
  double g[2 * kBlock];
  for (std::size_t from = 0; from < size; from += kBlock) {
    const std::size_t length = std::min(kBlock, size - from);
    double* gp = g;
    double* gq = g + length;
    for (std::size_t i = 0; i < length; ++i) {
      p[i] = static_cast<double>(static_cast<std::int64_t>(reference[from + i]));
      q[i] = static_cast<double>(static_cast<std::int64_t>(current[from + i]));
    }
    for (std::size_t i = 0; i < length; ++i) {
      p[i] /= out.n_reference;
      q[i] /= out.n;
    }
    for (std::size_t i = 0; i < length; ++i) {
      const double middle = (p[i] + q[i]) / 2;
      out.filled += middle > 0 ? 1 : 0;
      // A cell without rows of a side adds nothing to it: 0 times any logarithm.
      gp[i] = p[i] > 0 ? p[i] / middle : 1;
      gq[i] = q[i] > 0 ? q[i] / middle : 1;
    }
    log_positive_all(g, g, 2 * length);
    for (std::size_t i = 0; i < length; ++i) {
      const double of_p = gp[i] / 2;
      const double of_q = gq[i] / 2;
      reference_mean += p[i] * of_p;
      out.reference_variance += p[i] * of_p * of_p;
      current_mean += q[i] * of_q;
      out.current_variance += q[i] * of_q * of_q;
    }
  }
  out.value = std::max(reference_mean + current_mean, 0.0);
  out.reference_variance = std::max(out.reference_variance - reference_mean * reference_mean, 0.0);
  out.current_variance = std::max(out.current_variance - current_mean * current_mean, 0.0);
  return out;
}

double distance_of(double nats) {
  return std::min(std::sqrt(std::max(nats, 0.0) / std::numbers::ln2), 1.0);
}

// With how much of a degree of freedom an end weighs of which so many rows are expected.
double degree_of_end(double expected) { return expected / (1 + expected); }

Effect effect_of(const Divergence& found, const std::vector<std::uint64_t>& counts,
                 bool has_rare_ends) {
  if (found.filled == 0) return {};
  // Where nothing differs, 8 n m / (n + m) times the divergence is chi-squared with as many degrees
  // of freedom, hence its mean and its variance.
  double dof = static_cast<double>(found.filled) - 1;
  if (has_rare_ends) {
    for (const std::size_t end : {std::size_t{0}, counts.size() - 1}) {
      if (counts[end] == 0) continue;
      const auto weight = static_cast<double>(counts[end]);
      dof += degree_of_end(found.n * weight / found.n_reference) - 1;
    }
  }
  const double unit = (1 / found.n + 1 / found.n_reference) / 8;
  const double unbiased = found.value - dof * unit;
  const double variance = found.current_variance / found.n +
                          found.reference_variance / found.n_reference + 2 * dof * unit * unit;
  const double half = kQuantile95 * std::sqrt(variance);
  return {distance_of(unbiased), distance_of(unbiased - half), distance_of(unbiased + half)};
}

}  // namespace

Effect jensen_shannon_effect(const std::vector<std::uint64_t>& reference,
                             const std::vector<std::uint64_t>& current, bool has_rare_ends) {
  const bool is_below = has_rare_ends && current.front() > 0;
  const bool is_above = has_rare_ends && current.back() > 0;
  if (is_below || is_above) {
    std::vector<std::uint64_t> with_ends = reference;
    with_ends.front() += is_below ? 1 : 0;
    with_ends.back() += is_above ? 1 : 0;
    return effect_of(divergence(with_ends, current.data()), with_ends, true);
  }
  return effect_of(divergence(reference, current.data()), reference, has_rare_ends);
}

double jensen_shannon(const std::vector<std::uint64_t>& reference, const std::uint64_t* current) {
  return distance_of(divergence(reference, current).value);
}

}  // namespace inlay::detail
