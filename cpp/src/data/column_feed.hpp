#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/data/column_profile.hpp>
#include <string_view>

#include "data/leaf_view.hpp"
#include "data/value_positions.hpp"
#include "summary/top_k_sieve.hpp"

namespace inlay::detail {

/// Values that all other summaries see before the next ones come; they stay in the first level.
inline constexpr std::size_t kFeedBlock = TopKSieve::kBlock;

/// Memory of one thread that feeds columns, whatever their number and length. Too large for a
/// stack; not initialised.
struct FeedMemory : PositionMemory {
  union {
    double real[kFeedChunk];
    float single[kFeedChunk];
  };
  double block[kFeedBlock];
  std::int64_t whole[kFeedChunk];
  std::string_view text[kFeedBlock];
  std::string_view names[kFeedBlock];
  TopKSieve sieve;
  std::uint64_t weights[kFeedBlock];
  char decimals[kFeedBlock * 32];  // their texts, as long as they fit
};

/// Adds the rows of a view, whose type must fit, to the summaries of a column in one pass. False if
/// memory ran out: some summaries then lack some of the values.
bool feed(ColumnProfile& column, const LeafView& view, FeedMemory& memory) noexcept;

// By kind; `feed` chooses.
bool feed_numbers(ColumnProfile& column, const LeafView& view, FeedMemory& memory) noexcept;
bool feed_booleans(ColumnProfile& column, const LeafView& view, FeedMemory& memory) noexcept;
bool feed_decimals(ColumnProfile& column, const LeafView& view, FeedMemory& memory) noexcept;
bool feed_texts(ColumnProfile& column, const LeafView& view, FeedMemory& memory);
bool feed_lists(ColumnProfile& column, const LeafView& view, FeedMemory& memory) noexcept;

}  // namespace inlay::detail
