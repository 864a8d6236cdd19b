#include "drift/log_gamma.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace inlay::detail {
namespace {

// From here on Stirling's series with four terms is off by 1 / (1188 x^9), 1.2e-14 at most.
constexpr double kStirling = 16;
constexpr double kHalfLogTwoPi = 0.91893853320467274178;
// ln 2 in two parts, the first with 32 zero bits at its end, so that its multiples are exact.
constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;

// x = 2^e m with m within sqrt(1/2) to sqrt(2).
struct Split {
  double exponent;
  double fraction;  // m - 1
};

// Branchless, so that the compiler can do several at once.
[[gnu::always_inline]] inline Split split(double x) noexcept {
  constexpr std::uint64_t kOne = std::bit_cast<std::uint64_t>(1.0);
  constexpr std::uint64_t kRootHalf = std::bit_cast<std::uint64_t>(0.70710678118654757);
  constexpr std::uint64_t kMantissa = (std::uint64_t{1} << 52) - 1;
  // The exponent as a double: its bits become the low ones of 2^52, from which 2^52 is taken again.
  constexpr std::uint64_t kMagic = std::bit_cast<std::uint64_t>(0x1p52);
  const std::uint64_t shifted = std::bit_cast<std::uint64_t>(x) + (kOne - kRootHalf);
  return {std::bit_cast<double>((shifted >> 52) | kMagic) - (0x1p52 + 1023),
          std::bit_cast<double>((shifted & kMantissa) + kRootHalf) - 1};
}

// log x = e ln 2 + 2 artanh(s) with s = f / (2 + f), by its Taylor series: s^2 < 0.0295, so eleven
// terms reach below an ulp.
[[gnu::always_inline]] inline double log_of(const Split& x, double s) noexcept {
  const double z = s * s;
  const double w = z * z;
  const double even = 2.0 / 3 + w * (2.0 / 7 + w * (2.0 / 11 + w * (2.0 / 15 + w * (2.0 / 19))));
  const double odd = 2.0 / 5 + w * (2.0 / 9 + w * (2.0 / 13 + w * (2.0 / 17 + w * (2.0 / 21))));
  const double tail = z * (even + z * odd);
  // 2 s = f - s f, so the leading term is exact and only corrections are rounded.
  return x.exponent * kLn2High + (x.fraction - (s * (x.fraction - tail) - x.exponent * kLn2Low));
}

[[gnu::always_inline]] inline double log_normal(double x) noexcept {
  const Split parts = split(x);
  return log_of(parts, parts.fraction / (2 + parts.fraction));
}

[[gnu::always_inline]] inline double stirling(double x) noexcept {
  const Split parts = split(x);
  // 1 / x and f / (2 + f) from one division, which costs more than all the rest.
  const double both = 1 / (x * (2 + parts.fraction));
  const double r = both * (2 + parts.fraction);
  const double r2 = r * r;
  const double series = r * (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260 - r2 * (1.0 / 1680))));
  const double log_x = log_of(parts, parts.fraction * (x * both));
  return (x - 0.5) * log_x - x + (kHalfLogTwoPi + series);
}

constexpr std::size_t kSmall = static_cast<std::size_t>(kStirling);

// log (n - 1)! for n below kSmall.
const std::array<double, kSmall> kLogFactorials = [] {
  std::array<double, kSmall> out{};
  double factorial = 1;
  for (std::size_t n = 2; n < kSmall; ++n) {
    factorial *= static_cast<double>(n - 1);
    out[n] = log_normal(factorial);
  }
  return out;
}();

double log_gamma_small(double x) noexcept {
  const auto whole = static_cast<std::size_t>(x);
  if (whole >= 1 && static_cast<double>(whole) == x) return kLogFactorials[whole];
  double product = 1;
  double shifted = x;
  for (; shifted < kStirling; ++shifted) product *= shifted;
  return stirling(shifted) - log_normal(product);
}

}  // namespace

double log_positive(double x) noexcept { return log_normal(x); }

void log_positive_all(const double* x, double* out, std::size_t size) noexcept {
  for (std::size_t i = 0; i < size; ++i) out[i] = log_normal(x[i]);
}

void exp_negative_all(const double* x, double* out, std::size_t size) noexcept {
  // x = n ln 2 + r with |r| <= ln 2 / 2; then the Taylor series of e^r to r^13 / 13!. Adding
  // 1.5 * 2^52 rounds to a whole number, which then lies in the low bits.
  constexpr double kRound = 0x1.8p52;
  constexpr double kLeast = -700;
  for (std::size_t i = 0; i < size; ++i) out[i] = std::max(x[i], kLeast);
  for (std::size_t i = 0; i < size; ++i) {
    const double y = out[i];
    const double rounded = y * std::numbers::log2e + kRound;
    const double n = rounded - kRound;
    const double r = (y - n * kLn2High) - n * kLn2Low;
    // Even and odd powers apart: two short chains of operations rather than a long one.
    const double r2 = r * r;
    double odd = 1.0 / 6227020800;
    double even = 1.0 / 479001600;
    odd = odd * r2 + 1.0 / 39916800;
    even = even * r2 + 1.0 / 3628800;
    odd = odd * r2 + 1.0 / 362880;
    even = even * r2 + 1.0 / 40320;
    odd = odd * r2 + 1.0 / 5040;
    even = even * r2 + 1.0 / 720;
    odd = odd * r2 + 1.0 / 120;
    even = even * r2 + 1.0 / 24;
    odd = odd * r2 + 1.0 / 6;
    even = even * r2 + 0.5;
    const double sum = 1 + (r + r2 * (even + r * odd));
    const std::uint64_t power = std::bit_cast<std::uint64_t>(rounded) << 52;
    out[i] = std::bit_cast<double>(std::bit_cast<std::uint64_t>(sum) + power);
  }
}

double log_gamma(double x) noexcept { return x < kStirling ? log_gamma_small(x) : stirling(x); }

void log_gamma_all(const double* x, double* out, std::size_t size) noexcept {
  // Choices are made apart from arithmetic, since a compiler that minds floating point traps does
  // not vectorise them together.
  constexpr std::size_t kBlock = 64;
  double large[kBlock];
  for (std::size_t from = 0; from < size; from += kBlock) {
    const std::size_t length = std::min(kBlock, size - from);
    bool any_small = false;
    for (std::size_t i = 0; i < length; ++i) {
      any_small |= x[from + i] < kStirling;
      large[i] = std::max(x[from + i], kStirling);
    }
    for (std::size_t i = 0; i < length; ++i) large[i] = stirling(large[i]);
    for (std::size_t i = 0; any_small && i < length; ++i) {
      if (x[from + i] < kStirling) large[i] = log_gamma_small(x[from + i]);
    }
    std::copy_n(large, length, out + from);
  }
}

}  // namespace inlay::detail
