#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inlay {

namespace detail {
struct NameLookup;
struct NameCounts;
}  // namespace detail

/// Counts of the names of a fixed list, those of a reference for instance, and of all others.
///
/// An item is counted under its name: text under itself, compared byte for byte; an integer under
/// its decimal digits ("3"), a boolean as "True" or "False", a double as Python's str() writes it
/// ("0.1", "1e+16", "inf") unless it is whole and below 1e16 in magnitude: that is named as the
/// integer ("3", never "3.0"), since a column of integers becomes one of doubles as soon as a value
/// is missing. NaN has no name: together with nulls it makes up missing(). What is not in the list
/// is counted as other().
///
/// Counts are exact. Memory is taken when the object is made, none by updates; copies share the
/// names; after a move only assignment and destruction are left. Not safe for concurrent use of one
/// object when any of the uses changes it.
class INLAY_API Categories {
 public:
  static constexpr std::size_t kMaxNames = 1'000'000;

  /// @throws InvalidArgument if there is no name or more than kMaxNames, if one is no UTF-8, or if
  /// two are the same.
  explicit Categories(std::vector<std::string> names);

  void update(std::string_view text) noexcept { update(&text, 1); }
  void update(const std::string_view* items, std::size_t size) noexcept;
  void update(const std::int64_t* items, std::size_t size) noexcept;
  void update(const std::uint64_t* items, std::size_t size) noexcept;
  void update(const double* items, std::size_t size) noexcept;
  void update(const bool* items, std::size_t size) noexcept;
  /// Counts items[i] counts[i] times.
  /// @throws InvalidArgument if a count is negative or all exceed room(); nothing is counted then.
  void update(const std::string_view* items, const std::int64_t* counts, std::size_t size);
  void update(const std::int64_t* items, const std::int64_t* counts, std::size_t size);
  void update(const std::uint64_t* items, const std::int64_t* counts, std::size_t size);
  void update(const double* items, const std::int64_t* counts, std::size_t size);
  void update(const bool* items, const std::int64_t* counts, std::size_t size);
  /// As update(), and copies the items that are not in the list to `outside`, which has room for
  /// all, in their order. Returns how many there are.
  std::size_t update(const std::string_view* items, std::size_t size,
                     std::string_view* outside) noexcept;
  std::size_t update(const std::int64_t* items, std::size_t size, std::int64_t* outside) noexcept;
  std::size_t update(const std::uint64_t* items, std::size_t size, std::uint64_t* outside) noexcept;
  /// The place of a name in the list; nothing if it is not there.
  std::optional<std::size_t> find(std::string_view name) const noexcept;
  void add_nulls(std::uint64_t n) noexcept { null_count_ += n; }
  /// Adds what `other` counted, under this object's order of the names.
  /// @throws InvalidArgument if the names are not the same, in whatever order, or the counts exceed
  /// room(); nothing is added then.
  void merge(const Categories& other);
  /// Forgets the counts and keeps the names.
  void reset() noexcept;

  const std::vector<std::string>& names() const noexcept;
  /// One count per name, in order.
  const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }
  /// Items with a name that is not in the list.
  std::uint64_t other() const noexcept { return other_; }
  /// All items that have a name, in the list or not.
  std::uint64_t count() const noexcept;
  std::uint64_t null_count() const noexcept { return null_count_; }
  std::uint64_t nan_count() const noexcept { return nan_count_; }
  /// Nulls and NaN.
  std::uint64_t missing() const noexcept { return null_count_ + nan_count_; }
  /// How much more may be counted, of any kind, until all together reach 2^63 - 1.
  std::uint64_t room() const noexcept;

  /// Object, counts, names and their tables, in bytes; what copies share is counted for each.
  std::size_t memory_bytes() const noexcept;

  /// What a row of points holds.
  struct Fields {
    std::vector<std::string> names;
    std::vector<std::uint64_t> counts;
    std::uint64_t other = 0;
    std::uint64_t null_count = 0;
    std::uint64_t nan_count = 0;
  };
  /// @throws InvalidArgument as the constructor, if there is not one count a name, or if the counts
  /// do not fit a signed 64-bit total.
  static Categories from_fields(Fields fields);

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static Categories from_bytes(const std::uint8_t* bytes, std::size_t size);

  /// Equal names in equal order, and equal counts.
  friend INLAY_API bool operator==(const Categories& a, const Categories& b) noexcept;
  friend bool operator!=(const Categories& a, const Categories& b) noexcept { return !(a == b); }

 private:
  explicit Categories(std::shared_ptr<const detail::NameLookup> lookup);
  template <class Item>
  void add_all(const Item* items, std::size_t size) noexcept;
  template <class Item>
  std::size_t add_and_tell(const Item* items, std::size_t size, Item* outside) noexcept;
  template <class Item>
  void add_weighted(const Item* items, const std::int64_t* counts, std::size_t size);
  std::uint64_t& place_of(std::size_t index) noexcept;

  std::shared_ptr<const detail::NameLookup> lookup_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t other_ = 0;
  std::uint64_t null_count_ = 0;
  std::uint64_t nan_count_ = 0;
};

/// Counts every name it meets, to choose the names of Categories by. It grows with their number,
/// and its updates throw std::bad_alloc. Not safe for concurrent use of one object.
class INLAY_API NameTally {
 public:
  NameTally();
  NameTally(NameTally&& other) noexcept;
  NameTally& operator=(NameTally&& other) noexcept;
  ~NameTally();

  /// Counts items[i] counts[i] times, or once each if `counts` is null.
  void update(const std::string_view* items, const std::int64_t* counts, std::size_t size);
  void update(const std::int64_t* items, const std::int64_t* counts, std::size_t size);
  void update(const std::uint64_t* items, const std::int64_t* counts, std::size_t size);
  void update(const double* items, const std::int64_t* counts, std::size_t size);
  void update(const bool* items, const std::int64_t* counts, std::size_t size);
  void add_nulls(std::uint64_t n) noexcept { null_count_ += n; }

  /// The `most` names that were counted most often, the most frequent first, equally frequent ones
  /// by their bytes, with their counts; the rest counts as other.
  /// @throws InvalidArgument if `most` is 0 or above Categories::kMaxNames, no name was counted, or
  /// one of those chosen is no UTF-8.
  Categories most_frequent(std::size_t most) const;

 private:
  template <class Item>
  void add_all(const Item* items, const std::int64_t* counts, std::size_t size);

  std::unique_ptr<detail::NameCounts> counts_;
  std::uint64_t null_count_ = 0;
  std::uint64_t nan_count_ = 0;
};

}  // namespace inlay
