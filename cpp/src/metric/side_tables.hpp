#pragma once

#include <mutex>
#include <unordered_map>
#include <vector>

#include "inlay/batch.hpp"
#include "inlay/observer.hpp"
#include "metric/series.hpp"

namespace inlay::detail {

/// A value kept as an example, with the span it was recorded in.
struct Exemplar {
  double value;
  int64_t time_us;
  std::string trace_id, span_id;
};

/// What the open window keeps besides series: events, spans, verdicts and exemplars, each bounded.
/// Thread-safe.
class SideTables {
 public:
  static constexpr size_t kMaxExemplars = 4;  // per series and window

  explicit SideTables(uint32_t max_rows) : max_rows_(max_rows) {}
  ~SideTables();

  bool add(Event event);
  bool add(Span span);
  bool add(Verdict verdict);

  /// Keeps an exemplar; when the series holds its maximum, the smallest value makes room for a
  /// larger.
  void add(Series* series, Exemplar exemplar);

  struct Contents {
    std::vector<Event> events;
    std::vector<Span> spans;
    std::vector<Verdict> verdicts;
    std::unordered_map<Series*, std::vector<Exemplar>> exemplars;  // each key holds a reference
    ~Contents();
    Contents() = default;
    Contents(Contents&&) = default;
    Contents& operator=(Contents&&) = delete;
  };

  Contents take();
  Contents copy();

  int64_t dropped_events();
  int64_t dropped_spans();
  int64_t dropped_verdicts();

  /// From now on every event, span and verdict is refused and counted.
  void close();
  void open();

  void before_fork() { mutex_.lock(); }
  void after_fork_in_parent() { mutex_.unlock(); }
  void after_fork_in_child() noexcept;

 private:
  const uint32_t max_rows_;
  std::mutex mutex_;
  Contents contents_;
  int64_t dropped_events_ = 0;
  int64_t dropped_spans_ = 0;
  int64_t dropped_verdicts_ = 0;
  bool closed_ = false;
};

/// Writes the tables of events, spans, verdicts and exemplars of `batch`, whose other members are
/// set.
void fill_side_tables(const SideTables::Contents& contents, NativeBatch& batch);

}  // namespace inlay::detail
