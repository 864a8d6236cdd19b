#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace inlay::detail {

/// Whether all bytes are below 128.
bool is_ascii(const char* text, std::size_t size) noexcept;

/// Whether the bytes are well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, no
/// surrogates, nothing above U+10FFFF, no code point cut short).
bool is_utf8(const char* text, std::size_t size) noexcept;

/// Length of the well-formed UTF-8 that `text` begins with: a character at a time, for short texts.
std::size_t utf8_prefix(std::string_view text) noexcept;

/// Code points: bytes that do not continue one. Of text that is not UTF-8, what that rule gives.
inline std::size_t code_points(const char* text, std::size_t size) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::size_t continued = 0;
  std::size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text + i, sizeof(word));
    // A byte continues a code point if its two highest bits are 10.
    continued += static_cast<std::size_t>(std::popcount(word >> 7 & ~(word >> 6) & kOnes));
  }
  for (; i < size; ++i)
    continued += (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80 ? 1U : 0U;
  return size - continued;
}

}  // namespace inlay::detail
