#include <algorithm>
#include <array>
#include <cmath>
#include <inlay/error.hpp>
#include <inlay/summary/hll.hpp>
#include <limits>

#include "summary/hll_registers.hpp"
#include "summary/murmur3.hpp"

namespace inlay {
namespace detail {

RegisterCounts count_registers(const std::uint8_t* registers, std::size_t size) noexcept {
  // Four tables, so that equal neighbours need not wait for one another.
  std::array<std::array<std::uint32_t, 64>, 4> parts{};
  for (std::size_t i = 0; i < size; i += 4) {
    for (std::size_t k = 0; k < 4; ++k) ++parts[k][registers[i + k] & 63U];
  }
  RegisterCounts out{};
  for (std::size_t value = 0; value < out.size(); ++value) {
    for (const auto& part : parts) out[value] += part[value];
  }
  return out;
}

}  // namespace detail

namespace {

// sqrt(3 ln 2 - 1): the asymptotic relative standard error of Ertl's estimator times sqrt(m).
constexpr double kErrorFactor = 1.0389617614136892;
// 1 / (2 ln 2), and the first term of what few registers add: Flajolet et al. (2007), figure 3.
constexpr double kAlpha = 0.7213475204444817;
constexpr double kBias = 1.079;
// Values are 1 to kLastValue; the last one stands for all above, too.
constexpr int kLastValue = 63;

// Ertl (2017), algorithm 6: x + sum over k of x^(2^k) 2^(k-1), here for x below 1.
double sigma(double x) {
  double sum = x;
  double weight = 1;
  for (double before = -1; sum != before; weight *= 2) {
    x *= x;
    before = sum;
    sum += x * weight;
  }
  return sum;
}

// The same algorithm: (1 - x - sum over k of (1 - x^(2^-k))^2 2^-k) / 3.
double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double sum = 1 - x;
  double weight = 1;
  for (double before = -1; sum != before;) {
    x = std::sqrt(x);
    before = sum;
    weight /= 2;
    sum -= (1 - x) * (1 - x) * weight;
  }
  return sum / 3;
}

double estimate_of(const detail::RegisterCounts& counts, double m) {
  if (counts[0] == m) return 0;
  double z = m * tau(1 - counts[kLastValue] / m);
  for (int value = kLastValue - 1; value >= 1; --value) {
    z = (z + counts[static_cast<std::size_t>(value)]) / 2;
  }
  z += m * sigma(counts[0] / m);
  return kAlpha / (1 + kBias / m) * m * (m / z);
}

// Two of n items share a coupon with probability 2^-26 / 3: the registers' address, and the values'
// sum of 4^-v. So about this many coupons are missing.
double missing_coupons(double coupons) {
  return coupons * coupons / (6 * static_cast<double>(std::uint32_t{1} << detail::kSlotBits));
}

// The least k that a Poisson variable exceeds with a probability of at most `tail`.
double poisson_quantile(double mean, double tail) {
  double term = std::exp(-mean);
  double below = term;
  double k = 0;
  while (1 - below > tail && term > 0) {
    ++k;
    term *= mean / k;
    below += term;
  }
  return k;
}

// A normal variable exceeds 1, 2 or 3 standard deviations on one side with this probability.
constexpr double kTails[3] = {0.15865525393145707, 0.022750131948179195, 0.0013498980316300933};

void check_deviations(int deviations) {
  if (deviations < 1 || deviations > 3) {
    detail::fail<InvalidArgument>("deviations must be 1, 2 or 3", deviations);
  }
}

}  // namespace

double Hll::estimate() const noexcept {
  if (!dense_) return std::round(size_ + missing_coupons(size_));
  const std::size_t size = std::size_t{1} << lg_k_;
  return estimate_of(detail::count_registers(registers_, size), static_cast<double>(size));
}

// Of few registers the estimate is skewed upwards; its logarithm is nearly normal.
double Hll::lower_bound(int deviations) const {
  check_deviations(deviations);
  if (!dense_) {
    // What is seen was there; among many coupons a part of the missing ones is as certain.
    const double missing = missing_coupons(size_);
    return size_ + std::max(0.0, std::floor(missing - deviations * std::sqrt(missing)));
  }
  const std::size_t size = std::size_t{1} << lg_k_;
  const detail::RegisterCounts counts = detail::count_registers(registers_, size);
  const auto m = static_cast<double>(size);
  return std::max(m - counts[0], estimate_of(counts, m) * std::exp(-deviations * relative_error()));
}

double Hll::upper_bound(int deviations) const {
  check_deviations(deviations);
  if (!dense_) {
    return size_ + poisson_quantile(missing_coupons(size_), kTails[deviations - 1]);
  }
  return estimate() * std::exp(deviations * relative_error());
}

double Hll::relative_error() const noexcept {
  const auto m = static_cast<double>(std::uint32_t{1} << lg_k_);
  return kErrorFactor * (1 + 1 / m) / std::sqrt(m);
}

}  // namespace inlay
