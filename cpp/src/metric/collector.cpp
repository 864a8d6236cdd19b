#include "metric/collector.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "inlay/names.hpp"

namespace inlay::detail {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// While `peek` copies histograms, the shard's owner waits for this many at most.
constexpr size_t kCopiesPerLock = 8;

void copy_buckets(const ExpHistogram::Buckets& buckets, std::vector<int64_t>& out) {
  out.resize(buckets.size());
  buckets.copy_to(out.data());
}

}  // namespace

Collector::Collector(std::string_view service_name) {
  const auto add = [&](std::string_view metric, std::string_view kind, std::string_view unit,
                       std::string attrs = "{}") {
    const int64_t id = inlay::series_id(metric, attrs, service_name);
    self_metrics_.push_back({metric, kind, unit, std::move(attrs), id});
  };
  // In the order in which append_self lists their values.
  add("inlay.window.duration", "gauge", "s");
  add("inlay.series", "gauge", "{series}");
  add("inlay.records", "counter", "{record}");
  add("inlay.folds", "counter", "{fold}");
  for (const char* reason : {"not_finite", "memory", "after_stop", "events", "spans", "verdicts",
                             "points", "tables", "batches"}) {
    add("inlay.dropped", "counter", "1", canonical_json({{"reason", reason}}));
  }
}

Collector::~Collector() { discard(); }

void Collector::gather(Mode mode, ShardList& shards, bool last) {
  shards.snapshot(shards_);
  std::fill(whole_.begin(), whole_.end(), 0);
  std::fill(real_.begin(), real_.end(), 0.0);
  window_records_ = 0;
  for (Shard* const shard : shards_) {
    int64_t records, folds, lost;
    {
      std::lock_guard lock(shard->mutex);
      shard->fold(shard->size.load(std::memory_order_acquire));
      if (mode == Mode::cut) std::swap(shard->table, shard->spare);
      records = shard->records;
      folds = shard->folds;
      lost = shard->lost;
    }
    const int64_t adds = gather_counters(mode, *shard, last);
    window_records_ += records - shard->seen_records + adds - shard->seen_adds;
    if (mode == Mode::peek) {
      copy_histograms(*shard);
      continue;
    }
    gather_histograms(*shard->spare);
    records_ += records - shard->seen_records + adds - shard->seen_adds;
    folds_ += folds - shard->seen_folds;
    lost_ += lost - shard->seen_lost;
    shard->seen_records = records;
    shard->seen_adds = adds;
    shard->seen_folds = folds;
    shard->seen_lost = lost;
  }
}

// Returns the calls whose amounts were gathered. Between windows a call under way may count in the
// one and its amount in the other; of the last window what came later is told by calls, so it looks
// again until none was under way.
int64_t Collector::gather_counters(Mode mode, Shard& shard, bool last) {
  constexpr int kLooks = 1000;
  std::vector<CounterBlock*> blocks;
  for (int look = 1;; ++look) {
    const int64_t steps = shard.add_steps.load(std::memory_order_acquire);
    {
      std::lock_guard lock(shard.mutex);
      blocks.assign(shard.blocks, shard.blocks + shard.num_blocks);
    }
    gather_counters(mode, blocks);
    const bool still = steps % 2 == 0 && shard.add_steps.load(kRelaxed) == steps;
    if (still || !last || look == kLooks) return steps / 2;
    std::this_thread::yield();
  }
}

void Collector::gather_counters(Mode mode, const std::vector<CounterBlock*>& blocks) {
  const size_t size = blocks.size() * CounterBlock::kCells;
  if (whole_.size() < size) {
    whole_.resize(size, 0);
    real_.resize(size, 0.0);
  }
  for (size_t b = 0; b < blocks.size(); ++b) {
    CounterBlock* const block = blocks[b];
    if (block == nullptr) continue;
    int64_t* const whole_out = whole_.data() + b * CounterBlock::kCells;
    double* const real_out = real_.data() + b * CounterBlock::kCells;
    for (uint32_t i = 0; i < CounterBlock::kCells; ++i) {
      const int64_t whole = block->cells[i].whole.load(std::memory_order_acquire);
      const double real = block->cells[i].real.load(std::memory_order_acquire);
      // Modulo 2^64, so that a total that wraps still gives the right difference.
      whole_out[i] += static_cast<int64_t>(static_cast<uint64_t>(whole) -
                                           static_cast<uint64_t>(block->seen_whole[i]));
      real_out[i] += real - block->seen_real[i];
      if (mode == Mode::cut) {
        block->seen_whole[i] = whole;
        block->seen_real[i] = real;
      }
    }
  }
}

void Collector::add_state(uint32_t slot, HistogramState* state) {
  lost_ += static_cast<int64_t>(state->settle());
  if (slot >= states_.size()) states_.resize(slot + slot / 4 + 1, nullptr);
  if (states_[slot] == nullptr) {
    touched_.push_back(slot);
    states_[slot] = state;
    return;
  }
  const std::unique_ptr<HistogramState> merged(state);
  lost_ += static_cast<int64_t>(states_[slot]->merge(*state));
}

void Collector::gather_histograms(HistogramTable& table) {
  for (const uint32_t slot : table.touched) {
    HistogramState* const state = table.states[slot];
    table.states[slot] = nullptr;
    add_state(slot, state);
  }
  table.clear();
}

void Collector::copy_histograms(Shard& shard) {
  for (size_t next = 0;;) {
    std::lock_guard lock(shard.mutex);
    const auto& touched = shard.table->touched;
    const size_t end = std::min(next + kCopiesPerLock, touched.size());
    for (; next < end; ++next) {
      add_state(touched[next], new HistogramState(*shard.table->states[touched[next]]));
    }
    if (next == touched.size()) return;
  }
}

int64_t Collector::discard() {
  for (const uint32_t slot : touched_) {
    delete states_[slot];
    states_[slot] = nullptr;
  }
  touched_.clear();
  return window_records_;
}

bool Collector::fill_counter(const Series& series, PointRow& row) const {
  if (series.key >= whole_.size()) return false;
  const int64_t whole = whole_[series.key];
  const double real = real_[series.key];
  if (whole == 0 && real == 0.0) return false;
  row.value = static_cast<double>(whole) + real;
  return true;
}

bool Collector::fill_gauge(Mode mode, const Series& series, PointRow& row, bool& touched) const {
  GaugeCell& cell = *series.gauge;
  const bool cut = mode == Mode::cut;
  const auto take = [cut](std::atomic<uint32_t>& count) -> int64_t {
    return cut ? count.exchange(0, kRelaxed) : count.load(kRelaxed);
  };
  const int64_t nan = take(cell.nan), pos_inf = take(cell.pos_inf), neg_inf = take(cell.neg_inf);
  const double min = cut ? cell.min.exchange(GaugeCell::kNone, kRelaxed) : cell.min.load(kRelaxed);
  const double max = cut ? cell.max.exchange(-GaugeCell::kNone, kRelaxed) : cell.max.load(kRelaxed);
  const bool cleared = cut ? cell.cleared.exchange(false, kRelaxed) : cell.cleared.load(kRelaxed);
  touched = min <= max || nan + pos_inf + neg_inf > 0 || cleared;
  if (nan > 0) row.nan_count = nan;
  if (pos_inf > 0) row.pos_inf_count = pos_inf;
  if (neg_inf > 0) row.neg_inf_count = neg_inf;
  if (!cell.set.load(std::memory_order_acquire)) {
    row.status = "undefined";
    return touched;
  }
  // A writer may have changed the value and not yet the extremes.
  const double last = cell.last.load(kRelaxed);
  row.value = last;
  row.min = std::min(min, last);
  row.max = std::max(max, last);
  return true;
}

bool Collector::fill_histogram(const Series& series, PointRow& row) {
  const uint32_t slot = slot_of(series.key);
  if (slot >= states_.size() || states_[slot] == nullptr) return false;
  const ExpHistogram& histogram = states_[slot]->histogram();
  const auto moments = states_[slot]->moments().values();
  row.count = static_cast<int64_t>(moments.count);
  row.null_count = static_cast<int64_t>(states_[slot]->moments().null_count());
  row.nan_count = static_cast<int64_t>(histogram.nan_count());
  row.pos_inf_count = static_cast<int64_t>(histogram.pos_inf_count());
  row.neg_inf_count = static_cast<int64_t>(histogram.neg_inf_count());
  row.scale = histogram.scale();
  row.zero_count = static_cast<int64_t>(histogram.zero_count());
  row.zero_threshold = 0.0;
  row.pos_offset = histogram.positive().offset();
  row.neg_offset = histogram.negative().offset();
  copy_buckets(histogram.positive(), pos_counts_);
  copy_buckets(histogram.negative(), neg_counts_);
  row.pos_counts = pos_counts_;
  row.neg_counts = neg_counts_;
  if (moments.count == 0) {
    row.status = "undefined";
    return true;
  }
  row.sum = moments.sum;
  row.min = moments.min;
  row.max = moments.max;
  row.mean = moments.mean;
  row.m2 = moments.m2;
  row.m3 = moments.m3;
  row.m4 = moments.m4;
  return true;
}

Table Collector::points(Mode mode, const PointsHeader& header, Registry& registry,
                        const SelfCounts& now) {
  // Taken after the values: a slot that holds some belongs to a series that existed before.
  registry.snapshot(series_);
  PointsBuilder builder(header, series_.size() + self_metrics_.size());
  for (Series* const series : series_) {
    const Instrument& instrument = *series->instrument;
    PointRow row;
    bool filled = false;
    bool touched = false;
    switch (instrument.kind) {
      case Kind::counter:
        touched = filled = fill_counter(*series, row);
        break;
      case Kind::gauge:
        filled = fill_gauge(mode, *series, row, touched);
        break;
      case Kind::histogram:
        touched = filled = fill_histogram(*series, row);
        break;
    }
    if (mode == Mode::cut && (touched || series->active_us > header.time))
      series->active_us = header.time;
    if (!filled) continue;
    row.layer = instrument.options.layer;
    row.metric = instrument.name;
    row.kind = kind_name(instrument.kind);
    if (!instrument.options.unit.empty()) row.unit = instrument.options.unit;
    row.series_id = series->series_id;
    row.attrs = series->json();
    builder.append(row);
    if (instrument.kind == Kind::histogram) append_sketches(builder, *series, row);
  }
  if (mode == Mode::cut) append_self(builder, series_.size(), now);
  discard();
  return std::move(builder).finish();
}

// Beside the row of a histogram, one for each sketch its instrument asked for.
void Collector::append_sketches(PointsBuilder& builder, const Series& series,
                                const PointRow& histogram) {
  const HistogramState& state = *states_[slot_of(series.key)];
  PointRow row;
  row.layer = histogram.layer;
  row.metric = histogram.metric;
  row.series_id = series.series_id;
  row.attrs = histogram.attrs;
  const auto append = [&](std::string_view kind, std::string_view type, const auto& sketch,
                          uint64_t count) {
    const std::vector<uint8_t> bytes = sketch.to_bytes();
    row.kind = kind;
    row.count = static_cast<int64_t>(count);
    row.null_count = histogram.null_count;
    row.nan_count = histogram.nan_count;
    row.pos_inf_count = histogram.pos_inf_count;
    row.neg_inf_count = histogram.neg_inf_count;
    row.summary = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    row.summary_type = type;
    builder.append(row);
  };
  if (const Kll<double>* const quantiles = state.quantiles(); quantiles != nullptr) {
    row.unit = histogram.unit;
    row.min = quantiles->min();
    row.max = quantiles->max();
    append("quantiles", "kll_doubles_datasketches", *quantiles, quantiles->count());
  }
  if (const Hll* const cardinality = state.cardinality(); cardinality != nullptr) {
    row.unit.reset();
    row.min.reset();
    row.max.reset();
    row.value = cardinality->estimate();
    append("cardinality", "hll_datasketches", *cardinality, cardinality->counts().items);
  }
}

void Collector::append_self(PointsBuilder& builder, size_t num_series, const SelfCounts& now) {
  const SelfCounts& before = reported_;
  const double values[] = {static_cast<double>(last_turn_us) * 1e-6,
                           static_cast<double>(num_series),
                           static_cast<double>(now.records - before.records),
                           static_cast<double>(now.folds - before.folds),
                           static_cast<double>(now.not_finite - before.not_finite),
                           static_cast<double>(now.memory - before.memory),
                           static_cast<double>(now.after_stop - before.after_stop),
                           static_cast<double>(now.events - before.events),
                           static_cast<double>(now.spans - before.spans),
                           static_cast<double>(now.verdicts - before.verdicts),
                           static_cast<double>(now.points - before.points),
                           static_cast<double>(now.tables - before.tables),
                           static_cast<double>(now.batches - before.batches)};
  reported_ = now;
  for (size_t i = 0; i < self_metrics_.size(); ++i) {
    const SelfMetric& self = self_metrics_[i];
    const bool gauge = self.kind == "gauge";
    if (!gauge && values[i] == 0.0) continue;
    PointRow row;
    row.layer = "self";
    row.metric = self.metric;
    row.kind = self.kind;
    row.unit = self.unit;
    row.series_id = self.series_id;
    row.attrs = self.attrs;
    row.value = values[i];
    if (gauge) row.min = row.max = values[i];
    builder.append(row);
  }
}

void Collector::after_fork_in_child() noexcept {
  records_ = folds_ = lost_ = 0;
  last_turn_us = 0;
  reported_ = {};
}

}  // namespace inlay::detail
