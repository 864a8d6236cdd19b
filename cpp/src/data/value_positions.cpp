#include "data/value_positions.hpp"

#include "data/dictionary_indices.hpp"

namespace inlay::detail {

ValuePositions::Chunk ValuePositions::read(std::int64_t begin, std::size_t size) noexcept {
  const bool all_there = view_.bitmaps.empty() ||
                         view_.fill_valid(begin, static_cast<std::int64_t>(size), memory_.valid) ==
                             static_cast<std::int64_t>(size);
  if (view_.dictionary == nullptr && all_there) return {begin, nullptr, size};
  std::int64_t* const out = memory_.positions;
  std::size_t found = 0;
  if (view_.dictionary == nullptr) {
    for (std::size_t i = 0; i < size; ++i) {
      out[found] = begin + static_cast<std::int64_t>(i);
      found += memory_.valid[i];
    }
    nulls_ += size - found;
    return {0, out, found};
  }
  const LeafView& values = *view_.dictionary;
  const auto entries = static_cast<std::uint64_t>(values.rows);
  const std::int64_t first = values.ranges.empty() ? 0 : values.ranges.front().begin;
  std::size_t there = 0;
  with_indices(view_, [&](const auto& index_at) {
    for (std::size_t i = 0; i < size; ++i) {
      if (!all_there && memory_.valid[i] == 0) continue;
      ++there;
      const std::uint64_t index = index_at(begin + static_cast<std::int64_t>(i));
      out[found] = first + static_cast<std::int64_t>(index);
      found += index < entries ? 1 : 0;
    }
  });
  nulls_ += size - there;
  invalid_ += there - found;
  if (!values.bitmaps.empty()) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < found; ++i) {
      const std::int64_t position = out[i];
      out[kept] = position;
      kept += values.is_valid(position) ? 1 : 0;
    }
    nulls_ += found - kept;
    found = kept;
  }
  return {0, out, found};
}

}  // namespace inlay::detail
