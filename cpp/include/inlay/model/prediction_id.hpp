#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <string_view>

namespace inlay {

/// What identifies predictions. A number and a text that reads like it are two ids.
enum class IdKind : std::uint8_t {
  kNone = 0,     ///< not known yet
  kInteger = 1,  ///< 64 bits, signed or not
  kText = 2,     ///< UTF-8
  kBytes = 3,    ///< any bytes: a UUID's 16, for instance
};

/// "integers", "text" or "bytes".
INLAY_API std::string_view name_of(IdKind kind) noexcept;

/// What an id is known by: MurmurHash3 x64-128 (Appleby, 2011), whose seed is the number of the
/// kind, of the eight little-endian bytes of an integer or of the bytes of anything else. The same
/// in every process and version. A plain value.
struct IdHash {
  std::uint64_t high;
  std::uint64_t low;
  bool operator==(const IdHash& other) const noexcept {
    return high == other.high && low == other.low;
  }
};

/// Hash `size` ids.
INLAY_API void hash_ids(const std::uint64_t* ids, std::size_t size, IdHash* out) noexcept;
INLAY_API void hash_ids(const std::string_view* ids, std::size_t size, IdKind kind,
                        IdHash* out) noexcept;

}  // namespace inlay
