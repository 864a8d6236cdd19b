#pragma once

#include <cstdint>
#include <inlay/arrow/table.hpp>
#include <inlay/export.hpp>
#include <inlay/prometheus/exposition.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace inlay::prometheus {

/// Which turn of which process incarnation a table comes from. A plain value.
struct WindowId {
  std::int64_t origin = 0;
  std::int64_t seq = 0;
};

/// The window that has not been turned yet, as a peek shows it. A plain value.
struct OpenWindow {
  Table points;
  Table exemplars;
  WindowId id;
};

/// What an accumulator holds and what happened to it. A plain value.
struct AccumulatorStats {
  std::int64_t series = 0;
  std::int64_t families = 0;
  std::int64_t renamed = 0;       ///< metrics shown under another name, since theirs was taken
  std::int64_t duplicates = 0;    ///< windows that came a second time
  std::int64_t lost_windows = 0;  ///< windows that never came; what peeks saw of them was kept
  std::int64_t refused_rows = 0;  ///< rows that could not be
  std::int64_t expired = 0;       ///< series dropped because they got no data
  std::int64_t scrapes = 0;
  std::int64_t workers = 1;         ///< live processes in the directory, this one included
  std::int64_t folded_workers = 0;  ///< dead ones added up by this process
  std::int64_t unreadable_files = 0;
  std::int64_t directory_errors = 0;  ///< times the directory could not be read or written
  std::string last_refusal;
  std::string last_error;
};

/// Adds up windows of points into the running totals Prometheus scrapes, and writes them out.
///
/// Thread-safe: calls from several threads take turns.
class INLAY_API Accumulator {
 public:
  explicit Accumulator(const ExpositionOptions& options = ExpositionOptions());
  Accumulator(const Accumulator&) = delete;
  Accumulator& operator=(const Accumulator&) = delete;
  ~Accumulator();

  /// Gives a metric its help text.
  /// @param kind counter, gauge or histogram
  void describe(std::string_view metric, std::string_view kind, std::string_view unit,
                std::string_view description);

  /// Sets the edges of a metric's classic buckets.
  /// @throws InvalidArgument for a grid of no edges, more than 200, or beyond 2^±126
  void set_edges(std::string_view metric, const EdgeGrid& edges);

  /// Says how a gauge of several processes becomes one: pid (kept apart by a label), sum, min, max
  /// or last. An empty metric sets what holds for all others.
  /// @throws InvalidArgument for another word
  void set_gauge_merge(std::string_view metric, std::string_view merge);

  /// Sets what `target_info` shows: a flat JSON object of strings.
  /// @throws InvalidArgument if it is none
  void set_resource(std::string_view resource);

  /// Adds a window.
  /// @returns false if it was added before
  /// @throws InvalidArgument for a column of another type than the tables have
  bool add(const Table& points, const Table& exemplars, WindowId id);

  /// Whether a window before the open one `id` has been cut and not been added yet.
  bool is_behind(WindowId id) const;

  /// Writes all series: what was added, what `open` (may be null) shows, and what the other workers
  /// of the directory published. Changes no total. No window, no worker and no file can make a
  /// counter fall: what once was shown of a window stays until the window itself is added.
  /// @param now_us the time, microseconds since 1970
  std::string render(Format format, const OpenWindow* open, std::int64_t now_us);

  /// Shares totals with the other workers of a directory from now on.
  /// @param run names the run; what dead workers of another run left is thrown away
  /// @throws Error if the directory cannot be opened
  void open_directory(const std::string& path, const std::string& run);

  /// Makes the totals, with what `open` (may be null) shows, visible to the other workers.
  void publish(const OpenWindow* open, std::int64_t now_us);

  /// Publishes a last time and tells the others that this process is through.
  void close_directory(std::int64_t now_us);

  AccumulatorStats stats() const;

  /// Metrics shown under another name, and that name.
  std::vector<std::pair<std::string, std::string>> renamed();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace inlay::prometheus
