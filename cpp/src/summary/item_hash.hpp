#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace inlay::detail {

// Digits of pi, odd, with about as many ones as zeros: no pattern a stream is likely to share.
inline constexpr std::uint64_t kHashA = 0x243F6A8885A308D3;
inline constexpr std::uint64_t kHashB = 0x13198A2E03707345;
inline constexpr std::uint64_t kHashC = 0xA4093822299F31D1;
inline constexpr std::uint64_t kHashD = 0x082EFA98EC4E6C89;

__extension__ typedef unsigned __int128 Product;

/// Both halves of the product of 128 bits, folded: each bit of the result depends on every bit.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  const Product product = static_cast<Product>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// Hash of 64 bits. It never leaves the process, so it may change between versions.
inline std::uint64_t hash_word(std::uint64_t word) noexcept {
  return fold(fold(word ^ kHashA, kHashC) ^ kHashB, kHashD);
}

inline std::uint64_t load_word(const char* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

/// Hash of any bytes, 16 a step.
inline std::uint64_t hash_text(std::string_view text) noexcept {
  const char* at = text.data();
  const std::size_t size = text.size();
  std::uint64_t state = kHashA ^ size;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (size >= 8) {
    std::size_t left = size;
    for (; left > 16; left -= 16, at += 16) {
      state = fold(load_word(at) ^ kHashB, load_word(at + 8) ^ state);
    }
    // The last 16 bytes or, of a shorter text, both ends of it; they may overlap.
    const std::size_t both = left < 8 ? 16 - left : 0;
    first = load_word(at - both);
    last = load_word(at + left - 8);
  } else if (size >= 4) {
    std::uint32_t head = 0;
    std::uint32_t tail = 0;
    std::memcpy(&head, at, sizeof(head));
    std::memcpy(&tail, at + size - 4, sizeof(tail));
    first = std::uint64_t{head} << 32 | tail;
  } else if (size != 0) {
    const auto byte = [at](std::size_t i) {
      return std::uint64_t{static_cast<unsigned char>(at[i])};
    };
    first = byte(0) << 16 | byte(size / 2) << 8 | byte(size - 1);
  }
  return fold(fold(first ^ kHashB, last ^ state) ^ kHashC, kHashD);
}

}  // namespace inlay::detail
