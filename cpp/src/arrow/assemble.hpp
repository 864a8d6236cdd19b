#pragma once

// From finished columns to a struct array.

#include <cstdint>
#include <vector>

#include "arrow/columns.hpp"
#include "arrow/table_data.hpp"

namespace inlay::detail {

/// Make a chunk of `rows` rows from columns in the order of `spec`.
Chunk assemble_chunk(const TableSpec& spec, std::vector<BuiltColumn> columns, std::int64_t rows);

/// Make a chunk of no rows for any schema.
Chunk assemble_empty(const ArrowSchema& schema);

/// The row and size bookkeeping every builder shares: a chunk is closed before
/// its strings or list items could outgrow 32-bit offsets. Thread-safety: none.
class ChunkGuard {
 public:
  static constexpr std::size_t kMaxWeight = 0x7fffffff;

  explicit ChunkGuard(std::size_t max_weight) : max_weight_(max_weight) {}

  /// Return whether a row of `weight` string bytes and list items needs a new
  /// chunk.
  /// @throws OutOfRange when no chunk could hold the row
  [[nodiscard]] bool is_full(std::size_t weight) const {
    if (weight > max_weight_ - weight_) [[unlikely]] {
      check_row(weight);
      return true;
    }
    return false;
  }

  /// Count one row in and return its index in the chunk.
  std::int64_t add(std::size_t weight) noexcept {
    weight_ += weight;
    return rows_++;
  }

  /// Begin a new chunk and return the rows of the last one.
  std::int64_t reset() noexcept {
    weight_ = 0;
    return std::exchange(rows_, 0);
  }

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }

 private:
  void check_row(std::size_t weight) const;

  std::size_t max_weight_;
  std::size_t weight_ = 0;
  std::int64_t rows_ = 0;
};

/// Return the weight of what a row may hold, for `ChunkGuard`.
inline std::size_t weight_of(std::string_view value) noexcept { return value.size(); }
inline std::size_t weight_of(const std::optional<std::string_view>& value) noexcept {
  return value ? value->size() : 0;
}
template <class T>
std::size_t weight_of(const std::optional<std::span<const T>>& values) noexcept {
  std::size_t weight = 0;
  if (values) {
    weight = values->size();
    if constexpr (std::is_same_v<T, std::string_view>) {
      for (const auto& value : *values) {
        weight += value.size();
      }
    }
  }
  return weight;
}

}  // namespace inlay::detail
