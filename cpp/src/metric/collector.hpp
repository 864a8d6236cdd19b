#pragma once

#include <string>
#include <vector>

#include "arrow/points_builder.hpp"
#include "inlay/batch.hpp"
#include "metric/process.hpp"
#include "metric/registry.hpp"
#include "metric/side_tables.hpp"

namespace inlay::detail {

/// What the observer did and lost since its process incarnation began.
struct SelfCounts {
  int64_t records = 0;
  int64_t folds = 0;
  int64_t not_finite = 0;
  int64_t memory = 0;
  int64_t after_stop = 0;
  int64_t events = 0;
  int64_t spans = 0;
  int64_t verdicts = 0;
  int64_t points = 0;
  int64_t tables = 0;
  int64_t batches = 0;
};

/// Takes the window out of the shards, merges it by series and writes the rows. Not thread-safe:
/// the observer's turn mutex guards it.
class Collector {
 public:
  explicit Collector(std::string_view service_name);
  ~Collector();

  /// Takes the window's values away, or leaves them where they are.
  enum class Mode { cut, peek };

  /// `last`: what comes after it will be told by calls, so no call may be cut in two.
  void gather(Mode mode, ShardList& shards, bool last = false);

  /// Rows of what was gathered, and of the observer itself.
  Table points(Mode mode, const PointsHeader& header, Registry& registry, const SelfCounts& now);

  /// Drops what was gathered; answers how many records that were.
  int64_t discard();

  /// Running totals over all shards.
  int64_t records() const noexcept { return records_; }
  int64_t folds() const noexcept { return folds_; }
  int64_t lost() const noexcept { return lost_; }

  int64_t last_turn_us = 0;

  void after_fork_in_child() noexcept;

 private:
  int64_t gather_counters(Mode mode, Shard& shard, bool last);
  void gather_counters(Mode mode, const std::vector<CounterBlock*>& blocks);
  void gather_histograms(HistogramTable& table);
  void copy_histograms(Shard& shard);
  void add_state(uint32_t slot, HistogramState* state);

  bool fill_counter(const Series& series, PointRow& row) const;
  bool fill_gauge(Mode mode, const Series& series, PointRow& row, bool& touched) const;
  bool fill_histogram(const Series& series, PointRow& row);
  void append_sketches(PointsBuilder& builder, const Series& series, const PointRow& histogram);
  void append_self(PointsBuilder& builder, size_t num_series, const SelfCounts& now);

  // By counter slot and by histogram slot.
  std::vector<int64_t> whole_;
  std::vector<double> real_;
  std::vector<HistogramState*> states_;
  std::vector<uint32_t> touched_;
  int64_t window_records_ = 0;

  std::vector<Shard*> shards_;
  std::vector<Series*> series_;
  std::vector<int64_t> pos_counts_, neg_counts_;

  int64_t records_ = 0, folds_ = 0, lost_ = 0;
  SelfCounts reported_;

  struct SelfMetric {
    std::string_view metric, kind, unit;
    std::string attrs;
    int64_t series_id;
  };
  std::vector<SelfMetric> self_metrics_;
};

}  // namespace inlay::detail
