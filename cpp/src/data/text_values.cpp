#include "data/text_values.hpp"

#include <algorithm>

#include "data/dictionary_indices.hpp"

namespace inlay::detail {
namespace {

// Of a dictionary with at least so many rows an entry, entries are counted before they are read.
constexpr std::int64_t kRowsPerEntry = 4;
// More counters than this would not be constant memory, nor stay in cache.
constexpr std::int64_t kMaxEntries = std::int64_t{1} << 18;

template <class Offset>
std::string_view read_offsets(const LeafView& view, std::int64_t begin, std::size_t size,
                              std::string_view* out) noexcept {
  auto from = element_at<Offset>(view.values, begin);
  const auto first = from;
  for (std::size_t i = 0; i < size; ++i) {
    const auto to = element_at<Offset>(view.values, begin + static_cast<std::int64_t>(i) + 1);
    out[i] = {view.bytes + from, static_cast<std::size_t>(to - from)};
    from = to;
  }
  return {view.bytes + first, static_cast<std::size_t>(from - first)};
}

}  // namespace

std::string_view read_texts(const LeafView& view, const ValuePositions::Chunk& chunk,
                            std::string_view* out) noexcept {
  if (chunk.list == nullptr && view.type->format == LeafFormat::kOffsets32) {
    return read_offsets<std::int32_t>(view, chunk.begin, chunk.size, out);
  }
  if (chunk.list == nullptr && view.type->format == LeafFormat::kOffsets64) {
    return read_offsets<std::int64_t>(view, chunk.begin, chunk.size, out);
  }
  for (std::size_t i = 0; i < chunk.size; ++i) out[i] = view.text_at(chunk.at(i));
  return {};
}

bool counts_entries_first(const LeafView& view) noexcept {
  return view.dictionary != nullptr && view.dictionary->rows <= kMaxEntries &&
         view.dictionary->rows * kRowsPerEntry <= view.rows;
}

EntryCounts count_entries(const LeafView& view, PositionMemory& memory) {
  EntryCounts out;
  const auto entries = static_cast<std::uint64_t>(view.dictionary->rows);
  out.counts.resize(entries + 1);
  std::uint64_t* const counts = out.counts.data();
  for (const LeafRange& range : view.ranges) {
    for (std::int64_t at = 0; at < range.size; at += kFeedChunk) {
      const std::int64_t begin = range.begin + at;
      const auto size = std::min<std::int64_t>(kFeedChunk, range.size - at);
      const bool all = view.bitmaps.empty() || view.fill_valid(begin, size, memory.valid) == size;
      with_indices(view, [&](const auto& index_at) {
        for (std::int64_t i = 0; i < size; ++i) {
          if (!all && memory.valid[i] == 0) {
            ++out.nulls;
          } else {
            ++counts[std::min(index_at(begin + i), entries)];
          }
        }
      });
    }
  }
  out.invalid = counts[entries];
  return out;
}

}  // namespace inlay::detail
