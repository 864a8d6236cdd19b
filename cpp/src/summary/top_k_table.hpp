#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/summary/top_k.hpp>
#include <string_view>

#include "summary/item_hash.hpp"
#include "summary/nothrow_array.hpp"

namespace inlay::detail {

/// The counters of a TopK: dense arrays, found through an index of open addressing.
///
/// A counter holds `high`, the most its item can weigh, and `error`, what max_error was when it
/// began. In the words of Misra and Gries its value is high - max_error: to purge is to raise
/// max_error and to drop the counters it reaches, and nothing is subtracted from the others.
///
/// An index entry has 32 bits: 7 of the hash, 3 for the kind, 22 for the counter's position. Most
/// items without a counter are recognised there, in a few kilobytes.
class TopKTable {
 public:
  using Kind = TopK::Kind;

  /// What finds a counter. The key is a number's bits, or a text's hash.
  struct Key {
    Kind kind;
    std::uint64_t bits;
    std::uint64_t hash;
    std::string_view text;
  };
  static Key key_of(const TopK::Item& item) noexcept {
    if (item.kind() == Kind::kText) return key_of(item.text());
    return key_of(item.kind(), item.bits());
  }
  static Key key_of(std::string_view text) noexcept {
    const std::uint64_t hash = hash_text(text);
    return {Kind::kText, hash, hash, text};
  }
  static Key key_of(Kind kind, std::uint64_t bits) noexcept {
    return {kind, bits, hash_of(kind, bits), {}};
  }

  /// `limit` counters are the most it will hold, but for moments.
  explicit TopKTable(std::size_t limit) noexcept : limit_(limit) {}

  /// Counters sit at positions 1 to size().
  std::uint32_t size() const noexcept { return size_; }
  std::uint64_t max_error() const noexcept { return max_error_; }
  void set_max_error(std::uint64_t error) noexcept { max_error_ = error; }
  Kind kind(std::uint32_t at) const noexcept { return static_cast<Kind>(kinds_[at]); }
  std::uint64_t bits(std::uint32_t at) const noexcept { return keys_[at]; }
  std::uint64_t high(std::uint32_t at) const noexcept { return highs_[at]; }
  std::uint64_t error(std::uint32_t at) const noexcept { return errors_[at]; }
  std::string_view text(std::uint32_t at) const noexcept {
    if (kind(at) != Kind::kText) return {};
    return {arena_.data() + texts_[at].offset, texts_[at].size};
  }
  Key key(std::uint32_t at) const noexcept {
    return {kind(at), keys_[at], hash_of(kind(at), keys_[at]), text(at)};
  }

  /// The position of a counter, 0 if there is none.
  std::uint32_t find(const Key& key) const noexcept;
  void add(std::uint32_t at, std::uint64_t weight) noexcept { highs_[at] += weight; }
  /// Adds a counter for an item that has none. False when memory ran out.
  bool insert(const Key& key, std::uint64_t high, std::uint64_t error) noexcept;
  /// Inserts, or joins the counters of two items that have become one. False when memory ran out.
  bool join(const Key& key, std::uint64_t high, std::uint64_t error) noexcept;
  /// Adds `weight` to an item's counter or begins one, as above.
  bool count(const Key& key, std::uint64_t weight) noexcept {
    const std::uint32_t at = find(key);
    if (at == 0) return insert(key, max_error_ + weight, max_error_);
    add(at, weight);
    return true;
  }

  /// Adds weights, 1 each if null, to the counters of numbers of one kind, and writes the places of
  /// those that were not found at once, with or without a counter. `size` at most kBlock.
  static constexpr std::size_t kBlock = 256;
  struct Missed {
    std::size_t size = 0;
    std::uint16_t places[kBlock];
    std::uint64_t hashes[kBlock];  // by place
  };
  void count_found(Kind kind, const std::uint64_t* keys, std::size_t size,
                   const std::uint64_t* weights, Missed& missed) noexcept;

  /// Raises max_error by the value of rank `rank` of all counters, 1 being the largest, and drops
  /// those it reaches. 1 <= rank <= size().
  void purge(std::uint32_t rank) noexcept { raise_error(select(rank)); }
  /// Raises max_error and drops the counters it reaches.
  void raise_error(std::uint64_t by) noexcept;

  /// Room for `counters` without a further allocation but that of texts.
  bool reserve(std::size_t counters) noexcept;
  bool reserve_text(std::size_t bytes) noexcept;
  /// Gives back what is beyond the limit, if there is memory to do so.
  void shrink() noexcept;
  /// From empty: the counters of both, whatever the limit. What one of them does not know may have
  /// weighed up to its max_error there.
  bool add(const TopKTable& a, const TopKTable& b) noexcept;
  void clear() noexcept;
  bool assign(const TopKTable& other) noexcept;
  std::size_t memory_bytes() const noexcept;

 private:
  static constexpr std::uint32_t kPositionBits = 22;
  static constexpr std::uint32_t kPositionMask = (std::uint32_t{1} << kPositionBits) - 1;
  static_assert(2 * std::size_t{TopK::kMaxCapacity} <= kPositionMask, "a merge holds twice that");
  // Index slots a counter, at least. More find the first slot right more often; the index should
  // stay within the first-level cache at the default capacity.
  static constexpr std::size_t kSlots = 2;
  static constexpr std::size_t kFirstRoom = 16;

  struct Text {
    std::size_t offset;
    std::size_t size;
  };

  static std::uint64_t hash_of(Kind kind, std::uint64_t bits) noexcept {
    // A text's key is its hash already.
    return kind == Kind::kText ? bits : hash_word(bits + (static_cast<std::uint64_t>(kind) << 60));
  }
  /// An index entry but for the position. Never 0 above the position's bits: kinds begin at 1.
  static std::uint32_t entry_of(Kind kind, std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 57) << (kPositionBits + 3) |
           static_cast<std::uint32_t>(kind) << kPositionBits;
  }
  std::size_t room() const noexcept { return keys_.size() == 0 ? 0 : keys_.size() - 1; }
  bool resize(std::size_t room) noexcept;
  void rebuild_index() noexcept;
  void place(std::uint32_t at) noexcept;
  std::uint64_t select(std::uint32_t rank) const noexcept;

  // Position 0 is no counter: what finds none adds 0 to it.
  NothrowArray<std::uint64_t> keys_;
  NothrowArray<std::uint64_t> highs_;
  NothrowArray<std::uint64_t> errors_;
  NothrowArray<std::uint8_t> kinds_;
  NothrowArray<Text> texts_;  // empty until the first text
  NothrowArray<std::uint32_t> index_;
  NothrowArray<char> arena_;  // the texts, in the order of their counters, without gaps
  std::size_t text_bytes_ = 0;
  std::size_t mask_ = 0;  // slots of the index less 1
  std::size_t limit_;
  std::uint32_t size_ = 0;
  std::uint64_t max_error_ = 0;
};

}  // namespace inlay::detail
