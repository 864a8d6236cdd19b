#pragma once

// Where the values of a leaf lie that are there: nulls left out, dictionaries looked up.

#include <cstddef>
#include <cstdint>

#include "data/leaf_view.hpp"

namespace inlay::detail {

/// Values that are sorted together for the quantiles; half of the second-level cache.
inline constexpr std::size_t kFeedChunk = 16384;

/// Memory of one thread. Too large for a stack; not initialised.
struct PositionMemory {
  std::int64_t positions[kFeedChunk];
  std::uint8_t valid[kFeedChunk];
};

/// Positions of values, of a column or of its dictionary, chunk by chunk; counts what is none.
class ValuePositions {
 public:
  ValuePositions(const LeafView& view, PositionMemory& memory) noexcept
      : view_(view), memory_(memory) {}

  /// The view that positions refer to.
  const LeafView& values() const noexcept {
    return view_.dictionary == nullptr ? view_ : *view_.dictionary;
  }
  std::uint64_t nulls() const noexcept { return nulls_; }
  std::uint64_t invalid_indices() const noexcept { return invalid_; }

  /// Positions of `size` values: those from `begin` on if `list` is null.
  struct Chunk {
    std::int64_t begin = 0;
    const std::int64_t* list = nullptr;
    std::size_t size = 0;
    std::int64_t at(std::size_t i) const noexcept {
      return list == nullptr ? begin + static_cast<std::int64_t>(i) : list[i];
    }
  };
  /// Calls f(chunk) for chunks of up to `limit` (at most kFeedChunk) positions in row order, until
  /// it returns false.
  template <class F>
  bool for_each_chunk(std::size_t limit, F&& f) noexcept(noexcept(f(Chunk()))) {
    for (const LeafRange& range : view_.ranges) {
      std::int64_t at = range.begin;
      const std::int64_t end = range.begin + range.size;
      while (at < end) {
        const auto size = static_cast<std::size_t>(end - at < static_cast<std::int64_t>(limit)
                                                       ? end - at
                                                       : static_cast<std::int64_t>(limit));
        const Chunk chunk = read(at, size);
        if (chunk.size != 0 && !f(chunk)) return false;
        at += static_cast<std::int64_t>(size);
      }
    }
    return true;
  }

 private:
  Chunk read(std::int64_t begin, std::size_t size) noexcept;

  const LeafView& view_;
  PositionMemory& memory_;
  std::uint64_t nulls_ = 0;
  std::uint64_t invalid_ = 0;
};

}  // namespace inlay::detail
