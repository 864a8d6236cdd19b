#pragma once

#include <cstdint>

namespace inlay::detail {

/// A sum in twice the precision of a double: high is the sum rounded to nearest, low the rest.
/// Beyond 2^960 both are kept times 2^-64, so that the sum of all values a machine can count never
/// overflows and a mean can always be had.
struct WideSum {
  double high = 0;
  double low = 0;
  bool scaled = false;

  /// Rounded to nearest; infinite beyond the largest double.
  double value() const noexcept { return scaled ? high * 0x1p64 : high; }
};

WideSum operator+(WideSum a, WideSum b) noexcept;
/// n * value + rest, the product exact for n < 2^26 and |value| < 2^900.
WideSum multiply_add(std::uint32_t n, double value, double rest) noexcept;

/// Moments of a set of finite values, as they are merged. Central moments that overflowed are
/// +infinity.
struct MomentsPart {
  std::uint64_t count = 0;
  WideSum sum;
  double m2 = 0;
  double m3 = 0;
  double m4 = 0;
};

/// The mean as high + low.
struct WideMean {
  double high;
  double low;
};
WideMean mean_of(const MomentsPart& part) noexcept;

/// From the power sums of the distances of n values from `origin`.
MomentsPart part_of_powers(std::uint32_t n, double origin, double power1, double power2,
                           double power3, double power4) noexcept;

/// Of both together; operator order does not matter, bit for bit.
MomentsPart merged(const MomentsPart& a, const MomentsPart& b) noexcept;

}  // namespace inlay::detail
