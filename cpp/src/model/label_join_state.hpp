#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <inlay/model/label_join.hpp>
#include <limits>

#include "model/label_table.hpp"

namespace inlay {

/// What a join consists of. Panes are kept as 32 bits, counted from 2^31 before the first one.
struct LabelJoin::State {
  LabelTask task{};
  std::int64_t horizon = 0;
  std::uint64_t capacity = 0;
  IdKind id_kind = IdKind::kNone;
  bool has_base = false;
  std::int64_t base = 0;
  bool has_expired = false;
  std::int64_t expired_before = 0;
  Counts counts;
  std::uint64_t pending = 0;
  std::uint64_t early = 0;
  detail::LabelTable table;

  // Panes beyond are no times; sums of two and a horizon fit.
  static constexpr std::int64_t kMaxPane = std::int64_t{1} << 61;

  std::int64_t pane_of(const detail::LabelEntry& entry) const noexcept {
    return base + static_cast<std::int64_t>(entry.pane);
  }
  bool fits(std::int64_t pane) const noexcept {
    return pane >= -kMaxPane && pane <= kMaxPane &&
           (!has_base ||
            (pane >= base && pane - base <= std::numeric_limits<std::uint32_t>::max()));
  }
  void set_base(std::int64_t first_pane) noexcept {
    if (has_base) return;
    has_base = true;
    base = first_pane - (std::int64_t{1} << 31);
  }
  bool is_expired(std::int64_t pane) const noexcept { return has_expired && pane < expired_before; }
  std::int64_t now_of(std::int64_t now) const noexcept {
    return has_expired ? std::max(now, expired_before) : now;
  }
  void make_room();
};

namespace detail {

/// The counts in the order of their serialised form.
template <class Counts>
auto label_counts(Counts& of) {
  return std::array{&of.predictions,           &of.labels,
                    &of.duplicate_predictions, &of.late_predictions,
                    &of.duplicate_labels,      &of.conflicting_labels,
                    &of.orphan_labels,         &of.late_labels,
                    &of.null_labels,           &of.null_ids,
                    &of.expired_predictions,   &of.evicted_predictions,
                    &of.evicted_labels};
}

}  // namespace detail
}  // namespace inlay
