#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <inlay/export.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace inlay {

namespace detail {
class TopKSieve;
class TopKTable;
}  // namespace detail

/// The frequent items of a weighted stream, with bounds of each item's weight that always hold.
///
/// Misra and Gries, "Finding repeated elements" (1982), with the purge of Anderson et al., "A
/// high-performance algorithm for identifying frequent items in data streams" (2017): an item
/// beyond the capacity removes the lesser half of the counters at once. Other than there, the
/// value subtracted is not sampled but the exact one of rank capacity / 2 + 1, and a counter
/// remembers the error at which it began, so an item that had one from the start has its exact
/// weight. Of items with total weight N,
///
///     low(item) <= weight(item) <= high(item),  high - low <= max_error() <= N / (capacity/2 + 1)
///
/// (whole division) for every item, after any merges, always: nothing here is random.
///
/// Items are integers, doubles, booleans and text (any bytes), each kind apart: 1, 1.0, true and
/// "1" are four items. An unsigned integer is the same item as the signed one of equal value, and
/// -0.0 is 0.0. NaN, both infinities and nulls are counted apart and are no items.
///
/// The state depends on the sequence of items alone, not on how it was split into batches. Memory
/// is at most 64 bytes a counter for capacity + 1 counters (merging takes twice that for a moment),
/// and with text up to twice the bytes of the texts that have a counter.
///
/// Not safe for concurrent use of one object when any of the uses changes it.
class INLAY_API TopK {
 public:
  static constexpr std::uint32_t kMinCapacity = 1;
  static constexpr std::uint32_t kMaxCapacity = std::uint32_t{1} << 20;
  static constexpr std::uint32_t kDefaultCapacity = 1024;
  /// Weights become int64 columns.
  static constexpr std::uint64_t kMaxTotal = INT64_MAX;

  /// Unsigned is for integers of 2^63 and more only.
  enum class Kind : std::uint8_t { kInt = 1, kUint = 2, kReal = 3, kBool = 4, kText = 5 };

  /// One item as the caller has it; text is not copied.
  class Item {
   public:
    template <
        class Integer,
        std::enable_if_t<std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>, int> = 0>
    Item(Integer value) noexcept  // NOLINT: an item is what it is made of
        : kind_(std::is_unsigned_v<Integer> && (static_cast<std::uint64_t>(value) >> 63) != 0
                    ? Kind::kUint
                    : Kind::kInt),
          bits_(static_cast<std::uint64_t>(value)) {}
    Item(bool value) noexcept : kind_(Kind::kBool), bits_(value ? 1U : 0U) {}    // NOLINT
    Item(double value) noexcept;                                                 // NOLINT
    Item(std::string_view value) noexcept : kind_(Kind::kText), text_(value) {}  // NOLINT
    Item(const std::string& value) noexcept : Item(std::string_view(value)) {}   // NOLINT
    Item(const char* value) noexcept : Item(std::string_view(value)) {}          // NOLINT

    Kind kind() const noexcept { return kind_; }
    /// The value of a kInt, kUint or kBool, the bits of a kReal.
    std::uint64_t bits() const noexcept { return bits_; }
    std::string_view text() const noexcept { return text_; }

   private:
    Kind kind_;
    std::uint64_t bits_ = 0;
    std::string_view text_;
  };

  /// What is known of one item's weight: at least `low`, at most `high`. `estimate` is `low`: most
  /// items whose counter began late had weighed little before, on skewed and flat streams alike.
  struct Bounds {
    std::uint64_t estimate;
    std::uint64_t low;
    std::uint64_t high;
  };

  /// An item that has a counter.
  struct Entry {
    Kind kind;
    std::uint64_t bits;  // as Item::bits()
    std::string text;
    std::uint64_t estimate;
    std::uint64_t low;
    std::uint64_t high;

    Item item() const noexcept;
  };

  /// Which mistake a list of heavy hitters must not make.
  enum class Rule : std::uint8_t {
    kNoFalsePositives,  // every item listed is above the threshold
    kNoFalseNegatives,  // every item above the threshold is listed
  };

  /// @throws InvalidArgument if capacity lies outside kMinCapacity to kMaxCapacity.
  explicit TopK(std::uint32_t capacity = kDefaultCapacity);
  /// @throws std::bad_alloc; assign() is the form that does not throw.
  TopK(const TopK& other);
  TopK(TopK&& other) noexcept;
  TopK& operator=(const TopK& other);
  TopK& operator=(TopK&& other) noexcept;
  ~TopK();
  void swap(TopK& other) noexcept;

  /// Counts one item `weight` times; 0 is no time. False when memory ran out or a count would
  /// exceed kMaxTotal; the item is then counted nowhere.
  bool update(const Item& item, std::uint64_t weight = 1) noexcept;
  /// Counts `size` items, each once or weights[i] times, and returns how many were counted: fewer
  /// only when memory ran out or a count would exceed kMaxTotal.
  std::size_t update(const std::int64_t* values, std::size_t size,
                     const std::uint64_t* weights = nullptr) noexcept;
  std::size_t update(const std::uint64_t* values, std::size_t size,
                     const std::uint64_t* weights = nullptr) noexcept;
  std::size_t update(const double* values, std::size_t size,
                     const std::uint64_t* weights = nullptr) noexcept;
  std::size_t update(const bool* values, std::size_t size,
                     const std::uint64_t* weights = nullptr) noexcept;
  std::size_t update(const std::string_view* values, std::size_t size,
                     const std::uint64_t* weights = nullptr) noexcept;
  /// False if the count would exceed kMaxTotal.
  bool add_nulls(std::uint64_t n) noexcept;

  /// Adds what `other` counted; totals and errors add, and at most `capacity` counters stay. Of
  /// different capacities the smaller one is kept, and its bound holds. Commutative bit for bit;
  /// associative in the bounds' validity, not in the state. False when memory ran out; nothing
  /// changed then.
  /// @throws InvalidArgument if a count would exceed kMaxTotal.
  bool merge(const TopK& other);
  /// Returns the state with other texts for the texts, asked for once each, in order of bytes. If
  /// texts become one, lower bounds hold on; upper ones only if every text has one of its own.
  /// @throws std::bad_alloc, and what `rename` throws.
  TopK renamed(const std::function<std::string(std::string_view)>& rename) const;
  /// Becomes a copy. False when memory ran out; this object is then unchanged.
  bool assign(const TopK& other) noexcept;
  /// Forgets everything but the capacity. Memory is kept for the next use unless told otherwise.
  void reset(bool keep_memory = true) noexcept;

  std::uint32_t capacity() const noexcept { return capacity_; }
  /// Items that have a counter, at most capacity().
  std::uint32_t size() const noexcept;
  /// Weight of all items, exact.
  std::uint64_t total() const noexcept { return total_; }
  std::uint64_t null_count() const noexcept { return null_count_; }
  std::uint64_t nan_count() const noexcept { return nan_count_; }
  std::uint64_t pos_inf_count() const noexcept { return pos_inf_count_; }
  std::uint64_t neg_inf_count() const noexcept { return neg_inf_count_; }
  /// The most by which `high` can exceed `low`: that of every item without a counter, and 0 while
  /// all items have one.
  std::uint64_t max_error() const noexcept;

  /// Bounds of any item's weight. Those of NaN and the infinities are their exact counts.
  Bounds bounds(const Item& item) const noexcept;

  /// The first n items by estimate, then by `high`, then by kind and value.
  std::vector<Entry> top(std::size_t n) const;
  /// Items with a weight above the threshold, in the order of top(). Without false negatives,
  /// nothing if threshold < max_error(): an item without a counter may then be above it.
  std::optional<std::vector<Entry>> heavy_hitters(std::uint64_t threshold, Rule rule) const;

  /// Object and all it holds, in bytes.
  std::size_t memory_bytes() const noexcept;

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static TopK from_bytes(const std::uint8_t* bytes, std::size_t size);

  /// An item whose weight is known exactly.
  struct Counter {
    Item item;
    std::uint64_t weight;
  };
  /// What was counted elsewhere, on another device for instance: the items that weigh more than
  /// `max_error`, with exact weights, and the total; nothing else weighs more than `max_error`.
  /// @throws InvalidArgument if there are more than capacity, an item is twice there, or the
  /// weights contradict the total or the error, which is at most total / (capacity / 2 + 1);
  /// std::bad_alloc.
  static TopK from_counters(std::uint32_t capacity, std::uint64_t total, std::uint64_t max_error,
                            const std::vector<Counter>& counters);

  /// Equal capacity, counts, errors and counters; where they lie in memory does not matter.
  friend INLAY_API bool operator==(const TopK& a, const TopK& b) noexcept;
  friend bool operator!=(const TopK& a, const TopK& b) noexcept { return !(a == b); }

 private:
  friend class detail::TopKSieve;

  bool ensure_table() noexcept;
  /// Calls f(kind, key) for each counter: a number's bits, a text's hash.
  template <class F>
  void for_each_key(F&& f) const noexcept;
  /// Counts n items, more than half of the capacity, that differ from one another and have no
  /// counter: what max_error grows by 1 for. False if the count would exceed kMaxTotal.
  bool add_distinct(std::uint64_t n) noexcept;
  std::size_t count_keys(Kind kind, const std::uint64_t* keys, std::size_t size,
                         const std::uint64_t* weights) noexcept;
  bool count_apart(double value, std::uint64_t weight) noexcept;
  std::vector<std::uint32_t> sorted_positions() const;

  std::uint32_t capacity_;
  std::uint64_t total_ = 0;
  std::uint64_t null_count_ = 0;
  std::uint64_t nan_count_ = 0;
  std::uint64_t pos_inf_count_ = 0;
  std::uint64_t neg_inf_count_ = 0;
  std::unique_ptr<detail::TopKTable> table_;  // null until the first item
};

}  // namespace inlay
