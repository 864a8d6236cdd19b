#include "arrow/points_builder.hpp"

#include <utility>

namespace inlay {

namespace {

std::string_view form_name(bool derived) { return derived ? "derived" : "delta"; }

}  // namespace

PointsBuilder::PointsBuilder(PointsHeader header, std::size_t reserve_rows,
                             std::size_t max_chunk_weight)
    : header_(std::move(header)), guard_(max_chunk_weight) {
  if (reserve_rows == 0) {
    return;
  }
  layer_.reserve_rows(reserve_rows, 4);
  metric_.reserve_rows(reserve_rows, 24);
  kind_.reserve_rows(reserve_rows, 8);
  attrs_.reserve_rows(reserve_rows, 32);
  status_.reserve_rows(reserve_rows, 2);
  series_id_.reserve_rows(reserve_rows);
  value_.reserve_rows(reserve_rows);
}

void PointsBuilder::append(const PointRow& row) {
  using detail::weight_of;
  const auto weight =
      weight_of(row.layer) + weight_of(row.metric) + weight_of(row.kind) + weight_of(row.unit) +
      weight_of(row.attrs) + weight_of(row.status) + weight_of(row.pos_counts) +
      weight_of(row.neg_counts) + weight_of(row.bounds) + weight_of(row.categories) +
      weight_of(row.counts) + weight_of(row.reference_id) + weight_of(row.summary) +
      weight_of(row.summary_type) + header_.resource.size() + form_name(header_.derived).size();
  if (guard_.is_full(weight)) [[unlikely]] {
    seal();
  }
  const auto index = guard_.add(weight);
  layer_.append(index, row.layer);
  metric_.append(index, row.metric);
  kind_.append(index, row.kind);
  unit_.append(index, row.unit);
  series_id_.append(index, row.series_id);
  attrs_.append(index, row.attrs);
  status_.append(index, row.status);
  value_.append(index, row.value);
  append_distribution(index, row);
}

void PointsBuilder::append_distribution(std::int64_t index, const PointRow& row) {
  count_.append(index, row.count);
  null_count_.append(index, row.null_count);
  nan_count_.append(index, row.nan_count);
  pos_inf_count_.append(index, row.pos_inf_count);
  neg_inf_count_.append(index, row.neg_inf_count);
  sum_.append(index, row.sum);
  min_.append(index, row.min);
  max_.append(index, row.max);
  mean_.append(index, row.mean);
  m2_.append(index, row.m2);
  m3_.append(index, row.m3);
  m4_.append(index, row.m4);
  scale_.append(index, row.scale);
  zero_count_.append(index, row.zero_count);
  zero_threshold_.append(index, row.zero_threshold);
  pos_offset_.append(index, row.pos_offset);
  pos_counts_.append(index, row.pos_counts);
  neg_offset_.append(index, row.neg_offset);
  neg_counts_.append(index, row.neg_counts);
  bounds_.append(index, row.bounds);
  categories_.append(index, row.categories);
  counts_.append(index, row.counts);
  reference_id_.append(index, row.reference_id);
  summary_.append(index, row.summary);
  summary_type_.append(index, row.summary_type);
}

void PointsBuilder::seal() {
  using detail::constant_column;
  using enum ColumnType;
  const auto rows = guard_.reset();
  if (rows == 0) {
    return;
  }
  const auto& spec = table_schema("points");
  std::vector<detail::BuiltColumn> columns;
  columns.reserve(spec.columns.size());
  columns.push_back(constant_column(header_.time, rows, kTimestampUs));
  columns.push_back(constant_column(header_.start_time, rows, kTimestampUs));
  columns.push_back(constant_column(header_.observed_time, rows, kTimestampUs));
  columns.push_back(constant_column(header_.revision, rows));
  columns.push_back(constant_column(form_name(header_.derived), rows));
  columns.push_back(constant_column(header_.origin, rows));
  columns.push_back(constant_column(header_.window_seq, rows));
  columns.push_back(header_.rank ? constant_column(*header_.rank, rows)
                                 : detail::null_column(kInt32, rows));
  columns.push_back(layer_.take(rows));
  columns.push_back(metric_.take(rows));
  columns.push_back(kind_.take(rows));
  columns.push_back(unit_.take(rows));
  columns.push_back(series_id_.take(rows));
  columns.push_back(attrs_.take(rows));
  columns.push_back(constant_column(std::string_view(header_.resource), rows));
  columns.push_back(status_.take(rows));
  columns.push_back(value_.take(rows));
  columns.push_back(count_.take(rows));
  columns.push_back(null_count_.take(rows));
  columns.push_back(nan_count_.take(rows));
  columns.push_back(pos_inf_count_.take(rows));
  columns.push_back(neg_inf_count_.take(rows));
  columns.push_back(sum_.take(rows));
  columns.push_back(min_.take(rows));
  columns.push_back(max_.take(rows));
  columns.push_back(mean_.take(rows));
  columns.push_back(m2_.take(rows));
  columns.push_back(m3_.take(rows));
  columns.push_back(m4_.take(rows));
  columns.push_back(scale_.take(rows));
  columns.push_back(zero_count_.take(rows));
  columns.push_back(zero_threshold_.take(rows));
  columns.push_back(pos_offset_.take(rows));
  columns.push_back(pos_counts_.take(rows, kInt64List));
  columns.push_back(neg_offset_.take(rows));
  columns.push_back(neg_counts_.take(rows, kInt64List));
  columns.push_back(bounds_.take(rows, kFloat64List));
  columns.push_back(categories_.take(rows, kUtf8List));
  columns.push_back(counts_.take(rows, kInt64List));
  columns.push_back(reference_id_.take(rows));
  columns.push_back(summary_.take(rows, kBinary));
  columns.push_back(summary_type_.take(rows));
  chunks_.push_back(detail::assemble_chunk(spec, std::move(columns), rows));
  sealed_rows_ += rows;
}

Table PointsBuilder::finish() && {
  seal();
  return detail::make_table(detail::shared_schema(table_schema("points")), std::move(chunks_));
}

}  // namespace inlay
