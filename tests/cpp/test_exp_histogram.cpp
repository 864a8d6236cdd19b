#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/summary/exp_histogram.hpp>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "summary/bucket_memory.hpp"

namespace {

using inlay::ExpHistogram;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The reference: for x = m * 2^(e-52) with 2^52 <= m < 2^53, the index at scale s >= 0 is
// ceil(2^s * log2 x) - 1 = 2^s * e + ceil(2^s * log2(m / 2^52)) - 1. The last term comes bit by
// bit: squaring y in [1, 2) and testing y^2 > 2 yields the binary digits of log2 y. Squaring is
// done on 63-bit fixed point with directed rounding, both ways, and the two must agree.

__extension__ typedef unsigned __int128 Wide;

std::uint64_t square(std::uint64_t y, bool up) {  // y has 62 fraction bits
  const Wide product = static_cast<Wide>(y) * y;
  const auto cut = static_cast<std::uint64_t>(product >> 62);
  const bool rest = (product & ((Wide{1} << 62) - 1)) != 0;
  return cut + (up && rest ? 1 : 0);
}

bool log2_digits(std::uint64_t significand, int scale, std::int64_t& out) {
  std::uint64_t low = significand << 10;  // [2^62, 2^63)
  std::uint64_t high = low;
  std::int64_t digits = 0;
  for (int i = 0; i < scale; ++i) {
    low = square(low, false);
    high = square(high, true);
    constexpr std::uint64_t kTwo = std::uint64_t{1} << 63;
    const bool carry = low >= kTwo;
    if (carry != (high >= kTwo)) return false;
    digits = 2 * digits + (carry ? 1 : 0);
    if (carry) {
      low >>= 1;
      high = (high + 1) >> 1;
    }
  }
  out = digits;
  return true;
}

std::int64_t reference_index(double magnitude, int scale) {
  int exponent = 0;
  const double fraction = std::frexp(magnitude, &exponent);  // [0.5, 1)
  const auto significand = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
  const std::int64_t octave = exponent - 1;
  const bool power_of_two = significand == std::uint64_t{1} << 52;
  if (scale <= 0) return (power_of_two ? octave - 1 : octave) >> -scale;
  if (power_of_two) return (octave << scale) - 1;
  std::int64_t digits = 0;
  EXPECT_TRUE(log2_digits(significand, scale, digits)) << magnitude;
  return (octave << scale) + digits;
}

// The index one update went to.
std::int64_t index_of(double value, int scale) {
  ExpHistogram histogram(scale);
  EXPECT_TRUE(histogram.update(value));
  const auto side = value < 0 ? histogram.negative() : histogram.positive();
  EXPECT_EQ(side.size(), 1U);
  EXPECT_EQ(side[0], 1U);
  return side.offset();
}

TEST(ExpHistogram, EveryPowerOfTwoAndItsNeighboursLandInTheirBucketAtEveryScale) {
  for (int scale = ExpHistogram::kMinScale; scale <= ExpHistogram::kMaxScale; ++scale) {
    for (int exponent = -1074; exponent <= 1023; ++exponent) {
      const double power = std::ldexp(1.0, exponent);
      for (const double value : {power, std::nextafter(power, kInf), std::nextafter(power, 0.0)}) {
        if (value == 0) continue;
        ASSERT_EQ(index_of(value, scale), reference_index(value, scale))
            << std::hexfloat << value << " scale " << scale;
        ASSERT_EQ(index_of(-value, scale), reference_index(value, scale));
      }
    }
  }
}

TEST(ExpHistogram, EveryBoundaryOfAnOctaveAndItsNeighboursLandInTheirBucketAtEveryScale) {
  for (int scale = 1; scale <= ExpHistogram::kMaxScale; ++scale) {
    for (int k = 1; k < 1 << scale; ++k) {
      const double near = std::exp2(std::ldexp(static_cast<double>(k), -scale));
      double value = near;
      for (int i = 0; i < 3; ++i) value = std::nextafter(value, 0.0);
      for (int i = 0; i < 7; ++i, value = std::nextafter(value, kInf)) {
        for (const int exponent : {0, -3, 40, -1022, 1023}) {
          const double scaled = std::ldexp(value, exponent);
          ASSERT_EQ(index_of(scaled, scale), reference_index(scaled, scale))
              << std::hexfloat << scaled << " scale " << scale;
        }
      }
    }
  }
}

}  // namespace
