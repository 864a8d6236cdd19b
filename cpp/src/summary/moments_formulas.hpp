#pragma once

// The formulas of moments_part.hpp, for the CPU and for kernels.

#include <inlay/host_device.hpp>

#include <bit>
#include <cmath>
#include <cstdint>

#include "summary/moments_part.hpp"

namespace inlay::detail::formulas {

inline constexpr double kScaleSumAt = 0x1p960;

struct Pair {
  double high;
  double low;
};

// Knuth's exact addition: high + low is a + b.
INLAY_HOST_DEVICE inline Pair two_sum(double a, double b) noexcept {
  const double high = a + b;
  const double of_b = high - a;
  return {high, (a - (high - of_b)) + (b - of_b)};
}

// The upper 26 bits of a mantissa; what is left has 27.
INLAY_HOST_DEVICE inline double upper(double x) noexcept {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(x) & ~std::uint64_t{0x7FFFFFF});
}

// Dekker's exact product for magnitudes that neither overflow nor vanish.
INLAY_HOST_DEVICE inline Pair two_product(double a, double b) noexcept {
  const double high = a * b;
  const double a1 = upper(a);
  const double a2 = a - a1;
  const double b1 = upper(b);
  const double b2 = b - b1;
  return {high, ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2};
}

INLAY_HOST_DEVICE inline bool is_finite(double x) noexcept {
  return (std::bit_cast<std::uint64_t>(x) << 1) < (std::uint64_t{0x7FF} << 53);
}
INLAY_HOST_DEVICE inline double or_overflow(double moment) noexcept {
  return is_finite(moment) ? moment : std::bit_cast<double>(std::uint64_t{0x7FF} << 52);
}
INLAY_HOST_DEVICE inline double not_negative(double moment) noexcept {
  return moment < 0 ? 0.0 : moment;
}
INLAY_HOST_DEVICE inline double magnitude(double x) noexcept { return x < 0 ? -x : x; }

// One form for one value, so that equal sums compare equal: scaled exactly from kScaleSumAt on.
INLAY_HOST_DEVICE inline WideSum normalised(WideSum sum) noexcept {
  if (!sum.scaled && magnitude(sum.high) >= kScaleSumAt) {
    return {sum.high * 0x1p-64, sum.low * 0x1p-64, true};
  }
  if (sum.scaled && magnitude(sum.high) < kScaleSumAt * 0x1p-64) {
    return {sum.high * 0x1p64, sum.low * 0x1p64, false};
  }
  return sum;
}

INLAY_HOST_DEVICE inline WideSum add(WideSum a, WideSum b) noexcept {
  if (a.scaled != b.scaled) {
    WideSum& other = a.scaled ? b : a;
    other = {other.high * 0x1p-64, other.low * 0x1p-64, true};
  }
  const Pair sum = two_sum(a.high, b.high);
  const Pair all = two_sum(sum.high, sum.low + (a.low + b.low));
  return normalised({all.high, all.low, a.scaled});
}

INLAY_HOST_DEVICE inline WideMean mean_of(const MomentsPart& part) noexcept {
  if (part.count == 0) return {0, 0};
  const auto n = static_cast<double>(part.count);
  const double high = part.sum.high / n;
  double low = 0;
  if (magnitude(high) > 0x1p-900) {
    const Pair back = two_product(high, n);
    low = (((part.sum.high - back.high) - back.low) + part.sum.low) / n;
  }
  return part.sum.scaled ? WideMean{high * 0x1p64, low * 0x1p64} : WideMean{high, low};
}

INLAY_HOST_DEVICE inline MomentsPart merged(const MomentsPart& a, const MomentsPart& b) noexcept {
  if (a.count == 0) return b;
  if (b.count == 0) return a;
  const auto na = static_cast<double>(a.count);
  const auto nb = static_cast<double>(b.count);
  const double n = na + nb;
  const WideMean mean_a = formulas::mean_of(a);
  const WideMean mean_b = formulas::mean_of(b);
  const double delta = (mean_b.high - mean_a.high) + (mean_b.low - mean_a.low);
  const double step = delta / n;
  const double weight = na * nb;
  // Grouped so that exchanging a and b changes signs in pairs only, and small n lose nothing.
  const double cross2 = delta * step * weight;
  const double cross3 = cross2 * step * (na - nb);
  const double cross4 = cross2 * step * step * (na * na - weight + nb * nb);
  MomentsPart out;
  out.count = a.count + b.count;
  out.sum = add(a.sum, b.sum);
  out.m2 = or_overflow((a.m2 + b.m2) + cross2);
  out.m3 = or_overflow((a.m3 + b.m3) + (cross3 + 3 * step * (na * b.m2 - nb * a.m2)));
  out.m4 =
      or_overflow((a.m4 + b.m4) + (cross4 + (6 * step * step * (na * na * b.m2 + nb * nb * a.m2) +
                                             4 * step * (na * b.m3 - nb * a.m3))));
  return out;
}

}  // namespace inlay::detail::formulas
