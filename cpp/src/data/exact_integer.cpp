#include <charconv>
#include <cstring>
#include <inlay/data/exact_integer.hpp>

namespace inlay {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t kChunk = 1000000000000000000U;  // 10^18, the digits one division yields
constexpr unsigned kChunkDigits = 18;
constexpr unsigned kMaxDigits = 78;
// Powers of ten and integers up to there are doubles, so that one division rounds once.
constexpr int kExactPower = 22;
constexpr std::uint64_t kExactWhole = std::uint64_t{1} << 53;

constexpr double kPowers[kExactPower + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                             1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                             1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// Divides by kChunk and returns the remainder.
std::uint64_t divide(std::uint64_t* limbs) noexcept {
  std::uint64_t rest = 0;
  for (unsigned i = 4; i-- > 0;) {
    const Wide part = static_cast<Wide>(rest) << 64 | limbs[i];
    limbs[i] = static_cast<std::uint64_t>(part / kChunk);
    rest = static_cast<std::uint64_t>(part % kChunk);
  }
  return rest;
}

// Digits without leading zeros, "0" for zero.
unsigned write_digits(const ExactInteger& magnitude, char* out) noexcept {
  std::uint64_t limbs[4] = {magnitude.limb(0), magnitude.limb(1), magnitude.limb(2),
                            magnitude.limb(3)};
  if ((limbs[1] | limbs[2] | limbs[3]) == 0) {
    return static_cast<unsigned>(std::to_chars(out, out + kMaxDigits, limbs[0]).ptr - out);
  }
  std::uint64_t chunks[5] = {};
  unsigned count = 0;
  while ((limbs[0] | limbs[1] | limbs[2] | limbs[3]) != 0) chunks[count++] = divide(limbs);
  char* at = std::to_chars(out, out + kMaxDigits, chunks[--count]).ptr;
  while (count != 0) {
    std::uint64_t chunk = chunks[--count];
    for (unsigned i = kChunkDigits; i-- > 0; chunk /= 10)
      at[i] = static_cast<char>('0' + chunk % 10);
    at += kChunkDigits;
  }
  return static_cast<unsigned>(at - out);
}

}  // namespace

bool ExactInteger::add(const ExactInteger& other) noexcept {
  ExactInteger sum;
  Wide carry = 0;
  for (unsigned i = 0; i < 4; ++i) {
    carry += static_cast<Wide>(limbs_[i]) + other.limbs_[i];
    sum.limbs_[i] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  if (is_negative() == other.is_negative() && sum.is_negative() != is_negative()) return false;
  *this = sum;
  return true;
}

ExactInteger ExactInteger::magnitude() const noexcept {
  if (!is_negative()) return *this;
  ExactInteger out;
  Wide carry = 1;
  for (unsigned i = 0; i < 4; ++i) {
    carry += ~limbs_[i];
    out.limbs_[i] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  return out;
}

unsigned ExactInteger::write(int scale, char* out) const noexcept {
  char digits[kMaxDigits + 2];
  const unsigned count = write_digits(magnitude(), digits);
  char* at = out;
  if (is_negative()) *at++ = '-';
  if (scale <= 0) {
    std::memcpy(at, digits, count);
    at += count;
    const bool zero = count == 1 && digits[0] == '0';
    for (int i = scale; i < 0 && !zero; ++i) *at++ = '0';
    return static_cast<unsigned>(at - out);
  }
  const auto places = static_cast<unsigned>(scale);
  if (count > places) {
    std::memcpy(at, digits, count - places);
    at += count - places;
    *at++ = '.';
    std::memcpy(at, digits + count - places, places);
    return static_cast<unsigned>(at + places - out);
  }
  *at++ = '0';
  *at++ = '.';
  std::memset(at, '0', places - count);
  at += places - count;
  std::memcpy(at, digits, count);
  return static_cast<unsigned>(at + count - out);
}

std::string ExactInteger::text(int scale) const {
  char out[kMaxText];
  return {out, write(scale, out)};
}

double ExactInteger::to_double(int scale) const noexcept {
  const ExactInteger size = magnitude();
  if (size.is_short() && size.limbs_[0] <= kExactWhole && scale >= -kExactPower &&
      scale <= kExactPower) {
    const auto whole = static_cast<double>(size.low());
    const double value = scale >= 0 ? whole / kPowers[scale] : whole * kPowers[-scale];
    return is_negative() ? -value : value;
  }
  char text[kMaxText];
  const unsigned length = write(scale, text);
  double value = 0;
  std::from_chars(text, text + length, value);
  return value;
}

}  // namespace inlay
