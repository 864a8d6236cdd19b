#include <algorithm>
#include <cmath>
#include <inlay/error.hpp>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "model/label_join_state.hpp"
#include "model/large_pages.hpp"

namespace inlay {

using detail::LabelEntry;
using detail::LabelState;
using detail::LabelTable;

namespace {

// So many slots are fetched ahead: enough to hide memory's latency, few enough to stay in the
// nearest cache.
constexpr std::size_t kAhead = 64;

// Making room takes a pass over the table, so it is made for several.
constexpr std::uint64_t kRoomShare = 64;

// Panes that rows may lie apart however few they are.
constexpr std::uint64_t kFewPanes = 1024;

template <class T>
void resize_untouched(std::vector<T>& values, std::size_t size) {
  values.reserve(size);
  detail::use_large_pages(values.data(), size * sizeof(T));
  values.resize(size);
}

constexpr std::string_view kTasks[] = {"binary", "multiclass", "regression"};

}  // namespace

std::string_view name_of(LabelTask task) noexcept { return kTasks[static_cast<std::size_t>(task)]; }

LabelTask label_task_of(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kTasks); ++i) {
    if (name == kTasks[i]) return static_cast<LabelTask>(i);
  }
  detail::fail<InvalidArgument>("labels are joined by id for binary, multiclass and regression",
                                name);
}

void JoinedLabels::reserve(std::size_t size) {
  rows.reserve(size);
  detail::use_large_pages(rows.data(), rows.capacity() * sizeof(JoinedLabel));
}

JoinedColumns JoinedColumns::of(const std::vector<JoinedLabel>& joined) {
  JoinedColumns made;
  if (joined.empty()) return made;
  const auto [least, most] = std::minmax_element(
      joined.begin(), joined.end(),
      [](const JoinedLabel& a, const JoinedLabel& b) { return a.pane < b.pane; });
  const std::int64_t first = least->pane;
  const auto span = static_cast<std::uint64_t>(most->pane) - static_cast<std::uint64_t>(first) + 1;
  // Where the next row of each pane goes: by its place after the first where that takes no more
  // room than the rows, as a horizon of panes does.
  if (span <= joined.size() + kFewPanes) {
    std::vector<std::size_t> next(static_cast<std::size_t>(span));
    made.fill(joined, [&, first](std::int64_t pane) -> std::size_t& {
      return next[static_cast<std::size_t>(pane - first)];
    });
  } else {
    std::unordered_map<std::int64_t, std::size_t> next;
    made.fill(joined, [&](std::int64_t pane) -> std::size_t& { return next[pane]; });
  }
  return made;
}

template <class NextOf>
void JoinedColumns::fill(const std::vector<JoinedLabel>& joined, NextOf next_of) {
  for (const JoinedLabel& row : joined) {
    if (next_of(row.pane)++ == 0) groups.push_back({row.pane, 0, 0});
  }
  std::sort(groups.begin(), groups.end(),
            [](const Group& a, const Group& b) { return a.pane < b.pane; });
  std::size_t at = 0;
  for (Group& group : groups) {
    std::size_t& next = next_of(group.pane);
    group.begin = at;
    group.end = at += next;
    next = group.begin;
  }
  resize_untouched(scores, at);
  resize_untouched(outcomes, at);
  resize_untouched(segments, at);
  resize_untouched(rows, at);
  for (const JoinedLabel& row : joined) {
    const std::size_t to = next_of(row.pane)++;
    scores[to] = row.score;
    outcomes[to] = row.outcome;
    segments[to] = row.segment;
    rows[to] = row.row;
  }
}

LabelJoin::LabelJoin(LabelTask task, std::int64_t horizon_panes, std::uint64_t capacity)
    : state_(std::make_unique<State>()) {
  if (horizon_panes < 1 || horizon_panes > kMaxHorizon) {
    detail::fail<InvalidArgument>("a horizon has 1 to 2^31 panes", horizon_panes);
  }
  if (capacity < 1 || capacity > kMaxCapacity) {
    detail::fail<InvalidArgument>("a capacity is 1 to 2^32 ids", capacity);
  }
  state_->task = task;
  state_->horizon = horizon_panes;
  state_->capacity = capacity;
}

LabelJoin::LabelJoin(const LabelJoin& other) : state_(std::make_unique<State>(*other.state_)) {}
LabelJoin::LabelJoin(LabelJoin&& other) noexcept = default;
LabelJoin& LabelJoin::operator=(LabelJoin other) noexcept {
  state_.swap(other.state_);
  return *this;
}
LabelJoin::~LabelJoin() = default;

void LabelJoin::expect_ids(IdKind kind) {
  IdKind& known = state_->id_kind;
  if (kind == IdKind::kNone || known == kind) return;
  if (known != IdKind::kNone) {
    detail::fail<InvalidArgument>("the ids of a stream stay of one type: earlier ones were " +
                                      std::string(name_of(known)) + ", these are",
                                  name_of(kind));
  }
  known = kind;
}

void LabelJoin::check_panes(const std::int64_t* panes, std::size_t size) {
  if (size == 0) return;
  State& state = *state_;
  if (state.table.size() == 0) state.has_base = false;  // nothing is counted from it
  if (state.fits(panes[0])) state.set_base(panes[0]);
  for (std::size_t i = 0; i < size; ++i) {
    if (!state.fits(panes[i])) {
      detail::fail<InvalidArgument>("a pane is too far from the first one", panes[i]);
    }
  }
}

void LabelJoin::check_pane_now(std::int64_t now) {
  now = state_->now_of(now);
  check_panes(&now, 1);
}

void LabelJoin::check_segments(const std::int64_t* segments, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    if (segments[i] < 0 || segments[i] > std::int64_t{LabelEntry::kMaxSegment}) {
      detail::fail<InvalidArgument>("a segment is a number from 0 to 2^28 - 1", segments[i]);
    }
  }
}

void LabelJoin::predicted(const LabelRows& rows, JoinedLabels& joined) {
  State& state = *state_;
  LabelTable& table = state.table;
  for (std::size_t from = 0; from < rows.size; from += kAhead) {
    const std::size_t end = std::min(rows.size, from + kAhead);
    for (std::size_t i = from; i < end; ++i) table.prefetch(rows.ids[i]);
    for (std::size_t i = from; i < end; ++i) {
      const std::int64_t pane = rows.panes[i * rows.pane_step];
      const auto segment = static_cast<std::uint32_t>(rows.segments[i * rows.segment_step]);
      if (state.is_expired(pane)) {
        ++state.counts.late_predictions;
        joined.refused.push_back(rows.first_row + i);
        continue;
      }
      const IdHash id = rows.ids[i];
      LabelEntry* at = table.find(id);
      if (!LabelTable::holds(at, id)) {
        if (table.size() >= state.capacity) {
          state.make_room();
          at = table.find(id);
        }
        LabelEntry entry{id, rows.values[i], static_cast<std::uint32_t>(pane - state.base), 0};
        entry.set(LabelState::kPending, segment);
        table.insert(at, entry, rows.size - i - 1 + rows.following, state.capacity);
        ++state.pending;
      } else if (at->state() == LabelState::kEarly) {
        joined.rows.push_back({rows.values[i], at->value, pane, segment,
                               static_cast<std::uint32_t>(rows.first_row + i)});
        at->pane = static_cast<std::uint32_t>(pane - state.base);
        at->set(LabelState::kAnswered, segment);
        --state.early;
        ++state.counts.labels;
      } else {
        ++state.counts.duplicate_predictions;
        joined.refused.push_back(rows.first_row + i);
        continue;
      }
      ++state.counts.predictions;
    }
  }
}

void LabelJoin::labelled(const LabelRows& rows, std::int64_t now, JoinedLabels& joined) {
  State& state = *state_;
  LabelTable& table = state.table;
  check_pane_now(now);
  now = state.now_of(now);
  for (std::size_t from = 0; from < rows.size; from += kAhead) {
    const std::size_t end = std::min(rows.size, from + kAhead);
    for (std::size_t i = from; i < end; ++i) table.prefetch(rows.ids[i]);
    for (std::size_t i = from; i < end; ++i) {
      const double outcome = rows.values[i];
      if (std::isnan(outcome)) {
        ++state.counts.null_labels;
        continue;
      }
      const IdHash id = rows.ids[i];
      LabelEntry* at = table.find(id);
      if (!LabelTable::holds(at, id)) {
        if (table.size() >= state.capacity) {
          state.make_room();
          at = table.find(id);
        }
        LabelEntry entry{id, outcome, static_cast<std::uint32_t>(now - state.base), 0};
        entry.set(LabelState::kEarly, 0);
        table.insert(at, entry, 0, state.capacity);
        ++state.early;
        continue;
      }
      switch (at->state()) {
        case LabelState::kPending:
          joined.rows.push_back({at->value, outcome, state.pane_of(*at), at->segment(),
                                 static_cast<std::uint32_t>(rows.first_row + i)});
          at->value = outcome;
          at->set(LabelState::kAnswered, at->segment());
          --state.pending;
          ++state.counts.labels;
          break;
        case LabelState::kExpired:
          ++state.counts.late_labels;
          break;
        default:
          ++(at->value == outcome ? state.counts.duplicate_labels
                                  : state.counts.conflicting_labels);
          break;
      }
    }
  }
}

void LabelJoin::add_null_ids(std::uint64_t ids) noexcept { state_->counts.null_ids += ids; }

std::vector<LabelJoin::Expired> LabelJoin::expire(std::int64_t before_pane) {
  State& state = *state_;
  if (before_pane < -State::kMaxPane || before_pane > State::kMaxPane) {
    detail::fail<InvalidArgument>("a pane is no time", before_pane);
  }
  if (state.has_expired && before_pane <= state.expired_before) return {};
  std::map<std::pair<std::int64_t, std::uint32_t>, std::uint64_t> expired;
  state.table.for_each([&](const LabelEntry& entry) {  // what throws comes first
    const std::int64_t pane = state.pane_of(entry);
    if (entry.state() == LabelState::kPending && pane < before_pane) {
      ++expired[{pane, entry.segment()}];
    }
  });
  std::vector<Expired> result;
  result.reserve(expired.size());
  for (const auto& [key, predictions] : expired) {
    result.push_back({key.first, key.second, predictions});
  }
  state.has_expired = true;
  state.expired_before = before_pane;
  const std::int64_t forget = before_pane - state.horizon;
  state.table.retain([&](LabelEntry& entry) {
    const std::int64_t pane = state.pane_of(entry);
    if (pane >= before_pane) return true;
    if (entry.state() == LabelState::kEarly) {
      --state.early;
      ++state.counts.orphan_labels;
      return false;
    }
    if (entry.state() == LabelState::kPending) {
      --state.pending;
      ++state.counts.expired_predictions;
      entry.set(LabelState::kExpired, entry.segment());
    }
    return pane >= forget;
  });
  return result;
}

void LabelJoin::State::make_room() {
  // What waits is worth more than what is only remembered.
  using Rank = std::pair<bool, std::uint32_t>;
  const auto rank_of = [](const LabelEntry& entry) {
    const LabelState is = entry.state();
    return Rank(is == LabelState::kPending || is == LabelState::kEarly, entry.pane);
  };
  std::map<Rank, std::uint64_t> sizes;
  table.for_each([&](const LabelEntry& entry) { ++sizes[rank_of(entry)]; });
  std::uint64_t left = std::max<std::uint64_t>(1, capacity / kRoomShare);
  auto cut = sizes.begin();
  for (; cut->second < left; ++cut) left -= cut->second;
  // Of the last ones by the half of the hash that does not order the table, which stays even.
  const auto order_of = [](const LabelEntry& entry) {
    return std::pair(entry.id.low, entry.id.high);
  };
  std::vector<std::pair<std::uint64_t, std::uint64_t>> candidates;
  candidates.reserve(cut->second);
  table.for_each([&](const LabelEntry& entry) {
    if (rank_of(entry) == cut->first) candidates.push_back(order_of(entry));
  });
  const auto last = candidates.begin() + static_cast<std::ptrdiff_t>(left) - 1;
  std::nth_element(candidates.begin(), last, candidates.end());
  table.retain([&](const LabelEntry& entry) {
    const Rank rank = rank_of(entry);
    if (rank > cut->first || (rank == cut->first && order_of(entry) > *last)) return true;
    if (entry.state() == LabelState::kPending) {
      --pending;
      ++counts.evicted_predictions;
    } else if (entry.state() == LabelState::kEarly) {
      --early;
      ++counts.evicted_labels;
    }
    return false;
  });
}

void LabelJoin::reset() {
  LabelJoin fresh(state_->task, state_->horizon, state_->capacity);
  state_.swap(fresh.state_);
}

LabelTask LabelJoin::task() const noexcept { return state_->task; }
std::int64_t LabelJoin::horizon_panes() const noexcept { return state_->horizon; }
std::uint64_t LabelJoin::capacity() const noexcept { return state_->capacity; }
IdKind LabelJoin::id_kind() const noexcept { return state_->id_kind; }
const LabelJoin::Counts& LabelJoin::counts() const noexcept { return state_->counts; }
std::uint64_t LabelJoin::pending() const noexcept { return state_->pending; }
std::uint64_t LabelJoin::early() const noexcept { return state_->early; }
std::uint64_t LabelJoin::remembered() const noexcept {
  return state_->table.size() - state_->pending - state_->early;
}
std::size_t LabelJoin::memory_bytes() const noexcept {
  return sizeof(State) + state_->table.bytes();
}

}  // namespace inlay
