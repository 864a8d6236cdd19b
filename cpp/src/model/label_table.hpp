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

/// Memory of slots, zero at first, that begins with a cache line, so that two slots share one.
class LabelSlots {
 public:
  /// @throws std::bad_alloc
  void allocate(std::size_t size);
  void swap(LabelSlots& other) noexcept;
  LabelEntry* data() noexcept { return first_; }
  const LabelEntry* data() const noexcept { return first_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t bytes() const noexcept { return memory_.bytes(); }
  LabelEntry& operator[](std::size_t i) noexcept { return first_[i]; }
  const LabelEntry& operator[](std::size_t i) const noexcept { return first_[i]; }

 private:
  NothrowArray<std::byte> memory_;
  LabelEntry* first_ = nullptr;
  std::size_t size_ = 0;
};

/// Entries in the order of their ids' hashes, largest first, with gaps: open addressing whose slot
/// follows the hash, so that a search ends at the first smaller one, growing and removing are one
/// pass in order, and equal sets lie alike. Not thread-safe.
class LabelTable {
 public:
  static constexpr std::size_t kLooked = 3;  // slots that a search looks at at once

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

  /// Entries in descending order of their ids, none twice.
  /// @throws std::bad_alloc
  void assign(const std::vector<LabelEntry>& entries);

  /// Always inlined: gcc takes a function that fetches ahead alone for one without an effect, and
  /// leaves its calls out.
  [[gnu::always_inline]] void prefetch(IdHash id) const noexcept {
    if (slots_ == 0) return;
    const LabelEntry* at = entries_.data() + home(id.high, slots_);
    __builtin_prefetch(at, 1);
    __builtin_prefetch(at + 2, 1);
  }

  /// The slot of the id, or the one that it would take.
  LabelEntry* find(IdHash id) noexcept {
    if (slots_ == 0) return nullptr;
    LabelEntry* at = entries_.data() + home(id.high, slots_);
    // Larger ones come first, then free slots, which are 0, and smaller ones. So the larger ones
    // can be counted, those of two cache lines at a time: how many there are no branch would
    // foresee. The last slots are never taken.
    for (;;) {
      std::size_t larger = 0;
      for (std::size_t i = 0; i < kLooked; ++i) larger += std::size_t{at[i].id.high > id.high};
      at += larger;
      if (larger < kLooked) break;
    }
    while (at->mark != 0 && at->id.high == id.high && at->id.low > id.low) ++at;
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
    return static_cast<std::size_t>((static_cast<Product>(~high) * slots) >> 64);
  }
  void grow(std::size_t more, std::size_t most);
  void rebuild(std::size_t slots);
  void shrink() noexcept;

  LabelSlots entries_;  // a few more than slots_, for those at the end
  std::size_t slots_ = 0;
  std::size_t size_ = 0;
};

}  // namespace inlay::detail
