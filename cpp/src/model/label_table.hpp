#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/model/prediction_id.hpp>
#include <vector>

#include "summary/nothrow_array.hpp"

namespace inlay::detail {

/// What an id waits for or has seen.
enum class LabelState : std::uint32_t {
  kEmpty = 0,     // no entry
  kPending = 1,   // a prediction without its label
  kEarly = 2,     // a label without its prediction
  kAnswered = 3,  // both have come
  kExpired = 4,   // a prediction whose label came too late or not at all
};

/// An id and what is known of it. Of a pending prediction `value` is the score, of an early or an
/// answered one the outcome. All zero bits: no entry.
struct LabelEntry {
  static constexpr std::uint32_t kSegmentBits = 28;
  static constexpr std::uint32_t kMaxSegment = (std::uint32_t{1} << kSegmentBits) - 1;

  IdHash id;
  double value;
  std::uint32_t pane;  // counted from the join's first one
  std::uint32_t mark;  // state and segment

  LabelState state() const noexcept { return static_cast<LabelState>(mark >> kSegmentBits); }
  std::uint32_t segment() const noexcept { return mark & kMaxSegment; }
  void set(LabelState state, std::uint32_t segment) noexcept {
    mark = static_cast<std::uint32_t>(state) << kSegmentBits | segment;
  }
};
static_assert(sizeof(LabelEntry) == 32);

/// Entries in the order of their ids' hashes, with gaps: open addressing whose slot grows with the
/// hash, so that a search ends at the first larger one, growing and removing are one pass in
/// order, and equal sets lie alike. Not thread-safe.
class LabelTable {
 public:
  LabelTable() = default;
  LabelTable(const LabelTable& other);
  LabelTable(LabelTable&& other) noexcept { swap(other); }
  LabelTable& operator=(LabelTable other) noexcept {
    swap(other);
    return *this;
  }
  ~LabelTable() = default;
  void swap(LabelTable& other) noexcept;

  std::size_t size() const noexcept { return size_; }
  std::size_t bytes() const noexcept { return entries_.bytes(); }

  /// Entries in ascending order of their ids, none twice.
  /// @throws std::bad_alloc
  void assign(const std::vector<LabelEntry>& entries);

  void prefetch(IdHash id) const noexcept {
    if (slots_ == 0) return;
    const LabelEntry* at = entries_.data() + home(id.high, slots_);
    __builtin_prefetch(at, 1);
    __builtin_prefetch(at + 2, 1);
  }

  /// The slot of the id, or the one that it would take.
  LabelEntry* find(IdHash id) noexcept {
    if (slots_ == 0) return nullptr;
    LabelEntry* at = entries_.data() + home(id.high, slots_);
    // Free slots come after all smaller entries. The last slot is never taken.
    while (at->mark != 0 && less(at->id, id)) ++at;
    return at;
  }
  static bool holds(const LabelEntry* at, IdHash id) noexcept {
    return at != nullptr && at->mark != 0 && at->id == id;
  }

  /// Adds an entry that is not there. `at` is what find() gave; `more` says how many others are
  /// about to follow, at most; of more than `most` nobody has room.
  /// @throws std::bad_alloc; nothing has changed then
  void insert(LabelEntry* at, const LabelEntry& entry, std::size_t more, std::size_t most);

  /// Calls f(const LabelEntry&) in order.
  template <class F>
  void for_each(F&& f) const {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].mark != 0) f(entries_[i]);
    }
  }

  /// Calls keep(LabelEntry&), which may change all but the id, and removes the entries for which
  /// it is false.
  template <class Keep>
  void retain(Keep&& keep) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].mark == 0) continue;
      if (!keep(entries_[i])) {
        entries_[i] = LabelEntry{};
        --size_;
        continue;
      }
      // Never beyond where it lies: what came before it has only moved down, too.
      std::size_t to = home(entries_[i].id.high, slots_);
      if (to < next) to = next;
      next = to + 1;
      if (to == i) continue;
      entries_[to] = entries_[i];
      entries_[i] = LabelEntry{};
    }
    shrink();
  }

 private:
  __extension__ typedef unsigned __int128 Product;
  static std::size_t home(std::uint64_t high, std::size_t slots) noexcept {
    return static_cast<std::size_t>((static_cast<Product>(high) * slots) >> 64);
  }
  static bool less(IdHash a, IdHash b) noexcept {
    return a.high < b.high || (a.high == b.high && a.low < b.low);
  }
  void grow(std::size_t more, std::size_t most);
  void rebuild(std::size_t slots);
  void shrink() noexcept;

  NothrowArray<LabelEntry> entries_;  // a few more than slots_, for those at the end
  std::size_t slots_ = 0;
  std::size_t size_ = 0;
};

}  // namespace inlay::detail
