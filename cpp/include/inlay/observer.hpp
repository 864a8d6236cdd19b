#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inlay/batch.hpp"
#include "inlay/clock.hpp"
#include "inlay/metric/counter.hpp"
#include "inlay/metric/gauge.hpp"
#include "inlay/metric/histogram.hpp"
#include "inlay/metric/writer.hpp"

namespace inlay {

struct ObserverOptions {
  std::string resource = "{}";     ///< Canonical JSON, the column `resource`.
  std::string service_name;        ///< Part of every series_id.
  int64_t window_us = 10'000'000;  ///< Length of a window.
  uint32_t max_series = 2000;      ///< Cap per metric; what is over goes to one overflow series.
  int64_t expire_us =
      3'600'000'000;             ///< A series idle for this long, with no handle, is forgotten.
  uint32_t queue_capacity = 64;  ///< Turned windows that may wait to be taken.
  uint32_t max_events = 10'000;  ///< Events, spans, and verdicts, of each kept per window.
  int64_t max_table_bytes = int64_t{1} << 28;  ///< Of whole tables, kept per window.
  int64_t observe_timeout_us = 1'000'000;      ///< How long a cut waits for callbacks.
  std::shared_ptr<Clock> clock;                ///< Null: the system's.
};

/// An entry of the table `events`; times in microseconds of Unix time.
struct Event {
  std::string name;
  std::string layer = "app";
  std::optional<int64_t> time_us;  ///< Absent: now, or the end if that is earlier.
  std::optional<int64_t> end_time_us;
  int32_t severity = 9;  ///< OTLP severity number.
  std::optional<std::string> body;
  std::string attrs = "{}";
  std::optional<std::string> trace_id, span_id;
  std::optional<int64_t> series_id;
};

/// A finished span, an entry of the table `spans`.
struct Span {
  std::string trace_id, span_id;
  std::optional<std::string> parent_id;
  std::string name;
  std::optional<std::string> kind, status;
  int64_t start_us = 0, end_us = 0;
  std::string layer = "app";
  std::string attrs = "{}";
};

/// A judgement of a series, an entry of the table `verdicts`, whose columns have the same names.
struct Verdict {
  std::optional<int64_t> time_us, start_us;  ///< Absent: the ends of the window it is added in.
  int32_t revision = 0;
  std::optional<int64_t> series_id;  ///< Absent: that of metric, attrs and the service's name.
  std::string layer = "app";
  std::string metric;
  std::string attrs = "{}";
  std::string method;
  std::string scope = "process";  ///< "process", "host" or "fleet"
  std::string verdict;            ///< "yes", "no" or "undefined"
  std::optional<std::string> reason;
  std::optional<double> value, low, high, threshold, effect, p_value, log_e;
  std::optional<int64_t> n, n_reference;
  std::optional<std::string> reference_id;
  std::optional<std::vector<std::string>> part_names;
  std::optional<std::vector<double>> part_values;  ///< as many as names
  std::string judge, judge_version;
};

/// What `Observer::next` found.
struct Next {
  enum class What { batch, observe, timeout, closed } what;
  std::shared_ptr<const NativeBatch> batch;
};

/// Counts that tell the observer's own cost and losses, since this process incarnation began.
struct ObserverStats {
  int64_t records, folds, series, overflow, dropped_after_stop, dropped_not_finite, dropped_memory,
      dropped_events, dropped_spans, dropped_verdicts, dropped_points, dropped_tables,
      dropped_batches, turns, last_turn_us, queue_depth;
};

/// What a language binding looks for beside its records, in one word that one load reads.
enum Attention : uint32_t {
  kExemplarsWanted = 1,  ///< Set by the binding: it knows where trace ids come from.
  kRestarted = 2,        ///< Set by the core: the first record in a forked child restarted it.
  kAttentionFlags = 0xff,
  kAttentionWindow = 0x100,  ///< The bits from here on count turned windows, and wrap round.
};

/// Collects what instruments record into windows and hands each on as one batch of Arrow tables.
/// Copies share one observer. Thread-safe.
class INLAY_API Observer {
 public:
  explicit Observer(ObserverOptions options = {});

  /// Make an instrument, or find the one made with the same arguments.
  /// @throws InvalidArgument for a bad name or key, or when the name is taken by another
  /// instrument.
  Counter counter(std::string_view name, const InstrumentOptions& options = {});
  Gauge gauge(std::string_view name, const InstrumentOptions& options = {});
  Histogram histogram(std::string_view name, const InstrumentOptions& options = {});

  /// Makes this the observer that `installed` finds; plugins and libraries record into that one.
  void install();
  /// Undoes `install`, if it is this observer that is installed.
  void uninstall() noexcept;
  /// The observer of this process, from whatever language, if one was installed.
  static std::optional<Observer> installed();

  /// What was made so far, by name.
  std::vector<InstrumentDescription> instruments() const;

  /// A handle for the calling thread, see Writer.
  Writer writer() { return Writer(core_); }

  /// Keep an event, a span or a verdict for the open window. False: the window holds its maximum
  /// already, or the observer is stopped; counted.
  /// @throws InvalidArgument for text that is no UTF-8, an event or a metric without a name, an
  /// unknown layer or severity, ids that are no hex digits or 0, times more than a few thousand
  /// years away or with the end before the beginning, or a verdict or scope that is none of those
  /// it can be, an undefined one without a reason, or parts whose names and values differ in
  /// number.
  bool event(Event event);
  bool span(Span span);
  bool verdict(Verdict verdict);

  /// Keep a whole table of points or verdicts for the open window; observed_time, origin,
  /// window_seq and resource become those of its turn. False: the window holds its maximum already,
  /// or the observer is stopped; all its rows are counted.
  /// @throws InvalidArgument when it has not the columns of points or verdicts
  bool points(const Table& table);
  bool verdicts(const Table& table);

  /// The same for a table of another name and of any columns, which are the same for all of that
  /// name; those of the above names and types are set likewise. One without rows is in the window
  /// too.
  /// @throws InvalidArgument when the name is no identifier or one of the five, or the columns are
  /// others than before in this window
  bool table(const std::string& name, const Table& table);

  /// The time that windows are cut at, Unix microseconds; it never runs backwards.
  int64_t now_us() const noexcept;

  /// Cuts the window now and returns it; `next` will return it as well.
  std::shared_ptr<const NativeBatch> turn();

  /// Shows the open window without cutting it.
  std::shared_ptr<const NativeBatch> peek();

  /// Starts the timer that turns windows at multiples of their length. Does nothing when started.
  void start();

  /// Cuts the last window, ends the timer and closes the queue; later records count as dropped.
  /// Null when the observer was stopped already.
  std::shared_ptr<const NativeBatch> stop();

  /// Waits up to `timeout_us` for a turned window, or for the request to run callbacks.
  Next next(int64_t timeout_us);

  /// Answers Next::observe: the callbacks ran, the cut may go ahead.
  void observed() noexcept;

  /// Whether the timer asks for callbacks before each cut.
  void set_observing(bool on) noexcept;

  void set_resource(std::string resource);
  ObserverStats stats();
  int64_t origin() const noexcept;
  int64_t window_seq() const noexcept;
  bool started() const noexcept;
  int64_t expire_us() const noexcept;

  /// The word of Attention; it lives as long as the observer.
  std::atomic<uint32_t>& attention() noexcept;

  const std::shared_ptr<detail::Core>& core() const noexcept { return core_; }

 private:
  explicit Observer(std::shared_ptr<detail::Core> core) noexcept : core_(std::move(core)) {}
  std::shared_ptr<detail::Core> core_;
};

}  // namespace inlay
