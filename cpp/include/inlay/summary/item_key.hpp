#pragma once

#include <cstdint>
#include <string_view>

#include "inlay/export.hpp"

namespace inlay {

/// A number of 64 bits by which an item is known again: MurmurHash3 x64-128 (Appleby, 2011), its
/// first half, of the eight little-endian bytes of a number or of the bytes of a text. The same in
/// every process and version. Never 0, which can stand for no item. Equal doubles have equal keys,
/// and so have all NaNs.
INLAY_API std::uint64_t item_key(std::uint64_t item) noexcept;
INLAY_API std::uint64_t item_key(double item) noexcept;
INLAY_API std::uint64_t item_key(std::string_view item) noexcept;

}  // namespace inlay
