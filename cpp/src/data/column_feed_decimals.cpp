// Decimals: exact as integers and as items, the nearest double for moments and quantiles.

#include <inlay/summary/fused.hpp>

#include "data/column_access.hpp"
#include "data/column_feed.hpp"
#include "data/number_values.hpp"

namespace inlay::detail {
bool feed_decimals(ColumnProfile& column, const LeafView& view, FeedMemory& memory) noexcept {
  ValuePositions positions(view, memory);
  const LeafView& values = positions.values();
  const int scale = column.scale();
  Moments& moments = *ColumnAccess::moments(column);
  ExpHistogram& histogram = *ColumnAccess::histogram(column);
  Kll<double>& quantiles = *ColumnAccess::quantiles(column);
  Hll& cardinality = *ColumnAccess::cardinality(column);
  TopK& top_k = *ColumnAccess::top_k(column);
  const auto add = [&](const ValuePositions::Chunk& chunk) noexcept {
    std::size_t done = 0;   // items whose texts were handed on
    std::size_t texts = 0;  // bytes in use
    const auto hand_on = [&](std::size_t end) {
      const std::size_t size = end - done;
      const std::string_view* items = memory.text + done;
      done = end;
      texts = 0;
      return cardinality.update(items, size) == size &&
             memory.sieve.update(top_k, items, size) == size;
    };
    for (std::size_t i = 0; i < chunk.size; ++i) {
      const ExactInteger value = decimal_at(values, chunk.at(i));
      ColumnAccess::add_exact(column, value, value, value);
      if (texts + ExactInteger::kMaxText > sizeof(memory.decimals) && !hand_on(i)) return false;
      char* text = memory.decimals + texts;
      const unsigned length = value.write(scale, text);
      memory.text[i] = {text, length};
      texts += length;
      memory.block[i] = value.to_double(scale);
    }
    return hand_on(chunk.size) &&
           update(moments, histogram, memory.block, chunk.size) == chunk.size &&
           quantiles.update(memory.block, chunk.size) == chunk.size;
  };
  const bool complete = positions.for_each_chunk(kFeedBlock, add);
  ColumnAccess::add_rows(column, static_cast<std::uint64_t>(view.rows), positions.nulls(),
                         positions.invalid_indices());
  return complete;
}

}  // namespace inlay::detail
