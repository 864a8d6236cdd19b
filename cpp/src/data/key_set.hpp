#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "summary/item_hash.hpp"

namespace inlay::detail {

/// A key of 16 bytes. Never all zero.
///
/// Text up to 15 bytes is its own key: the bytes and, in the last byte, one more than their number.
/// Anything longer, and several columns together, is known by 120 bits of a hash under a seed that
/// differs from process to process; two of n such keys agree by chance with a probability below
/// n² / 2^121, and nobody can choose them so.
struct Key128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Key128&) const = default;

  /// The longest text that is its own key.
  static constexpr std::size_t kShort = 15;
};

/// The seed of this process.
std::uint64_t key_seed() noexcept;

/// Multiplies keys by odd numbers that differ from process to process: of the result's highest
/// bits, any two keys share the first b with a probability of at most 2 / 2^b (Dietzfelbinger et
/// al., 1997). A plain value.
struct KeySpread {
  std::uint64_t a;
  std::uint64_t b;

  KeySpread() noexcept : a(key_seed() | 1), b(fold(key_seed() ^ kHashB, kHashD) | 1) {}
  std::uint64_t operator()(std::uint64_t key) const noexcept { return key * a; }
  std::uint64_t operator()(const Key128& key) const noexcept {
    return (key.low ^ key.low >> 32) * a + (key.high ^ key.high >> 32) * b;
  }
};

/// Makes a key of several words or texts, in order. A plain value.
class KeyMixer {
 public:
  explicit KeyMixer(std::uint64_t seed) noexcept : a_(seed ^ kHashA), b_(seed ^ kHashD) {}

  void add(std::uint64_t word) noexcept {
    a_ = fold(a_ ^ word, kHashB);
    b_ = fold(b_ ^ word, kHashC);
  }
  void add(std::string_view text) noexcept {
    const char* at = text.data();
    std::size_t left = text.size();
    add(std::uint64_t{left});
    for (; left >= 8; left -= 8, at += 8) add(load_word(at));
    if (left == 0) return;
    std::uint64_t word = 0;
    std::memcpy(&word, at, left);
    add(word);
  }
  Key128 key() const noexcept { return {fold(a_, kHashD), fold(b_, kHashA) | kTag}; }

 private:
  static constexpr std::uint64_t kTag = std::uint64_t{0xFF} << 56;
  std::uint64_t a_;
  std::uint64_t b_;
};

inline Key128 key_of(std::string_view text, std::uint64_t seed) noexcept {
  const std::size_t size = text.size();
  if (size > Key128::kShort) {
    KeyMixer mixer(seed);
    mixer.add(text);
    return mixer.key();
  }
  const char* at = text.data();
  const std::uint64_t tag = (std::uint64_t{size} + 1) << 56;
  // Loads that overlap, so that none depends on the size.
  if (size >= 8) {
    // All but the last `size` - 8 bytes of it were in the first word. Size 8 would shift by 64.
    const std::uint64_t rest = load_word(at + size - 8) >> 1 >> (8 * (16 - size) - 1);
    return {load_word(at), rest | tag};
  }
  std::uint64_t word = 0;
  if (size >= 4) {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::memcpy(&first, at, sizeof(first));
    std::memcpy(&last, at + size - 4, sizeof(last));
    word = first | std::uint64_t{last} << (8 * (size - 4));
  } else if (size != 0) {
    const auto byte = [at](std::size_t i) {
      return std::uint64_t{static_cast<unsigned char>(at[i])};
    };
    word = byte(0) | byte(size / 2) << (8 * (size / 2)) | byte(size - 1) << (8 * (size - 1));
  }
  return {word, tag};
}

/// The same for up to 15 bytes of a text, of which 16 can be read.
inline Key128 short_key_of(const char* at, std::size_t size) noexcept {
  static_assert(std::endian::native == std::endian::little);
  const auto bits = static_cast<unsigned>(8 * size);
  const std::uint64_t low = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  const std::uint64_t high = bits > 64 ? (std::uint64_t{1} << (bits - 64)) - 1 : 0;
  return {load_word(at) & low, (load_word(at + 8) & high) | (std::uint64_t{size} + 1) << 56};
}

/// Whether a key was there before.
enum class Seen : std::uint8_t { kNew, kBefore, kFull };

/// The keys seen so far: words, which are the values themselves, or Key128. Open addressing with
/// linear probing, at most half full, 16 or 32 bytes a key. Hashed under a seed of the process, so
/// that nobody can choose keys that collide. One thread at a time.
template <class Key>
class KeySet {
 public:
  explicit KeySet(std::size_t max_keys, std::uint64_t seed) : max_keys_(max_keys), seed_(seed) {}

  std::size_t size() const noexcept { return size_ + (has_zero_ ? 1 : 0); }
  std::size_t max_keys() const noexcept { return max_keys_; }
  std::size_t memory_bytes() const noexcept { return slots_.capacity() * sizeof(Key); }

  /// Makes room for as many more.
  void reserve(std::size_t more);

  /// kFull: it is new and there are max_keys already; it was not added.
  Seen insert(Key key) {
    if (key == Key{}) {  // what a free slot holds
      if (has_zero_) return Seen::kBefore;
      if (size() >= max_keys_) return Seen::kFull;
      has_zero_ = true;
      return Seen::kNew;
    }
    if (2 * (size_ + 1) > slots_.size()) reserve(1);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash_of(key) & mask;; at = (at + 1) & mask) {
      if (slots_[at] == key) return Seen::kBefore;
      if (slots_[at] == Key{}) {
        if (size() >= max_keys_) return Seen::kFull;
        slots_[at] = key;
        ++size_;
        return Seen::kNew;
      }
    }
  }

  bool contains(Key key) const noexcept {
    if (key == Key{}) return has_zero_;
    if (slots_.empty()) return false;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash_of(key) & mask;; at = (at + 1) & mask) {
      if (slots_[at] == key) return true;
      if (slots_[at] == Key{}) return false;
    }
  }

  /// Fetches the memory that an insert will need.
  void prefetch(Key key) const noexcept {
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash_of(key) & (slots_.size() - 1)], 1);
  }

  /// Forgets all and frees the memory.
  void clear() noexcept;

 private:
  std::uint64_t hash_of(std::uint64_t key) const noexcept { return fold(key ^ seed_, kHashC); }
  std::uint64_t hash_of(const Key128& key) const noexcept {
    return fold(key.low ^ seed_, key.high ^ kHashC);
  }

  std::vector<Key> slots_;
  std::size_t size_ = 0;
  std::size_t max_keys_;
  std::uint64_t seed_;
  bool has_zero_ = false;
};

extern template class KeySet<std::uint64_t>;
extern template class KeySet<Key128>;

}  // namespace inlay::detail
