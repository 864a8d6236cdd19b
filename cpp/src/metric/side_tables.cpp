#include "metric/side_tables.hpp"

#include <algorithm>

#include "arrow/row_builders.hpp"
#include "arrow/stamp.hpp"

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

bool SideTables::add(Verdict verdict) {
  std::lock_guard lock(mutex_);
  if (closed_ || contents_.verdicts.size() >= max_rows_) {
    ++dropped_verdicts_;
    return false;
  }
  contents_.verdicts.push_back(std::move(verdict));
  return true;
}

bool SideTables::admit(const Table& table, int64_t& dropped) {
  if (closed_ || table.nbytes() > max_table_bytes_ - table_bytes_) {
    dropped += table.num_rows();
    return false;
  }
  table_bytes_ += table.nbytes();
  return true;
}

bool SideTables::add_points(Table table) {
  std::lock_guard lock(mutex_);
  if (!admit(table, dropped_points_)) return false;
  contents_.point_tables.push_back(std::move(table));
  return true;
}

bool SideTables::add_verdicts(Table table) {
  std::lock_guard lock(mutex_);
  if (!admit(table, dropped_verdicts_)) return false;
  contents_.verdict_tables.push_back(std::move(table));
  return true;
}

bool SideTables::add_table(const std::string& name, Table table) {
  std::lock_guard lock(mutex_);
  const auto kept = contents_.other_tables.find(name);
  if (kept != contents_.other_tables.end()) check_same_columns(name, kept->second[0], table);
  if (!admit(table, dropped_tables_)) return false;
  contents_.other_tables[name].push_back(std::move(table));
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
  contents_.verdicts.clear();
  contents_.exemplars.clear();
  contents_.point_tables.clear();
  contents_.verdict_tables.clear();
  contents_.other_tables.clear();
  table_bytes_ = 0;
  return taken;
}

SideTables::Contents SideTables::copy() {
  std::lock_guard lock(mutex_);
  Contents copied;
  copied.events = contents_.events;
  copied.spans = contents_.spans;
  copied.verdicts = contents_.verdicts;
  copied.exemplars = contents_.exemplars;
  copied.point_tables = contents_.point_tables;
  copied.verdict_tables = contents_.verdict_tables;
  copied.other_tables = contents_.other_tables;
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

int64_t SideTables::dropped_verdicts() {
  std::lock_guard lock(mutex_);
  return dropped_verdicts_;
}

int64_t SideTables::dropped_points() {
  std::lock_guard lock(mutex_);
  return dropped_points_;
}

int64_t SideTables::dropped_tables() {
  std::lock_guard lock(mutex_);
  return dropped_tables_;
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
  contents_.verdicts.clear();
  contents_.point_tables.clear();
  contents_.verdict_tables.clear();
  contents_.other_tables.clear();
  dropped_events_ = dropped_spans_ = dropped_verdicts_ = dropped_points_ = dropped_tables_ = 0;
  table_bytes_ = 0;
  mutex_.unlock();
}

namespace {

Table verdict_table(const std::vector<Verdict>& verdicts, const TurnHeader& header,
                    const NativeBatch& batch) {
  VerdictsBuilder builder(header);
  std::vector<std::string_view> names;
  for (const Verdict& verdict : verdicts) {
    VerdictRow row;
    // One end alone that lies outside the window: what was judged is that moment.
    row.time =
        verdict.time_us.value_or(std::max(batch.time_us, verdict.start_us.value_or(batch.time_us)));
    row.start_time = verdict.start_us.value_or(std::min(batch.start_time_us, row.time));
    row.revision = verdict.revision;
    row.series_id = verdict.series_id.value_or(0);
    row.layer = verdict.layer;
    row.metric = verdict.metric;
    row.attrs = verdict.attrs;
    row.method = verdict.method;
    row.scope = verdict.scope;
    row.verdict = verdict.verdict;
    row.reason = verdict.reason;
    row.value = verdict.value;
    row.low = verdict.low;
    row.high = verdict.high;
    row.threshold = verdict.threshold;
    row.effect = verdict.effect;
    row.p_value = verdict.p_value;
    row.log_e = verdict.log_e;
    row.n = verdict.n;
    row.n_reference = verdict.n_reference;
    row.reference_id = verdict.reference_id;
    if (verdict.part_names) {
      names.assign(verdict.part_names->begin(), verdict.part_names->end());
      row.part_names = names;
    }
    if (verdict.part_values) row.part_values = *verdict.part_values;
    row.judge = verdict.judge;
    row.judge_version = verdict.judge_version;
    builder.append(row);
  }
  return std::move(builder).finish();
}

/// Return a table and, after its rows, those of tables that were made elsewhere.
Table with_tables(Table table, const std::vector<Table>& others, const TurnHeader& header) {
  if (others.empty()) return table;
  std::vector<Chunk> chunks = table.data().chunks;
  for (const Table& other : others) append_stamped(other, header, chunks);
  return make_table(table.data().schema, std::move(chunks));
}

}  // namespace

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
  batch.verdicts =
      with_tables(verdict_table(contents.verdicts, header, batch), contents.verdict_tables, header);
  batch.points = with_tables(std::move(batch.points), contents.point_tables, header);
  for (const auto& [name, tables] : contents.other_tables) {
    std::vector<Chunk> chunks;
    for (const Table& table : tables) append_stamped(table, header, chunks);
    batch.others.emplace_back(name, make_table(tables[0].data().schema, std::move(chunks)));
  }
}

}  // namespace inlay::detail
