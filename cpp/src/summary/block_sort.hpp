#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace inlay::detail {

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

/// Bits of a float that order as unsigned integers do: -0.0 before 0.0, NaN at the ends.
template <class T>
inline BitsOf<T> ordered_bits(T value) noexcept {
  using Bits = BitsOf<T>;
  constexpr int kTop = 8 * sizeof(Bits) - 1;
  const auto bits = std::bit_cast<Bits>(value);
  return bits ^ ((Bits{0} - (bits >> kTop)) | (Bits{1} << kTop));
}

template <class T>
inline T from_ordered_bits(BitsOf<T> bits) noexcept {
  using Bits = BitsOf<T>;
  constexpr int kTop = 8 * sizeof(Bits) - 1;
  return std::bit_cast<T>(bits ^ (((bits >> kTop) - 1) | (Bits{1} << kTop)));
}

/// The longest digit of the radix sort below: two tables of counts of this many bits.
inline constexpr int kMaxDigitBits = 11;

/// Sorts by insertion; false, with the keys still a permutation, once `moves` are used up.
template <class Bits>
bool insertion_sort(Bits* keys, std::size_t size, std::size_t moves) noexcept {
  for (std::size_t i = 1; i < size; ++i) {
    const Bits key = keys[i];
    if (key >= keys[i - 1]) continue;
    std::size_t to = i;
    do {
      keys[to] = keys[to - 1];
      --to;
    } while (to > 0 && key < keys[to - 1]);
    keys[to] = key;
    if (i - to > moves) return false;
    moves -= i - to;
  }
  return true;
}

/// Sorts up to 65,536 keys by two stable passes over the upper digits of the range they span. What
/// those digits do not tell apart is put right by insertion or, where it is much (values close
/// together beside a far one), by the same on the narrower range, which shrinks by at least 2^12
/// each time. `scratch` has room for as many keys.
template <class Bits>
void sort_keys(Bits* keys, Bits* scratch, std::size_t size) noexcept {
  constexpr std::size_t kFew = 32;
  if (size <= kFew) {
    insertion_sort(keys, size, size * size);
    return;
  }
  Bits low = keys[0];
  Bits high = keys[0];
  for (std::size_t i = 1; i < size; ++i) {
    low = std::min(low, keys[i]);
    high = std::max(high, keys[i]);
  }
  if (low == high) return;
  // An eighth as many counters as keys, so that adding the counters up costs little.
  const int digit = std::clamp(static_cast<int>(std::bit_width(size)) - 3, 6, kMaxDigitBits);
  const int width = static_cast<int>(std::bit_width(static_cast<Bits>(high - low)));
  const int shift = std::max(0, width - 2 * digit);
  const std::size_t cells = std::size_t{1} << digit;
  const Bits mask = static_cast<Bits>(cells - 1);

  std::uint32_t lower[std::size_t{1} << kMaxDigitBits];
  std::uint32_t upper[std::size_t{1} << kMaxDigitBits];
  std::memset(lower, 0, cells * sizeof(*lower));
  std::memset(upper, 0, cells * sizeof(*upper));
  for (std::size_t i = 0; i < size; ++i) {
    const Bits cell = static_cast<Bits>(keys[i] - low) >> shift;
    ++lower[cell & mask];
    ++upper[cell >> digit];
  }
  std::uint32_t before_lower = 0;
  std::uint32_t before_upper = 0;
  for (std::size_t i = 0; i < cells; ++i) {
    before_lower += std::exchange(lower[i], before_lower);
    before_upper += std::exchange(upper[i], before_upper);
  }
  for (std::size_t i = 0; i < size; ++i) {
    scratch[lower[(static_cast<Bits>(keys[i] - low) >> shift) & mask]++] = keys[i];
  }
  for (std::size_t i = 0; i < size; ++i) {
    keys[upper[static_cast<Bits>(scratch[i] - low) >> shift >> digit]++] = scratch[i];
  }
  if (shift == 0 || insertion_sort(keys, size, 2 * size)) return;
  for (std::size_t begin = 0; begin < size;) {
    const Bits cell = static_cast<Bits>(keys[begin] - low) >> shift;
    std::size_t end = begin + 1;
    while (end < size && static_cast<Bits>(keys[end] - low) >> shift == cell) ++end;
    sort_keys(keys + begin, scratch, end - begin);
    begin = end;
  }
}

/// Puts two keys in order without a branch.
template <class Bits>
inline void order(Bits& a, Bits& b) noexcept {
  const Bits was_a = a;
  const Bits was_b = b;
  a = was_a < was_b ? was_a : was_b;
  b = was_a < was_b ? was_b : was_a;
}

/// Sorts eight keys by the network of 19 comparators of Batcher's odd-even merge.
template <class Bits>
inline void sort_eight(Bits* keys) noexcept {
  constexpr std::uint8_t kPairs[19][2] = {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {0, 2}, {1, 3}, {4, 6},
                                          {5, 7}, {1, 2}, {5, 6}, {0, 4}, {1, 5}, {2, 6}, {3, 7},
                                          {2, 4}, {3, 5}, {1, 2}, {3, 4}, {5, 6}};
#pragma GCC unroll 19
  for (const auto& pair : kPairs) order(keys[pair[0]], keys[pair[1]]);
}

/// Merges two sorted runs of `half` keys from both ends at once: neither end can pass a run's end,
/// so that nothing is tested but the keys, and that without a branch.
template <class Bits>
inline void merge_runs(const Bits* from, std::size_t half, Bits* to) noexcept {
  const Bits* left = from;
  const Bits* right = from + half;
  const Bits* left_end = right - 1;
  const Bits* right_end = right + half - 1;
  Bits* to_end = to + 2 * half - 1;
  for (std::size_t i = 0; i < half; ++i) {
    // Both are loaded before the choice, or the compiler makes a branch of it.
    const Bits a = *left;
    const Bits b = *right;
    const bool take_right = b < a;
    *to++ = take_right ? b : a;
    right += take_right;
    left += !take_right;
    const Bits c = *left_end;
    const Bits d = *right_end;
    const bool take_left = d < c;
    *to_end-- = take_left ? c : d;
    left_end -= take_left;
    right_end -= !take_left;
  }
}

/// Sorts a few hundred keys by merging, in a time that does not depend on them. Both arrays have
/// room for the next power of two of `size`, and for eight at least.
template <class Bits>
void sort_few(Bits* keys, Bits* scratch, std::size_t size) noexcept {
  const std::size_t padded = std::max<std::size_t>(8, std::bit_ceil(size));
  std::fill(keys + size, keys + padded, static_cast<Bits>(~Bits{0}));
  for (std::size_t i = 0; i < padded; i += 8) sort_eight(keys + i);
  Bits* from = keys;
  Bits* to = scratch;
  for (std::size_t half = 8; half < padded; half *= 2) {
    for (std::size_t i = 0; i < padded; i += 2 * half) merge_runs(from + i, half, to + i);
    std::swap(from, to);
  }
  if (from != keys) std::copy_n(from, size, keys);
}

}  // namespace inlay::detail
