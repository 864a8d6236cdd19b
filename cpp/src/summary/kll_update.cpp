#include <algorithm>
#include <bit>
#include <cstdlib>
#include <inlay/summary/kll.hpp>

#include "summary/block_sort.hpp"
#include "summary/kernels.hpp"
#include "summary/kll_random.hpp"

// Arrays: 4,096 values at a time are sorted, as many as fit the first-level cache together with
// their sorted copy, or as many samples. Before, each chunk is searched for extremes and for what
// is not finite by the kernel that Moments uses.

namespace inlay {
namespace {

constexpr std::size_t kArrayBlock = 4096;
// Before that many values, blocks of single values err less and cost little in all.
constexpr std::size_t kFewValues = 4 * kArrayBlock;
// A chunk holds whole groups of neighbours, of which one is sampled.
constexpr unsigned kMaxSampling = 10;
static_assert(std::size_t{1} << kMaxSampling == detail::kBlockSize);

void extent(const double* values, std::size_t size, detail::BlockSums& out) noexcept {
  detail::summary_kernels().extent_f64(values, size, out);
}
void extent(const float* values, std::size_t size, detail::BlockSums& out) noexcept {
  detail::summary_kernels().extent_f32(values, size, out);
}

// One of each 2^rate neighbours, each drawn for itself: a stride would follow periods in the data.
template <class T>
void sample(const T* values, std::size_t size, unsigned rate, std::uint64_t random,
            detail::BitsOf<T>* out) noexcept {
  const unsigned draws = 64 / rate;
  const std::uint64_t mask = (std::uint64_t{1} << rate) - 1;
  for (std::size_t i = 0; i < size; i += draws) {
    std::uint64_t bits = detail::mixed(random += detail::kRandomStep);
    const std::size_t end = std::min<std::size_t>(size, i + draws);
    for (std::size_t j = i; j < end; ++j, bits >>= rate) {
      out[j] = detail::ordered_bits(values[(j << rate) + (bits & mask)]);
    }
  }
}

}  // namespace

template <class T>
std::size_t Kll<T>::update(const double* values, std::size_t size) noexcept {
  return update_all(values, size);
}

template <class T>
std::size_t Kll<T>::update(const float* values, std::size_t size) noexcept {
  return update_all(values, size);
}

template <class T>
template <class Value>
std::size_t Kll<T>::update_all(const Value* values, std::size_t size) noexcept {
  const auto all = [this] { return count() + nan_count_ + pos_inf_count_ + neg_inf_count_; };
  const std::uint64_t before = all();
  if (size >= kArrayBlock && count() + size >= kFewValues && block_ < kArrayBlock) {
    if (void* memory = std::malloc(2 * kArrayBlock * sizeof(Key)); memory != nullptr) {
      update_blocks(values, size, static_cast<Key*>(memory));
      std::free(memory);
      return static_cast<std::size_t>(all() - before);
    }
  }
  T room[detail::kBlockSize];
  for (std::size_t at = 0; at < size; at += detail::kBlockSize) {
    const T* finite = nullptr;
    const std::size_t kept =
        take_finite(values + at, std::min(detail::kBlockSize, size - at), room, finite);
    if (!append(finite, kept)) break;
  }
  return static_cast<std::size_t>(all() - before);
}

template <class T>
template <class Value>
bool Kll<T>::update_blocks(const Value* values, std::size_t size, Key* memory) noexcept {
  Key* const keys = memory;
  Key* const scratch = memory + kArrayBlock;
  std::size_t filled = 0;
  unsigned rate = sampling();
  T room[detail::kBlockSize];
  const auto add = [&] {
    detail::sort_keys(keys, scratch, filled);
    const auto length = static_cast<unsigned>(filled);
    filled = 0;
    return add_sorted(keys, length, rate, landing(length, rate));
  };
  for (std::size_t at = 0; at < size; at += detail::kBlockSize) {
    const T* finite = nullptr;
    std::size_t left =
        take_finite(values + at, std::min(detail::kBlockSize, size - at), room, finite);
    while ((left >> rate) != 0) {
      const std::size_t taken = std::min(left >> rate, kArrayBlock - filled);
      if (rate == 0) {
        for (std::size_t i = 0; i < taken; ++i) {
          keys[filled + i] = detail::ordered_bits(finite[i]);
        }
      } else {
        sample(finite, taken, rate, draw(finite[0]), keys + filled);
      }
      filled += taken;
      finite += taken << rate;
      left -= taken << rate;
      if (filled == kArrayBlock) {
        if (!add()) return false;
        rate = sampling();
      }
    }
    if (!append(finite, left)) return false;
  }
  if (filled == 0) return true;
  if (rate != 0) return add();
  // Less than a block at full weight: the buffer sorts as well.
  for (std::size_t i = 0; i < filled; i += detail::kBlockSize) {
    const std::size_t length = std::min(detail::kBlockSize, filled - i);
    for (std::size_t j = 0; j < length; ++j) room[j] = detail::from_ordered_bits<T>(keys[i + j]);
    if (!append(room, length)) return false;
  }
  return true;
}

// Finds the finite values among up to kBlockSize and counts the others.
template <class T>
template <class Value>
std::size_t Kll<T>::take_finite(const Value* values, std::size_t size, T* room,
                                const T*& out) noexcept {
  const T* source = nullptr;
  if constexpr (std::is_same_v<Value, T>) {
    source = values;
  } else {
    for (std::size_t i = 0; i < size; ++i) room[i] = static_cast<T>(values[i]);
    source = room;
  }
  detail::BlockSums found;
  extent(source, size, found);
  if (found.power4 == 0) {
    min_ = std::min(min_, static_cast<T>(found.min));
    max_ = std::max(max_, static_cast<T>(found.max));
    out = source;
    return size;
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const T item = source[i];
    if (item - item == 0) {
      room[kept++] = item;
      min_ = std::min(min_, item);
      max_ = std::max(max_, item);
    } else {
      count_apart(item);
    }
  }
  out = room;
  return kept;
}

// The logarithm of how many neighbours share a sample. A sample of one in w adds w * n / 4 to the
// variance of a rank of n values; with w <= n / (4 k^2) that is at most (n / (4 k))^2, beside the
// (1.03 n / k)^2 that the error at 99 % stands for.
template <class T>
unsigned Kll<T>::sampling() const noexcept {
  const std::uint64_t ratio = count() / (4 * std::uint64_t{k_} * k_);
  if (ratio < 2) return 0;
  const auto rate = static_cast<unsigned>(std::bit_width(ratio)) - 1;
  return std::min({rate, kMaxSampling, levels_ - 1});
}

template unsigned Kll<float>::sampling() const noexcept;
template unsigned Kll<double>::sampling() const noexcept;
template std::size_t Kll<float>::update(const double*, std::size_t) noexcept;
template std::size_t Kll<float>::update(const float*, std::size_t) noexcept;
template std::size_t Kll<double>::update(const double*, std::size_t) noexcept;
template std::size_t Kll<double>::update(const float*, std::size_t) noexcept;

}  // namespace inlay
