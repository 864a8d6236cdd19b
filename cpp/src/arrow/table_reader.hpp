#pragma once

// Typed access to the columns of a table, whoever made it.

#include <cstdint>
#include <inlay/arrow/table.hpp>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace inlay {

namespace detail {

/// The validity and position of one column of one chunk. The base of the
/// readers below; reading is thread-safe, since nothing changes.
class ColumnBase {
 public:
  /// Return whether the table has such a column at all. A column that it lacks
  /// reads as null in every row.
  [[nodiscard]] bool exists() const noexcept { return exists_; }

  [[nodiscard]] bool is_null(std::int64_t row) const noexcept {
    if (validity_ == nullptr) return all_null_;
    const auto bit = offset_ + row;
    return (validity_[bit / 8] >> (bit % 8) & 1) == 0;
  }

 protected:
  ColumnBase() = default;
  ColumnBase(const ArrowArray& array, std::int64_t offset);

  const std::uint8_t* validity_ = nullptr;
  bool all_null_ = true;
  bool exists_ = false;
  std::int64_t offset_ = 0;
};

}  // namespace detail

/// An integer or timestamp column; timestamps read as Unix microseconds,
/// whatever their unit. Thread-safe: immutable. Valid while its table lives.
class Int64Column : public detail::ColumnBase {
 public:
  Int64Column() = default;
  /// `begin` is the physical row of the column's row 0.
  Int64Column(const ArrowSchema& schema, const ArrowArray& array, std::int64_t begin);

  /// Return the value; 0 for a null.
  [[nodiscard]] std::int64_t value(std::int64_t row) const noexcept;
  [[nodiscard]] std::optional<std::int64_t> get(std::int64_t row) const noexcept {
    if (is_null(row)) return std::nullopt;
    return value(row);
  }

  /// Write `count` values from row `begin` on to `out`, nulls as 0.
  void copy_values(std::int64_t begin, std::int64_t count, std::int64_t* out) const noexcept;

 private:
  const void* values_ = nullptr;
  char type_ = 'l';
  std::int64_t multiply_ = 1;
  std::int64_t divide_ = 1;
};

/// A column of floats or integers, read as double. Thread-safe: immutable.
/// Valid while its table lives.
class Float64Column : public detail::ColumnBase {
 public:
  Float64Column() = default;
  /// `begin` is the physical row of the column's row 0.
  Float64Column(const ArrowSchema& schema, const ArrowArray& array, std::int64_t begin);

  /// Return the value; 0 for a null.
  [[nodiscard]] double value(std::int64_t row) const noexcept;
  [[nodiscard]] std::optional<double> get(std::int64_t row) const noexcept {
    if (is_null(row)) return std::nullopt;
    return value(row);
  }

 private:
  const void* values_ = nullptr;
  char type_ = 'g';
  Int64Column integers_;
};

/// A column of utf8, binary, their large forms, their views, or a dictionary
/// of one of these. Thread-safe: immutable. Valid while its table lives.
class StringColumnReader : public detail::ColumnBase {
 public:
  StringColumnReader() = default;
  /// `begin` is the physical row of the column's row 0.
  StringColumnReader(const ArrowSchema& schema, const ArrowArray& array, std::int64_t begin);

  /// Return the bytes; empty for a null.
  /// @throws InvalidArgument when offsets or indices point outside the column
  [[nodiscard]] std::string_view value(std::int64_t row) const;
  [[nodiscard]] std::optional<std::string_view> get(std::int64_t row) const {
    if (is_null(row)) return std::nullopt;
    return value(row);
  }

 private:
  [[nodiscard]] std::string_view view_at(std::int64_t position) const;

  const ArrowArray* array_ = nullptr;
  bool large_ = false;
  bool view_ = false;
  Int64Column indices_;
  std::shared_ptr<const StringColumnReader> dictionary_;
};

/// A column of lists of integers, floats or strings. Thread-safe: immutable.
/// Valid while its table lives.
template <class Item>
class ListColumnReader : public detail::ColumnBase {
 public:
  ListColumnReader() = default;
  /// `begin` is the physical row of the column's row 0.
  ListColumnReader(const ArrowSchema& schema, const ArrowArray& array, std::int64_t begin);

  struct Range {
    std::int64_t begin;  ///< index of the first item in `items()`
    std::int64_t size;
  };

  /// Return where the items of a row are; an empty range for a null.
  /// @throws InvalidArgument when the offsets point outside the items
  [[nodiscard]] Range range(std::int64_t row) const;

  /// Return the items of all rows.
  [[nodiscard]] const Item& items() const noexcept { return items_; }

 private:
  const void* offsets_ = nullptr;
  bool large_ = false;
  std::int64_t num_items_ = 0;
  Item items_;
};

extern template class ListColumnReader<Int64Column>;
extern template class ListColumnReader<Float64Column>;
extern template class ListColumnReader<StringColumnReader>;

using Int64ListColumn = ListColumnReader<Int64Column>;
using Float64ListColumn = ListColumnReader<Float64Column>;
using StringListColumn = ListColumnReader<StringColumnReader>;

/// Finds the columns of one chunk of a table by name. Keeps the table alive;
/// the columns it returns are valid as long as it lives. Thread-safe: immutable.
///
///     for (std::size_t i = 0; i < table.num_chunks(); ++i) {
///       const TableReader reader(table, i);
///       const auto metric = reader.strings("metric");
///       for (std::int64_t row = 0; row < reader.num_rows(); ++row) use(metric.value(row));
///     }
class TableReader {
 public:
  /// @throws OutOfRange for a chunk the table does not have
  TableReader(Table table, std::size_t chunk);

  [[nodiscard]] std::int64_t num_rows() const noexcept;
  [[nodiscard]] bool has(std::string_view name) const noexcept { return find(name) >= 0; }

  // A column the table lacks reads as all null.
  // @throws InvalidArgument for a column of another type
  [[nodiscard]] Int64Column integers(std::string_view name) const;
  [[nodiscard]] Float64Column floats(std::string_view name) const;
  [[nodiscard]] StringColumnReader strings(std::string_view name) const;
  [[nodiscard]] Int64ListColumn integer_lists(std::string_view name) const;
  [[nodiscard]] Float64ListColumn float_lists(std::string_view name) const;
  [[nodiscard]] StringListColumn string_lists(std::string_view name) const;

 private:
  template <class Column>
  [[nodiscard]] Column column(std::string_view name) const;
  [[nodiscard]] std::int64_t find(std::string_view name) const noexcept;

  Table table_;
  std::size_t chunk_;
};

}  // namespace inlay
