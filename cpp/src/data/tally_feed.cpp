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
// Below, clearing the sieve costs more than it saves.
constexpr std::size_t kWorthSifting = 256;

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

// A tally may be one of many that wait for more rows.
bool TallyAccess::settle_after(TallyColumn& column, bool complete) noexcept {
  if (column.float_quantiles_) complete &= column.float_quantiles_->settle();
  if (column.quantiles_) complete &= column.quantiles_->settle();
  return complete;
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
    if (edges == nullptr && moments == nullptr) {
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

// At most a block of names outside the cells.
template <class Item>
bool TallyAccess::add_unseen_items(TallyColumn& column, const Item* items, std::size_t size,
                                   TallyMemory& memory) noexcept {
  if (size < kWorthSifting) return column.unseen_->update(items, size) == size;
  return memory.sieve.update(*column.unseen_, items, size) == size;
}

template <class Item>
bool TallyAccess::add_items(TallyColumn& column, const Item* items, std::size_t size, Item* outside,
                            TallyMemory& memory) noexcept {
  if (!column.unseen_) {
    column.categories_->update(items, size);
    return true;
  }
  for (std::size_t at = 0; at < size; at += TallyMemory::kTexts) {
    const std::size_t n = std::min(TallyMemory::kTexts, size - at);
    const std::size_t others = column.categories_->update(items + at, n, outside);
    if (others != 0 && !add_unseen_items(column, outside, others, memory)) return false;
  }
  return true;
}

// Reals in a column whose values are named by their digits: pandas makes integers reals as soon as
// one is missing. Those without digits are named as reals.
bool TallyAccess::add_reals_by_digits(TallyColumn& column, const double* values, std::size_t size,
                                      TallyMemory& memory) noexcept {
  constexpr double kEnd = 9223372036854775808.0;  // 2^63
  Categories& categories = *column.categories_;
  std::size_t whole = 0;
  bool complete = true;
  for (std::size_t i = 0; i < size; ++i) {
    const double value = values[i];
    if (value >= -kEnd && value < kEnd && std::trunc(value) == value) {
      memory.whole[whole++] = static_cast<std::int64_t>(value);
      continue;
    }
    const std::uint64_t others = categories.other();
    categories.update(&value, 1);
    if (!column.unseen_ || categories.other() == others) continue;
    // An infinity is no item of its own.
    complete &= std::isinf(value) ? column.unseen_->update(TopK::Item(value > 0 ? "inf" : "-inf"))
                                  : column.unseen_->update(TopK::Item(value));
  }
  return add_items(column, memory.whole, whole, memory.outside_whole, memory) && complete;
}

// The numbers of a batch, of whatever kind, in a column of numbers of whatever kind.
bool TallyAccess::feed_numbers(TallyColumn& column, const LeafView& view,
                               TallyMemory& memory) noexcept {
  ValuePositions positions(view, memory);
  const LeafView& values = positions.values();
  const bool by_digits = column.categories_ && column.kind_ != LeafKind::kFloat;
  const bool as_reals = column.edges_ || column.moments_ || column.quantiles_ ||
                        column.float_quantiles_ || (column.categories_ && !by_digits);
  // What `at` gives, rounded as the column's values are.
  const auto add_converted = [&](std::size_t size, const auto& at) noexcept {
    if (column.single_) {
      for (std::size_t i = 0; i < size; ++i) memory.single[i] = static_cast<float>(at(i));
      return add_reals(column, memory.single, size);
    }
    for (std::size_t i = 0; i < size; ++i) memory.real[i] = static_cast<double>(at(i));
    return add_reals(column, memory.real, size);
  };
  const auto add_whole = [&](const auto* whole, std::size_t size, auto* outside) noexcept {
    bool complete = true;
    if (by_digits) complete = add_items(column, whole, size, outside, memory);
    if (!as_reals) return complete;
    return add_converted(size, [whole](std::size_t i) { return whole[i]; }) && complete;
  };
  const auto add = [&](const Chunk& chunk) noexcept {
    switch (view.type->format) {
      case LeafFormat::kUnsigned:
        return add_whole(unsigned_of(values, chunk, memory.natural), chunk.size,
                         memory.outside_natural);
      case LeafFormat::kSigned:
        return add_whole(signed_of(values, chunk, memory.whole), chunk.size, memory.outside_whole);
      case LeafFormat::kDecimal: {
        const bool complete = add_converted(chunk.size, [&](std::size_t i) {
          return decimal_at(values, chunk.at(i)).to_double(view.type->scale);
        });
        if (!by_digits) return complete;
        return add_reals_by_digits(column, memory.real, chunk.size, memory) && complete;
      }
      default:
        break;
    }
    if (column.single_) {
      return add_reals(column, floats_of(values, chunk, memory.single), chunk.size);
    }
    const double* const reals = floats_of(values, chunk, memory.real);
    const bool complete = add_reals(column, reals, chunk.size);
    if (!by_digits) return complete;
    return add_reals_by_digits(column, reals, chunk.size, memory) && complete;
  };
  const bool complete = settle_after(column, positions.for_each_chunk(kFeedChunk, add));
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
    return others == 0 || add_unseen_items(column, outside, others, memory);
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

bool TallyAccess::feed_lists(TallyColumn& column, const LeafView& view) noexcept {
  const auto rows = static_cast<std::uint64_t>(view.rows);
  std::uint64_t valid = 0;
  for (const LeafRange& range : view.ranges) {
    valid += static_cast<std::uint64_t>(view.count_valid(range.begin, range.size));
  }
  add_rows(column, rows, rows - valid);
  return true;
}

bool TallyAccess::feed(TallyColumn& column, const LeafView& view, TallyMemory& memory) noexcept {
  const auto rows = static_cast<std::uint64_t>(view.rows);
  if (view.type->kind == LeafKind::kNull) {
    // A dictionary of nothing may have entries, all of them null.
    add_rows(column, rows, rows);
    return true;
  }
  const bool of_numbers = is_number(view.type->kind);
  if (of_numbers && (is_number(column.kind_) || column.kind_ == LeafKind::kNull)) {
    return feed_numbers(column, view, memory);
  }
  switch (column.kind_) {
    case LeafKind::kNull: {
      if (view.type->kind == LeafKind::kList) return feed_lists(column, view);
      ValuePositions positions(view, memory);
      positions.for_each_chunk(kFeedChunk, [](const Chunk&) noexcept { return true; });
      add_rows(column, rows, positions.nulls() + positions.invalid_indices());
      return true;
    }
    case LeafKind::kBoolean:
      return feed_booleans(column, view, memory);
    case LeafKind::kText:
    case LeafKind::kBinary:
      try {
        return feed_texts(column, view, memory);
      } catch (const std::bad_alloc&) {
        return false;
      }
    case LeafKind::kList:
      return feed_lists(column, view);
    default:
      return feed_numbers(column, view, memory);
  }
}

}  // namespace inlay::detail
