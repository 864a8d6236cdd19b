// Integers, floats and what is temporal.

#include <algorithm>
#include <cstdint>
#include <inlay/summary/fused.hpp>

#include "data/column_access.hpp"
#include "data/column_feed.hpp"
#include "data/number_values.hpp"

namespace inlay::detail {
namespace {

__extension__ typedef __int128 WideSigned;

using Chunk = ValuePositions::Chunk;

template <class Value>
bool update_moments(ColumnProfile& column, const Value* values, std::size_t size) noexcept {
  Moments& moments = *ColumnAccess::moments(column);
  if (ExpHistogram* histogram = ColumnAccess::histogram(column); histogram != nullptr) {
    return update(moments, *histogram, values, size) == size;
  }
  moments.update(values, size);
  return true;
}

template <class Item>
bool update_items(ColumnProfile& column, const Item* items, std::size_t size,
                  FeedMemory& memory) noexcept {
  return ColumnAccess::cardinality(column)->update(items, size) == size &&
         memory.sieve.update(*ColumnAccess::top_k(column), items, size) == size;
}

bool add_doubles(ColumnProfile& column, const double* values, std::size_t size,
                 FeedMemory& memory) noexcept {
  for (std::size_t at = 0; at < size; at += kFeedBlock) {
    const std::size_t n = std::min(kFeedBlock, size - at);
    if (!update_moments(column, values + at, n)) return false;
    if (!update_items(column, values + at, n, memory)) return false;
  }
  return ColumnAccess::quantiles(column)->update(values, size) == size;
}

bool add_floats(ColumnProfile& column, const float* values, std::size_t size,
                FeedMemory& memory) noexcept {
  double* const room = memory.block;
  for (std::size_t at = 0; at < size; at += kFeedBlock) {
    const std::size_t n = std::min(kFeedBlock, size - at);
    if (!update_moments(column, values + at, n)) return false;
    for (std::size_t i = 0; i < n; ++i) room[i] = static_cast<double>(values[at + i]);
    if (!update_items(column, room, n, memory)) return false;
  }
  return ColumnAccess::float_quantiles(column)->update(values, size) == size;
}

ExactInteger exact(std::int64_t value) noexcept { return ExactInteger::of(value); }
ExactInteger exact(std::uint64_t value) noexcept { return ExactInteger::of_unsigned(value); }

// Halves of 32 bits are summed, which no chunk overflows and vectors hold.
template <class Whole>
ExactInteger sum_of(const Whole* values, std::size_t size) noexcept {
  std::uint64_t low = 0;
  Whole high = 0;
  for (std::size_t i = 0; i < size; ++i) {
    low += static_cast<std::uint64_t>(values[i]) & 0xFFFFFFFFU;
    high += values[i] >> 32;
  }
  const WideSigned sum = static_cast<WideSigned>(high) * (WideSigned{1} << 32) + low;
  const auto sign = static_cast<std::uint64_t>(sum < 0 ? -1 : 0);
  return ExactInteger::of_limbs(static_cast<std::uint64_t>(sum),
                                static_cast<std::uint64_t>(sum >> 64), sign, sign);
}

template <class Whole>
void add_exact(ColumnProfile& column, const Whole* values, std::size_t size) noexcept {
  Whole min = values[0];
  Whole max = values[0];
  for (std::size_t i = 1; i < size; ++i) {
    min = std::min(min, values[i]);
    max = std::max(max, values[i]);
  }
  const bool summed = column.kind() == LeafKind::kInteger || column.kind() == LeafKind::kUnsigned ||
                      column.kind() == LeafKind::kDuration;
  ColumnAccess::add_exact(column, exact(min), exact(max),
                          summed ? sum_of(values, size) : ExactInteger());
}

template <class Whole>
bool add_integers(ColumnProfile& column, const Whole* values, std::size_t size,
                  FeedMemory& memory) noexcept {
  double* const room = memory.real;
  add_exact(column, values, size);
  for (std::size_t at = 0; at < size; at += kFeedBlock) {
    const std::size_t n = std::min(kFeedBlock, size - at);
    for (std::size_t i = 0; i < n; ++i) room[at + i] = static_cast<double>(values[at + i]);
    if (!update_moments(column, room + at, n)) return false;
    if (!update_items(column, values + at, n, memory)) return false;
  }
  return ColumnAccess::quantiles(column)->update(room, size) == size;
}

bool add_points(ColumnProfile& column, const std::int64_t* values, std::size_t size) noexcept {
  if (TimeCoverage* coverage = ColumnAccess::coverage(column); coverage != nullptr) {
    coverage->update(values, size);
  }
  const LeafKind kind = column.kind();
  if (kind == LeafKind::kDate || kind == LeafKind::kTime || kind == LeafKind::kTimestamp) {
    ColumnAccess::add_order(column, values, size);
  }
  return true;
}

}  // namespace

bool feed_numbers(ColumnProfile& column, const LeafView& view, FeedMemory& memory) noexcept {
  ValuePositions positions(view, memory);
  const LeafView& values = positions.values();
  const auto add = [&](const Chunk& chunk) noexcept {
    const std::size_t size = chunk.size;
    if (view.type->format == LeafFormat::kUnsigned) {
      // Whole numbers of either sign are as large, and may alias.
      auto* room = reinterpret_cast<std::uint64_t*>(memory.whole);
      return add_integers(column, unsigned_of(values, chunk, room), size, memory);
    }
    if (view.type->format == LeafFormat::kSigned) {
      const std::int64_t* whole = signed_of(values, chunk, memory.whole);
      return add_points(column, whole, size) && add_integers(column, whole, size, memory);
    }
    if (ColumnAccess::float_quantiles(column) != nullptr) {
      return add_floats(column, floats_of(values, chunk, memory.single), size, memory);
    }
    return add_doubles(column, floats_of(values, chunk, memory.real), size, memory);
  };
  const bool complete = positions.for_each_chunk(kFeedChunk, add);
  ColumnAccess::add_rows(column, static_cast<std::uint64_t>(view.rows), positions.nulls(),
                         positions.invalid_indices());
  return complete;
}

}  // namespace inlay::detail
