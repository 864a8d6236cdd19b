#include <algorithm>
#include <bit>
#include <inlay/error.hpp>
#include <inlay/summary/kll.hpp>
#include <limits>
#include <new>
#include <string>
#include <string_view>

#include "summary/kll_levels.hpp"

// The compact form of Apache DataSketches' KLL sketches, little-endian:
//
//   byte 0  preamble in ints of 4 bytes: 2 without values or with one, else 5
//        1  serial version: 1, with one value 2
//        2  family: 15
//        3  flags: 1 no values, 2 level 0 is sorted, 4 one value
//        4  k, 2 bytes
//        6  smallest capacity of a level: 8
//        7  unused
//        8  the item, if there is one; else, if there are more:
//           number of values, 8 bytes; smallest k merged, 2 bytes; number of levels; unused
//       20  where each level begins, 4 bytes each, counted in items of the full capacity
//           smallest and largest value, the items from the first level on
//
// Nothing says what type the items have.

namespace inlay {
namespace {

constexpr std::uint8_t kFamily = 15;
constexpr std::uint8_t kEmpty = 1;
constexpr std::uint8_t kLevelZeroSorted = 2;
constexpr std::uint8_t kSingle = 4;
constexpr std::size_t kShortPreamble = 8;
constexpr std::size_t kFullPreamble = 20;

template <class Value>
std::uint64_t load(const std::uint8_t* from) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Value); ++i) value |= std::uint64_t{from[i]} << (8 * i);
  return value;
}

template <class T>
T load_item(const std::uint8_t* from) noexcept {
  if constexpr (sizeof(T) == 4) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(load<std::uint32_t>(from)));
  } else {
    return std::bit_cast<double>(load<std::uint64_t>(from));
  }
}

template <class Value>
void store(std::vector<std::uint8_t>& to, Value value) {
  for (std::size_t i = 0; i < sizeof(Value); ++i) {
    to.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i)));
  }
}

template <class T>
void store_item(std::vector<std::uint8_t>& to, T item) {
  if constexpr (sizeof(T) == 4) {
    store(to, std::bit_cast<std::uint32_t>(item));
  } else {
    store(to, std::bit_cast<std::uint64_t>(item));
  }
}

template <class Value>
[[noreturn]] void refuse(std::size_t at, std::string_view why, const Value& value) {
  detail::fail<SerializationError>(
      "the bytes of a Kll, at byte " + std::to_string(at) + ", " + std::string(why), value);
}

void need(std::size_t size, std::size_t wanted) {
  if (size < wanted) refuse(size, "are cut short; bytes missing", wanted - size);
}

struct Header {
  bool empty;
  bool single;
  bool level_zero_sorted;
  unsigned k;
};

Header read_header(const std::uint8_t* bytes, std::size_t size, unsigned min_k) {
  need(size, kShortPreamble);
  if (bytes[2] != kFamily) refuse(2, "are of another family than 15", unsigned{bytes[2]});
  const std::uint8_t flags = bytes[3];
  const Header out{(flags & kEmpty) != 0, (flags & kSingle) != 0, (flags & kLevelZeroSorted) != 0,
                   static_cast<unsigned>(load<std::uint16_t>(bytes + 4))};
  const unsigned version = out.single ? 2 : 1;
  if (bytes[1] != version) {
    refuse(1,
           out.single ? "have, with one value, not serial version 2 but"
                      : "have not serial version 1 but",
           unsigned{bytes[1]});
  }
  if (flags > (kEmpty | kLevelZeroSorted | kSingle) || (out.empty && out.single)) {
    refuse(3, "have flags that cannot be", unsigned{flags});
  }
  const unsigned ints = out.empty || out.single ? 2 : 5;
  if (bytes[0] != ints) {
    refuse(0, "have a preamble of other than " + std::to_string(ints) + " ints",
           unsigned{bytes[0]});
  }
  if (out.k < min_k) refuse(4, "have a k below 8", out.k);
  if (bytes[6] != detail::kKllMinLevelCapacity) {
    refuse(6, "have a smallest level of other than 8", unsigned{bytes[6]});
  }
  return out;
}

void expect_size(std::size_t size, std::size_t wanted) {
  need(size, wanted);
  if (size > wanted) refuse(wanted, "go on after their end; bytes left over", size - wanted);
}

}  // namespace

template <class T>
std::vector<std::uint8_t> Kll<T>::to_bytes() const {
  const Kll out = sealed();
  const std::uint64_t n = out.count();
  std::vector<std::uint8_t> bytes;
  bytes.reserve(kFullPreamble + 4 * std::size_t{out.levels_} +
                (out.num_retained() + 2) * sizeof(T));
  bytes.push_back(n > 1 ? 5 : 2);
  bytes.push_back(n == 1 ? 2 : 1);
  bytes.push_back(kFamily);
  bytes.push_back(n == 0 ? kEmpty : n == 1 ? kSingle | kLevelZeroSorted : kLevelZeroSorted);
  store(bytes, static_cast<std::uint16_t>(k_));
  bytes.push_back(detail::kKllMinLevelCapacity);
  bytes.push_back(0);
  if (n == 0) return bytes;
  if (n > 1) {
    store(bytes, n);
    store(bytes, static_cast<std::uint16_t>(out.min_k_));
    bytes.push_back(static_cast<std::uint8_t>(out.levels_));
    bytes.push_back(0);
    const std::uint32_t capacity = detail::kll_capacity(k_, out.levels_);
    for (unsigned level = 0; level < out.levels_; ++level) {
      store(bytes, capacity - (out.end() - out.start_[level]));
    }
    store_item(bytes, *out.min());
    store_item(bytes, *out.max());
  }
  for (std::uint32_t i = out.start_[0]; i < out.end(); ++i) store_item(bytes, out.items_[i]);
  return bytes;
}

template <class T>
Kll<T> Kll<T>::from_bytes(const std::uint8_t* bytes, std::size_t size, std::uint64_t seed) {
  const Header header = read_header(bytes, size, kMinK);
  Kll out(header.k, seed);
  if (header.empty) {
    expect_size(size, kShortPreamble);
    return out;
  }
  const auto read_item = [&](std::size_t at) {
    const T item = load_item<T>(bytes + at);
    if (item != item) refuse(at, "hold as an item", item);
    return item;
  };
  if (header.single) {
    expect_size(size, kShortPreamble + sizeof(T));
    const T item = read_item(kShortPreamble);
    out.min_ = out.max_ = item;
    if (!out.append(&item, 1)) throw std::bad_alloc();
    return out;
  }

  need(size, kFullPreamble);
  const std::uint64_t n = load<std::uint64_t>(bytes + 8);
  if (n == 0 || n > kMaxCount) refuse(8, "have an impossible number of values", n);
  const auto min_k = static_cast<unsigned>(load<std::uint16_t>(bytes + 16));
  if (min_k < kMinK || min_k > header.k) refuse(16, "have, as the smallest k,", min_k);
  const unsigned levels = bytes[18];
  if (levels == 0 || levels > kMaxLevels) refuse(18, "have a number of levels of", levels);
  need(size, kFullPreamble + 4 * std::size_t{levels});
  const std::uint32_t capacity = detail::kll_capacity(header.k, levels);
  std::uint32_t start[kMaxLevels + 1];
  for (unsigned level = 0; level < levels; ++level) {
    const std::size_t at = kFullPreamble + 4 * std::size_t{level};
    start[level] = static_cast<std::uint32_t>(load<std::uint32_t>(bytes + at));
    if (start[level] > capacity) refuse(at, "have a level beyond their capacity", start[level]);
    if (level != 0 && start[level] < start[level - 1]) {
      refuse(at, "have a level that begins before the one below", start[level]);
    }
  }
  start[levels] = capacity;
  std::uint64_t total = 0;
  for (unsigned level = 0; level < levels; ++level) {
    const std::uint64_t population = start[level + 1] - start[level];
    if (population > (n - total) >> level) {
      refuse(8, "have fewer values than their items stand for", n);
    }
    total += population << level;
  }
  if (total != n) refuse(8, "have more values than their items stand for", n);
  const std::size_t first_item = kFullPreamble + 4 * std::size_t{levels};
  const std::size_t retained = capacity - start[0];
  expect_size(size, first_item + (retained + 2) * sizeof(T));

  out.min_k_ = min_k;
  out.min_ = read_item(first_item);
  out.max_ = read_item(first_item + sizeof(T));
  if (!out.make_room(static_cast<unsigned>(retained), levels)) throw std::bad_alloc();
  const std::uint32_t moved = out.end() - capacity;
  for (unsigned level = 0; level <= levels; ++level) out.start_[level] = start[level] + moved;
  std::size_t at = first_item + 2 * sizeof(T);
  for (unsigned level = 0; level < levels; ++level) {
    for (std::uint32_t i = out.start_[level]; i < out.start_[level + 1]; ++i, at += sizeof(T)) {
      const T item = read_item(at);
      if (item < out.min_ || item > out.max_) {
        refuse(at, "hold an item outside their extremes", item);
      }
      const bool ordered = level != 0 || header.level_zero_sorted;
      if (ordered && i != out.start_[level] && item < out.items_[i - 1]) {
        refuse(at, "hold in a sorted level an item below the one before", item);
      }
      out.items_[i] = item;
    }
  }
  if (!header.level_zero_sorted) {
    std::stable_sort(out.items_ + out.start_[0], out.items_ + out.start_[1]);
  }
  out.folded_ = n;
  return out;
}

template <class T>
bool operator==(const Kll<T>& a, const Kll<T>& b) {
  return a.k_ == b.k_ && a.count() == b.count() && a.null_count_ == b.null_count_ &&
         a.nan_count_ == b.nan_count_ && a.pos_inf_count_ == b.pos_inf_count_ &&
         a.neg_inf_count_ == b.neg_inf_count_ && a.to_bytes() == b.to_bytes();
}

std::size_t kll_item_size(const std::uint8_t* bytes, std::size_t size) noexcept {
  if (size < kShortPreamble) return 0;
  if ((bytes[3] & kSingle) != 0) return size - kShortPreamble;
  if ((bytes[3] & kEmpty) != 0 || size < kFullPreamble) return 0;
  const unsigned levels = bytes[18];
  const std::size_t first_item = kFullPreamble + 4 * std::size_t{levels};
  if (levels == 0 || levels > 61 || size < first_item) return 0;
  const std::uint32_t capacity =
      detail::kll_capacity(static_cast<unsigned>(load<std::uint16_t>(bytes + 4)), levels);
  const std::uint64_t start = load<std::uint32_t>(bytes + kFullPreamble);
  if (start > capacity) return 0;
  const std::size_t items = capacity - start + 2;
  const std::size_t item = (size - first_item) / items;
  return item * items == size - first_item ? item : 0;
}

template std::vector<std::uint8_t> Kll<float>::to_bytes() const;
template std::vector<std::uint8_t> Kll<double>::to_bytes() const;
template Kll<float> Kll<float>::from_bytes(const std::uint8_t*, std::size_t, std::uint64_t);
template Kll<double> Kll<double>::from_bytes(const std::uint8_t*, std::size_t, std::uint64_t);
template bool operator==(const Kll<float>& a, const Kll<float>& b);
template bool operator==(const Kll<double>& a, const Kll<double>& b);

}  // namespace inlay
