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
  for (std::size_t i = 0; i < reference.size(); ++i) {
    out.n_reference += static_cast<double>(reference[i]);
    out.n += static_cast<double>(current[i]);
  }
  if (out.n == 0 || out.n_reference == 0) return out;
  double reference_mean = 0;
  double current_mean = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double p = static_cast<double>(reference[i]) / out.n_reference;
    const double q = static_cast<double>(current[i]) / out.n;
    if (p + q == 0) continue;
    ++out.filled;
    const double middle = (p + q) / 2;
    if (p > 0) {
      const double g = log_positive(p / middle) / 2;
      reference_mean += p * g;
      out.reference_variance += p * g * g;
    }
    if (q > 0) {
      const double g = log_positive(q / middle) / 2;
      current_mean += q * g;
      out.current_variance += q * g * g;
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

}  // namespace

Effect jensen_shannon_effect(const std::vector<std::uint64_t>& reference,
                             const std::vector<std::uint64_t>& current) {
  const Divergence found = divergence(reference, current.data());
  if (found.filled == 0) return {};
  // Where nothing differs, 8 n m / (n + m) times the divergence is chi-squared with as many degrees
  // of freedom, hence its mean and its variance.
  const double dof = static_cast<double>(found.filled) - 1;
  const double unit = (1 / found.n + 1 / found.n_reference) / 8;
  const double unbiased = found.value - dof * unit;
  const double variance = found.current_variance / found.n +
                          found.reference_variance / found.n_reference + 2 * dof * unit * unit;
  const double half = kQuantile95 * std::sqrt(variance);
  return {distance_of(unbiased), distance_of(unbiased - half), distance_of(unbiased + half)};
}

double jensen_shannon(const std::vector<std::uint64_t>& reference, const std::uint64_t* current) {
  return distance_of(divergence(reference, current).value);
}

}  // namespace inlay::detail
