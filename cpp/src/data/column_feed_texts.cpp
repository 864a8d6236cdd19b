// Texts and bytes: a block of them at a time, each seen once by every summary while it is in cache.

#include <algorithm>
#include <inlay/summary/fused.hpp>
#include <string>
#include <vector>

#include "data/column_access.hpp"
#include "data/column_feed.hpp"
#include "data/text_scan.hpp"
#include "data/text_values.hpp"
#include "utf8.hpp"

namespace inlay::detail {
namespace {

using Chunk = ValuePositions::Chunk;

class TextFeed {
 public:
  TextFeed(ColumnProfile& column, FeedMemory& memory) noexcept
      : column_(column),
        memory_(memory),
        lengths_(*ColumnAccess::lengths(column)),
        histogram_(*ColumnAccess::length_histogram(column)) {}

  /// Adds the first `size` of the memory's texts, `weights` times each if given. `ascii`: known to
  /// be.
  bool add(std::size_t size, const std::uint64_t* weights, bool ascii) {
    const std::string_view* texts = memory_.text;
    std::uint64_t total = size;
    if (weights != nullptr) {
      total = 0;
      for (std::size_t i = 0; i < size; ++i) total += weights[i];
    }
    if (!add_lengths(size, weights, ascii)) return false;
    TextExtremes extremes;
    for (std::size_t i = 0; i < size; ++i) extremes.add(texts[i]);
    if (extremes.any()) ColumnAccess::add_extremes(column_, extremes.min(), extremes.max());
    Hll& cardinality = *ColumnAccess::cardinality(column_);
    if (cardinality.update(texts, size) != size) return false;
    cardinality.add_repeats(total - size);
    TopK* top_k = ColumnAccess::top_k(column_);
    if (top_k == nullptr) return true;
    const std::string_view* items = names(size);
    if (weights != nullptr) return top_k->update(items, size, weights) == size;
    return memory_.sieve.update(*top_k, items, size) == size;
  }

  bool finish() {
    const bool complete = flush_lengths();
    ColumnAccess::empty_count(column_) += empty_;
    ColumnAccess::invalid_utf8_count(column_) += invalid_;
    return complete;
  }

 private:
  bool add_lengths(std::size_t size, const std::uint64_t* weights, bool ascii) noexcept {
    const std::string_view* texts = memory_.text;
    const bool by_bytes = ascii || column_.kind() == LeafKind::kBinary;
    if (weights == nullptr && by_bytes) {
      for (std::size_t i = 0; i < size; ++i) {
        memory_.block[i] = static_cast<double>(texts[i].size());
        empty_ += texts[i].empty() ? 1 : 0;
      }
      return update(lengths_, histogram_, memory_.block, size) == size;
    }
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint64_t weight = weights == nullptr ? 1 : weights[i];
      if (texts[i].empty()) empty_ += weight;
      const std::int64_t length =
          by_bytes ? static_cast<std::int64_t>(texts[i].size()) : code_points(texts[i]);
      if (length < 0) {
        invalid_ += weight;
      } else if (!add_length(static_cast<double>(length), weight)) {
        return false;
      }
    }
    return flush_lengths();
  }

  bool add_length(double length, std::uint64_t weight) noexcept {
    while (weight != 0) {
      const std::size_t n =
          static_cast<std::size_t>(std::min<std::uint64_t>(weight, kFeedBlock - pending_));
      std::fill_n(memory_.block + pending_, n, length);
      pending_ += n;
      weight -= n;
      if (pending_ == kFeedBlock && !flush_lengths()) return false;
    }
    return true;
  }

  bool flush_lengths() noexcept {
    const std::size_t size = pending_;
    pending_ = 0;
    return update(lengths_, histogram_, memory_.block, size) == size;
  }

  // The texts, long ones as what stands for them.
  const std::string_view* names(std::size_t size) {
    const std::string_view* texts = memory_.text;
    const auto is_long = [](std::string_view text) {
      return text.size() > ColumnProfile::kLongText;
    };
    const auto count = static_cast<std::size_t>(std::count_if(texts, texts + size, is_long));
    if (count == 0) return texts;
    long_names_.clear();
    long_names_.reserve(count);  // so that none moves
    for (std::size_t i = 0; i < size; ++i) {
      memory_.names[i] = texts[i];
      if (!is_long(texts[i])) continue;
      long_names_.push_back(long_text_name(texts[i]));
      memory_.names[i] = long_names_.back();
    }
    return memory_.names;
  }

  ColumnProfile& column_;
  FeedMemory& memory_;
  Moments& lengths_;
  ExpHistogram& histogram_;
  std::size_t pending_ = 0;  // lengths in the memory's block
  std::uint64_t empty_ = 0;
  std::uint64_t invalid_ = 0;
  std::vector<std::string> long_names_;
};

bool feed_dictionary(ColumnProfile& column, const LeafView& view, FeedMemory& memory) {
  EntryCounts counted = count_entries(view, memory);
  const LeafView& entries = *view.dictionary;
  TextFeed feed(column, memory);
  bool complete = true;
  std::size_t filled = 0;
  const auto hand_on = [&] {
    complete = complete && feed.add(filled, memory.weights, false);
    filled = 0;
  };
  for (std::int64_t i = 0; i < entries.rows && complete; ++i) {
    const std::uint64_t weight = counted.counts[static_cast<std::size_t>(i)];
    if (weight == 0) continue;
    const std::int64_t position = entries.ranges.front().begin + i;
    if (!entries.is_valid(position)) {
      counted.nulls += weight;
      continue;
    }
    memory.text[filled] = entries.text_at(position);
    memory.weights[filled++] = weight;
    if (filled == kFeedBlock) hand_on();
  }
  hand_on();
  complete = feed.finish() && complete;
  ColumnAccess::add_rows(column, static_cast<std::uint64_t>(view.rows), counted.nulls,
                         counted.invalid);
  return complete;
}

}  // namespace

bool feed_texts(ColumnProfile& column, const LeafView& view, FeedMemory& memory) {
  if (counts_entries_first(view)) {
    return feed_dictionary(column, view, memory);
  }
  ValuePositions positions(view, memory);
  TextFeed feed(column, memory);
  bool complete = positions.for_each_chunk(kFeedBlock, [&](const Chunk& chunk) {
    const std::string_view whole = read_texts(positions.values(), chunk, memory.text);
    const bool ascii = whole.data() != nullptr && is_ascii(whole.data(), whole.size());
    return feed.add(chunk.size, nullptr, ascii);
  });
  complete = feed.finish() && complete;
  ColumnAccess::add_rows(column, static_cast<std::uint64_t>(view.rows), positions.nulls(),
                         positions.invalid_indices());
  return complete;
}

}  // namespace inlay::detail
