#pragma once

// The values of each leaf of a record batch, where they lie.

#include <cstdint>
#include <cstring>
#include <inlay/arrow/c_data.hpp>
#include <memory>
#include <string_view>
#include <vector>

#include "data/leaf.hpp"

namespace inlay::detail {

/// Positions [begin, begin + size) of a leaf's buffers.
struct LeafRange {
  std::int64_t begin;
  std::int64_t size;
};

/// Position p is valid if bit p + shift is set.
struct LeafBitmap {
  const std::uint8_t* bits;
  std::int64_t shift;
};

inline bool bit_at(const void* bits, std::int64_t i) noexcept {
  return ((static_cast<const std::uint8_t*>(bits)[i / 8] >> (i % 8)) & 1U) != 0;
}

/// Element i of an array of T that may lie at any address.
template <class T>
T element_at(const void* values, std::int64_t i) noexcept {
  T out;
  std::memcpy(&out, static_cast<const char*>(values) + i * static_cast<std::int64_t>(sizeof(T)),
              sizeof(T));
  return out;
}

/// One leaf of one batch. Borrows the arrays and the type. Positions count from the start of the
/// leaf's buffers, offsets included; only those in `ranges` may be read, and a position is null
/// unless each bitmap has its bit. Reading is thread-safe.
struct LeafView {
  const LeafType* type = nullptr;
  std::vector<LeafRange> ranges;  // in row order; items of lists that are null are left out
  std::int64_t rows = 0;          // positions in all ranges
  std::vector<LeafBitmap> bitmaps;
  const void* values = nullptr;           // bits, numbers, offsets, views, fixed bytes, or indices
  const char* bytes = nullptr;            // what offsets refer to
  const std::int32_t* sizes32 = nullptr;  // of list views
  const std::int64_t* sizes64 = nullptr;
  const void* const* data_buffers = nullptr;  // what views refer to
  std::shared_ptr<const LeafView> dictionary;

  bool is_valid(std::int64_t position) const noexcept {
    for (const LeafBitmap& bitmap : bitmaps) {
      if (!bit_at(bitmap.bits, position + bitmap.shift)) return false;
    }
    return true;
  }
  /// Writes 1 or 0 for each of `size` positions and returns how many are valid.
  std::int64_t fill_valid(std::int64_t begin, std::int64_t size, std::uint8_t* out) const noexcept;
  std::int64_t count_valid(std::int64_t begin, std::int64_t size) const noexcept;

  /// The index of a dictionary's item; -1 if it lies outside of the dictionary.
  std::int64_t index_at(std::int64_t position) const noexcept;
  /// The text or bytes at a position that is valid. Not for dictionaries: ask theirs.
  std::string_view text_at(std::int64_t position) const noexcept;
  /// The length of the list at a position that is valid.
  std::int64_t length_at(std::int64_t position) const noexcept;
};

/// Return a view of each leaf, in the order of `leaves`, which must be flatten(schema) or those of
/// them that lie in some of the columns. Reads offsets, views and sizes, and checks them, so that
/// whatever lies in `ranges` can be read; of columns that have no leaf it looks at the layout
/// alone.
/// @throws InvalidArgument naming the column if array and schema do not fit, offsets go backwards
///         or beyond the items, or a view lies outside its buffer
std::vector<LeafView> view_leaves(const ArrowSchema& schema, const ArrowArray& array,
                                  const std::vector<Leaf>& leaves);

}  // namespace inlay::detail
