#pragma once

#include <cstdint>
#include <cstring>

namespace inlay::detail {

/// The value of an IEEE half, exactly: every half is a double.
inline double from_half(std::uint16_t bits) noexcept {
  const std::uint64_t sign = static_cast<std::uint64_t>(bits >> 15) << 63;
  const unsigned exponent = (bits >> 10) & 0x1FU;
  const std::uint64_t mantissa = bits & 0x3FFU;
  if (exponent == 0) {
    const double magnitude = static_cast<double>(mantissa) * 0x1p-24;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint64_t biased = exponent == 0x1F ? 0x7FF : exponent - 15 + 1023;
  const std::uint64_t all = sign | (biased << 52) | (mantissa << 42);
  double value = 0;
  std::memcpy(&value, &all, sizeof(value));
  return value;
}

}  // namespace inlay::detail
