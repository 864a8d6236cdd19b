#pragma once

// The points of a batch as plain rows, for tests.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arrow/table_reader.hpp"
#include "inlay/batch.hpp"

namespace inlay {

struct PointView {
  std::string metric, kind, attrs, status;
  int64_t start_time, time, series_id;
  std::optional<double> value, min, max, sum;
  std::optional<int64_t> count, nan_count;
  int64_t bucket_total;
};

inline std::vector<PointView> points_of(const NativeBatch& batch) {
  std::vector<PointView> rows;
  for (size_t chunk = 0; chunk < batch.points.num_chunks(); ++chunk) {
    const TableReader reader(batch.points, chunk);
    const auto positive = reader.integer_lists("pos_counts");
    const auto negative = reader.integer_lists("neg_counts");
    for (int64_t row = 0; row < reader.num_rows(); ++row) {
      PointView view;
      view.metric = reader.strings("metric").value(row);
      view.kind = reader.strings("kind").value(row);
      view.attrs = reader.strings("attrs").value(row);
      view.status = reader.strings("status").value(row);
      view.start_time = reader.integers("start_time").value(row);
      view.time = reader.integers("time").value(row);
      view.series_id = reader.integers("series_id").value(row);
      view.value = reader.floats("value").get(row);
      view.min = reader.floats("min").get(row);
      view.max = reader.floats("max").get(row);
      view.sum = reader.floats("sum").get(row);
      view.count = reader.integers("count").get(row);
      view.nan_count = reader.integers("nan_count").get(row);
      view.bucket_total = reader.integers("zero_count").value(row);
      for (const auto* const side : {&positive, &negative}) {
        const auto range = side->range(row);
        for (int64_t i = 0; i < range.size; ++i) {
          view.bucket_total += side->items().value(range.begin + i);
        }
      }
      rows.push_back(std::move(view));
    }
  }
  return rows;
}

/// The rows of one metric.
inline std::vector<PointView> points_of(const NativeBatch& batch, const std::string& metric) {
  auto rows = points_of(batch);
  std::erase_if(rows, [&](const PointView& row) { return row.metric != metric; });
  return rows;
}

}  // namespace inlay
