#pragma once

#include <cstdint>
#include <inlay/export.hpp>
#include <string>

namespace inlay {

/// A signed integer of 256 bits: what integers, unscaled decimals and their sums need to stay
/// exact. Plain data: as thread-safe as an int.
class INLAY_API ExactInteger {
 public:
  constexpr ExactInteger() noexcept = default;
  static constexpr ExactInteger of(std::int64_t value) noexcept {
    return of_limbs(static_cast<std::uint64_t>(value), sign_of(value), sign_of(value),
                    sign_of(value));
  }
  static constexpr ExactInteger of_unsigned(std::uint64_t value) noexcept {
    return of_limbs(value, 0, 0, 0);
  }
  /// From 64 bits each, the lowest first, in two's complement.
  static constexpr ExactInteger of_limbs(std::uint64_t l0, std::uint64_t l1, std::uint64_t l2,
                                         std::uint64_t l3) noexcept {
    ExactInteger out;
    out.limbs_[0] = l0;
    out.limbs_[1] = l1;
    out.limbs_[2] = l2;
    out.limbs_[3] = l3;
    return out;
  }

  constexpr std::uint64_t limb(unsigned i) const noexcept { return limbs_[i]; }
  constexpr bool is_negative() const noexcept { return (limbs_[3] >> 63) != 0; }
  /// Whether the value fits int64.
  constexpr bool is_short() const noexcept {
    const std::uint64_t sign = sign_of(static_cast<std::int64_t>(limbs_[0]));
    return limbs_[1] == sign && limbs_[2] == sign && limbs_[3] == sign;
  }
  /// The lowest 64 bits; the value, if is_short().
  constexpr std::int64_t low() const noexcept { return static_cast<std::int64_t>(limbs_[0]); }

  /// Adds; false if the sum does not fit, and nothing changed.
  bool add(const ExactInteger& other) noexcept;
  /// The magnitude as an unsigned number, also of the lowest value.
  ExactInteger magnitude() const noexcept;

  /// The most bytes that write() needs for a scale of up to 300 either way.
  static constexpr unsigned kMaxText = 384;
  /// Writes the value divided by 10^scale in plain digits, "-12.50" for -1250 and 2, and returns
  /// the number of bytes. Trailing zeros stay; a negative scale adds some.
  unsigned write(int scale, char* out) const noexcept;
  std::string text(int scale = 0) const;
  /// The double nearest to the value divided by 10^scale; ties to even.
  double to_double(int scale) const noexcept;

  friend constexpr bool operator==(const ExactInteger& a, const ExactInteger& b) noexcept {
    return a.limbs_[0] == b.limbs_[0] && a.limbs_[1] == b.limbs_[1] && a.limbs_[2] == b.limbs_[2] &&
           a.limbs_[3] == b.limbs_[3];
  }
  friend constexpr bool operator!=(const ExactInteger& a, const ExactInteger& b) noexcept {
    return !(a == b);
  }
  friend constexpr bool operator<(const ExactInteger& a, const ExactInteger& b) noexcept {
    if (a.limbs_[3] != b.limbs_[3]) {
      return static_cast<std::int64_t>(a.limbs_[3]) < static_cast<std::int64_t>(b.limbs_[3]);
    }
    for (unsigned i = 3; i-- > 0;) {
      if (a.limbs_[i] != b.limbs_[i]) return a.limbs_[i] < b.limbs_[i];
    }
    return false;
  }

 private:
  static constexpr std::uint64_t sign_of(std::int64_t value) noexcept {
    return value < 0 ? ~std::uint64_t{0} : 0;
  }

  std::uint64_t limbs_[4] = {};
};

}  // namespace inlay
