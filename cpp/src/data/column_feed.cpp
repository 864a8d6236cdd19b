#include "data/column_feed.hpp"

#include <algorithm>
#include <inlay/summary/fused.hpp>
#include <new>

#include "data/column_access.hpp"

namespace inlay::detail {

bool feed_booleans(ColumnProfile& column, const LeafView& view, FeedMemory& memory) noexcept {
  ValuePositions positions(view, memory);
  const void* bits = positions.values().values;
  std::uint64_t trues = 0;
  std::uint64_t all = 0;
  positions.for_each_chunk(kFeedChunk, [&](const ValuePositions::Chunk& chunk) noexcept {
    for (std::size_t i = 0; i < chunk.size; ++i) trues += bit_at(bits, chunk.at(i)) ? 1 : 0;
    all += chunk.size;
    return true;
  });
  // What counts is how many there are of either, not their order.
  bool complete = true;
  for (const bool value : {false, true}) {
    std::uint64_t left = value ? trues : all - trues;
    if (left == 0) continue;
    complete &= ColumnAccess::top_k(column)->update(TopK::Item(value), left);
    complete &= ColumnAccess::cardinality(column)->update(value);
    ColumnAccess::cardinality(column)->add_repeats(left - 1);
    std::fill(memory.block, memory.block + kFeedBlock, value ? 1.0 : 0.0);
    for (; left != 0; left -= std::min<std::uint64_t>(left, kFeedBlock)) {
      ColumnAccess::moments(column)->update(
          memory.block, static_cast<std::size_t>(std::min<std::uint64_t>(left, kFeedBlock)));
    }
  }
  ColumnAccess::add_rows(column, static_cast<std::uint64_t>(view.rows), positions.nulls(),
                         positions.invalid_indices());
  return complete;
}

bool feed_lists(ColumnProfile& column, const LeafView& view, FeedMemory& memory) noexcept {
  ValuePositions positions(view, memory);
  Moments& lengths = *ColumnAccess::lengths(column);
  ExpHistogram& histogram = *ColumnAccess::length_histogram(column);
  std::uint64_t empty = 0;
  const bool complete =
      positions.for_each_chunk(kFeedBlock, [&](const ValuePositions::Chunk& chunk) noexcept {
        for (std::size_t i = 0; i < chunk.size; ++i) {
          const std::int64_t length = view.length_at(chunk.at(i));
          memory.block[i] = static_cast<double>(length);
          empty += length == 0 ? 1 : 0;
        }
        return update(lengths, histogram, memory.block, chunk.size) == chunk.size;
      });
  ColumnAccess::empty_count(column) += empty;
  ColumnAccess::add_rows(column, static_cast<std::uint64_t>(view.rows), positions.nulls(), 0);
  return complete;
}

bool feed(ColumnProfile& column, const LeafView& view, FeedMemory& memory) noexcept {
  const auto rows = static_cast<std::uint64_t>(view.rows);
  if (view.type->kind == LeafKind::kNull) {
    // A dictionary of nothing may have entries, all of them null.
    ColumnAccess::add_rows(column, rows, rows, 0);
    return true;
  }
  switch (column.kind()) {
    case LeafKind::kBoolean:
      return feed_booleans(column, view, memory);
    case LeafKind::kDecimal:
      return feed_decimals(column, view, memory);
    case LeafKind::kText:
    case LeafKind::kBinary:
      try {
        return feed_texts(column, view, memory);
      } catch (const std::bad_alloc&) {
        return false;
      }
    case LeafKind::kList:
      return feed_lists(column, view, memory);
    default:
      return feed_numbers(column, view, memory);
  }
}

}  // namespace inlay::detail
