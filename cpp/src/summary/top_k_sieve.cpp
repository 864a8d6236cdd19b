#include "summary/top_k_sieve.hpp"

#include <bit>
#include <cstring>
#include <type_traits>

#include "summary/item_hash.hpp"
#include "summary/top_k_table.hpp"

namespace inlay::detail {
namespace {

constexpr unsigned kLgBits = 16;

// A number's bits are hashed once more lightly than for its counter, a text's key is its hash.
std::uint16_t place_of_number(std::uint64_t bits) noexcept {
  return static_cast<std::uint16_t>(fold(bits ^ kHashA, kHashC) >> (64 - kLgBits));
}
std::uint16_t place_of_text(std::uint64_t hash) noexcept {
  return static_cast<std::uint16_t>(hash >> (64 - kLgBits));
}

std::uint16_t place_of(std::int64_t item) noexcept {
  return place_of_number(static_cast<std::uint64_t>(item));
}
std::uint16_t place_of(std::uint64_t item) noexcept { return place_of_number(item); }
std::uint16_t place_of(double item) noexcept {
  return place_of_number(std::bit_cast<std::uint64_t>(item + 0.0));  // one zero
}
std::uint16_t place_of(std::string_view item) noexcept { return place_of_text(hash_text(item)); }

std::uint64_t bit_of(std::uint16_t place) noexcept { return std::uint64_t{1} << (place % 64); }

}  // namespace
}  // namespace inlay::detail

template <class F>
void inlay::TopK::for_each_key(F&& f) const noexcept {
  if (table_ == nullptr) return;
  for (std::uint32_t at = 1; at <= table_->size(); ++at) f(table_->kind(at), table_->bits(at));
}

namespace inlay::detail {

template <class Item>
std::size_t TopKSieve::sift(TopK& top_k, const Item* items, std::size_t size, Item* kept) noexcept {
  if (top_k.max_error() == 0) return top_k.update(items, size);
  std::memset(seen_, 0, sizeof(seen_));
  std::memset(known_, 0, sizeof(known_));
  top_k.for_each_key([&](TopK::Kind kind, std::uint64_t key) {
    const std::uint16_t place =
        kind == TopK::Kind::kText ? place_of_text(key) : place_of_number(key);
    known_[place / 64] |= bit_of(place);
  });
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint16_t place = place_of(items[i]);
    const std::uint64_t bit = bit_of(place);
    const std::uint64_t word = seen_[place / 64];
    places_[i] = place;
    seen_[place / 64] = word | bit;
    known_[place / 64] |= word & bit;
  }
  std::size_t count = 0;
  for (std::size_t i = 0; i < size; ++i) {
    kept[count] = items[i];
    auto keep = static_cast<unsigned>((known_[places_[i] / 64] >> (places_[i] % 64)) & 1U);
    if constexpr (std::is_same_v<Item, double>) {
      keep |= items[i] - items[i] == 0 ? 0U : 1U;  // counted apart
    }
    count += keep;
  }
  if (size - count <= top_k.capacity() / 2) return top_k.update(items, size);
  const std::size_t done = top_k.update(kept, count);
  if (done != count) return done;
  return top_k.add_distinct(size - count) ? size : count;
}

std::size_t TopKSieve::update(TopK& top_k, const std::int64_t* items, std::size_t size) noexcept {
  return sift(top_k, items, size, whole_);
}

std::size_t TopKSieve::update(TopK& top_k, const std::uint64_t* items, std::size_t size) noexcept {
  return sift(top_k, items, size, natural_);
}

std::size_t TopKSieve::update(TopK& top_k, const double* items, std::size_t size) noexcept {
  return sift(top_k, items, size, real_);
}

std::size_t TopKSieve::update(TopK& top_k, const std::string_view* items,
                              std::size_t size) noexcept {
  return sift(top_k, items, size, text_);
}

}  // namespace inlay::detail
