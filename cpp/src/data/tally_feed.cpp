// A batch's values on their way into the cells of a tally.

#include <algorithm>
#include <cmath>
#include <inlay/data/column_profile.hpp>
#include <new>
#include <string>
#include <type_traits>

#include "data/number_values.hpp"
#include "data/tally_access.hpp"
#include "data/text_scan.hpp"
#include "data/text_values.hpp"

namespace inlay::detail {
namespace {

using Chunk = ValuePositions::Chunk;

// Values that edges and moments see before the next ones come; they stay in the first level.
constexpr std::size_t kBlock = 2048;

struct NotFinite {
  std::uint64_t nan = 0;
  std::uint64_t pos_inf = 0;
  std::uint64_t neg_inf = 0;
};

template <class Float>
NotFinite not_finite_in(const Float* values, std::size_t size) noexcept {
  NotFinite out;
  bool any = false;
  for (std::size_t i = 0; i < size; ++i) any |= !(values[i] - values[i] == 0);
  if (!any) return out;
  for (std::size_t i = 0; i < size; ++i) {
    out.nan += std::isnan(values[i]) ? 1 : 0;
    out.pos_inf += std::isinf(values[i]) && values[i] > 0 ? 1 : 0;
    out.neg_inf += std::isinf(values[i]) && values[i] < 0 ? 1 : 0;
  }
  return out;
}

}  // namespace

void TallyAccess::add_rows(TallyColumn& column, std::uint64_t rows, std::uint64_t nulls) noexcept {
  column.rows_ += rows;
  column.null_count_ += nulls;
  if (column.edges_) column.edges_->add_nulls(nulls);
  if (column.categories_) column.categories_->add_nulls(nulls);
  if (column.moments_) column.moments_->add_nulls(nulls);
  if (column.float_quantiles_) column.float_quantiles_->add_nulls(nulls);
  if (column.quantiles_) column.quantiles_->add_nulls(nulls);
}

template <class Float>
bool TallyAccess::add_reals(TallyColumn& column, const Float* values, std::size_t size) noexcept {
  EdgeHistogram* const edges = column.edges_ ? &*column.edges_ : nullptr;
  Moments* const moments = column.moments_ ? &*column.moments_ : nullptr;
  for (std::size_t at = 0; at < size; at += kBlock) {
    const std::size_t n = std::min(kBlock, size - at);
    if (edges != nullptr) edges->update(values + at, n);
    if (moments != nullptr) moments->update(values + at, n);
    if (column.categories_ && column.kind_ == LeafKind::kFloat) {
      if constexpr (std::is_same_v<Float, double>) {
        column.categories_->update(values + at, n);
      } else {
        double room[kBlock];
        std::copy_n(values + at, n, room);
        column.categories_->update(room, n);
      }
    }
    if (edges == nullptr && moments == nullptr && column.kind_ == LeafKind::kFloat) {
      const NotFinite found = not_finite_in(values + at, n);
      column.nan_count_ += found.nan;
      column.pos_inf_count_ += found.pos_inf;
      column.neg_inf_count_ += found.neg_inf;
    }
  }
  if (column.float_quantiles_) return column.float_quantiles_->update(values, size) == size;
  if (column.quantiles_) return column.quantiles_->update(values, size) == size;
  return true;
}

template <class Item>
bool TallyAccess::add_items(TallyColumn& column, const Item* items, std::size_t size,
                            Item* outside) noexcept {
  if (!column.unseen_) {
    column.categories_->update(items, size);
    return true;
  }
  for (std::size_t at = 0; at < size; at += TallyMemory::kTexts) {
    const std::size_t n = std::min(TallyMemory::kTexts, size - at);
    const std::size_t others = column.categories_->update(items + at, n, outside);
    if (others != 0 && column.unseen_->update(outside, others) != others) return false;
  }
  return true;
}

bool TallyAccess::feed_numbers(TallyColumn& column, const LeafView& view,
                               TallyMemory& memory) noexcept {
  ValuePositions positions(view, memory);
  const LeafView& values = positions.values();
  const bool as_reals = column.edges_ || column.moments_ || column.quantiles_;
  const auto add_whole = [&](const auto* whole, std::size_t size, auto* outside) noexcept {
    bool complete = true;
    if (column.categories_) complete = add_items(column, whole, size, outside);
    if (!as_reals) return complete;
    for (std::size_t i = 0; i < size; ++i) memory.real[i] = static_cast<double>(whole[i]);
    return add_reals(column, memory.real, size) && complete;
  };
  const auto add = [&](const Chunk& chunk) noexcept {
    switch (view.type->format) {
      case LeafFormat::kUnsigned:
        return add_whole(unsigned_of(values, chunk, memory.natural), chunk.size,
                         memory.outside_natural);
      case LeafFormat::kSigned:
        return add_whole(signed_of(values, chunk, memory.whole), chunk.size, memory.outside_whole);
      default:
        break;
    }
    if (column.single_) {
      return add_reals(column, floats_of(values, chunk, memory.single), chunk.size);
    }
    return add_reals(column, floats_of(values, chunk, memory.real), chunk.size);
  };
  const bool complete = positions.for_each_chunk(kFeedChunk, add);
  if (column.edges_) {
    column.nan_count_ = column.edges_->nan_count();
    column.pos_inf_count_ = column.edges_->pos_inf_count();
    column.neg_inf_count_ = column.edges_->neg_inf_count();
  } else if (column.moments_) {
    column.nan_count_ = column.moments_->nan_count();
    column.pos_inf_count_ = column.moments_->pos_inf_count();
    column.neg_inf_count_ = column.moments_->neg_inf_count();
  }
  add_rows(column, static_cast<std::uint64_t>(view.rows),
           positions.nulls() + positions.invalid_indices());
  return complete;
}

bool TallyAccess::feed_decimals(TallyColumn& column, const LeafView& view,
                                TallyMemory& memory) noexcept {
  ValuePositions positions(view, memory);
  const LeafView& values = positions.values();
  const bool as_reals = column.edges_ || column.moments_ || column.quantiles_;
  const bool complete = positions.for_each_chunk(kFeedChunk, [&](const Chunk& chunk) noexcept {
    if (!as_reals) return true;
    for (std::size_t i = 0; i < chunk.size; ++i) {
      memory.real[i] = decimal_at(values, chunk.at(i)).to_double(column.scale_);
    }
    return add_reals(column, memory.real, chunk.size);
  });
  add_rows(column, static_cast<std::uint64_t>(view.rows),
           positions.nulls() + positions.invalid_indices());
  return complete;
}

bool TallyAccess::feed_booleans(TallyColumn& column, const LeafView& view,
                                TallyMemory& memory) noexcept {
  ValuePositions positions(view, memory);
  const void* bits = positions.values().values;
  std::uint64_t trues = 0;
  std::uint64_t all = 0;
  positions.for_each_chunk(kFeedChunk, [&](const Chunk& chunk) noexcept {
    for (std::size_t i = 0; i < chunk.size; ++i) trues += bit_at(bits, chunk.at(i)) ? 1 : 0;
    all += chunk.size;
    return true;
  });
  // What counts is how many there are of either, not their order.
  constexpr std::size_t kMost = kFeedChunk;
  for (const bool value : {false, true}) {
    std::uint64_t left = value ? trues : all - trues;
    std::fill_n(memory.real, std::min<std::uint64_t>(left, kMost), value ? 1.0 : 0.0);
    if (column.categories_) {
      const auto times = static_cast<std::int64_t>(left);
      column.categories_->update(&value, &times, 1);  // update() saw that there is room
    }
    if (!column.edges_ && !column.moments_) continue;
    for (; left != 0; left -= std::min<std::uint64_t>(left, kMost)) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left, kMost));
      if (column.edges_) column.edges_->update(memory.real, n);
      if (column.moments_) column.moments_->update(memory.real, n);
    }
  }
  add_rows(column, static_cast<std::uint64_t>(view.rows),
           positions.nulls() + positions.invalid_indices());
  return true;
}

// Counts the first `size` of the memory's texts.
bool TallyAccess::add_texts(TallyColumn& column, TallyMemory& memory, std::size_t size) {
  if (!column.unseen_) {
    column.categories_->update(memory.text, size);
    return true;
  }
  const std::size_t others = column.categories_->update(memory.text, size, memory.outside);
  const std::string_view* const outside = memory.outside;
  const auto is_long = [](std::string_view text) { return text.size() > ColumnProfile::kLongText; };
  if (std::none_of(outside, outside + others, is_long)) {
    return others == 0 || column.unseen_->update(outside, others) == others;
  }
  bool complete = true;
  for (std::size_t i = 0; i < others; ++i) {
    complete &= is_long(outside[i]) ? column.unseen_->update(TopK::Item(long_text_name(outside[i])))
                                    : column.unseen_->update(TopK::Item(outside[i]));
  }
  return complete;
}

bool TallyAccess::feed_dictionary(TallyColumn& column, const LeafView& view, TallyMemory& memory) {
  EntryCounts counted = count_entries(view, memory);
  const LeafView& entries = *view.dictionary;
  Categories& categories = *column.categories_;
  std::string_view* const texts = memory.text;
  std::int64_t* const weights = memory.whole;
  bool complete = true;
  std::size_t filled = 0;
  const auto hand_on = [&] {
    const std::uint64_t others = categories.other();
    categories.update(texts, weights, filled);  // Tally::update() saw that there is room
    const bool any = categories.other() != others;
    for (std::size_t i = 0; i < filled && any && column.unseen_; ++i) {
      if (categories.find(texts[i])) continue;
      const auto times = static_cast<std::uint64_t>(weights[i]);
      complete &= texts[i].size() > ColumnProfile::kLongText
                      ? column.unseen_->update(TopK::Item(long_text_name(texts[i])), times)
                      : column.unseen_->update(TopK::Item(texts[i]), times);
    }
    filled = 0;
  };
  for (std::int64_t i = 0; i < entries.rows; ++i) {
    const std::uint64_t times = counted.counts[static_cast<std::size_t>(i)];
    if (times == 0) continue;
    const std::int64_t position = entries.ranges.front().begin + i;
    if (!entries.is_valid(position)) {
      counted.nulls += times;
      continue;
    }
    texts[filled] = entries.text_at(position);
    weights[filled++] = static_cast<std::int64_t>(times);
    if (filled == TallyMemory::kTexts) hand_on();
  }
  hand_on();
  add_rows(column, static_cast<std::uint64_t>(view.rows), counted.nulls + counted.invalid);
  return complete;
}

bool TallyAccess::feed_texts(TallyColumn& column, const LeafView& view, TallyMemory& memory) {
  if (column.categories_ && counts_entries_first(view)) {
    return feed_dictionary(column, view, memory);
  }
  ValuePositions positions(view, memory);
  const bool complete = positions.for_each_chunk(TallyMemory::kTexts, [&](const Chunk& chunk) {
    if (!column.categories_) return true;
    read_texts(positions.values(), chunk, memory.text);
    return add_texts(column, memory, chunk.size);
  });
  add_rows(column, static_cast<std::uint64_t>(view.rows),
           positions.nulls() + positions.invalid_indices());
  return complete;
}

bool TallyAccess::feed(TallyColumn& column, const LeafView& view, TallyMemory& memory) noexcept {
  const auto rows = static_cast<std::uint64_t>(view.rows);
  if (view.type->kind == LeafKind::kNull) {
    // A dictionary of nothing may have entries, all of them null.
    add_rows(column, rows, rows);
    return true;
  }
  switch (column.kind_) {
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
    case LeafKind::kList: {
      std::uint64_t valid = 0;
      for (const LeafRange& range : view.ranges) {
        valid += static_cast<std::uint64_t>(view.count_valid(range.begin, range.size));
      }
      add_rows(column, rows, rows - valid);
      return true;
    }
    default:
      return feed_numbers(column, view, memory);
  }
}

}  // namespace inlay::detail
