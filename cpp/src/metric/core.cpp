#include "metric/core.hpp"

#include <algorithm>
#include <random>

#include "arrow/stamp.hpp"
#include "inlay/error.hpp"
#include "inlay/names.hpp"
#include "metric/facts.hpp"

namespace inlay::detail {

namespace {

constexpr size_t kMaxTableName = 63;

int64_t random_origin() {
  std::random_device device;
  const auto high = static_cast<uint64_t>(device());
  // Not negative, so that it reads the same in hex everywhere; not 0, which stands for none.
  return static_cast<int64_t>(((high << 32 | device()) >> 1) | 1);
}

std::shared_ptr<NativeBatch> empty_batch(const PointsHeader& head) {
  auto batch = std::make_shared<NativeBatch>();
  batch->window_seq = head.window_seq;
  batch->origin = head.origin;
  batch->start_time_us = head.start_time;
  batch->time_us = head.time;
  batch->observed_time_us = head.observed_time;
  batch->resource = head.resource;
  return batch;
}

ObserverOptions checked(ObserverOptions options) {
  if (options.window_us <= 0) {
    throw InvalidArgument("a window must be longer than 0 microseconds, got " +
                          std::to_string(options.window_us));
  }
  if (options.max_series == 0) throw InvalidArgument("max_series must be at least 1, got 0");
  if (options.queue_capacity == 0)
    throw InvalidArgument("the queue must hold at least 1 batch, got 0");
  if (options.expire_us <= 0) {
    throw InvalidArgument("series must be kept for longer than 0 microseconds, got " +
                          std::to_string(options.expire_us));
  }
  if (!is_utf8(options.service_name)) throw InvalidArgument("the service name must be UTF-8");
  if (!is_utf8(options.resource)) throw InvalidArgument("the resource must be UTF-8");
  if (options.clock == nullptr) options.clock = std::make_shared<SystemClock>();
  return options;
}

}  // namespace

Core::Core(ObserverOptions options)
    : options_(checked(std::move(options))),
      clock_(options_.clock),
      origin_(random_origin()),
      resource_(options_.resource),
      registry_(this, options_.service_name, options_.max_series),
      side_tables_(options_.max_events, options_.max_table_bytes),
      outbox_(options_.queue_capacity),
      collector_(options_.service_name),
      timer_(this, clock_) {
  const Instant now = clock_->now();
  start_us_ = now.wall_us;
  start_steady_ns_ = now.steady_ns;
  registration_ = enter_process(this);
}

Core::~Core() {
  outbox_.close();  // a timer that waits for callbacks stops waiting
  timer_.stop();
  leave_process(this);
}

// The time windows are cut at. It follows the wall clock, but never runs backwards: after a step
// back it goes on at nine tenths of the steady clock's speed until the wall clock has caught up.
Core::Now Core::logical_now() const noexcept {
  const Instant now = clock_->now();
  const int64_t elapsed_us = std::max<int64_t>(0, (now.steady_ns - start_steady_ns_.load()) / 1000);
  return {std::max(now.wall_us, start_us_.load() + elapsed_us - elapsed_us / 10), now.steady_ns};
}

int64_t Core::now_us() const noexcept { return logical_now().us; }

int64_t Core::until_due_us() {
  const int64_t window = options_.window_us;
  const int64_t due = (start_us_.load() / window + 1) * window;
  return due - logical_now().us;
}

PointsHeader Core::header(Now now) const {
  PointsHeader header;
  header.start_time = start_us_.load();
  header.time = std::max(now.us, header.start_time + 1);  // no two windows share both ends
  header.observed_time = header.time;
  header.origin = origin();
  header.window_seq = window_seq();
  header.resource = resource_;
  return header;
}

std::shared_ptr<const NativeBatch> Core::cut(bool last) {
  const int64_t began_ns = SystemClock().now().steady_ns;
  const Now now = logical_now();
  const PointsHeader head = header(now);
  const auto batch = empty_batch(head);
  collector_.gather(Collector::Mode::cut, shards_, last);
  SelfCounts counts;
  counts.records = collector_.records();
  counts.folds = collector_.folds();
  counts.not_finite = not_finite_.load();
  counts.memory = collector_.lost() + unkept_.load();
  counts.after_stop = dropped_after_stop_;
  counts.events = side_tables_.dropped_events();
  counts.spans = side_tables_.dropped_spans();
  counts.verdicts = side_tables_.dropped_verdicts();
  counts.points = side_tables_.dropped_points();
  counts.tables = side_tables_.dropped_tables();
  counts.batches = outbox_.dropped();
  batch->points = collector_.points(Collector::Mode::cut, head, registry_, counts);
  fill_side_tables(side_tables_.take(), *batch);
  registry_.retire(head.time - options_.expire_us);
  start_us_ = head.time;
  start_steady_ns_ = now.steady_ns;
  ++window_seq_;
  attention_ += kAttentionWindow;
  collector_.last_turn_us = (SystemClock().now().steady_ns - began_ns) / 1000;
  outbox_.push(batch);
  return batch;
}

void Core::discard() {
  collector_.gather(Collector::Mode::cut, shards_);
  dropped_after_stop_ += collector_.discard();
}

std::shared_ptr<const NativeBatch> Core::turn() {
  std::lock_guard lock(turn_mutex_);
  if (stopped_) throw Error("the observer is stopped: there is no window to turn");
  return cut();
}

std::shared_ptr<const NativeBatch> Core::peek() {
  std::lock_guard lock(turn_mutex_);
  if (stopped_) throw Error("the observer is stopped: there is no open window");
  const PointsHeader head = header(logical_now());
  const auto batch = empty_batch(head);
  collector_.gather(Collector::Mode::peek, shards_);
  batch->points = collector_.points(Collector::Mode::peek, head, registry_, {});
  fill_side_tables(side_tables_.copy(), *batch);
  return batch;
}

bool Core::add(Event event) {
  check(event);
  if (restart_pending_.load()) restart_after_fork();
  if (!event.time_us) event.time_us = std::min(now_us(), event.end_time_us.value_or(INT64_MAX));
  return side_tables_.add(std::move(event));
}

bool Core::add(Span span) {
  check(span);
  if (restart_pending_.load()) restart_after_fork();
  return side_tables_.add(std::move(span));
}

bool Core::add(Verdict verdict) {
  check(verdict);
  if (restart_pending_.load()) restart_after_fork();
  if (!verdict.series_id) {
    verdict.series_id = inlay::series_id(verdict.metric, verdict.attrs, options_.service_name);
  }
  return side_tables_.add(std::move(verdict));
}

bool Core::add_points(const Table& table) {
  check_columns(table_schema("points"), table);
  if (restart_pending_.load()) restart_after_fork();
  return side_tables_.add_points(table);
}

bool Core::add_verdicts(const Table& table) {
  check_columns(table_schema("verdicts"), table);
  if (restart_pending_.load()) restart_after_fork();
  return side_tables_.add_verdicts(table);
}

bool Core::add_table(const std::string& name, const Table& table) {
  const auto is_part = [](char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const bool plain = !name.empty() && name.size() <= kMaxTableName &&
                     !(name[0] >= '0' && name[0] <= '9') &&
                     std::all_of(name.begin(), name.end(), is_part);
  if (!plain) fail<InvalidArgument>("a table's name is an identifier of at most 63 letters", name);
  for (const TableSpec& spec : table_schemas()) {
    if (name == spec.name) {
      fail<InvalidArgument>(
          "whole tables are added of points, verdicts and names of one's own, not of", name);
    }
  }
  if (restart_pending_.load()) restart_after_fork();
  // Here, so that a table that cannot be written is its maker's error and not the turn's.
  return side_tables_.add_table(name, with_whole_chunks(table));
}

void Core::turn_when_due() {
  if (observing_.load()) outbox_.observe(options_.observe_timeout_us);
  std::lock_guard lock(turn_mutex_);
  if (!stopped_ && until_due_us() <= 0) cut();
}

void Core::start() {
  {
    std::lock_guard lock(turn_mutex_);
    if (stopped_) {
      discard();
      stopped_ = false;
      side_tables_.open();
      const Now now = logical_now();
      start_us_ = now.us;
      start_steady_ns_ = now.steady_ns;
      outbox_.open();
    }
  }
  timer_.start();
}

std::shared_ptr<const NativeBatch> Core::stop() {
  timer_.stop();
  std::lock_guard lock(turn_mutex_);
  if (stopped_) return nullptr;
  auto batch = cut(true);
  stopped_ = true;
  side_tables_.close();
  outbox_.close();
  return batch;
}

bool Core::stopped() noexcept {
  std::lock_guard lock(turn_mutex_);
  return stopped_;
}

void Core::set_resource(std::string resource) {
  if (!is_utf8(resource)) throw InvalidArgument("the resource must be UTF-8");
  std::lock_guard lock(turn_mutex_);
  resource_ = std::move(resource);
}

ObserverStats Core::stats() {
  std::lock_guard lock(turn_mutex_);
  if (stopped_) discard();
  ObserverStats stats{};
  stats.records = collector_.records() - dropped_after_stop_;
  stats.folds = collector_.folds();
  stats.series = static_cast<int64_t>(registry_.size());
  stats.overflow = registry_.overflowed();
  stats.dropped_after_stop = dropped_after_stop_;
  stats.dropped_not_finite = not_finite_.load();
  stats.dropped_memory = collector_.lost() + unkept_.load();
  stats.dropped_events = side_tables_.dropped_events();
  stats.dropped_spans = side_tables_.dropped_spans();
  stats.dropped_verdicts = side_tables_.dropped_verdicts();
  stats.dropped_points = side_tables_.dropped_points();
  stats.dropped_tables = side_tables_.dropped_tables();
  stats.dropped_batches = outbox_.dropped();
  stats.turns = window_seq();
  stats.last_turn_us = collector_.last_turn_us;
  stats.queue_depth = outbox_.depth();
  return stats;
}

void Core::restart_after_fork() noexcept {
  if (!restart_pending_.load() || !restart_pending_.exchange(false)) return;
  try {
    timer_.start();
    attention_ |= kRestarted;
  } catch (...) {
    restart_pending_ = true;  // no thread to be had: the next new thread tries again
  }
}

void Core::before_fork() {
  timer_.before_fork();
  turn_mutex_.lock();
  shards_.mutex().lock();
  registry_.mutex().lock();
  side_tables_.before_fork();
  outbox_.before_fork();
  fallback_mutex_.lock();
}

void Core::after_fork_in_parent() {
  fallback_mutex_.unlock();
  outbox_.after_fork_in_parent();
  side_tables_.after_fork_in_parent();
  registry_.mutex().unlock();
  shards_.mutex().unlock();
  turn_mutex_.unlock();
  timer_.after_fork_in_parent();
}

void Core::after_fork_in_child() noexcept {
  fallback_ = nullptr;
  fallback_mutex_.unlock();
  outbox_.after_fork_in_child();
  side_tables_.after_fork_in_child();
  registry_.forget_values();
  registry_.mutex().unlock();
  shards_.abandon();
  shards_.mutex().unlock();
  if (timer_.after_fork_in_child()) restart_pending_ = true;
  collector_.after_fork_in_child();
  origin_ = random_origin();
  window_seq_ = 0;
  not_finite_ = unkept_ = 0;
  dropped_after_stop_ = 0;
  const Instant now = clock_->now();
  start_us_ = now.wall_us;
  start_steady_ns_ = now.steady_ns;
  turn_mutex_.unlock();
}

}  // namespace inlay::detail
