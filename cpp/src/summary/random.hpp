#pragma once

#include <cmath>
#include <cstdint>

#include "summary/kll_random.hpp"

namespace inlay::detail {

/// SplitMix64 on a state that its owner stores. Seeds are mixed first, or those a multiple of its
/// step apart would give the same numbers shifted.
inline std::uint64_t random_state(std::uint64_t seed) noexcept { return mixed(~seed); }

inline std::uint64_t random_word(std::uint64_t& state) noexcept {
  state += kRandomStep;
  return mixed(state);
}

/// A multiple of 2^-52, plus half of that: above 0 and below 1.
inline double random_unit(std::uint64_t& state) noexcept {
  return (static_cast<double>(random_word(state) >> 12) + 0.5) * 0x1p-52;
}

/// A number below `bound`, which is not 0, each equally likely: the upper half of a product,
/// drawn anew where the lower half shows that some would come up too often (Lemire, "Fast random
/// integer generation in an interval", 2019).
inline std::uint64_t random_below(std::uint64_t& state, std::uint64_t bound) noexcept {
  __extension__ typedef unsigned __int128 Product;
  for (;;) {
    const Product product = static_cast<Product>(random_word(state)) * bound;
    const auto low = static_cast<std::uint64_t>(product);
    if (low >= bound || low >= (std::uint64_t{0} - bound) % bound) {
      return static_cast<std::uint64_t>(product >> 64);
    }
  }
}

// Logarithms that use nothing but + - * /, so that every machine draws the same: those of a C
// library differ in the last digit, and a sample would with them. Relative errors are below 1e-12.

/// 2 atanh(s) for |s| <= 0.1716, where 12 terms leave less than 1e-17.
inline double twice_atanh(double s) noexcept {
  const double square = s * s;
  double sum = 0;
  for (int n = 23; n >= 1; n -= 2) sum = sum * square + 1.0 / n;
  return 2 * s * sum;
}

/// log(x) for a positive normal number.
inline double portable_log(double x) noexcept {
  constexpr double kLn2High = 0x1.62e42fefa38p-1;  // so few bits that times an exponent is exact
  constexpr double kLn2Low = 0x1.ef35793c7673p-45;
  int exponent = 0;
  double fraction = std::frexp(x, &exponent);  // exact; [0.5, 1)
  if (fraction < 0.70710678118654752) {
    fraction *= 2;
    --exponent;
  }
  return exponent * kLn2High + (exponent * kLn2Low + twice_atanh((fraction - 1) / (fraction + 1)));
}

/// log(1 - x) for 0 <= x < 1.
inline double portable_log1m(double x) noexcept {
  if (x < 0.25) return twice_atanh(-x / (2 - x));
  return portable_log(1 - x);
}

/// 1 - exp(-x) for 0 <= x <= 0.25, where 14 terms leave less than 1e-17 of it.
inline double one_less_exp_series(double x) noexcept {
  double sum = 0;
  for (int n = 14; n >= 1; --n) sum = (1 - sum) * (x / n);
  return sum;
}

/// 1 - exp(-x) for x >= 0.
inline double portable_one_less_exp(double x) noexcept {
  // Halve until the series is short, then undo: 1 - e^-2y = (1 - e^-y)(1 + e^-y).
  int halvings = 0;
  for (; x > 0.25; ++halvings) x *= 0.5;
  double less = one_less_exp_series(x);
  for (; halvings > 0; --halvings) less *= 2 - less;
  return less;
}

/// log(1 - exp(-x)) for x > 0.
inline double portable_log1m_exp(double x) noexcept {
  if (x < 0.7) return portable_log(portable_one_less_exp(x));
  int halvings = 0;
  for (; x > 0.25; ++halvings) x *= 0.5;
  double power = 1 - one_less_exp_series(x);
  for (; halvings > 0; --halvings) power *= power;
  return portable_log1m(power);
}

}  // namespace inlay::detail
