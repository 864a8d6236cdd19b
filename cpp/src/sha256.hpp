#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace inlay {

/// SHA-256 (FIPS 180-4), of what identifies a reference. One message per object; not thread-safe.
class Sha256 {
 public:
  void update(std::string_view bytes) noexcept;
  std::array<std::uint8_t, 32> finish() noexcept;

 private:
  void block(const std::uint8_t* bytes) noexcept;
  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> pending_;
  std::uint64_t size_ = 0;
};

/// The first `digits` (at most 64) hexadecimal digits of the hash of some bytes.
std::string sha256_digits(std::string_view bytes, std::size_t digits);

}  // namespace inlay
