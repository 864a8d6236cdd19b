#include <algorithm>
#include <bit>
#include <cmath>
#include <inlay/summary/top_k.hpp>
#include <numeric>

#include "summary/top_k_table.hpp"

namespace inlay {
namespace {

using detail::TopKTable;

std::uint64_t low_of(const TopKTable& table, std::uint32_t at) {
  return table.high(at) - table.error(at);
}

// By kind, then by value: numbers by size, text by its bytes.
bool is_before(const TopKTable& table, std::uint32_t a, std::uint32_t b) {
  if (table.kind(a) != table.kind(b)) return table.kind(a) < table.kind(b);
  switch (table.kind(a)) {
    case TopK::Kind::kInt:
      return static_cast<std::int64_t>(table.bits(a)) < static_cast<std::int64_t>(table.bits(b));
    case TopK::Kind::kReal:
      return std::bit_cast<double>(table.bits(a)) < std::bit_cast<double>(table.bits(b));
    case TopK::Kind::kText:
      return table.text(a) < table.text(b);
    default:
      return table.bits(a) < table.bits(b);
  }
}

bool is_greater(const TopKTable& table, std::uint32_t a, std::uint32_t b) {
  if (low_of(table, a) != low_of(table, b)) return low_of(table, a) > low_of(table, b);
  if (table.high(a) != table.high(b)) return table.high(a) > table.high(b);
  return is_before(table, a, b);
}

std::vector<std::uint32_t> positions_of(const TopKTable* table) {
  std::vector<std::uint32_t> positions(table == nullptr ? 0 : table->size());
  std::iota(positions.begin(), positions.end(), std::uint32_t{1});
  return positions;
}

TopK::Entry entry_of(const TopKTable& table, std::uint32_t at) {
  const bool is_text = table.kind(at) == TopK::Kind::kText;
  return {table.kind(at),
          is_text ? 0 : table.bits(at),
          std::string(table.text(at)),
          low_of(table, at),
          low_of(table, at),
          table.high(at)};
}

}  // namespace

std::uint32_t TopK::size() const noexcept { return table_ == nullptr ? 0 : table_->size(); }

std::uint64_t TopK::max_error() const noexcept {
  return table_ == nullptr ? 0 : table_->max_error();
}

TopK::Bounds TopK::bounds(const Item& item) const noexcept {
  if (item.kind() == Kind::kReal) {
    const auto value = std::bit_cast<double>(item.bits());
    if (!std::isfinite(value)) {
      const std::uint64_t count = std::isnan(value) ? nan_count_
                                  : value > 0       ? pos_inf_count_
                                                    : neg_inf_count_;
      return {count, count, count};
    }
  }
  if (table_ == nullptr) return {0, 0, 0};
  const std::uint32_t at = table_->find(TopKTable::key_of(item));
  if (at == 0) return {0, 0, table_->max_error()};
  return {low_of(*table_, at), low_of(*table_, at), table_->high(at)};
}

std::vector<TopK::Entry> TopK::top(std::size_t n) const {
  std::vector<std::uint32_t> positions = positions_of(table_.get());
  n = std::min(n, positions.size());
  std::partial_sort(positions.begin(), positions.begin() + static_cast<std::ptrdiff_t>(n),
                    positions.end(),
                    [this](std::uint32_t a, std::uint32_t b) { return is_greater(*table_, a, b); });
  std::vector<Entry> entries;
  entries.reserve(n);
  for (std::size_t i = 0; i < n; ++i) entries.push_back(entry_of(*table_, positions[i]));
  return entries;
}

std::optional<std::vector<TopK::Entry>> TopK::heavy_hitters(std::uint64_t threshold,
                                                            Rule rule) const {
  const bool certain = rule == Rule::kNoFalsePositives;
  if (!certain && threshold < max_error()) return std::nullopt;
  std::vector<std::uint32_t> positions = positions_of(table_.get());
  const auto is_light = [&](std::uint32_t at) {
    return (certain ? low_of(*table_, at) : table_->high(at)) <= threshold;
  };
  positions.erase(std::remove_if(positions.begin(), positions.end(), is_light), positions.end());
  std::sort(positions.begin(), positions.end(),
            [this](std::uint32_t a, std::uint32_t b) { return is_greater(*table_, a, b); });
  std::vector<Entry> entries;
  entries.reserve(positions.size());
  for (const std::uint32_t at : positions) entries.push_back(entry_of(*table_, at));
  return entries;
}

std::vector<std::uint32_t> TopK::sorted_positions() const {
  std::vector<std::uint32_t> positions = positions_of(table_.get());
  std::sort(positions.begin(), positions.end(),
            [this](std::uint32_t a, std::uint32_t b) { return is_before(*table_, a, b); });
  return positions;
}

std::size_t TopK::memory_bytes() const noexcept {
  return sizeof(*this) + (table_ == nullptr ? 0 : table_->memory_bytes());
}

bool operator==(const TopK& a, const TopK& b) noexcept {
  if (a.capacity_ != b.capacity_ || a.total_ != b.total_ || a.null_count_ != b.null_count_ ||
      a.nan_count_ != b.nan_count_ || a.pos_inf_count_ != b.pos_inf_count_ ||
      a.neg_inf_count_ != b.neg_inf_count_ || a.max_error() != b.max_error() ||
      a.size() != b.size()) {
    return false;
  }
  for (std::uint32_t at = 1; at <= a.size(); ++at) {
    const std::uint32_t same = b.table_->find(a.table_->key(at));
    if (same == 0 || a.table_->high(at) != b.table_->high(same) ||
        a.table_->error(at) != b.table_->error(same)) {
      return false;
    }
  }
  return true;
}

}  // namespace inlay
