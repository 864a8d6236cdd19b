#pragma once

// Builds the points table of one turn.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <inlay/arrow/table.hpp>
#include "arrow/assemble.hpp"
#include "arrow/columns.hpp"

namespace inlay {

/// What all points of one turn share; times are Unix microseconds.
/// A plain value.
struct PointsHeader {
  std::int64_t time = 0;
  std::int64_t start_time = 0;
  std::int64_t observed_time = 0;
  std::int64_t origin = 0;
  std::int64_t window_seq = 0;
  std::int32_t revision = 0;
  bool derived = false;  ///< form "derived", else "delta"
  std::optional<std::int32_t> rank;
  std::string resource = "{}";
};

/// One point. Views and spans need only live until `append` returns. A plain
/// value; absent options become nulls.
struct PointRow {
  std::string_view layer = "app";
  std::string_view metric;
  std::string_view kind;
  std::optional<std::string_view> unit;
  std::int64_t series_id = 0;
  std::string_view attrs = "{}";
  std::string_view status = "ok";

  std::optional<double> value;
  std::optional<std::int64_t> count;
  std::optional<std::int64_t> null_count;
  std::optional<std::int64_t> nan_count;
  std::optional<std::int64_t> pos_inf_count;
  std::optional<std::int64_t> neg_inf_count;
  std::optional<double> sum;
  std::optional<double> min;
  std::optional<double> max;
  std::optional<double> mean;
  std::optional<double> m2;
  std::optional<double> m3;
  std::optional<double> m4;

  std::optional<std::int32_t> scale;
  std::optional<std::int64_t> zero_count;
  std::optional<double> zero_threshold;
  std::optional<std::int32_t> pos_offset;
  std::optional<std::span<const std::int64_t>> pos_counts;
  std::optional<std::int32_t> neg_offset;
  std::optional<std::span<const std::int64_t>> neg_counts;

  std::optional<std::span<const double>> bounds;
  std::optional<std::span<const std::string_view>> categories;
  std::optional<std::span<const std::int64_t>> counts;
  std::optional<std::string_view> reference_id;
  std::optional<std::string_view> summary;  ///< bytes
  std::optional<std::string_view> summary_type;
};

/// Collects points and yields a `Table`. Strings are taken as they are: the
/// caller guarantees UTF-8. Thread-safety: none; one thread builds, the table
/// may go anywhere.
class PointsBuilder {
 public:
  /// `reserve_rows` is a guess that saves growing. `max_chunk_weight` bounds the
  /// string bytes and list items of one chunk; what exceeds it begins a new one.
  explicit PointsBuilder(PointsHeader header, std::size_t reserve_rows = 0,
                         std::size_t max_chunk_weight = detail::ChunkGuard::kMaxWeight);

  /// @throws OutOfRange when the row alone exceeds what a chunk may hold
  void append(const PointRow& row);

  [[nodiscard]] std::int64_t num_rows() const noexcept { return sealed_rows_ + guard_.rows(); }

  /// Return the table; the builder is spent.
  Table finish() &&;

 private:
  void seal();
  void append_distribution(std::int64_t index, const PointRow& row);

  PointsHeader header_;
  detail::ChunkGuard guard_;
  std::int64_t sealed_rows_ = 0;
  std::vector<detail::Chunk> chunks_;

  detail::StringColumn layer_, metric_, kind_, unit_, attrs_, status_;
  detail::StringColumn reference_id_, summary_, summary_type_;
  detail::FixedColumn<std::int64_t> series_id_, count_, null_count_, nan_count_, pos_inf_count_,
      neg_inf_count_, zero_count_;
  detail::FixedColumn<double> value_, sum_, min_, max_, mean_, m2_, m3_, m4_, zero_threshold_;
  detail::FixedColumn<std::int32_t> scale_, pos_offset_, neg_offset_;
  detail::ListColumn<std::int64_t> pos_counts_, neg_counts_, counts_;
  detail::ListColumn<double> bounds_;
  detail::ListColumn<std::string_view> categories_;
};

}  // namespace inlay
