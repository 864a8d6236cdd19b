#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <inlay/host_device.hpp>

namespace inlay::detail {

/// MurmurHash3 x64-128 (Appleby, public domain, 2011), from the published algorithm, with the seed
/// that Apache DataSketches uses throughout.
inline constexpr std::uint64_t kMurmurSeed = 9001;
inline constexpr std::uint64_t kMurmur1 = 0x87c37b91114253d5;
inline constexpr std::uint64_t kMurmur2 = 0x4cf5ad432745937f;
inline constexpr std::uint64_t kMurmurFinal1 = 0xff51afd7ed558ccd;
inline constexpr std::uint64_t kMurmurFinal2 = 0xc4ceb9fe1a85ec53;

struct Hash128 {
  std::uint64_t low;
  std::uint64_t high;
};

INLAY_HOST_DEVICE inline std::uint64_t murmur_final(std::uint64_t h) noexcept {
  h = (h ^ (h >> 33)) * kMurmurFinal1;
  h = (h ^ (h >> 33)) * kMurmurFinal2;
  return h ^ (h >> 33);
}

INLAY_HOST_DEVICE inline Hash128 murmur_finish(std::uint64_t low, std::uint64_t high,
                                               std::uint64_t size) noexcept {
  low ^= size;
  high ^= size;
  low += high;
  high += low;
  low = murmur_final(low);
  high = murmur_final(high);
  low += high;
  return {low, high + low};
}

/// Of the eight little-endian bytes of a word.
INLAY_HOST_DEVICE inline Hash128 murmur_of_word(std::uint64_t word,
                                                std::uint64_t seed = kMurmurSeed) noexcept {
  const std::uint64_t low = seed ^ (std::rotl(word * kMurmur1, 31) * kMurmur2);
  return murmur_finish(low, seed, sizeof(word));
}

template <class T>
std::uint64_t load_little(const char* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof(value));
  if constexpr (std::endian::native == std::endian::big) {
    return sizeof(T) == 8 ? __builtin_bswap64(value) : __builtin_bswap32(value);
  }
  return value;
}

/// Up to eight bytes as one little-endian number. Loads overlap, so that no loop is needed.
inline std::uint64_t load_some(const char* from, std::size_t size) noexcept {
  if (size >= 4) {
    const std::uint64_t last = load_little<std::uint32_t>(from + size - 4);
    return load_little<std::uint32_t>(from) | last << (8 * (size - 4));
  }
  if (size == 0) return 0;
  const auto byte = [from](std::size_t i) {
    return std::uint64_t{static_cast<unsigned char>(from[i])};
  };
  return byte(0) | byte(size / 2) << (8 * (size / 2)) | byte(size - 1) << (8 * (size - 1));
}

inline Hash128 murmur_of_bytes(const char* bytes, std::size_t size,
                               std::uint64_t seed = kMurmurSeed) noexcept {
  std::uint64_t low = seed;
  std::uint64_t high = seed;
  const char* at = bytes;
  std::size_t left = size;
  for (; left >= 16; left -= 16, at += 16) {
    low ^= std::rotl(load_little<std::uint64_t>(at) * kMurmur1, 31) * kMurmur2;
    low = (std::rotl(low, 27) + high) * 5 + 0x52dce729;
    high ^= std::rotl(load_little<std::uint64_t>(at + 8) * kMurmur2, 33) * kMurmur1;
    high = (std::rotl(high, 31) + low) * 5 + 0x38495ab5;
  }
  if (left > 8) {
    high ^= std::rotl(load_some(at + 8, left - 8) * kMurmur2, 33) * kMurmur1;
    low ^= std::rotl(load_little<std::uint64_t>(at) * kMurmur1, 31) * kMurmur2;
  } else {
    low ^= std::rotl(load_some(at, left) * kMurmur1, 31) * kMurmur2;
  }
  return murmur_finish(low, high, size);
}

/// What an HLL sketch keeps of a hash: the register in the low 26 bits, the value to raise it to,
/// 1 to 63, above them. Never 0.
inline constexpr int kSlotBits = 26;
inline constexpr std::uint32_t kSlotMask = (std::uint32_t{1} << kSlotBits) - 1;

INLAY_HOST_DEVICE inline std::uint32_t coupon_of(Hash128 hash) noexcept {
#ifdef __CUDA_ARCH__
  const int zeros = __clzll(static_cast<long long>(hash.high));
#else
  const int zeros = std::countl_zero(hash.high);
#endif
  const auto value = static_cast<std::uint32_t>(zeros < 62 ? zeros : 62) + 1;
  return (static_cast<std::uint32_t>(hash.low) & kSlotMask) | value << kSlotBits;
}

/// Whether a hash's coupon can have a value above `floor` (0 to 63).
inline bool exceeds(Hash128 hash, unsigned floor) noexcept {
  return (hash.high >> 1 >> (63 - floor)) == 0;
}

}  // namespace inlay::detail
