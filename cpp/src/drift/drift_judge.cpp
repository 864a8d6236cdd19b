#include <algorithm>
#include <cmath>
#include <inlay/drift/drift_judge.hpp>
#include <inlay/error.hpp>
#include <inlay/parallel_for.hpp>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "arrow/assemble.hpp"
#include "arrow/table_reader.hpp"
#include "drift/judge_state.hpp"
#include "drift/log_gamma.hpp"

namespace inlay {
namespace {

using detail::CountedRow;
using detail::JudgedRow;
using detail::JudgedSeries;
using detail::Verdict;

// A thread is worth its start from about so many rows on.
constexpr std::size_t kRowsPerThread = 256;
// So many series are judged together, in the order of the table: their rows of a window lie side by
// side, in the same lines of the cache, and their states fit into it.
constexpr std::size_t kSeriesTogether = 8;
// Parts of the work that a thread gets at least, so that none waits long for the last.
constexpr std::size_t kPartsPerThread = 4;
// Rows of a table that is returned, as many as 32-bit offsets of "undefined" allow and more.
constexpr std::size_t kChunkRows = std::size_t{1} << 20;

/// The columns of one chunk that judging reads.
struct Chunk {
  Chunk(const Table& points, std::size_t index)
      : reader(points, index),
        series_id(reader.integers("series_id")),
        kind(reader.strings("kind")),
        form(reader.strings("form")),
        reference_id(reader.strings("reference_id")),
        counts(reader.integer_lists("counts")),
        start_time(reader.integers("start_time")),
        time(reader.integers("time")),
        revision(reader.integers("revision")),
        pos_inf_count(reader.integers("pos_inf_count")),
        neg_inf_count(reader.integers("neg_inf_count")) {
    const auto require = [](const auto& column, const char* name) {
      if (!column.exists()) detail::fail<InvalidArgument>("the points lack a column", name);
    };
    require(series_id, "series_id");
    require(kind, "kind");
    require(counts, "counts");
    require(start_time, "start_time");
  }

  bool is_judged(std::int64_t row) const {
    if (form.exists() && !form.is_null(row) && form.value(row) != "delta") return false;
    if (kind.is_null(row)) return false;
    const std::string_view name = kind.value(row);
    return name == "edges" || name == "categories";
  }

  void read(std::int64_t row, CountedRow& out) const {
    out.start_us = start_time.value(row);
    out.reference_id = reference_id.is_null(row) ? std::string_view() : reference_id.value(row);
    out.is_damaged = false;
    out.counts.clear();
    if (counts.is_null(row)) return;
    const auto range = counts.range(row);
    out.counts.resize(static_cast<std::size_t>(range.size));
    // As signed numbers, which the language lets one do.
    counts.items().copy_values(range.begin, range.size,
                               reinterpret_cast<std::int64_t*>(out.counts.data()));
    const auto checked = [&out](std::int64_t count) {
      out.is_damaged |= count < 0;
      return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
    };
    for (std::uint64_t& count : out.counts) count = checked(static_cast<std::int64_t>(count));
    if (!out.counts.empty() && kind.value(row) == "edges") {
      out.counts.front() += checked(neg_inf_count.value(row));
      out.counts.back() += checked(pos_inf_count.value(row));
    }
  }

  TableReader reader;
  Int64Column series_id;
  StringColumnReader kind, form, reference_id;
  Int64ListColumn counts;
  Int64Column start_time, time, revision, pos_inf_count, neg_inf_count;
};

/// What tells series and families of a chunk's rows apart, read at once; what is not there is 0.
struct Keys {
  explicit Keys(const Chunk& chunk)
      : series_id(values(chunk, chunk.series_id)),
        start_time(values(chunk, chunk.start_time)),
        time(values(chunk, chunk.time)),
        revision(values(chunk, chunk.revision)) {}

  static std::vector<std::int64_t> values(const Chunk& chunk, const Int64Column& column) {
    std::vector<std::int64_t> out(static_cast<std::size_t>(chunk.reader.num_rows()));
    if (column.exists()) column.copy_values(0, chunk.reader.num_rows(), out.data());
    return out;
  }

  std::vector<std::int64_t> series_id, start_time, time, revision;
};

/// A row that is judged: where it lies, and of which series it is.
struct Place {
  const Chunk* chunk;
  std::int64_t row;
  std::uint32_t series;
};

/// Numbers of rows by the part of the work they belong to, in each part in their order.
class Parts {
 public:
  Parts(const std::vector<Place>& places, std::size_t num_series, std::size_t together)
      : offsets_(num_series / together + 2), rows_(places.size()) {
    for (const Place& place : places) ++offsets_[place.series / together + 1];
    for (std::size_t i = 1; i < offsets_.size(); ++i) offsets_[i] += offsets_[i - 1];
    std::vector<std::size_t> next(offsets_.begin(), offsets_.end() - 1);
    for (std::size_t i = 0; i < places.size(); ++i) rows_[next[places[i].series / together]++] = i;
  }
  std::size_t size() const noexcept { return offsets_.size() - 1; }
  std::span<const std::size_t> operator[](std::size_t part) const {
    return std::span(rows_).subspan(offsets_[part], offsets_[part + 1] - offsets_[part]);
  }

 private:
  std::vector<std::size_t> offsets_, rows_;
};

using Family = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

struct HashOfFamily {
  std::size_t operator()(const Family& key) const {
    std::size_t hash = 0;
    const auto mix = [&hash](std::int64_t part) {
      hash = (hash ^ static_cast<std::size_t>(part)) * 0x9E3779B97F4A7C15U;
      hash ^= hash >> 29;
    };
    std::apply([&mix](auto... parts) { (mix(parts), ...); }, key);
    return hash;
  }
};

/// Numbers families from 0 on.
class FamilyNumbers {
 public:
  std::uint32_t number(const Family& family) {
    // Rows of a window come together.
    if (numbers_.empty() || family != last_) {
      last_ = family;
      last_number_ =
          numbers_.try_emplace(family, static_cast<std::uint32_t>(numbers_.size())).first->second;
    }
    return last_number_;
  }
  std::size_t size() const noexcept { return numbers_.size(); }

 private:
  std::unordered_map<Family, std::uint32_t, HashOfFamily> numbers_;
  Family last_;
  std::uint32_t last_number_ = 0;
};

// Turns a provisional yes whose e-value does not suffice into a no.
void apply_level(std::vector<JudgedRow>& rows, const std::vector<std::size_t>& tested,
                 const DriftJudge::Options& options) {
  std::vector<std::size_t> ranked = tested;
  std::stable_sort(ranked.begin(), ranked.end(),
                   [&rows](std::size_t a, std::size_t b) { return rows[a].log_e > rows[b].log_e; });
  const double size = options.correct ? static_cast<double>(ranked.size()) : 1;
  std::size_t discoveries = 0;
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    const double rank = options.correct ? static_cast<double>(i + 1) : 1;
    const double needed = detail::log_positive(size / (options.level * rank));
    if (rows[ranked[i]].log_e >= needed) discoveries = i + 1;
  }
  for (std::size_t i = discoveries; i < ranked.size(); ++i) rows[ranked[i]].verdict = Verdict::kNo;
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNo:
      return "no";
    case Verdict::kYes:
      return "yes";
    default:
      return "undefined";
  }
}

const TableSpec& outcome_spec() {
  static const TableSpec spec{"drift",
                              {{"point", ColumnType::kInt64, false},
                               {"verdict", ColumnType::kUtf8, false},
                               {"reason", ColumnType::kUtf8, true},
                               {"value", ColumnType::kFloat64, true},
                               {"effect", ColumnType::kFloat64, true},
                               {"low", ColumnType::kFloat64, true},
                               {"high", ColumnType::kFloat64, true},
                               {"threshold", ColumnType::kFloat64, false},
                               {"log_e", ColumnType::kFloat64, true},
                               {"n", ColumnType::kInt64, false},
                               {"n_reference", ColumnType::kInt64, false},
                               {"since", ColumnType::kTimestampUs, true}}};
  return spec;
}

Table table_of(const std::vector<JudgedRow>& rows, double threshold) {
  std::vector<detail::Chunk> chunks;
  for (std::size_t from = 0; from < rows.size(); from += kChunkRows) {
    const std::size_t to = std::min(rows.size(), from + kChunkRows);
    detail::FixedColumn<std::int64_t> point, n, n_reference, since;
    detail::StringColumn verdict, reason;
    detail::FixedColumn<double> value, effect, low, high, limit, log_e;
    for (auto* column : {&point, &n, &n_reference, &since}) column->reserve_rows(to - from);
    for (auto* column : {&value, &effect, &low, &high, &limit, &log_e}) {
      column->reserve_rows(to - from);
    }
    const auto append = [](detail::FixedColumn<double>& column, std::int64_t at, double x) {
      if (!std::isnan(x)) column.append(at, x);
    };
    for (std::size_t i = from; i < to; ++i) {
      const JudgedRow& row = rows[i];
      const auto at = static_cast<std::int64_t>(i - from);
      point.append(at, row.point);
      verdict.append(at, std::string_view(name_of(row.verdict)));
      if (row.reason != nullptr) reason.append(at, std::string_view(row.reason));
      append(value, at, row.value);
      append(effect, at, row.effect);
      append(low, at, row.low);
      append(high, at, row.high);
      limit.append(at, threshold);
      append(log_e, at, row.log_e);
      n.append(at, row.n);
      n_reference.append(at, row.n_reference);
      if (row.since_us) since.append(at, *row.since_us);
    }
    const auto size = static_cast<std::int64_t>(to - from);
    std::vector<detail::BuiltColumn> columns;
    columns.push_back(point.take(size));
    columns.push_back(verdict.take(size));
    columns.push_back(reason.take(size));
    for (auto* column : {&value, &effect, &low, &high, &limit, &log_e}) {
      columns.push_back(column->take(size));
    }
    columns.push_back(n.take(size));
    columns.push_back(n_reference.take(size));
    columns.push_back(since.take(size, ColumnType::kTimestampUs));
    chunks.push_back(detail::assemble_chunk(outcome_spec(), std::move(columns), size));
  }
  return detail::make_table(detail::shared_schema(outcome_spec()), std::move(chunks));
}

// How many threads the work is worth.
std::size_t useful_threads(unsigned wanted, std::size_t num_series, std::size_t rows) {
  return std::min({detail::threads_for(wanted), num_series, rows / kRowsPerThread + 1});
}

}  // namespace

DriftJudge::DriftJudge(Options options) : state_(std::make_unique<State>()) {
  if (!(options.level > 0 && options.level < 1)) {
    detail::fail<InvalidArgument>("level must lie between 0 and 1", options.level);
  }
  if (!(options.threshold > 0 && options.threshold < 1)) {
    detail::fail<InvalidArgument>("threshold must lie between 0 and 1", options.threshold);
  }
  state_->options = options;
}

DriftJudge::DriftJudge(DriftJudge&& other) noexcept = default;
DriftJudge& DriftJudge::operator=(DriftJudge&& other) noexcept = default;
DriftJudge::~DriftJudge() = default;

const DriftJudge::Options& DriftJudge::options() const noexcept { return state_->options; }
std::size_t DriftJudge::num_series() const noexcept { return state_->series.size(); }

void DriftJudge::add_reference(Reference reference) {
  using Kind = detail::ReferenceCells::Kind;
  const Kind kind = !reference.is_ordered  ? Kind::kNames
                    : reference.is_bounded ? Kind::kBounded
                                           : Kind::kOrdered;
  detail::ReferenceCells cells(std::move(reference.counts), reference.is_exact, kind);
  JudgedSeries& series = state_->series[reference.series_id];
  series.family = reference.family;
  const auto known = series.references.find(reference.reference_id);
  if (known != series.references.end()) {
    const bool is_same = known->second.counts == cells.counts &&
                         known->second.is_exact == cells.is_exact &&
                         known->second.kind == cells.kind;
    if (is_same) return;
    std::erase_if(series.in_use, [&reference](const detail::SeriesProgress& progress) {
      return progress.reference_id == reference.reference_id;
    });
  }
  series.references.insert_or_assign(std::move(reference.reference_id), std::move(cells));
}

bool DriftJudge::has_reference(std::int64_t series_id, const std::string& reference_id) const {
  const auto series = state_->series.find(series_id);
  return series != state_->series.end() && series->second.references.contains(reference_id);
}

std::size_t DriftJudge::memory_bytes() const noexcept {
  std::size_t out = sizeof *this + sizeof *state_;
  for (const auto& [id, series] : state_->series) {
    out += sizeof id + sizeof series;
    for (const auto& [name, cells] : series.references) {
      out += name.capacity() + sizeof cells + cells.counts.capacity() * sizeof(std::uint64_t) +
             cells.group.capacity() * sizeof(std::uint16_t) +
             cells.group_counts.capacity() * sizeof(std::uint64_t);
    }
    for (const detail::SeriesProgress& progress : series.in_use) {
      out += progress.reference_id.capacity() + progress.process.memory_bytes() +
             progress.dispersion.state().pending.capacity() * sizeof(std::uint64_t);
    }
  }
  return out;
}

Table DriftJudge::judge(const Table& points, unsigned threads) {
  std::vector<Chunk> chunks;
  chunks.reserve(points.num_chunks());
  for (std::size_t i = 0; i < points.num_chunks(); ++i) chunks.emplace_back(points, i);

  std::vector<JudgedRow> rows;
  std::vector<Place> places;
  FamilyNumbers families;
  std::vector<std::uint32_t> family_of;
  std::vector<JudgedSeries*> series;  // null are those without a reference
  std::unordered_map<std::int64_t, std::uint32_t> number_of;
  std::size_t num_points = 0;
  for (const Chunk& chunk : chunks) num_points += static_cast<std::size_t>(chunk.reader.num_rows());
  rows.reserve(num_points);
  places.reserve(num_points);
  family_of.reserve(num_points);
  std::int64_t first = 0;
  for (const Chunk& chunk : chunks) {
    const Keys keys(chunk);
    for (std::int64_t row = 0; row < chunk.reader.num_rows(); ++row) {
      if (!chunk.is_judged(row)) continue;
      const auto at = static_cast<std::size_t>(row);
      const std::int64_t id = keys.series_id[at];
      const auto [number, is_new] =
          number_of.try_emplace(id, static_cast<std::uint32_t>(series.size()));
      if (is_new) {
        const auto known = state_->series.find(id);
        series.push_back(known == state_->series.end() ? nullptr : &known->second);
      }
      const JudgedSeries* mine = series[number->second];
      rows.emplace_back().point = first + row;
      places.push_back({&chunk, row, number->second});
      family_of.push_back(families.number({mine == nullptr ? 0 : mine->family, keys.start_time[at],
                                           keys.time[at], keys.revision[at]}));
    }
    first += chunk.reader.num_rows();
  }

  const std::size_t useful = useful_threads(threads, series.size(), rows.size());
  const std::size_t together = std::clamp<std::size_t>(
      series.size() / std::max<std::size_t>(useful * kPartsPerThread, 1), 1, kSeriesTogether);
  const Parts parts(places, series.size(), together);
  detail::parallel_for(parts.size(), useful, [&](std::size_t part) {
    CountedRow counted;
    for (const std::size_t i : parts[part]) {
      JudgedSeries* const mine = series[places[i].series];
      if (mine == nullptr) {
        rows[i].reason = "no_reference";
        continue;
      }
      const std::int64_t point = rows[i].point;
      places[i].chunk->read(places[i].row, counted);
      rows[i] = detail::judge_row(*mine, counted, state_->options);
      rows[i].point = point;
    }
  });

  // Only a yes can be lost, so a family without one is as it should be.
  std::vector<bool> has_yes(families.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].verdict == Verdict::kYes) has_yes[family_of[i]] = true;
  }
  std::unordered_map<std::uint32_t, std::vector<std::size_t>> tested;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].verdict != Verdict::kUndefined && has_yes[family_of[i]]) {
      tested[family_of[i]].push_back(i);
    }
  }
  for (const auto& [family, members] : tested) apply_level(rows, members, state_->options);
  return table_of(rows, state_->options.threshold);
}

}  // namespace inlay
