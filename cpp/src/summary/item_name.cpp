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

}  // namespace inlay::detail
