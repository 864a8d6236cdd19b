#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <inlay/error.hpp>
#include <inlay/summary/kll.hpp>
#include <new>
#include <utility>

#include "summary/block_sort.hpp"
#include "summary/bucket_memory.hpp"
#include "summary/kll_levels.hpp"
#include "summary/kll_random.hpp"

namespace inlay {
namespace {

// A full buffer of single values: long enough for its sort to cost few nanoseconds a value, short
// beside the levels.
constexpr unsigned kMinBlock = 256;
constexpr std::uint32_t kFirstBuffer = 16;

std::uint32_t block_for(unsigned k) noexcept { return std::max(kMinBlock, std::bit_ceil(k)); }

template <class T>
T* allocate(std::size_t size) noexcept {
  return static_cast<T*>(detail::bucket_memory.allocate_zeroed(size, sizeof(T)));
}

}  // namespace

template <class T>
Kll<T>::Kll(unsigned k, std::uint64_t seed)
    : random_(detail::mixed(seed + detail::kRandomStep)), k_(k), min_k_(k), block_(block_for(k)) {
  if (k < kMinK || k > kMaxK) {
    detail::fail<InvalidArgument>("k must lie within 8 to 65535", k);
  }
}

template <class T>
Kll<T>::Kll(const Kll& other) : Kll(other.k_) {
  if (!assign(other)) throw std::bad_alloc();
}

template <class T>
Kll<T>::Kll(Kll&& other) noexcept
    : random_(other.random_), k_(other.k_), min_k_(other.k_), block_(other.block_) {
  swap(other);
}

template <class T>
Kll<T>& Kll<T>::operator=(const Kll& other) {
  if (!assign(other)) throw std::bad_alloc();
  return *this;
}

template <class T>
Kll<T>& Kll<T>::operator=(Kll&& other) noexcept {
  Kll moved(std::move(other));
  swap(moved);
  return *this;
}

template <class T>
Kll<T>::~Kll() {
  release();
}

template <class T>
void Kll<T>::swap(Kll& other) noexcept {
  std::swap(buffer_, other.buffer_);
  std::swap(buffered_, other.buffered_);
  std::swap(buffer_capacity_, other.buffer_capacity_);
  std::swap(min_, other.min_);
  std::swap(max_, other.max_);
  std::swap(folded_, other.folded_);
  std::swap(items_, other.items_);
  std::swap(item_capacity_, other.item_capacity_);
  std::swap(random_, other.random_);
  std::swap(k_, other.k_);
  std::swap(min_k_, other.min_k_);
  std::swap(block_, other.block_);
  std::swap(levels_, other.levels_);
  std::swap(start_, other.start_);
  std::swap(null_count_, other.null_count_);
  std::swap(nan_count_, other.nan_count_);
  std::swap(pos_inf_count_, other.pos_inf_count_);
  std::swap(neg_inf_count_, other.neg_inf_count_);
}

template <class T>
void Kll<T>::release() noexcept {
  detail::bucket_memory.release(buffer_);
  detail::bucket_memory.release(items_);
  buffer_ = items_ = nullptr;
  buffered_ = buffer_capacity_ = item_capacity_ = 0;
}

template <class T>
bool Kll<T>::assign(const Kll& other) noexcept {
  if (&other == this) return true;
  Kll copy(other.k_);
  if (other.buffer_capacity_ != 0) {
    copy.buffer_ = allocate<T>(other.buffer_capacity_);
    if (copy.buffer_ == nullptr) return false;
    std::copy_n(other.buffer_, other.buffered_, copy.buffer_);
  }
  if (other.items_ != nullptr) {
    copy.items_ = allocate<T>(other.end());
    if (copy.items_ == nullptr) return false;
    copy.item_capacity_ = other.end();
    std::copy(other.items_ + other.start_[0], other.items_ + other.end(),
              copy.items_ + other.start_[0]);
  }
  copy.buffered_ = other.buffered_;
  copy.buffer_capacity_ = other.buffer_capacity_;
  copy.min_ = other.min_;
  copy.max_ = other.max_;
  copy.folded_ = other.folded_;
  copy.random_ = other.random_;
  copy.min_k_ = other.min_k_;
  copy.levels_ = other.levels_;
  std::copy(std::begin(other.start_), std::end(other.start_), copy.start_);
  copy.add_kept_apart(
      {other.null_count_, other.nan_count_, other.pos_inf_count_, other.neg_inf_count_});
  swap(copy);
  return true;
}

template <class T>
void Kll<T>::reset(bool keep_memory) noexcept {
  if (!keep_memory) release();
  levels_ = 1;
  start_[0] = start_[1] = items_ == nullptr ? 0 : detail::kll_capacity(k_, 1) + block_;
  buffered_ = 0;
  folded_ = 0;
  min_k_ = k_;
  min_ = std::numeric_limits<T>::infinity();
  max_ = -std::numeric_limits<T>::infinity();
  null_count_ = nan_count_ = pos_inf_count_ = neg_inf_count_ = 0;
}

template <class T>
void Kll<T>::add_kept_apart(const KeptApart& counts) noexcept {
  null_count_ += counts.null_count;
  nan_count_ += counts.nan_count;
  pos_inf_count_ += counts.pos_inf_count;
  neg_inf_count_ += counts.neg_inf_count;
}

template <class T>
void Kll<T>::count_apart(T item) noexcept {
  ++(item > 0 ? pos_inf_count_ : item < 0 ? neg_inf_count_ : nan_count_);
}

template <class T>
bool Kll<T>::make_buffer_space() noexcept {
  if (buffer_capacity_ == block_) return flush(false);
  const std::uint32_t capacity =
      buffer_capacity_ == 0 ? kFirstBuffer : std::min(block_, 4 * buffer_capacity_);
  T* larger = allocate<T>(capacity);
  if (larger == nullptr) return false;
  std::copy_n(buffer_, buffered_, larger);
  detail::bucket_memory.release(buffer_);
  buffer_ = larger;
  buffer_capacity_ = capacity;
  return true;
}

// Moves the buffer into the levels: exactly, or through the pick that a full one allows.
template <class T>
bool Kll<T>::flush(bool exactly) noexcept {
  constexpr std::uint32_t kOnStack = 512;
  Key stack[2 * kOnStack];
  Key* keys = stack;
  std::uint32_t piece = kOnStack;
  void* heap = nullptr;
  if (buffered_ > kOnStack) {
    // Without the memory, pieces do: the same sketch to its error, though not to the bit.
    heap = std::malloc(2 * sizeof(Key) * buffered_);
    if (heap != nullptr) {
      keys = static_cast<Key*>(heap);
      piece = buffered_;
    }
  }
  std::uint32_t done = 0;
  while (done < buffered_) {
    const std::uint32_t size = std::min(piece, buffered_ - done);
    for (std::uint32_t i = 0; i < size; ++i) keys[i] = detail::ordered_bits(buffer_[done + i]);
    if (size <= kOnStack) {
      detail::sort_few(keys, keys + kOnStack, size);
    } else {
      detail::sort_keys(keys, keys + size, size);
    }
    if (!add_sorted(keys, size, 0, exactly ? 0 : landing(size, 0))) break;
    done += size;
  }
  std::free(heap);
  buffered_ -= done;
  std::copy_n(buffer_ + done, buffered_, buffer_);
  return buffered_ == 0;
}

template <class T>
bool Kll<T>::settle() noexcept {
  if (buffered_ != 0 && !flush(buffered_ != block_)) return false;
  detail::bucket_memory.release(buffer_);
  buffer_ = nullptr;
  buffer_capacity_ = 0;
  return true;
}

// How many levels up a sorted run may go in one pick: as long as what arrives would about fill the
// level, so that compacting at once loses little against waiting for more, and half a block at
// most. The pick errs as the single steps together would.
template <class T>
unsigned Kll<T>::landing(unsigned size, unsigned level) const noexcept {
  unsigned steps = 0;
  while (size > block_ && (size >> steps) > block_ / 2) ++steps;
  while (level + steps + 1 < levels_ &&
         2 * (size >> (steps + 1)) >= detail::kll_level_capacity(k_, levels_, level + steps + 1)) {
    ++steps;
  }
  return steps;
}

// Inserts every 2^steps-th of the sorted keys that high up, from a random first one on, and what
// does not fill a stride as it is. Nothing has changed if memory ran out.
template <class T>
bool Kll<T>::add_sorted(Key* keys, unsigned size, unsigned level, unsigned steps) noexcept {
  const unsigned picked = size >> steps;
  const unsigned rest = size - (picked << steps);
  if (!make_room(picked + rest, level + steps + 1)) return false;
  insert(keys + (size - rest), rest, level);
  if (steps != 0 && picked != 0) {
    const std::uint64_t stride = std::uint64_t{1} << steps;
    const std::uint64_t first = draw(detail::from_ordered_bits<T>(keys[size / 2])) & (stride - 1);
    for (unsigned i = 0; i < picked; ++i) keys[i] = keys[first + i * stride];
  }
  insert(keys, picked, level + steps);
  folded_ += std::uint64_t{size} << level;
  return true;
}

template <class T>
std::uint64_t Kll<T>::draw(T item) noexcept {
  random_ += detail::kRandomStep;
  return detail::mixed(random_ ^ detail::mixed(detail::ordered_bits(item)));
}

// Merges a sorted run into a level; there is room before the first level.
template <class T>
template <class Item>
void Kll<T>::insert(const Item* items, unsigned size, unsigned level) noexcept {
  if (size == 0) return;
  const auto value_of = [](Item item) {
    if constexpr (std::is_same_v<Item, T>) {
      return item;
    } else {
      return detail::from_ordered_bits<T>(item);
    }
  };
  std::memmove(items_ + start_[0] - size, items_ + start_[0],
               (start_[level] - start_[0]) * sizeof(T));
  T* to = items_ + start_[level] - size;
  const T* here = items_ + start_[level];
  const T* const here_end = items_ + start_[level + 1];
  const Item* const end = items + size;
  T next = value_of(*items);
  while (here != here_end) {
    // Written so that no branch depends on which is smaller.
    const T other = *here;
    const bool take_other = other < next;
    *to++ = take_other ? other : next;
    here += take_other;
    items += !take_other;
    if (items == end) break;
    next = value_of(*items);
  }
  while (items != end) *to++ = value_of(*items++);
  for (unsigned i = 0; i <= level; ++i) start_[i] -= size;
}

template <class T>
bool Kll<T>::make_room(unsigned size, unsigned levels) noexcept {
  if (items_ == nullptr || levels > levels_) {
    if (!grow(std::max(levels, levels_))) return false;
  }
  while (start_[0] < size) {
    // There is one: more is held than all levels' capacities together, as a block of room is added.
    unsigned level = 0;
    while (population(level) < detail::kKllMinLevelCapacity ||
           population(level) <= detail::kll_level_capacity(k_, levels_, level)) {
      ++level;
    }
    if (level + 1 == levels_) {
      if (!grow(levels_ + 1)) return false;
    } else {
      compact(level);
    }
  }
  return true;
}

// Adds empty levels at the top, and the room that goes with them.
template <class T>
bool Kll<T>::grow(unsigned levels) noexcept {
  const std::uint32_t capacity = detail::kll_capacity(k_, levels) + block_;
  const std::uint32_t moved = capacity - end();
  const std::size_t held = (end() - start_[0]) * sizeof(T);
  if (capacity > item_capacity_) {
    T* larger = allocate<T>(capacity);
    if (larger == nullptr) return false;
    if (held != 0) std::memcpy(larger + start_[0] + moved, items_ + start_[0], held);
    detail::bucket_memory.release(items_);
    items_ = larger;
    item_capacity_ = capacity;
  } else {
    std::memmove(items_ + start_[0] + moved, items_ + start_[0], held);
  }
  for (unsigned i = 0; i <= levels_; ++i) start_[i] += moved;
  for (unsigned i = levels_ + 1; i <= levels; ++i) start_[i] = capacity;
  levels_ = levels;
  return true;
}

// Hands every other item of a level that is not the top one to the next; with an odd number of
// them the first stays.
template <class T>
void Kll<T>::compact(unsigned level) noexcept {
  const unsigned size = population(level);
  const unsigned odd = size & 1;
  const unsigned half = size / 2;
  T* const begin = items_ + start_[level] + odd;
  const std::uint64_t first = draw(begin[half]) & 1;
  for (unsigned i = 0; i < half; ++i) begin[i] = begin[first + 2 * i];
  // The chosen lie below the gap that their merge with the next level fills; what it writes never
  // overtakes what it reads of that level.
  T* to = begin + half;
  const T* chosen = begin;
  const T* above = begin + size - odd;
  const T* const above_end = items_ + start_[level + 2];
  while (chosen != begin + half && above != above_end) {
    const bool take_above = *above < *chosen;
    *to++ = take_above ? *above : *chosen;
    above += take_above;
    chosen += !take_above;
  }
  std::copy(chosen, static_cast<const T*>(begin + half), to);
  std::memmove(items_ + start_[0] + half, items_ + start_[0],
               static_cast<std::size_t>(begin - (items_ + start_[0])) * sizeof(T));
  start_[level + 1] -= half;
  for (unsigned i = 0; i <= level; ++i) start_[i] += half;
}

template <class T>
bool Kll<T>::merge(const Kll& other) {
  if (other.k_ != k_) {
    throw InvalidArgument("only sketches of equal k merge: " + std::to_string(k_) + " and " +
                          std::to_string(other.k_));
  }
  if (other.count() > kMaxCount - count()) {
    detail::fail<InvalidArgument>("merged sketches must count at most 2^62 values",
                                  count() + other.count());
  }
  if (&other == this) {
    Kll copy(k_);
    return copy.assign(other) && merge(copy);
  }
  add_kept_apart({other.null_count_, other.nan_count_, other.pos_inf_count_, other.neg_inf_count_});
  if (other.count() == 0) return true;
  min_k_ = std::min(min_k_, other.min_k_);
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  random_ += detail::mixed(other.random_);
  if (other.folded_ != 0 && other.levels_ > levels_ && !make_room(0, other.levels_)) return false;
  for (unsigned level = 0; level < other.levels_ && other.folded_ != 0; ++level) {
    const T* from = other.items_ + other.start_[level];
    for (unsigned left = other.population(level); left != 0;) {
      const unsigned size = std::min(left, block_);
      if (!make_room(size, level + 1)) return false;
      insert(from, size, level);
      folded_ += std::uint64_t{size} << level;
      from += size;
      left -= size;
    }
  }
  return append(other.buffer_, other.buffered_);
}

// Values that are finite and lie within min_ and max_.
template <class T>
bool Kll<T>::append(const T* values, std::size_t size) noexcept {
  while (size != 0) {
    if (buffered_ == buffer_capacity_ && !make_buffer_space()) return false;
    const auto room = static_cast<std::size_t>(buffer_capacity_ - buffered_);
    const std::size_t taken = std::min(room, size);
    std::copy_n(values, taken, buffer_ + buffered_);
    buffered_ += static_cast<std::uint32_t>(taken);
    values += taken;
    size -= taken;
  }
  return true;
}

// What bytes hold: all in levels, and no more than kll_sealed_capacity() in all.
template <class T>
Kll<T> Kll<T>::sealed() const {
  Kll out(*this);
  if (!out.flush(true)) throw std::bad_alloc();
  const auto allowed = [&out] {
    std::uint32_t total = 0;
    for (unsigned level = 0; level < out.levels_; ++level) {
      total += detail::kll_sealed_capacity(out.k_, out.levels_, level);
    }
    return total;
  };
  while (out.num_retained() > allowed()) {
    unsigned level = 0;
    while (out.population(level) <= detail::kll_sealed_capacity(out.k_, out.levels_, level)) {
      ++level;
    }
    if (level + 1 == out.levels_ && !out.grow(out.levels_ + 1)) throw std::bad_alloc();
    if (out.population(level) > detail::kll_sealed_capacity(out.k_, out.levels_, level)) {
      out.compact(level);
    }
  }
  return out;
}

template <class T>
std::size_t Kll<T>::memory_bytes() const noexcept {
  const std::size_t held = std::size_t{buffer_capacity_} + item_capacity_;
  return sizeof(*this) + held * sizeof(T);
}

template class Kll<float>;
template class Kll<double>;

}  // namespace inlay
