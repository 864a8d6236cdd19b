#include <algorithm>
#include <cmath>
#include <inlay/error.hpp>
#include <inlay/prometheus/accumulator.hpp>
#include <map>
#include <mutex>
#include <optional>

#include "prometheus/expose.hpp"
#include "prometheus/point_rows.hpp"
#include "prometheus/worker_directory.hpp"

namespace inlay::prometheus {
namespace {

constexpr int kMaxEdgeExponent = 126;
constexpr int kMaxEdges = 200;
/// Rebuild the catalog when it has twice the series it had after the last time, and this many more.
constexpr std::size_t kCatalogSlack = 1024;

Kind parse_kind(std::string_view kind) {
  for (const Kind known : {Kind::kCounter, Kind::kGauge, Kind::kHistogram}) {
    if (kind_text(known) == kind) return known;
  }
  detail::fail<InvalidArgument>("kind must be counter, gauge or histogram", kind);
}

GaugeMerge parse_merge(std::string_view merge) {
  if (merge == "pid") return GaugeMerge::kPid;
  if (merge == "sum") return GaugeMerge::kSum;
  if (merge == "min") return GaugeMerge::kMin;
  if (merge == "max") return GaugeMerge::kMax;
  if (merge == "last") return GaugeMerge::kLast;
  detail::fail<InvalidArgument>("gauges must be pid, sum, min, max or last", merge);
}

/// What two resources agree on: the answer must not depend on which worker gives it.
std::vector<std::pair<std::string, std::string>> common_pairs(
    const std::vector<std::pair<std::string, std::string>>& pairs, std::string_view resource) {
  std::vector<std::pair<std::string, std::string>> common;
  std::vector<std::pair<std::string, std::string>> other;
  try {
    other = parse_flat_json(resource);
  } catch (const InvalidArgument&) {
    return pairs;
  }
  for (const auto& pair : pairs) {
    if (std::find(other.begin(), other.end(), pair) != other.end()) common.push_back(pair);
  }
  return common;
}

LabelSet labels_of(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::map<std::string, std::string> by_name;
  for (const auto& [key, value] : pairs) {
    auto& joined = by_name[label_name(key)];
    joined += joined.empty() ? value : ";" + value;
  }
  LabelSet labels;
  for (const auto& [name, value] : by_name) labels.add(name, value);
  return labels;
}

}  // namespace

struct Accumulator::State {
  explicit State(const ExpositionOptions& given) : options(given) {}

  using WindowKey = std::pair<std::int64_t, std::int64_t>;  // origin, seq

  mutable std::mutex mutex;
  const ExpositionOptions options;
  Catalog catalog;
  std::vector<std::unique_ptr<SeriesTotals>> totals;  // by series of the catalog
  std::map<std::int64_t, std::int64_t> last_seq;      // by origin
  std::map<WindowKey, PointRows> peeked;              // windows seen open and not added yet
  std::string resource = "{}";
  std::int64_t latest_us = 0;
  std::size_t series_after_rebuild = 0;
  std::unique_ptr<WorkerDirectory> directory;
  std::size_t last_size = 0;
  AccumulatorStats stats;

  SeriesTotals& totals_of(std::uint32_t series) {
    if (series >= totals.size()) totals.resize(series + 1);
    if (!totals[series]) {
      const Kind kind = catalog.family_at(catalog.series_at(series).family).kind;
      totals[series] = std::make_unique<SeriesTotals>(kind, options.max_buckets);
    }
    return *totals[series];
  }

  void apply(const PointRows& rows) {
    for (const auto& row : rows.rows()) totals_of(row.series).add(row.delta);
    for (const auto& tied : rows.exemplars()) {
      if (tied.series < totals.size() && totals[tied.series]) {
        totals[tied.series]->add_exemplar(tied.exemplar, options.max_exemplars);
      }
    }
    latest_us = std::max(latest_us, rows.latest_us());
    stats.refused_rows += rows.refused();
    if (rows.refused() != 0) stats.last_refusal = rows.refusal();
  }

  bool was_added(WindowId id) const {
    const auto last = last_seq.find(id.origin);
    return last != last_seq.end() && id.seq <= last->second;
  }

  /// Keeps what a peek shows. Of two peeks at one window the later one counts, in whatever order
  /// they get here.
  void remember(const OpenWindow& open) {
    if (was_added(open.id)) return;  // it was turned and added since
    PointRows rows(open.points, &open.exemplars, catalog);
    const auto [place, added] = peeked.try_emplace({open.id.origin, open.id.seq});
    if (added || rows.latest_us() >= place->second.latest_us()) place->second = std::move(rows);
  }

  void expire() {
    if (!(options.expire_s > 0)) return;
    const auto idle_us = static_cast<std::int64_t>(std::min(options.expire_s, 1e9) * 1e6);
    for (auto& one : totals) {
      if (one && one->updated_us() < latest_us - idle_us) {
        one.reset();
        ++stats.expired;
      }
    }
    if (catalog.num_series() > 2 * series_after_rebuild + kCatalogSlack) rebuild_catalog();
  }

  /// Drops the names of series that nobody has any more.
  void rebuild_catalog() {
    Catalog fresh = catalog.without_series();
    std::vector<std::uint32_t> moved(catalog.num_series(), Catalog::kNone);
    const auto keep = [&](std::uint32_t series) {
      if (moved[series] != Catalog::kNone) return;
      const Series& old = catalog.series_at(series);
      moved[series] = fresh.series(old.family, old.id, old.labels);
    };
    for (std::uint32_t i = 0; i < totals.size(); ++i) {
      if (totals[i]) keep(i);
    }
    for (const auto& [id, rows] : peeked) {
      for (const auto& row : rows.rows()) keep(row.series);
      for (const auto& tied : rows.exemplars()) keep(tied.series);
    }
    std::vector<std::unique_ptr<SeriesTotals>> moved_totals(fresh.num_series());
    for (std::uint32_t i = 0; i < totals.size(); ++i) {
      if (totals[i]) moved_totals[moved[i]] = std::move(totals[i]);
    }
    for (auto& [id, rows] : peeked) rows.renumber(moved);
    totals = std::move(moved_totals);
    catalog = std::move(fresh);
    series_after_rebuild = catalog.num_series();
    if (directory) directory->forget();
  }

  void add_own(MergedView& view) const {
    for (std::uint32_t i = 0; i < totals.size(); ++i) {
      if (totals[i]) view.add(*totals[i], i, 0);
    }
    for (const auto& [id, rows] : peeked) view.add(rows, 0);
  }

  void note_error(const std::exception& error) {
    ++stats.directory_errors;
    stats.last_error = error.what();
  }

  void publish_own(std::int64_t now_us) {
    try {
      if (directory->was_folded()) {
        // The others have what was published; counting on would show it twice.
        for (auto& one : totals) one.reset();
        peeked.clear();
      }
      MergedView view(catalog);
      add_own(view);
      directory->publish(encode_snapshot(catalog, view, resource, latest_us, {}, options), now_us);
    } catch (const std::exception& error) {
      note_error(error);  // a scrape must not fail because a disk is full
    }
  }

  std::vector<WorkerDirectory::Source> gather(std::int64_t now_us) {
    try {
      return directory->gather(catalog, now_us);
    } catch (const std::exception& error) {
      note_error(error);
      return directory->known_sources();
    }
  }
};

Accumulator::Accumulator(const ExpositionOptions& options)
    : state_(std::make_unique<State>(options)) {
  if (options.max_buckets < 20 || options.max_buckets > 100'000) {
    detail::fail<InvalidArgument>("max_buckets must be between 20 and 100000", options.max_buckets);
  }
  if (options.max_exemplars > 64) {
    detail::fail<InvalidArgument>("max_exemplars must be at most 64", options.max_exemplars);
  }
}

Accumulator::~Accumulator() = default;

void Accumulator::describe(std::string_view metric, std::string_view kind, std::string_view unit,
                           std::string_view description) {
  const std::scoped_lock lock(state_->mutex);
  Catalog& catalog = state_->catalog;
  catalog.describe(catalog.family(metric, unit, parse_kind(kind)), to_valid_utf8(description));
}

void Accumulator::set_edges(std::string_view metric, const EdgeGrid& edges) {
  if (edges.low > edges.high || edges.high - edges.low >= kMaxEdges) {
    detail::fail<InvalidArgument>("edges must be 1 to 200 exponents, low to high", edges.high);
  }
  if (edges.resolution < kMinSchema || edges.resolution > kMaxSchema) {
    detail::fail<InvalidArgument>("resolution of edges must be -4 to 8", edges.resolution);
  }
  const double step = std::ldexp(1.0, -edges.resolution);
  for (const int end : {edges.low, edges.high}) {
    if (std::abs(end * step) > kMaxEdgeExponent) {
      detail::fail<InvalidArgument>("edges must lie between 2^-126 and 2^126, but one is at 2^",
                                    end * step);
    }
  }
  const std::scoped_lock lock(state_->mutex);
  state_->catalog.set_edges(std::string(metric), edges);
}

void Accumulator::set_gauge_merge(std::string_view metric, std::string_view merge) {
  const GaugeMerge parsed = parse_merge(merge);
  const std::scoped_lock lock(state_->mutex);
  if (metric.empty()) {
    state_->catalog.set_default_gauges(parsed);
  } else {
    state_->catalog.set_gauges(std::string(metric), parsed);
  }
}

void Accumulator::set_resource(std::string_view resource) {
  parse_flat_json(resource);
  const std::scoped_lock lock(state_->mutex);
  state_->resource = resource;
}

bool Accumulator::add(const Table& points, const Table& exemplars, WindowId id) {
  const std::scoped_lock lock(state_->mutex);
  State& state = *state_;
  if (state.was_added(id)) {
    ++state.stats.duplicates;
    return false;
  }
  // All that may refuse the tables comes before anything is changed.
  const PointRows rows(points, &exemplars, state.catalog);
  // Windows come in order. One that was passed over was dropped on its way; what a scrape has shown
  // of it is the most that will ever be known, and counters must not fall.
  const auto first = state.peeked.lower_bound({id.origin, INT64_MIN});
  const auto end = state.peeked.upper_bound({id.origin, id.seq});
  for (auto it = first; it != end; ++it) {
    if (it->first.second == id.seq) continue;
    ++state.stats.lost_windows;
    state.apply(it->second);
  }
  state.peeked.erase(first, end);
  state.last_seq[id.origin] = id.seq;
  state.apply(rows);
  state.expire();
  return true;
}

bool Accumulator::is_behind(WindowId id) const {
  const std::scoped_lock lock(state_->mutex);
  const auto last = state_->last_seq.find(id.origin);
  if (last != state_->last_seq.end()) return last->second < id.seq - 1;
  const auto first = state_->peeked.lower_bound({id.origin, INT64_MIN});
  return first != state_->peeked.end() && first->first.first == id.origin &&
         first->first.second < id.seq;
}

std::string Accumulator::render(Format format, const OpenWindow* open, std::int64_t now_us) {
  const std::scoped_lock lock(state_->mutex);
  State& state = *state_;
  ++state.stats.scrapes;
  if (open != nullptr) state.remember(*open);
  std::vector<WorkerDirectory::Source> sources;
  if (state.directory) {
    // First: what this answer shows must not be lost when this process dies right after it.
    state.publish_own(now_us);
    sources = state.gather(now_us);
  }
  MergedView view(state.catalog);
  state.add_own(view);
  auto target = parse_flat_json(state.resource);
  std::vector<std::string> pids;
  if (state.directory) pids.push_back(std::to_string(ProcessIdentity::current().pid));
  const double expire_us = state.options.expire_s > 0 ? state.options.expire_s * 1e6 : 1e18;
  std::uint32_t group = 0;
  for (const auto& source : sources) {
    ++group;
    pids.push_back(std::to_string(source.pid));
    if (!source.dead) target = common_pairs(target, *source.resource);
    for (const auto& entry : source.totals->entries) {
      const auto idle_us = static_cast<double>(state.latest_us - entry.totals.updated_us());
      if (source.dead && idle_us > expire_us) continue;
      view.add(entry.totals, entry.series, group);
    }
  }
  const LabelSet labels = labels_of(target);
  std::string out;
  out.reserve(state.last_size + state.last_size / 16 + 4096);
  expose(out, format, state.catalog, view, pids, &labels, state.options);
  state.last_size = out.size();
  return out;
}

void Accumulator::open_directory(const std::string& path, const std::string& run) {
  WorkerDirectory::Options options;
  options.path = path;
  options.run = run;
  options.expire_s = state_->options.expire_s;
  options.max_buckets = state_->options.max_buckets;
  auto directory = std::make_unique<WorkerDirectory>(std::move(options));
  const std::scoped_lock lock(state_->mutex);
  state_->directory = std::move(directory);
}

void Accumulator::publish(const OpenWindow* open, std::int64_t now_us) {
  const std::scoped_lock lock(state_->mutex);
  if (!state_->directory) return;
  if (open != nullptr) state_->remember(*open);
  state_->publish_own(now_us);
}

void Accumulator::close_directory(std::int64_t now_us) {
  const std::scoped_lock lock(state_->mutex);
  if (!state_->directory) return;
  state_->publish_own(now_us);
  state_->directory->close();
  state_->directory.reset();
}

AccumulatorStats Accumulator::stats() const {
  const std::scoped_lock lock(state_->mutex);
  AccumulatorStats stats = state_->stats;
  stats.series = std::count_if(state_->totals.begin(), state_->totals.end(),
                               [](const auto& one) { return one != nullptr; });
  stats.families = static_cast<std::int64_t>(state_->catalog.num_families());
  for (const std::uint32_t index : state_->catalog.in_order()) {
    if (state_->catalog.family_at(index).renamed) ++stats.renamed;
  }
  if (state_->directory) {
    const auto& counts = state_->directory->counts();
    stats.workers = counts.siblings + 1;
    stats.folded_workers = counts.folded;
    stats.unreadable_files = counts.unreadable;
  }
  return stats;
}

std::vector<std::pair<std::string, std::string>> Accumulator::renamed() {
  const std::scoped_lock lock(state_->mutex);
  std::vector<std::pair<std::string, std::string>> names;
  for (const std::uint32_t index : state_->catalog.in_order()) {
    const Family& family = state_->catalog.family_at(index);
    if (family.renamed) names.emplace_back(family.metric, family.name.family);
  }
  return names;
}

}  // namespace inlay::prometheus
