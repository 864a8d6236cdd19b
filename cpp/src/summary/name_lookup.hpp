#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace inlay::detail {

/// Mixes two words into one whose upper bits depend on all of theirs.
inline std::uint64_t mix_words(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t h = (a ^ 0x9E3779B97F4A7C15U) * 0xFF51AFD7ED558CCDU;
  h = (h ^ (h >> 32) ^ b) * 0xC4CEB9FE1A85EC53U;
  return h ^ (h >> 29);
}

/// Finds the number of a name, kNone if it is not among them.
///
/// Open addressing with linear probing, at most half full. Text up to 16 bytes is held in its slot
/// as two words, its first and its last eight bytes, which with the length are the text itself; so
/// it is compared without reading the name. Of longer text the slot holds two hashes. Numbers have
/// tables of their own, by those names that a number may have, so that no digits are written to
/// find one. The names are fixed, so what data hold cannot make probes longer than the names do.
struct NameLookup {
  static constexpr std::uint32_t kNone = UINT32_MAX;

  /// Finds the first of two equal names in `equal`, if there are any.
  NameLookup(std::vector<std::string> list, std::size_t& equal);

  std::uint32_t find(std::string_view text) const noexcept {
    const Words words = words_of(text);
    for (std::size_t at = slot_of(words);; at = (at + 1) & mask) {
      const Slot& slot = slots[at];
      if (slot.index == kNone) return kNone;
      if (slot.words.first != words.first || slot.words.last != words.last ||
          slot.size != text.size()) {
        continue;
      }
      if (text.size() <= kShort ||
          std::memcmp(names[slot.index].data(), text.data(), text.size()) == 0) {
        return slot.index;
      }
    }
  }
  std::uint32_t find(std::int64_t value) const noexcept {
    return wholes.find(static_cast<std::uint64_t>(value));
  }
  std::uint32_t find(std::uint64_t value) const noexcept;
  /// Not NaN.
  std::uint32_t find(double value) const noexcept;
  std::uint32_t find(bool value) const noexcept { return truths[value ? 1 : 0]; }

  std::size_t memory_bytes() const noexcept;

  std::vector<std::string> names;

 private:
  static constexpr std::size_t kShort = 16;

  struct Words {
    std::uint64_t first;
    std::uint64_t last;
  };
  struct Slot {
    Words words;
    std::uint64_t size;
    std::uint32_t index = kNone;
  };
  /// Words to numbers of names.
  struct WordTable {
    struct Entry {
      std::uint64_t word;
      std::uint32_t index = kNone;
    };
    explicit WordTable(std::size_t size);
    void insert(std::uint64_t word, std::uint32_t index) noexcept;
    std::uint32_t find(std::uint64_t word) const noexcept {
      for (std::size_t at = mix_words(word, 0) >> shift;; at = (at + 1) & mask) {
        const Entry& entry = entries[at];
        if (entry.index == kNone || entry.word == word) return entry.index;
      }
    }
    std::vector<Entry> entries;
    std::size_t mask;
    int shift;
  };

  static std::uint64_t word_at(const char* from) noexcept {
    std::uint64_t word;
    std::memcpy(&word, from, sizeof(word));
    return word;
  }
  static Words words_of(std::string_view text) noexcept {
    const char* begin = text.data();
    const std::size_t size = text.size();
    if (size >= 8) {
      if (size > kShort) return long_words_of(text);
      return {word_at(begin), word_at(begin + size - 8)};
    }
    if (size >= 4) {
      std::uint32_t first;
      std::uint32_t last;
      std::memcpy(&first, begin, sizeof(first));
      std::memcpy(&last, begin + size - 4, sizeof(last));
      return {first, last};
    }
    if (size == 0) return {0, 0};
    const auto byte = [begin](std::size_t i) { return static_cast<unsigned char>(begin[i]); };
    return {byte(0) | std::uint64_t{byte(size / 2)} << 8 | std::uint64_t{byte(size - 1)} << 16, 0};
  }
  static Words long_words_of(std::string_view text) noexcept;
  std::size_t slot_of(const Words& words) const noexcept {
    return mix_words(words.first, words.last) >> shift;
  }

  std::vector<Slot> slots;
  std::size_t mask;
  int shift;
  WordTable wholes;  // names that are integers of 64 bits, by value
  WordTable reals;   // names that are other doubles, by bits
  std::uint32_t truths[2] = {kNone, kNone};
};

}  // namespace inlay::detail
