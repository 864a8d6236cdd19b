#include <charconv>
#include <inlay/error.hpp>

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
  quoted.append(value.substr(0, kept));
  quoted += kept < value.size() ? "…'" : "'";
  return quoted;
}

}  // namespace detail
}  // namespace inlay
