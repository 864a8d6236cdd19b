#include <cmath>
#include <cstring>
#include <inlay/error.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "model/label_join_state.hpp"
#include "summary/bytes.hpp"

// Version 1, after the magic "inLJ" and the version byte: the task (text), horizon and capacity
// (varint), the kind of ids (u8), whether anything expired (u8) and before which pane (zigzag), the
// counts (varint), the number of entries (varint), from which pane on theirs are counted (zigzag;
// if there are any), and of each, the largest hash first: the hash's high and low half (u64),
// the state (u8), the pane (varint), the segment (varint) and the score or outcome (f64).

namespace inlay {

using detail::LabelEntry;
using detail::LabelState;

namespace {

constexpr std::string_view kMagic = "inLJ";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kLeastEntry = 8 + 8 + 1 + 1 + 1 + 8;

bool same_bits(double a, double b) noexcept { return std::memcmp(&a, &b, sizeof(a)) == 0; }

}  // namespace

std::vector<std::uint8_t> LabelJoin::to_bytes() const {
  const State& state = *state_;
  detail::ByteWriter out(kMagic, kVersion);
  out.text(name_of(state.task));
  out.varint(static_cast<std::uint64_t>(state.horizon));
  out.varint(state.capacity);
  out.u8(static_cast<std::uint8_t>(state.id_kind));
  out.u8(state.has_expired ? 1 : 0);
  out.zigzag(state.expired_before);
  for (const std::uint64_t* count : detail::label_counts(state.counts)) out.varint(*count);
  out.varint(state.table.size());
  if (state.table.size() != 0) out.zigzag(state.base);
  state.table.for_each([&](const LabelEntry& entry) {
    out.u64(entry.id.high);
    out.u64(entry.id.low);
    out.u8(static_cast<std::uint8_t>(entry.state()));
    out.varint(entry.pane);
    out.varint(entry.segment());
    out.f64(entry.value);
  });
  return out.take();
}

LabelJoin LabelJoin::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "a label join");
  in.expect(kMagic, kVersion);
  const std::string_view name = in.text();
  LabelTask task{};
  try {
    task = label_task_of(name);
  } catch (const InvalidArgument&) {
    in.refuse("are of a task that has no join", name);
  }
  const std::uint64_t horizon = in.varint();
  if (horizon < 1 || horizon > static_cast<std::uint64_t>(kMaxHorizon)) {
    in.refuse("have a horizon of panes", horizon);
  }
  const std::uint64_t capacity = in.varint();
  if (capacity < 1 || capacity > kMaxCapacity) in.refuse("have a capacity of", capacity);
  LabelJoin join(task, static_cast<std::int64_t>(horizon), capacity);
  State& state = *join.state_;

  const std::uint8_t kind = in.u8();
  if (kind > static_cast<std::uint8_t>(IdKind::kBytes)) in.refuse("have ids of kind", kind);
  state.id_kind = static_cast<IdKind>(kind);
  const std::uint8_t expired = in.u8();
  state.expired_before = in.zigzag();
  if (expired > 1 || !state.fits(state.expired_before) ||
      (expired == 0 && state.expired_before != 0)) {
    in.refuse("say that panes expired before", state.expired_before);
  }
  state.has_expired = expired == 1;
  for (std::uint64_t* count : detail::label_counts(state.counts)) {
    *count = in.varint();
    if (*count > INT64_MAX) in.refuse("have too large a count", *count);
  }

  const std::uint64_t number = in.varint();
  if (number > capacity) in.refuse("have more entries than their capacity, entries", number);
  if (number > in.left() / kLeastEntry) in.refuse("are cut short; entries", number);
  if (number != 0) {
    state.base = in.zigzag();
    state.has_base = true;
    if (state.base < -2 * State::kMaxPane || state.base > State::kMaxPane) {
      in.refuse("count panes from", state.base);
    }
  }
  std::vector<LabelEntry> entries;
  entries.reserve(static_cast<std::size_t>(number));
  for (std::uint64_t i = 0; i < number; ++i) {
    LabelEntry entry{};
    entry.id.high = in.u64();
    entry.id.low = in.u64();
    if (i != 0 && std::pair(entry.id.high, entry.id.low) >=
                      std::pair(entries.back().id.high, entries.back().id.low)) {
      in.refuse("have entries out of order; entry", i);
    }
    const std::uint8_t is = in.u8();
    if (is < 1 || is > static_cast<std::uint8_t>(LabelState::kExpired)) {
      in.refuse("have an entry of state", is);
    }
    const auto entry_state = static_cast<LabelState>(is);
    const std::uint64_t offset = in.varint();
    if (offset > UINT32_MAX) in.refuse("have an entry of pane", offset);
    entry.pane = static_cast<std::uint32_t>(offset);
    const std::int64_t pane = state.pane_of(entry);
    const bool waits = entry_state == LabelState::kPending || entry_state == LabelState::kEarly;
    if (state.has_expired &&
        (pane < state.expired_before - (waits ? 0 : state.horizon) ||
         (entry_state == LabelState::kExpired && pane >= state.expired_before))) {
      in.refuse("have an entry that does not fit what expired, of pane", pane);
    }
    if (!state.has_expired && entry_state == LabelState::kExpired) {
      in.refuse("have an expired entry where nothing expired, of pane", pane);
    }
    const std::uint64_t segment = in.varint();
    if (segment > LabelEntry::kMaxSegment || (entry_state == LabelState::kEarly && segment != 0)) {
      in.refuse("have an entry of segment", segment);
    }
    entry.value = in.f64();
    const bool is_outcome =
        entry_state == LabelState::kEarly || entry_state == LabelState::kAnswered;
    if (is_outcome && std::isnan(entry.value)) in.refuse("have no outcome in entry", i);
    entry.set(entry_state, static_cast<std::uint32_t>(segment));
    state.pending += entry_state == LabelState::kPending ? 1 : 0;
    state.early += entry_state == LabelState::kEarly ? 1 : 0;
    entries.push_back(entry);
  }
  in.expect_end();
  state.table.assign(entries);
  return join;
}

bool LabelJoin::operator==(const LabelJoin& other) const {
  const State& a = *state_;
  const State& b = *other.state_;
  if (a.task != b.task || a.horizon != b.horizon || a.capacity != b.capacity ||
      a.id_kind != b.id_kind || a.has_expired != b.has_expired ||
      a.expired_before != b.expired_before || a.table.size() != b.table.size()) {
    return false;
  }
  const auto counts_a = detail::label_counts(a.counts);
  const auto counts_b = detail::label_counts(b.counts);
  for (std::size_t i = 0; i < counts_a.size(); ++i) {
    if (*counts_a[i] != *counts_b[i]) return false;
  }
  std::vector<const LabelEntry*> entries;
  entries.reserve(a.table.size());
  a.table.for_each([&](const LabelEntry& entry) { entries.push_back(&entry); });
  bool same = true;
  std::size_t i = 0;
  b.table.for_each([&](const LabelEntry& entry) {
    const LabelEntry& mine = *entries[i++];
    same = same && mine.id == entry.id && mine.mark == entry.mark &&
           a.pane_of(mine) == b.pane_of(entry) && same_bits(mine.value, entry.value);
  });
  return same;
}

}  // namespace inlay
