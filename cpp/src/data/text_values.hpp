#pragma once

// The texts or bytes of a chunk of a leaf, and how often each entry of a dictionary occurs.

#include <cstdint>
#include <string_view>
#include <vector>

#include "data/leaf_view.hpp"
#include "data/value_positions.hpp"

namespace inlay::detail {

/// Reads the texts of a chunk. Returns the bytes of all of them if they lie without a gap between
/// them, which may be looked at as one; else none, with a null pointer.
std::string_view read_texts(const LeafView& view, const ValuePositions::Chunk& chunk,
                            std::string_view* out) noexcept;

/// Whether a view has a dictionary whose entries are best counted before they are read.
bool counts_entries_first(const LeafView& view) noexcept;

/// How many rows refer to each entry; rows that are null, and those that refer to none.
struct EntryCounts {
  std::vector<std::uint64_t> counts;  // the last is `invalid`
  std::uint64_t nulls = 0;
  std::uint64_t invalid = 0;
};

/// @throws std::bad_alloc
EntryCounts count_entries(const LeafView& view, PositionMemory& memory);

}  // namespace inlay::detail
