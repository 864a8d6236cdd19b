#include "summary/name_lookup.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "summary/item_name.hpp"

namespace inlay::detail {
namespace {

// At most half full, and never without a free slot.
std::size_t slots_for(std::size_t size) noexcept {
  return std::bit_ceil(std::max<std::size_t>(2 * size, 4));
}

int shift_for(std::size_t slots) noexcept { return 64 - std::countr_zero(slots); }

// The number a name stands for, if the name is what that number is called.
template <class T>
bool read_number(std::string_view name, T& out) noexcept {
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), out);
  if (error != std::errc() || end != name.data() + name.size()) return false;
  if constexpr (std::is_same_v<T, double>) {
    if (std::isnan(out)) return false;
  }
  ItemName again;
  return again.of(out) == name;
}

}  // namespace

NameLookup::WordTable::WordTable(std::size_t size)
    : entries(slots_for(size)), mask(entries.size() - 1), shift(shift_for(entries.size())) {}

void NameLookup::WordTable::insert(std::uint64_t word, std::uint32_t index) noexcept {
  std::size_t at = mix_words(word, 0) >> shift;
  while (entries[at].index != kNone) at = (at + 1) & mask;
  entries[at] = {word, index};
}

NameLookup::NameLookup(std::vector<std::string> list, std::size_t& equal)
    : names(std::move(list)),
      slots(slots_for(names.size())),
      mask(slots.size() - 1),
      shift(shift_for(slots.size())),
      wholes(0),
      reals(0) {
  equal = names.size();
  std::vector<std::pair<std::uint64_t, std::uint32_t>> whole, real;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    if (find(name) != kNone) {
      equal = i;
      return;
    }
    const auto index = static_cast<std::uint32_t>(i);
    const Words words = words_of(name);
    std::size_t at = slot_of(words);
    while (slots[at].index != kNone) at = (at + 1) & mask;
    slots[at] = {words, name.size(), index};
    std::int64_t integer = 0;
    double number = 0;
    if (read_number(name, integer)) {
      whole.emplace_back(static_cast<std::uint64_t>(integer), index);
    } else if (read_number(name, number)) {
      real.emplace_back(std::bit_cast<std::uint64_t>(number), index);
    }
  }
  wholes = WordTable(whole.size());
  reals = WordTable(real.size());
  for (const auto& [word, index] : whole) wholes.insert(word, index);
  for (const auto& [word, index] : real) reals.insert(word, index);
  truths[0] = find(std::string_view("False"));
  truths[1] = find(std::string_view("True"));
}

// Two hashes that differ for texts that differ in one word only.
NameLookup::Words NameLookup::long_words_of(std::string_view text) noexcept {
  const char* at = text.data();
  const char* last = at + text.size() - 8;
  std::uint64_t a = text.size();
  std::uint64_t b = word_at(last);
  for (; at < last; at += 8) {
    a = mix_words(a, word_at(at));
    b = std::rotl(b, 23) ^ word_at(at);
  }
  return {a, b};
}

std::uint32_t NameLookup::find(std::uint64_t value) const noexcept {
  if (value <= INT64_MAX) return find(static_cast<std::int64_t>(value));
  ItemName name;
  return find(name.of(value));
}

std::uint32_t NameLookup::find(double value) const noexcept {
  if (is_named_whole(value)) return find(static_cast<std::int64_t>(value));
  return reals.find(std::bit_cast<std::uint64_t>(value));
}

std::size_t NameLookup::memory_bytes() const noexcept {
  std::size_t total =
      sizeof(*this) + slots.capacity() * sizeof(Slot) +
      (wholes.entries.capacity() + reals.entries.capacity()) * sizeof(WordTable::Entry) +
      names.capacity() * sizeof(std::string);
  for (const std::string& name : names) {
    if (name.capacity() > std::string().capacity()) total += name.capacity() + 1;
  }
  return total;
}

}  // namespace inlay::detail
