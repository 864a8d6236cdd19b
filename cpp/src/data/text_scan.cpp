#include "data/text_scan.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "summary/item_name.hpp"
#include "summary/murmur3.hpp"

namespace inlay::detail {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080;
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

bool is_ascii(const char* bytes, std::size_t size) noexcept {
  std::size_t at = 0;
  for (; at + 64 <= size; at += 64) {
    std::uint64_t any = 0;
    for (std::size_t i = 0; i < 64; i += 8) any |= word_at(bytes + at + i);
    if ((any & kHighBits) != 0) return false;
  }
  unsigned any = 0;
  for (; at < size; ++at) any |= static_cast<unsigned char>(bytes[at]);
  return any < 0x80;
}

std::int64_t code_points(std::string_view text) noexcept {
  if (is_ascii(text.data(), text.size())) return static_cast<std::int64_t>(text.size());
  if (utf8_prefix(text) != text.size()) return -1;
  // All bytes but those that continue a character.
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; });
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
