#include "inlay/infra/readings.hpp"

#include <algorithm>
#include <cmath>

#include "arrow/points_builder.hpp"
#include "infra/fork_guard.hpp"
#include "inlay/names.hpp"

namespace inlay::infra {

namespace {

constexpr std::string_view kNames[] = {"ok",    "unsupported", "no_permission", "absent",
                                       "error", "undefined",   "insufficient"};

}  // namespace

std::string_view status_name(Status status) noexcept {
  return kNames[static_cast<std::size_t>(status)];
}

struct Readings::Known {
  Series series;
  // series_id for the service it was last asked for; only take() reads and writes it.
  mutable std::mutex mutex;
  mutable std::string service_name;
  mutable std::int64_t series_id = 0;
  mutable bool has_id = false;

  explicit Known(Series given) : series(std::move(given)) {}

  std::int64_t id_for(std::string_view service) const {
    std::lock_guard lock(mutex);
    if (!has_id || service_name != service) {
      service_name = service;
      series_id = inlay::series_id(series.metric, series.attrs, service);
      has_id = true;
    }
    return series_id;
  }
};

class Readings::Forks final : public ForkGuarded {
 public:
  explicit Forks(std::mutex& mutex) : mutex_(mutex) { enter_fork_table(this, Order::kStores); }
  ~Forks() { leave_fork_table(this); }
  void before_fork() noexcept override { mutex_.lock(); }
  void after_fork_in_parent() noexcept override { mutex_.unlock(); }
  void after_fork_in_child() noexcept override { mutex_.unlock(); }

 private:
  std::mutex& mutex_;
};

Readings::Readings() : forks_(std::make_unique<Forks>(mutex_)) {}

Readings::~Readings() = default;

std::uint32_t Readings::add(Series series) {
  Cell cell;
  cell.modulus = series.modulus;
  cell.saturates_at = series.saturates_at;
  cell.sparse = series.sparse && series.kind == ReadingKind::kCounter;
  auto known = std::make_shared<const Known>(std::move(series));
  std::lock_guard lock(mutex_);
  series_.reserve(series_.size() + 1);
  cells_.push_back(cell);
  series_.push_back(std::move(known));
  return static_cast<std::uint32_t>(cells_.size() - 1);
}

std::size_t Readings::size() const {
  std::lock_guard lock(mutex_);
  return cells_.size();
}

Readings::Counts Readings::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

std::uint64_t Readings::counter(std::uint32_t id, std::uint64_t total,
                                std::int64_t time_us) noexcept {
  if (id >= cells_.size()) return 0;
  Cell& cell = cells_[id];
  if (total >= cell.modulus) cell.modulus = 0;  // wider than was thought
  const bool had_base = cell.has_base;
  const std::uint64_t before = cell.total;
  cell.has_base = true;
  cell.total = total;
  cell.last_us = time_us;
  const bool was_saturated = cell.saturated;
  cell.saturated = cell.saturates_at != 0 && total >= cell.saturates_at;
  if (cell.saturated && (was_saturated || !had_base)) {
    cell.status = Status::kError;
    return 0;
  }
  cell.status = Status::kOk;
  if (!had_base) return 0;
  std::uint64_t step = total - before;
  if (total < before) {
    step = cell.modulus == 0 ? 0 : cell.modulus - before + total;
    if (step == 0 || step >= cell.modulus / 4) {
      ++counts_.restarts;
      return 0;
    }
    ++counts_.wraps;
  }
  cell.delta += step;
  ++cell.count;
  return step;
}

void Readings::gauge(std::uint32_t id, double value, std::int64_t time_us) noexcept {
  if (id >= cells_.size()) return;
  if (!std::isfinite(value)) {
    ++counts_.not_finite;
    return;
  }
  Cell& cell = cells_[id];
  cell.status = Status::kOk;
  if (cell.count == 0) {
    cell.min = cell.max = cell.last = value;
    cell.sum = 0;
    cell.last_us = time_us;
  }
  cell.min = std::min(cell.min, value);
  cell.max = std::max(cell.max, value);
  if (time_us >= cell.last_us) {
    cell.last = value;
    cell.last_us = time_us;
  }
  cell.sum += value;
  ++cell.count;
}

std::uint64_t Readings::Writer::counter(std::uint32_t id, std::uint64_t total,
                                        std::int64_t time_us) noexcept {
  return readings_.counter(id, total, time_us);
}

void Readings::Writer::gauge(std::uint32_t id, double value, std::int64_t time_us) noexcept {
  readings_.gauge(id, value, time_us);
}

void Readings::Writer::status(std::uint32_t id, Status status) noexcept {
  if (id < readings_.cells_.size()) readings_.cells_[id].status = status;
}

void Readings::Writer::forget_base(std::uint32_t id) noexcept {
  if (id < readings_.cells_.size()) readings_.cells_[id].has_base = false;
}

void Readings::Writer::without_limit(std::uint32_t id) noexcept {
  if (id >= readings_.cells_.size()) return;
  readings_.cells_[id].saturates_at = 0;
  readings_.cells_[id].saturated = false;
}

Table Readings::take(const ReadingsWindow& window, std::vector<Event>& events) {
  struct Due {
    std::shared_ptr<const Known> known;
    Cell cell;
    bool told_saturated;
  };
  std::vector<Due> due;
  for (bool fits = false; !fits;) {
    due.reserve(size());
    std::lock_guard lock(mutex_);
    fits = due.capacity() >= cells_.size();
    if (!fits) continue;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      Cell& cell = cells_[i];
      const bool silent = cell.count == 0;
      const bool saturated = cell.saturated && !cell.told_saturated;
      const bool news = silent && cell.status != cell.reported;
      if (!silent && cell.sparse && cell.told && cell.delta == 0 && !saturated) {
        cell.reported = Status::kOk;
      } else if (!silent) {
        cell.told = true;
        due.push_back({series_[i], cell, saturated});
        cell.reported = Status::kOk;
      } else if ((news && cell.status != Status::kOk) || saturated) {
        due.push_back({series_[i], cell, saturated});
        cell.reported = cell.status;
      }
      cell.told_saturated = cell.saturated;
      cell.delta = cell.count = 0;
    }
  }
  PointsHeader header;
  header.time = window.time_us;
  header.start_time = window.start_us;
  header.observed_time = window.time_us;
  PointsBuilder builder(header, due.size());
  for (const Due& each : due) {
    const Series& series = each.known->series;
    const Cell& cell = each.cell;
    if (each.told_saturated) {
      Event event;
      event.name = "inlay.counter.saturated";
      event.layer = window.layer;
      event.time_us = cell.last_us;
      event.severity = 13;
      event.body = series.metric + " stands still at its limit of " +
                   std::to_string(series.saturates_at) + ": " + series.attrs;
      event.attrs = canonical_json({{"metric", series.metric},
                                    {"limit", std::to_string(series.saturates_at)},
                                    {"of", series.attrs}});
      event.series_id = each.known->id_for(window.service_name);
      events.push_back(std::move(event));
    }
    if (cell.count == 0 && cell.status == Status::kOk) continue;
    PointRow row;
    row.layer = window.layer;
    row.metric = series.metric;
    row.kind = series.kind == ReadingKind::kCounter ? "counter" : "gauge";
    if (!series.unit.empty()) row.unit = series.unit;
    row.attrs = series.attrs;
    row.series_id = each.known->id_for(window.service_name);
    if (cell.count == 0) {
      row.status = status_name(cell.status);
    } else {
      row.count = static_cast<std::int64_t>(cell.count);
      if (series.kind == ReadingKind::kCounter) {
        row.value = static_cast<double>(cell.delta) * series.factor;
      } else {
        // A negative factor turns the order round.
        const double a = cell.min * series.factor, b = cell.max * series.factor;
        row.value = cell.last * series.factor;
        row.min = std::min(a, b);
        row.max = std::max(a, b);
        row.mean = std::clamp(cell.sum / static_cast<double>(cell.count) * series.factor, *row.min,
                              *row.max);
      }
    }
    builder.append(row);
  }
  return std::move(builder).finish();
}

}  // namespace inlay::infra
