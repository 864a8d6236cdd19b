#pragma once

#include <compare>
#include <cstdint>
#include <inlay/data/exact_integer.hpp>

#include "data/scan_kernels.hpp"

namespace inlay::detail {

__extension__ typedef unsigned __int128 UnsignedWide;

/// An ExactInteger in two halves, which loops over blocks of decimals compare and add quicker.
struct Wide256 {
  UnsignedWide low = 0;
  Wide high = 0;

  constexpr Wide256() noexcept = default;
  constexpr Wide256(UnsignedWide low_half, Wide high_half) noexcept
      : low(low_half), high(high_half) {}
  constexpr explicit Wide256(Wide value) noexcept
      : low(static_cast<UnsignedWide>(value)), high(value < 0 ? -1 : 0) {}
  explicit Wide256(const ExactInteger& value) noexcept
      : low(static_cast<UnsignedWide>(value.limb(1)) << 64 | value.limb(0)),
        high(static_cast<Wide>(static_cast<UnsignedWide>(value.limb(3)) << 64 | value.limb(2))) {}

  ExactInteger exact() const noexcept {
    const auto top = static_cast<UnsignedWide>(high);
    return ExactInteger::of_limbs(
        static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(low >> 64),
        static_cast<std::uint64_t>(top), static_cast<std::uint64_t>(top >> 64));
  }

  /// Adds; false if the sum needs more than 256 bits.
  bool add(const Wide256& other) noexcept {
    const UnsignedWide sum = low + other.low;
    const Wide carry = sum < low ? 1 : 0;
    low = sum;
    Wide top = 0;
    const bool over = __builtin_add_overflow(high, other.high, &top);
    // Two steps may leave the range and come back.
    Wide with_carry = 0;
    const bool again = __builtin_add_overflow(top, carry, &with_carry);
    high = with_carry;
    return over == again;
  }
  Wide256 negated() const noexcept {
    Wide256 out(~low, ~high);
    out.add(Wide256(Wide{1}));
    return out;
  }

  bool operator==(const Wide256&) const noexcept = default;
  constexpr std::strong_ordering operator<=>(const Wide256& other) const noexcept {
    if (high != other.high) {
      return high < other.high ? std::strong_ordering::less : std::strong_ordering::greater;
    }
    if (low != other.low) {
      return low < other.low ? std::strong_ordering::less : std::strong_ordering::greater;
    }
    return std::strong_ordering::equal;
  }
};

}  // namespace inlay::detail
