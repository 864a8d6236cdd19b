#pragma once

#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "inlay/arrow/table.hpp"
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

/// What the open window keeps besides series: events, spans, verdicts, exemplars and whole tables
/// of points, verdicts and other names, each bounded. Thread-safe.
class SideTables {
 public:
  static constexpr size_t kMaxExemplars = 4;  // per series and window

  SideTables(uint32_t max_rows, int64_t max_table_bytes)
      : max_rows_(max_rows), max_table_bytes_(max_table_bytes) {}
  ~SideTables();

  bool add(Event event);
  bool add(Span span);
  bool add(Verdict verdict);

  /// Keeps a table that has the columns of points or verdicts, all of its rows or none.
  bool add_points(Table table);
  bool add_verdicts(Table table);

  /// Keeps a table of another name. @throws InvalidArgument when its columns are others than those
  /// of the tables of that name that are kept
  bool add_table(const std::string& name, Table table);

  /// Keeps an exemplar; when the series holds its maximum, the smallest value makes room for a
  /// larger.
  void add(Series* series, Exemplar exemplar);

  struct Contents {
    std::vector<Event> events;
    std::vector<Span> spans;
    std::vector<Verdict> verdicts;
    std::unordered_map<Series*, std::vector<Exemplar>> exemplars;  // each key holds a reference
    std::vector<Table> point_tables, verdict_tables;
    std::map<std::string, std::vector<Table>> other_tables;
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
  int64_t dropped_points();
  int64_t dropped_tables();

  /// From now on every event, span and verdict is refused and counted.
  void close();
  void open();

  void before_fork() { mutex_.lock(); }
  void after_fork_in_parent() { mutex_.unlock(); }
  void after_fork_in_child() noexcept;

 private:
  bool admit(const Table& table, int64_t& dropped);

  const uint32_t max_rows_;
  const int64_t max_table_bytes_;
  std::mutex mutex_;
  Contents contents_;
  int64_t dropped_events_ = 0;
  int64_t dropped_spans_ = 0;
  int64_t dropped_verdicts_ = 0;
  int64_t dropped_points_ = 0;
  int64_t dropped_tables_ = 0;
  int64_t table_bytes_ = 0;
  bool closed_ = false;
};

/// Writes the tables of events, spans, verdicts and exemplars of `batch`, whose other members are
/// set, and adds the tables of points to its points.
void fill_side_tables(const SideTables::Contents& contents, NativeBatch& batch);

}  // namespace inlay::detail
