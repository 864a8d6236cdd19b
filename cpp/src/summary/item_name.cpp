#include "summary/item_name.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace inlay::detail {

std::string_view ItemName::of(std::int64_t value) noexcept {
  return {text_,
          static_cast<std::size_t>(std::to_chars(text_, text_ + sizeof(text_), value).ptr - text_)};
}

std::string_view ItemName::of(std::uint64_t value) noexcept {
  return {text_,
          static_cast<std::size_t>(std::to_chars(text_, text_ + sizeof(text_), value).ptr - text_)};
}

// As Python's str: the fewest digits that give the value back, without an exponent from 1e-4 up to
// below 1e16.
std::string_view ItemName::of(double value) noexcept {
  if (is_named_whole(value)) return of(static_cast<std::int64_t>(value));
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const char* end =
      std::to_chars(text_, text_ + sizeof(text_), value, std::chars_format::scientific).ptr;
  const std::string_view shortest(text_, static_cast<std::size_t>(end - text_));
  const std::size_t mark = shortest.find('e');
  int exponent = 0;
  const bool minus = shortest[mark + 1] == '-';
  std::from_chars(text_ + mark + 2, end, exponent);
  if (minus) exponent = -exponent;
  if (exponent < -4 || exponent >= 16) return shortest;
  end = std::to_chars(text_, text_ + sizeof(text_), value, std::chars_format::fixed).ptr;
  return {text_, static_cast<std::size_t>(end - text_)};
}

std::size_t utf8_prefix(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t at = 0;
  while (at < text.size()) {
    const unsigned lead = byte(at);
    std::size_t length = 1;
    // Bounds of the second byte exclude overlong forms, surrogates and what lies above U+10FFFF.
    unsigned low = 0x80;
    unsigned high = 0xBF;
    if (lead >= 0x80) {
      if (lead < 0xC2 || lead > 0xF4) return at;
      length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    }
    if (text.size() - at < length) return at;
    for (std::size_t k = 1; k < length; ++k) {
      if (byte(at + k) < low || byte(at + k) > high) return at;
      low = 0x80;
      high = 0xBF;
    }
    at += length;
  }
  return at;
}

}  // namespace inlay::detail
