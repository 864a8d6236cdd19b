#include "metric/side_tables.hpp"

#include <algorithm>

#include "arrow/row_builders.hpp"

namespace inlay::detail {

SideTables::~SideTables() = default;

SideTables::Contents::~Contents() {
  for (auto& [series, kept] : exemplars) series->refs.fetch_sub(1, std::memory_order_release);
}

bool SideTables::add(Event event) {
  std::lock_guard lock(mutex_);
  if (closed_ || contents_.events.size() >= max_rows_) {
    ++dropped_events_;
    return false;
  }
  contents_.events.push_back(std::move(event));
  return true;
}

bool SideTables::add(Span span) {
  std::lock_guard lock(mutex_);
  if (closed_ || contents_.spans.size() >= max_rows_) {
    ++dropped_spans_;
    return false;
  }
  contents_.spans.push_back(std::move(span));
  return true;
}

void SideTables::add(Series* series, Exemplar exemplar) {
  std::lock_guard lock(mutex_);
  const auto [found, added] = contents_.exemplars.try_emplace(series);
  if (added) series->refs.fetch_add(1, std::memory_order_relaxed);
  auto& kept = found->second;
  if (kept.size() < kMaxExemplars) {
    kept.push_back(std::move(exemplar));
    return;
  }
  const auto least = std::min_element(
      kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.value < b.value; });
  if (exemplar.value > least->value) *least = std::move(exemplar);
}

SideTables::Contents SideTables::take() {
  std::lock_guard lock(mutex_);
  Contents taken = std::move(contents_);
  contents_.events.clear();
  contents_.spans.clear();
  contents_.exemplars.clear();
  return taken;
}

SideTables::Contents SideTables::copy() {
  std::lock_guard lock(mutex_);
  Contents copied;
  copied.events = contents_.events;
  copied.spans = contents_.spans;
  copied.exemplars = contents_.exemplars;
  for (auto& [series, kept] : copied.exemplars)
    series->refs.fetch_add(1, std::memory_order_relaxed);
  return copied;
}

int64_t SideTables::dropped_events() {
  std::lock_guard lock(mutex_);
  return dropped_events_;
}

int64_t SideTables::dropped_spans() {
  std::lock_guard lock(mutex_);
  return dropped_spans_;
}

void SideTables::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
}

void SideTables::open() {
  std::lock_guard lock(mutex_);
  closed_ = false;
}

void SideTables::after_fork_in_child() noexcept {
  for (auto& [series, kept] : contents_.exemplars)
    series->refs.fetch_sub(1, std::memory_order_release);
  contents_.exemplars.clear();
  contents_.events.clear();
  contents_.spans.clear();
  dropped_events_ = dropped_spans_ = 0;
  mutex_.unlock();
}

void fill_side_tables(const SideTables::Contents& contents, NativeBatch& batch) {
  const TurnHeader header{batch.observed_time_us, batch.origin, batch.window_seq, batch.resource};

  EventsBuilder events(header);
  for (const Event& event : contents.events) {
    EventRow row;
    row.time = event.time_us.value_or(batch.time_us);
    row.end_time = event.end_time_us;
    row.layer = event.layer;
    row.name = event.name;
    row.severity = event.severity;
    row.body = event.body;
    row.attrs = event.attrs;
    row.trace_id = event.trace_id;
    row.span_id = event.span_id;
    row.series_id = event.series_id;
    events.append(row);
  }
  batch.events = std::move(events).finish();

  SpansBuilder spans(header);
  for (const Span& span : contents.spans) {
    SpanRow row;
    row.trace_id = span.trace_id;
    row.span_id = span.span_id;
    row.parent_id = span.parent_id;
    row.name = span.name;
    row.kind = span.kind;
    row.start_time = span.start_us;
    row.time = span.end_us;
    row.layer = span.layer;
    row.status = span.status;
    row.attrs = span.attrs;
    spans.append(row);
  }
  batch.spans = std::move(spans).finish();

  ExemplarsBuilder exemplars(header);
  for (const auto& [series, kept] : contents.exemplars) {
    for (const Exemplar& exemplar : kept) {
      ExemplarRow row;
      row.time = exemplar.time_us;
      row.layer = series->instrument->options.layer;
      row.series_id = series->series_id;
      row.value = exemplar.value;
      row.trace_id = exemplar.trace_id;
      row.span_id = exemplar.span_id;
      row.attrs = series->json();
      exemplars.append(row);
    }
  }
  batch.exemplars = std::move(exemplars).finish();
  batch.verdicts = VerdictsBuilder(header).finish();
}

}  // namespace inlay::detail
