#include "data/text_scan.hpp"

#include <bit>
#include <cstring>

#include "summary/item_name.hpp"
#include "summary/murmur3.hpp"

namespace inlay::detail {
namespace {

constexpr std::size_t kLongTextPrefix = 200;

std::uint64_t word_at(const char* from) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

void append_hex(std::uint64_t value, std::string& out) {
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[(value >> shift) & 15U];
}

}  // namespace

std::int64_t code_points(std::string_view text) noexcept {
  if (!is_utf8(text.data(), text.size())) return -1;
  return static_cast<std::int64_t>(code_points(text.data(), text.size()));
}

std::uint64_t TextExtremes::key_of(std::string_view text) noexcept {
  std::uint64_t word = 0;
  if (text.size() >= sizeof(word)) {
    word = word_at(text.data());
  } else if (!text.empty()) {
    std::memcpy(&word, text.data(), text.size());
  }
  if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
  return word;
}

std::string long_text_name(std::string_view text) {
  std::size_t size = kLongTextPrefix;
  while (size > kLongTextPrefix - 4 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80) {
    --size;  // not inside a character
  }
  std::string name(text.substr(0, size));
  name += "\xE2\x80\xA6";  // an ellipsis
  const Hash128 hash = murmur_of_bytes(text.data(), text.size());
  append_hex(hash.low, name);
  append_hex(hash.high, name);
  return name;
}

}  // namespace inlay::detail
