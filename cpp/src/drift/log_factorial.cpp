#include "drift/log_factorial.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "drift/log_gamma.hpp"

namespace inlay::detail {
namespace {

constexpr double kHalfLogTwoPi = 0.91893853320467274178;
// ln 2 in two parts, the first with 32 zero bits at its end, so that its multiples are exact.
constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;

constexpr int kNodeBits = 8;
constexpr std::size_t kNodes = std::size_t{1} << kNodeBits;

// A fraction's first bits choose a node: a number near its inverse, of so few bits that the product
// with a count is exact below 2^42, and minus its logarithm.
struct Node {
  double inverse;
  double log;
};

const std::array<Node, kNodes> kNode = [] {
  std::array<Node, kNodes> out{};
  for (std::size_t j = 0; j < kNodes; ++j) {
    const double middle = 1 + (static_cast<double>(j) + 0.5) / kNodes;
    out[j].inverse = std::nearbyint(2048 / middle) / 2048;
    out[j].log = -log_positive(out[j].inverse);
  }
  return out;
}();

constexpr std::size_t kBlock = 64;

// Stirling's series, of which one term does: the next is 1 / (360 n^3). Division-free and
// branchless, so that the compiler can do several at once.
void large_factorials(const double* n, double* out, std::size_t size) noexcept {
  constexpr std::uint64_t kMantissa = (std::uint64_t{1} << 52) - 1;
  constexpr std::uint64_t kOne = std::bit_cast<std::uint64_t>(1.0);
  // The exponent as a double: its bits become the low ones of 2^52, from which 2^52 is taken again.
  constexpr std::uint64_t kMagic = std::bit_cast<std::uint64_t>(0x1p52);
  double inverse[kBlock];
  double log[kBlock];
  for (std::size_t i = 0; i < size; ++i) {
    const Node& node = kNode[(std::bit_cast<std::uint64_t>(n[i]) >> (52 - kNodeBits)) % kNodes];
    inverse[i] = node.inverse;
    log[i] = node.log;
  }
  for (std::size_t i = 0; i < size; ++i) {
    const double x = n[i];
    const auto bits = std::bit_cast<std::uint64_t>(x);
    const double exponent = std::bit_cast<double>((bits >> 52) | kMagic) - (0x1p52 + 1023);
    const double fraction = std::bit_cast<double>((bits & kMantissa) | kOne);
    const double power = std::bit_cast<double>(2 * kOne - (bits & ~kMantissa));  // 2^-exponent
    // log(1 + r) with |r| < 1 / 400, to r^5.
    const double r = fraction * inverse[i] - 1;
    const double tail = r * r * (-1.0 / 2 + r * (1.0 / 3 + r * (-1.0 / 4 + r * (1.0 / 5))));
    const double log_x = exponent * kLn2High + (log[i] + (r + (tail + exponent * kLn2Low)));
    // 1 / x = inverse power / (1 + r), to r.
    const double reciprocal = inverse[i] * power * (1 - r);
    out[i] = (x + 0.5) * log_x - x + (kHalfLogTwoPi + reciprocal * (1.0 / 12));
  }
}

}  // namespace

const double* small_log_factorials() {
  // Never freed: threads may judge while a process ends.
  static const double* const table = [] {
    auto* out = new double[kSmallFactorials];
    for (std::size_t n = 0; n < kSmallFactorials; ++n) {
      out[n] = log_gamma(static_cast<double>(n) + 1);
    }
    return out;
  }();
  return table;
}

void log_factorials(const std::uint64_t* n, double* out, std::size_t size) {
  const double* table = small_log_factorials();
  for (std::size_t from = 0; from < size; from += kBlock) {
    const std::size_t length = std::min(kBlock, size - from);
    const std::uint64_t* in = n + from;
    double* found = out + from;
    // The large ones are picked out and put back.
    double large[kBlock];
    std::size_t place[kBlock];
    std::size_t num_large = 0;
    for (std::size_t i = 0; i < length; ++i) {
      if (in[i] < kSmallFactorials) {
        found[i] = table[in[i]];
      } else {
        large[num_large] = static_cast<double>(static_cast<std::int64_t>(in[i]));
        place[num_large++] = i;
      }
    }
    large_factorials(large, large, num_large);
    for (std::size_t i = 0; i < num_large; ++i) found[place[i]] = large[i];
  }
}

}  // namespace inlay::detail
