#pragma once

// What a softmax over a row comes down to, and how parts of a row are put together. Shared by the
// CPU and the GPU: plain arithmetic, no functions of the C library, so that a result depends on
// nothing but the order of the parts.

#include <cstdint>
#include <cstring>
#include <inlay/host_device.hpp>

namespace inlay::detail {

inline constexpr double kLog2E = 1.4426950408889634;
inline constexpr double kLn2 = 0.6931471805599453;

INLAY_HOST_DEVICE inline double double_of_bits(std::uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}
INLAY_HOST_DEVICE inline std::uint64_t bits_of_double(double value) {
  std::uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/// a / b of a b from 1 to 2^1000. A GPU has no instruction for it, and what nvcc makes of it is
/// large for the sake of other divisors. Instead, some digits of the reciprocal are refined.
INLAY_HOST_DEVICE inline double quotient(double a, double b) {
#ifdef __CUDA_ARCH__
  double r;
  asm("rcp.approx.ftz.f64 %0, %1;" : "=d"(r) : "d"(b));
  r = fma(r, fma(-b, r, 1.0), r);
  r = fma(r, fma(-b, r, 1.0), r);
  const double q = a * r;
  return fma(r, fma(-b, q, a), q);
#else
  return a / b;
#endif
}

// 2^f for f within -0.5 to 0.5: 1 + f * (kExp2[0] + f * (...)). Fitted for the least relative
// error, which is 9.1e-8, with the value 1 at 0 held exactly.
inline constexpr float kExp2[5] = {0x1.62e42ap-1F, 0x1.ebf9bcp-3F, 0x1.c6b752p-5F, 0x1.3cea88p-7F,
                                   0x1.5bba14p-10F};
/// Powers of two below this exponent count as 0.
inline constexpr float kExp2Lowest = -127.0F;
/// Adding it to a number of -127 to 0 rounds to a whole one; the lowest bits of the sum are then
/// that number's exponent in a float, so that shifting them up by 23 makes the power of two.
inline constexpr float kExp2Magic = 12582912.0F + 127.0F;

/// 2^y of y <= 0, to 2e-7 relative, 0 below 2^-126.5. NaN gives anything.
INLAY_HOST_DEVICE inline float exp2_float(float y) {
  y = kExp2Lowest > y ? kExp2Lowest : y;
  const float shifted = y + kExp2Magic;
  const float f = y - (shifted - kExp2Magic);
  float p = kExp2[4];
  p = p * f + kExp2[3];
  p = p * f + kExp2[2];
  p = p * f + kExp2[1];
  p = p * f + kExp2[0];
  p = p * f + 1.0F;
  std::uint32_t bits;
  memcpy(&bits, &shifted, sizeof(bits));
  bits <<= 23;
  float power;
  memcpy(&power, &bits, sizeof(power));
  return p * power;
}

/// 2^y of y <= 0, to 4e-16 relative, 0 below 2^-1022.
INLAY_HOST_DEVICE inline double exp2_double(double y) {
  if (!(y >= -1022)) return 0;
  const double magic = 0x1.8p52;
  const double n = (y + magic) - magic;
  const double t = (y - n) * kLn2;
  double p = 0x1.6124613a86d09p-33;  // 1/13!, and Horner's rule down to 1/0!
  p = p * t + 0x1.1eed8eff8d898p-29;
  p = p * t + 0x1.ae64567f544e4p-26;
  p = p * t + 0x1.27e4fb7789f5cp-22;
  p = p * t + 0x1.71de3a556c734p-19;
  p = p * t + 0x1.a01a01a01a01ap-16;
  p = p * t + 0x1.a01a01a01a01ap-13;
  p = p * t + 0x1.6c16c16c16c17p-10;
  p = p * t + 0x1.1111111111111p-7;
  p = p * t + 0x1.5555555555555p-5;
  p = p * t + 0x1.5555555555555p-3;
  p = p * t + 0.5;
  p = p * t + 1.0;
  p = p * t + 1.0;
  return p * double_of_bits(static_cast<std::uint64_t>(static_cast<std::int64_t>(n) + 1023) << 52);
}

/// ln(1 + s) of s >= 0, finite, to 4e-16 relative.
INLAY_HOST_DEVICE inline double log1p_double(double s) {
  const double u = 1.0 + s;
  const double lost = quotient(s - (u - 1.0), u);  // what rounding u took, relative
  const std::uint64_t bits = bits_of_double(u);
  auto k = static_cast<std::int64_t>(bits >> 52) - 1023;
  double m = double_of_bits((bits & 0xFFFFFFFFFFFFFU) | 0x3FF0000000000000U);  // 1 to 2
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++k;
  }
  // A small s is used as it is: u has lost its digits.
  const double f = k == 0 ? s : m - 1.0;
  const double z = quotient(f, 2.0 + f);
  const double w = z * z;
  double p = 1.0 / 21.0;
  p = p * w + 1.0 / 19.0;
  p = p * w + 1.0 / 17.0;
  p = p * w + 1.0 / 15.0;
  p = p * w + 1.0 / 13.0;
  p = p * w + 1.0 / 11.0;
  p = p * w + 1.0 / 9.0;
  p = p * w + 1.0 / 7.0;
  p = p * w + 1.0 / 5.0;
  p = p * w + 1.0 / 3.0;
  p = p * w + 1.0;
  const double log_of_m = 2.0 * z * p;
  return k == 0 ? log_of_m : static_cast<double>(k) * kLn2 + (log_of_m + lost);
}

/// A row of logits, or a part of one. With m the largest, y = (x - m) / ln 2 of each entry x.
/// The largest entry itself (one of them, where several are as large) is in neither sum, so that
/// what lies far below it is not lost beside its 1.
struct SoftmaxTerms {
  double top;       // the largest entry; -infinity without any
  double second;    // the largest of the others; -infinity without any
  double rest;      // the sum of 2^y over the others
  double weighted;  // the sum of y * 2^y over them
};

INLAY_HOST_DEVICE inline double lowest_double() { return double_of_bits(0xFFF0000000000000U); }

INLAY_HOST_DEVICE inline SoftmaxTerms no_terms() {
  return {lowest_double(), lowest_double(), 0, 0};
}

/// Both parts as one. Commutative but where both have the same largest entry, which is then the
/// first one's.
INLAY_HOST_DEVICE inline SoftmaxTerms merged(const SoftmaxTerms& a, const SoftmaxTerms& b) {
  const bool swap = b.top > a.top;
  const SoftmaxTerms& high = swap ? b : a;
  const SoftmaxTerms& low = swap ? a : b;
  if (low.top == lowest_double()) return high;
  const double step = (low.top - high.top) * kLog2E;
  const double factor = exp2_double(step);
  SoftmaxTerms out = high;
  out.second = low.top > high.second ? low.top : high.second;
  if (factor != 0) {
    out.rest = high.rest + (low.rest + 1.0) * factor;
    out.weighted = high.weighted + (low.weighted + step * (low.rest + 1.0)) * factor;
  }
  return out;
}

/// What is reported of a row whose largest entry is finite, rounded to floats.
struct SoftmaxRow {
  float entropy;  // nats
  float top1;
  float top2;
  float margin;
  double log_sum;  // ln of the sum of exp(x - top)
};

INLAY_HOST_DEVICE inline SoftmaxRow row_of(const SoftmaxTerms& terms) {
  const double sum = 1.0 + terms.rest;
  const double second = exp2_double((terms.second - terms.top) * kLog2E);
  const double log_sum = log1p_double(terms.rest);
  double entropy = log_sum - quotient(terms.weighted * kLn2, sum);
  if (!(entropy > 0)) entropy = 0;
  return {static_cast<float>(entropy), static_cast<float>(quotient(1.0, sum)),
          static_cast<float>(quotient(second, sum)),
          static_cast<float>(quotient(1.0 - second, sum)), log_sum};
}

/// ln of the probability of an entry; -infinity for a masked one, or below the smallest float.
INLAY_HOST_DEVICE inline float log_probability(double top, double log_sum, double entry) {
  const double value = (entry - top) - log_sum;
  return static_cast<float>(value < -3.4028234663852886e38 ? lowest_double() : value);
}

}  // namespace inlay::detail
