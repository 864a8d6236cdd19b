#include "arrow/row_builders.hpp"

#include <utility>

namespace inlay {

namespace {

using detail::BuiltColumn;
using detail::constant_column;
using detail::weight_of;
using enum ColumnType;

template <class... Values>
std::size_t total_weight(const Values&... values) noexcept {
  return (weight_of(values) + ... + 0);
}

template <class... Columns>
detail::Chunk make_chunk(const TableSpec& spec, std::int64_t rows, Columns&&... columns) {
  std::vector<BuiltColumn> built;
  built.reserve(sizeof...(columns));
  (built.push_back(std::forward<Columns>(columns)), ...);
  return detail::assemble_chunk(spec, std::move(built), rows);
}

std::string_view text(const std::string& value) { return value; }

}  // namespace

VerdictsBuilder::VerdictsBuilder(TurnHeader header, std::size_t max_chunk_weight)
    : header_(std::move(header)), guard_(max_chunk_weight) {}

void VerdictsBuilder::append(const VerdictRow& row) {
  const auto weight =
      total_weight(row.layer, row.metric, row.attrs, row.method, row.scope, row.verdict, row.reason,
                   row.reference_id, row.part_names, row.part_values, row.judge, row.judge_version,
                   text(header_.resource));
  if (guard_.is_full(weight)) {
    seal();
  }
  const auto index = guard_.add(weight);
  time_.append(index, row.time);
  start_time_.append(index, row.start_time);
  revision_.append(index, row.revision);
  series_id_.append(index, row.series_id);
  layer_.append(index, row.layer);
  metric_.append(index, row.metric);
  attrs_.append(index, row.attrs);
  method_.append(index, row.method);
  scope_.append(index, row.scope);
  verdict_.append(index, row.verdict);
  reason_.append(index, row.reason);
  value_.append(index, row.value);
  low_.append(index, row.low);
  high_.append(index, row.high);
  threshold_.append(index, row.threshold);
  effect_.append(index, row.effect);
  p_value_.append(index, row.p_value);
  log_e_.append(index, row.log_e);
  n_.append(index, row.n);
  n_reference_.append(index, row.n_reference);
  reference_id_.append(index, row.reference_id);
  part_names_.append(index, row.part_names);
  part_values_.append(index, row.part_values);
  judge_.append(index, row.judge);
  judge_version_.append(index, row.judge_version);
}

void VerdictsBuilder::seal() {
  const auto rows = guard_.reset();
  if (rows == 0) {
    return;
  }
  chunks_.push_back(make_chunk(
      table_schema("verdicts"), rows, time_.take(rows, kTimestampUs),
      start_time_.take(rows, kTimestampUs),
      constant_column(header_.observed_time, rows, kTimestampUs), revision_.take(rows),
      constant_column(header_.origin, rows), series_id_.take(rows), layer_.take(rows),
      metric_.take(rows), attrs_.take(rows), constant_column(text(header_.resource), rows),
      method_.take(rows), scope_.take(rows), verdict_.take(rows), reason_.take(rows),
      value_.take(rows), low_.take(rows), high_.take(rows), threshold_.take(rows),
      effect_.take(rows), p_value_.take(rows), log_e_.take(rows), n_.take(rows),
      n_reference_.take(rows), reference_id_.take(rows), part_names_.take(rows, kUtf8List),
      part_values_.take(rows, kFloat64List), judge_.take(rows), judge_version_.take(rows)));
  sealed_rows_ += rows;
}

Table VerdictsBuilder::finish() && {
  seal();
  return detail::make_table(detail::shared_schema(table_schema("verdicts")), std::move(chunks_));
}

EventsBuilder::EventsBuilder(TurnHeader header, std::size_t max_chunk_weight)
    : header_(std::move(header)), guard_(max_chunk_weight) {}

void EventsBuilder::append(const EventRow& row) {
  const auto weight = total_weight(row.layer, row.name, row.body, row.attrs, row.trace_id,
                                   row.span_id, text(header_.resource));
  if (guard_.is_full(weight)) {
    seal();
  }
  const auto index = guard_.add(weight);
  time_.append(index, row.time);
  end_time_.append(index, row.end_time);
  layer_.append(index, row.layer);
  name_.append(index, row.name);
  severity_.append(index, row.severity);
  body_.append(index, row.body);
  attrs_.append(index, row.attrs);
  trace_id_.append(index, row.trace_id);
  span_id_.append(index, row.span_id);
  series_id_.append(index, row.series_id);
}

void EventsBuilder::seal() {
  const auto rows = guard_.reset();
  if (rows == 0) {
    return;
  }
  chunks_.push_back(make_chunk(table_schema("events"), rows, time_.take(rows, kTimestampUs),
                               end_time_.take(rows, kTimestampUs),
                               constant_column(header_.observed_time, rows, kTimestampUs),
                               constant_column(header_.origin, rows), layer_.take(rows),
                               name_.take(rows), severity_.take(rows), body_.take(rows),
                               attrs_.take(rows), constant_column(text(header_.resource), rows),
                               trace_id_.take(rows), span_id_.take(rows), series_id_.take(rows)));
  sealed_rows_ += rows;
}

Table EventsBuilder::finish() && {
  seal();
  return detail::make_table(detail::shared_schema(table_schema("events")), std::move(chunks_));
}

ExemplarsBuilder::ExemplarsBuilder(TurnHeader header, std::size_t max_chunk_weight)
    : header_(std::move(header)), guard_(max_chunk_weight) {}

void ExemplarsBuilder::append(const ExemplarRow& row) {
  const auto weight = total_weight(row.layer, row.trace_id, row.span_id, row.attrs);
  if (guard_.is_full(weight)) {
    seal();
  }
  const auto index = guard_.add(weight);
  time_.append(index, row.time);
  layer_.append(index, row.layer);
  series_id_.append(index, row.series_id);
  value_.append(index, row.value);
  trace_id_.append(index, row.trace_id);
  span_id_.append(index, row.span_id);
  attrs_.append(index, row.attrs);
}

void ExemplarsBuilder::seal() {
  const auto rows = guard_.reset();
  if (rows == 0) {
    return;
  }
  chunks_.push_back(make_chunk(table_schema("exemplars"), rows, time_.take(rows, kTimestampUs),
                               constant_column(header_.observed_time, rows, kTimestampUs),
                               layer_.take(rows), constant_column(header_.origin, rows),
                               series_id_.take(rows), constant_column(header_.window_seq, rows),
                               value_.take(rows), trace_id_.take(rows), span_id_.take(rows),
                               attrs_.take(rows)));
  sealed_rows_ += rows;
}

Table ExemplarsBuilder::finish() && {
  seal();
  return detail::make_table(detail::shared_schema(table_schema("exemplars")), std::move(chunks_));
}

SpansBuilder::SpansBuilder(TurnHeader header, std::size_t max_chunk_weight)
    : header_(std::move(header)), guard_(max_chunk_weight) {}

void SpansBuilder::append(const SpanRow& row) {
  const auto weight = total_weight(row.trace_id, row.span_id, row.parent_id, row.name, row.kind,
                                   row.layer, row.status, row.attrs, text(header_.resource));
  if (guard_.is_full(weight)) {
    seal();
  }
  const auto index = guard_.add(weight);
  trace_id_.append(index, row.trace_id);
  span_id_.append(index, row.span_id);
  parent_id_.append(index, row.parent_id);
  name_.append(index, row.name);
  kind_.append(index, row.kind);
  start_time_.append(index, row.start_time);
  time_.append(index, row.time);
  layer_.append(index, row.layer);
  status_.append(index, row.status);
  attrs_.append(index, row.attrs);
}

void SpansBuilder::seal() {
  const auto rows = guard_.reset();
  if (rows == 0) {
    return;
  }
  chunks_.push_back(make_chunk(
      table_schema("spans"), rows, trace_id_.take(rows), span_id_.take(rows), parent_id_.take(rows),
      name_.take(rows), kind_.take(rows), start_time_.take(rows, kTimestampUs),
      time_.take(rows, kTimestampUs), constant_column(header_.observed_time, rows, kTimestampUs),
      layer_.take(rows), status_.take(rows), attrs_.take(rows),
      constant_column(text(header_.resource), rows), constant_column(header_.origin, rows)));
  sealed_rows_ += rows;
}

Table SpansBuilder::finish() && {
  seal();
  return detail::make_table(detail::shared_schema(table_schema("spans")), std::move(chunks_));
}

}  // namespace inlay
