#include "model/label_table.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "model/large_pages.hpp"

namespace inlay::detail {
namespace {

// At most 4 of 5 slots are taken: 40 bytes an entry.
constexpr std::size_t kTaken = 4;
constexpr std::size_t kSlots = 5;
constexpr std::size_t kFewest = 64;
// Behind the last slot, for entries that found theirs taken.
constexpr std::size_t kBehind = 64;

std::size_t slots_for(std::size_t entries) noexcept {
  return std::max(kFewest, entries / kTaken * kSlots + kSlots);
}

}  // namespace

void LabelSlots::allocate(std::size_t size) {
  constexpr std::size_t kLine = 64;
  if (!memory_.resize(size * sizeof(LabelEntry) + kLine)) throw std::bad_alloc();
  use_large_pages(memory_.data(), memory_.bytes());
  const auto at = reinterpret_cast<std::uintptr_t>(memory_.data());
  first_ = reinterpret_cast<LabelEntry*>(memory_.data() + (kLine - at % kLine) % kLine);
  size_ = size;
}

void LabelSlots::swap(LabelSlots& other) noexcept {
  memory_.swap(other.memory_);
  std::swap(first_, other.first_);
  std::swap(size_, other.size_);
}

LabelTable::LabelTable(const LabelTable& other) : slots_(other.slots_), size_(other.size_) {
  if (other.entries_.size() == 0) return;
  entries_.allocate(other.entries_.size());
  std::memcpy(entries_.data(), other.entries_.data(), entries_.size() * sizeof(LabelEntry));
}

void LabelTable::swap(LabelTable& other) noexcept {
  entries_.swap(other.entries_);
  std::swap(slots_, other.slots_);
  std::swap(size_, other.size_);
}

void LabelTable::assign(const std::vector<LabelEntry>& entries) {
  const std::size_t slots = slots_for(entries.size());
  std::size_t next = 0;
  for (const LabelEntry& entry : entries) next = std::max(next, home(entry.id.high, slots)) + 1;
  LabelSlots made;
  made.allocate(std::max(slots, next) + kBehind);
  next = 0;
  for (const LabelEntry& entry : entries) {
    next = std::max(next, home(entry.id.high, slots));
    made[next++] = entry;
  }
  entries_.swap(made);
  slots_ = slots;
  size_ = entries.size();
}

void LabelTable::insert(LabelEntry* at, const LabelEntry& entry, std::size_t more,
                        std::size_t most) {
  for (;;) {
    if (at == nullptr || size_ * kSlots >= slots_ * kTaken) {
      grow(more, most);
      at = find(entry.id);
    }
    LabelEntry* const last = entries_.data() + entries_.size() - kLooked;
    LabelEntry* free = at;
    while (free != last && free->mark != 0) ++free;
    if (free != last) {
      std::memmove(at + 1, at, static_cast<std::size_t>(free - at) * sizeof(LabelEntry));
      *at = entry;
      ++size_;
      return;
    }
    rebuild(slots_);  // the end is full: this makes room behind it
    at = find(entry.id);
  }
}

void LabelTable::grow(std::size_t more, std::size_t most) {
  const std::size_t wanted = slots_for(std::min(size_ + 1 + more, most));
  const std::size_t usual = std::min(slots_ + slots_ / 4, slots_for(most));
  rebuild(std::max({wanted, usual, slots_for(size_ + 1)}));
}

void LabelTable::rebuild(std::size_t slots) {
  std::size_t next = 0;
  for_each([&](const LabelEntry& entry) { next = std::max(next, home(entry.id.high, slots)) + 1; });
  LabelSlots made;
  made.allocate(std::max(slots, next) + kBehind);
  next = 0;
  for_each([&](const LabelEntry& entry) {
    next = std::max(next, home(entry.id.high, slots));
    made[next++] = entry;
  });
  entries_.swap(made);
  slots_ = slots;
}

void LabelTable::shrink() noexcept {
  // Not to what is needed at once, or the next entries would make it grow again.
  const std::size_t slots = slots_for(size_ + size_ / 2);
  if (slots > slots_ / 2) return;
  try {
    rebuild(slots);
  } catch (const std::bad_alloc&) {
    return;  // it stays as large as it is
  }
}

}  // namespace inlay::detail
