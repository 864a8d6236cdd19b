#include <charconv>
#include <inlay/error.hpp>

#include "utf8.hpp"

namespace inlay {

// Out of line, so that each class has one type_info and catch works across libraries.
Error::~Error() = default;
InvalidArgument::~InvalidArgument() = default;
OutOfRange::~OutOfRange() = default;
SerializationError::~SerializationError() = default;

namespace detail {
namespace {

constexpr std::size_t kMaxQuoted = 120;

template <class Number>
std::string shortest(Number value) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return std::string(buffer, end);
}

}  // namespace

std::string describe(double value) { return shortest(value); }
std::string describe(long long value) { return shortest(value); }
std::string describe(unsigned long long value) { return shortest(value); }

std::string describe(std::string_view value) {
  std::string quoted = "'";
  std::size_t kept = value.size();
  if (kept > kMaxQuoted) {
    kept = kMaxQuoted;
    // A message must stay valid UTF-8: cut before a character, not inside it.
    while (kept > 0 && (static_cast<unsigned char>(value[kept]) & 0xC0U) == 0x80U) --kept;
  }
  // What is no UTF-8 is written byte by byte, "\\xff".
  std::string_view rest = value.substr(0, kept);
  for (;;) {
    const std::size_t valid = utf8_prefix(rest);
    quoted.append(rest.substr(0, valid));
    rest.remove_prefix(valid);
    if (rest.empty()) break;
    const auto byte = static_cast<unsigned char>(rest.front());
    quoted += {'\\', 'x', "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15U]};
    rest.remove_prefix(1);
  }
  quoted += kept < value.size() ? "…'" : "'";
  return quoted;
}

}  // namespace detail
}  // namespace inlay
