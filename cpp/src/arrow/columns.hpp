#pragma once

// The columns a builder fills row by row. A column that skips rows pads them
// with nulls at its next value or at the end, so an unused column costs its
// builder one untaken branch a row and no memory at all.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include <inlay/arrow/schema.hpp>
#include "arrow/buffer.hpp"

namespace inlay::detail {

/// A finished column. Empty buffers stand for zeros; an empty `validity` with
/// nulls stands for "all null". Thread-safety: none.
struct BuiltColumn {
  ColumnType type = ColumnType::kInt64;
  std::int64_t length = 0;
  std::int64_t null_count = 0;
  Buffer validity;
  Buffer offsets;
  Buffer data;
  std::unique_ptr<BuiltColumn> items;  // of a list column
};

/// The null bitmap; it exists only from the first null on. Thread-safety: none.
class Validity {
 public:
  [[nodiscard]] bool active() const noexcept { return null_count_ != 0; }
  [[nodiscard]] std::int64_t null_count() const noexcept { return null_count_; }

  /// Note nulls for rows [length, row). `length` rows were seen so far.
  void add_nulls(std::int64_t length, std::int64_t row);

  /// Note a value at `row`; only to be called while active.
  void set(std::int64_t row) {
    const auto byte = static_cast<std::size_t>(row) / 8;
    if (byte >= bits_.size()) [[unlikely]] {
      grow(byte + 1);
    }
    bits_.data()[byte] |= std::byte{1} << (row % 8);
  }

  Buffer take() && { return std::move(bits_); }

 private:
  void grow(std::size_t bytes);

  Buffer bits_;
  std::int64_t null_count_ = 0;
};

constexpr ColumnType fixed_column_type(std::int64_t /*tag*/) { return ColumnType::kInt64; }
constexpr ColumnType fixed_column_type(std::int32_t /*tag*/) { return ColumnType::kInt32; }
constexpr ColumnType fixed_column_type(double /*tag*/) { return ColumnType::kFloat64; }

/// A column of int32, int64 or float64. Thread-safety: none.
template <class T>
class FixedColumn {
 public:
  void reserve_rows(std::size_t rows) { data_.reserve(rows * sizeof(T)); }

  void append(std::int64_t row, T value) {
    if (row != length_) [[unlikely]] {
      pad(row);
    }
    data_.ensure(sizeof(T));
    data_.template as<T>()[length_] = value;
    data_.set_size(data_.size() + sizeof(T));
    if (validity_.active()) {
      validity_.set(length_);
    }
    ++length_;
  }

  void append(std::int64_t row, const std::optional<T>& value) {
    if (value) {
      append(row, *value);
    }
  }

  /// Close the column at `rows` rows and leave it empty for the next chunk.
  BuiltColumn take(std::int64_t rows, ColumnType type = fixed_column_type(T{})) {
    BuiltColumn built;
    built.type = type;
    built.length = rows;
    if (length_ == 0) {
      built.null_count = rows;
    } else {
      if (length_ != rows) {
        pad(rows);
      }
      built.null_count = validity_.null_count();
      built.validity = std::move(validity_).take();
      built.data = std::move(data_);
    }
    *this = FixedColumn{};
    return built;
  }

 private:
  void pad(std::int64_t row) {
    validity_.add_nulls(length_, row);
    const auto bytes = static_cast<std::size_t>(row - length_) * sizeof(T);
    data_.ensure(bytes);
    std::memset(data_.data() + data_.size(), 0, bytes);
    data_.set_size(data_.size() + bytes);
    length_ = row;
  }

  Buffer data_;
  Validity validity_;
  std::int64_t length_ = 0;
};

/// The int32 offsets of strings and lists. Thread-safety: none.
class Offsets {
 public:
  void reserve_rows(std::size_t rows) { grow((rows + 1) * sizeof(std::int32_t)); }

  /// Note that a row ends at `end`; the builder keeps `end` below 2^31.
  void append(std::size_t end) {
    if (data_.capacity() - data_.size() < sizeof(std::int32_t)) [[unlikely]] {
      grow(2 * data_.capacity());
    }
    put(static_cast<std::int32_t>(end));
  }

  void append_repeated(std::size_t end, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      append(end);
    }
  }

  Buffer take() && { return std::move(data_); }

 private:
  void put(std::int32_t value) noexcept {
    std::memcpy(data_.data() + data_.size(), &value, sizeof value);
    data_.set_size(data_.size() + sizeof value);
  }

  // The first growth also writes the leading 0.
  void grow(std::size_t bytes);

  Buffer data_;
};

/// A column of utf8 or binary. Thread-safety: none.
class StringColumn {
 public:
  void reserve_rows(std::size_t rows, std::size_t bytes_per_row) {
    offsets_.reserve_rows(rows);
    data_.reserve(rows * bytes_per_row);
  }

  void append(std::int64_t row, std::string_view value) {
    if (row != length_) [[unlikely]] {
      pad(row);
    }
    data_.ensure(value.size());
    data_.append_short(value.data(), value.size());
    offsets_.append(data_.size());
    if (validity_.active()) {
      validity_.set(length_);
    }
    ++length_;
  }

  void append(std::int64_t row, const std::optional<std::string_view>& value) {
    if (value) {
      append(row, *value);
    }
  }

  [[nodiscard]] std::int64_t length() const noexcept { return length_; }

  /// Close the column at `rows` rows and leave it empty for the next chunk.
  BuiltColumn take(std::int64_t rows, ColumnType type = ColumnType::kUtf8);

 private:
  void pad(std::int64_t row);

  Buffer data_;
  Offsets offsets_;
  Validity validity_;
  std::int64_t length_ = 0;
};

/// A column of list<int64>, list<float64> or list<utf8>. Thread-safety: none.
template <class T>
class ListColumn {
 public:
  using Items =
      std::conditional_t<std::is_same_v<T, std::string_view>, StringColumn, FixedColumn<T>>;

  void append(std::int64_t row, std::span<const T> values) {
    if (row != length_) [[unlikely]] {
      pad(row);
    }
    for (const auto& value : values) {
      items_.append(num_items_++, value);
    }
    offsets_.append(static_cast<std::size_t>(num_items_));
    if (validity_.active()) {
      validity_.set(length_);
    }
    ++length_;
  }

  void append(std::int64_t row, const std::optional<std::span<const T>>& values) {
    if (values) {
      append(row, *values);
    }
  }

  /// Close the column at `rows` rows and leave it empty for the next chunk.
  BuiltColumn take(std::int64_t rows, ColumnType type) {
    BuiltColumn built;
    built.type = type;
    built.length = rows;
    if (length_ == 0) {
      built.null_count = rows;
    } else {
      if (length_ != rows) {
        pad(rows);
      }
      built.null_count = validity_.null_count();
      built.validity = std::move(validity_).take();
      built.offsets = std::move(offsets_).take();
    }
    built.items = std::make_unique<BuiltColumn>(items_.take(num_items_));
    *this = ListColumn{};
    return built;
  }

 private:
  void pad(std::int64_t row) {
    validity_.add_nulls(length_, row);
    offsets_.append_repeated(static_cast<std::size_t>(num_items_), row - length_);
    length_ = row;
  }

  Items items_;
  std::int64_t num_items_ = 0;
  Offsets offsets_;
  Validity validity_;
  std::int64_t length_ = 0;
};

/// Make a column that holds one value in every row.
BuiltColumn constant_column(std::int64_t value, std::int64_t rows,
                            ColumnType type = ColumnType::kInt64);
BuiltColumn constant_column(std::int32_t value, std::int64_t rows);
BuiltColumn constant_column(std::string_view value, std::int64_t rows);

/// Make an int32 column that is null in every row.
BuiltColumn null_column(ColumnType type, std::int64_t rows);

}  // namespace inlay::detail
