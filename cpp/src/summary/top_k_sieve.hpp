#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/summary/top_k.hpp>
#include <string_view>

namespace inlay::detail {

/// Feeds blocks of items to a TopK so that streams of ever new items cost a fraction.
///
/// Items that occur once in a block of kBlock, and have no counter, are counted together: raising
/// max_error by one accounts for one more occurrence of each item without a counter, whichever it
/// is. That is done if they are more than half of the capacity, so the bound of max_error holds as
/// before, and on streams that hardly repeat it becomes about a block's share of N instead of a
/// capacity's. All others go the ordinary way. Which items are which is told by bits of their
/// hashes: one that shares them with another takes the ordinary way for nothing.
///
/// Until a counter was dropped nothing is different. From then on, other than that of TopK alone,
/// the state depends on where blocks begin.
///
/// One thread at a time; 60 kB, so not for the stack.
class TopKSieve {
 public:
  static constexpr std::size_t kBlock = 2048;

  /// As TopK::update() of one block, of at most kBlock items.
  std::size_t update(TopK& top_k, const std::int64_t* items, std::size_t size) noexcept;
  std::size_t update(TopK& top_k, const std::uint64_t* items, std::size_t size) noexcept;
  std::size_t update(TopK& top_k, const double* items, std::size_t size) noexcept;
  std::size_t update(TopK& top_k, const std::string_view* items, std::size_t size) noexcept;

 private:
  // Of 2,048 different items 3 % share one of so many bits with another.
  static constexpr unsigned kLgBits = 16;
  static constexpr std::size_t kWords = (std::size_t{1} << kLgBits) / 64;

  template <class Item>
  std::size_t sift(TopK& top_k, const Item* items, std::size_t size, Item* kept) noexcept;

  std::uint64_t seen_[kWords];
  std::uint64_t known_[kWords];  // seen twice, or of a counter
  std::uint16_t places_[kBlock];
  union {
    std::int64_t whole_[kBlock];
    std::uint64_t natural_[kBlock];
    double real_[kBlock];
  };
  std::string_view text_[kBlock];
};

}  // namespace inlay::detail
