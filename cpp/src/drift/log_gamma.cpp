#include "drift/log_gamma.hpp"

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

// x = 2^e m with m within sqrt(1/2) to sqrt(2); log m = 2 artanh(s) with s = (m - 1) / (m + 1), by
// its Taylor series: s^2 < 0.0295, so twelve terms reach below an ulp. Branchless, so that the
// compiler can do several at once.
[[gnu::always_inline]] inline double log_normal(double x) noexcept {
  constexpr std::uint64_t kOne = std::bit_cast<std::uint64_t>(1.0);
  constexpr std::uint64_t kRootHalf = std::bit_cast<std::uint64_t>(0.70710678118654757);
  constexpr std::uint64_t kMantissa = (std::uint64_t{1} << 52) - 1;
  // The exponent as a double: its bits become the low ones of 2^52, from which 2^52 is taken again.
  constexpr std::uint64_t kMagic = std::bit_cast<std::uint64_t>(0x1p52);
  const std::uint64_t shifted = std::bit_cast<std::uint64_t>(x) + (kOne - kRootHalf);
  const double e = std::bit_cast<double>((shifted >> 52) | kMagic) - (0x1p52 + 1023);
  const double m = std::bit_cast<double>((shifted & kMantissa) + kRootHalf);
  const double f = m - 1;
  const double s = f / (2 + f);
  const double z = s * s;
  const double w = z * z;
  const double even = 2.0 / 3 + w * (2.0 / 7 + w * (2.0 / 11 + w * (2.0 / 15 + w * (2.0 / 19))));
  const double odd = 2.0 / 5 + w * (2.0 / 9 + w * (2.0 / 13 + w * (2.0 / 17 + w * (2.0 / 21))));
  const double tail = z * (even + z * odd);
  // 2 s = f - s f, so the leading term is exact and only corrections are rounded.
  return e * kLn2High + (f - (s * (f - tail) - e * kLn2Low));
}

[[gnu::always_inline]] inline double stirling(double x) noexcept {
  const double r = 1 / x;
  const double r2 = r * r;
  const double series = r * (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260 - r2 * (1.0 / 1680))));
  return (x - 0.5) * log_normal(x) - x + (kHalfLogTwoPi + series);
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

double exp_negative(double x) noexcept {
  if (!(x > -700)) return 0;
  // x = n ln 2 + r with |r| <= ln 2 / 2; then the Taylor series of e^r to 1 / 14!.
  const double n = std::nearbyint(x * std::numbers::log2e);
  const double r = (x - n * kLn2High) - n * kLn2Low;
  double sum = 1;
  for (int k = 14; k >= 1; --k) sum = 1 + r / k * sum;
  return std::ldexp(sum, static_cast<int>(n));
}

double log_gamma(double x) noexcept { return x < kStirling ? log_gamma_small(x) : stirling(x); }

void log_gamma_all(const double* x, double* out, std::size_t size) noexcept {
  for (std::size_t i = 0; i < size; ++i) out[i] = stirling(x[i] < kStirling ? kStirling : x[i]);
  for (std::size_t i = 0; i < size; ++i) {
    if (x[i] < kStirling) out[i] = log_gamma_small(x[i]);
  }
}

}  // namespace inlay::detail
