#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace inlay {

/// MD5 (RFC 1321): an identifier that every SQL dialect can compute, not a protection. One message
/// per object; not thread-safe.
class Md5 {
 public:
  void update(std::string_view bytes) noexcept;
  std::array<uint8_t, 16> finish() noexcept;

 private:
  void block(const uint8_t* bytes) noexcept;
  std::array<uint32_t, 4> state_{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  std::array<uint8_t, 64> pending_;
  uint64_t size_ = 0;
};

}  // namespace inlay
