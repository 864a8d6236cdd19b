#include "prometheus/point_rows.hpp"

#include <cmath>
#include <inlay/error.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "arrow/table_reader.hpp"

namespace inlay::prometheus {
namespace {

/// OpenMetrics allows an exemplar's labels this many characters, names and values together.
constexpr std::size_t kMaxExemplarChars = 128;

/// Buckets of several rows share one block of about this many counts.
constexpr std::size_t kCountsBlock = 1U << 16;

std::size_t num_chars(std::string_view utf8) {
  std::size_t number = 0;
  for (const char c : utf8) number += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1U : 0U;
  return number;
}

/// The columns of one chunk of a points table. Valid while the reader lives.
struct PointColumns {
  explicit PointColumns(const TableReader& reader)
      : metric(reader.strings("metric")),
        kind(reader.strings("kind")),
        unit(reader.strings("unit")),
        attrs(reader.strings("attrs")),
        form(reader.strings("form")),
        status(reader.strings("status")),
        series_id(reader.integers("series_id")),
        time(reader.integers("time")),
        start_time(reader.integers("start_time")),
        value(reader.floats("value")),
        sum(reader.floats("sum")),
        null_count(reader.integers("null_count")),
        nan_count(reader.integers("nan_count")),
        pos_inf_count(reader.integers("pos_inf_count")),
        neg_inf_count(reader.integers("neg_inf_count")),
        scale(reader.integers("scale")),
        zero_count(reader.integers("zero_count")),
        zero_threshold(reader.floats("zero_threshold")),
        pos_offset(reader.integers("pos_offset")),
        neg_offset(reader.integers("neg_offset")),
        pos_counts(reader.integer_lists("pos_counts")),
        neg_counts(reader.integer_lists("neg_counts")) {}

  StringColumnReader metric, kind, unit, attrs, form, status;
  Int64Column series_id, time, start_time;
  Float64Column value, sum;
  Int64Column null_count, nan_count, pos_inf_count, neg_inf_count;
  Int64Column scale, zero_count;
  Float64Column zero_threshold;
  Int64Column pos_offset, neg_offset;
  Int64ListColumn pos_counts, neg_counts;
};

/// Remembers the family of the previous row: rows of one metric usually follow each other.
class FamilyFinder {
 public:
  explicit FamilyFinder(Catalog& catalog) : catalog_(catalog) {}

  std::uint32_t find(std::string_view metric, std::string_view unit, Kind kind) {
    if (last_ != Catalog::kNone) {
      const Family& family = catalog_.family_at(last_);
      if (family.kind == kind && family.metric == metric && family.unit == unit) return last_;
    }
    last_ = catalog_.family(metric, unit, kind);
    return last_;
  }

 private:
  Catalog& catalog_;
  std::uint32_t last_ = Catalog::kNone;
};

/// What a row is for us. Derived rows and kinds we have no form for show their headline as a gauge.
Kind kind_of(const PointColumns& columns, std::int64_t row) {
  if (columns.form.value(row) == "derived") return Kind::kGauge;
  const std::string_view kind = columns.kind.value(row);
  if (kind == "counter") return Kind::kCounter;
  if (kind == "histogram") return Kind::kHistogram;
  return Kind::kGauge;
}

/// Whether a row is a sketch beside its metric's own row, which shows all that Prometheus can.
bool is_sketch(const PointColumns& columns, std::int64_t row) {
  const std::string_view kind = columns.kind.value(row);
  return kind == "quantiles" || kind == "cardinality";
}

Excluded excluded_of(const PointColumns& columns, std::int64_t row) {
  return {columns.nan_count.value(row), columns.pos_inf_count.value(row),
          columns.neg_inf_count.value(row), columns.null_count.value(row)};
}

BucketRun run_of(const Int64ListColumn& column, std::int64_t row, std::int64_t offset,
                 std::vector<std::int64_t>& block) {
  const auto range = column.range(row);
  const std::size_t start = block.size();
  block.resize(start + static_cast<std::size_t>(range.size));
  column.items().copy_values(range.begin, range.size, block.data() + start);
  return {static_cast<std::int32_t>(offset), block.data() + start,
          static_cast<std::size_t>(range.size)};
}

}  // namespace

PointRows::PointRows(const Table& points, const Table* exemplars, Catalog& catalog) {
  rows_.reserve(static_cast<std::size_t>(points.num_rows()));
  for (std::size_t chunk = 0; chunk < points.num_chunks(); ++chunk) {
    decode_points(points, chunk, catalog);
  }
  if (exemplars == nullptr) return;
  for (std::size_t chunk = 0; chunk < exemplars->num_chunks(); ++chunk) {
    decode_exemplars(*exemplars, chunk, catalog);
  }
}

void PointRows::renumber(const std::vector<std::uint32_t>& new_numbers) {
  for (Row& row : rows_) row.series = new_numbers[row.series];
  for (TiedExemplar& tied : exemplars_) tied.series = new_numbers[tied.series];
}

void PointRows::refuse(std::string why) {
  ++refused_;
  refusal_ = std::move(why);
}

void PointRows::decode_points(const Table& points, std::size_t chunk, Catalog& catalog) {
  const TableReader reader(points, chunk);
  const PointColumns columns(reader);
  FamilyFinder families(catalog);
  const auto refuse_row = [&](std::string_view why, std::int64_t row) {
    refuse(std::string(why) + ": " + detail::describe(columns.metric.value(row)));
  };
  for (std::int64_t row = 0; row < reader.num_rows(); ++row) {
    if (is_sketch(columns, row)) continue;
    const Kind kind = kind_of(columns, row);
    PointDelta delta;
    delta.has_value = !columns.value.is_null(row);
    delta.value = columns.value.value(row);
    const std::string_view status = columns.status.value(row);
    delta.ok = status.empty() || status == "ok";
    delta.start_us = columns.start_time.value(row);
    delta.time_us = columns.time.value(row);
    delta.excluded = excluded_of(columns, row);
    const Excluded& excluded = delta.excluded;
    if ((excluded.nan | excluded.pos_inf | excluded.neg_inf | excluded.null) < 0) {
      refuse_row("a count below zero in metric", row);
      continue;
    }
    if (kind == Kind::kCounter &&
        (!delta.has_value || !(delta.value >= 0) || std::isinf(delta.value))) {
      // A row without a value that says so is nothing wrong: there was nothing to count.
      if (delta.ok || delta.has_value) refuse_row("no finite increase of counter", row);
      continue;
    }
    if (kind == Kind::kGauge && !delta.has_value && delta.ok && !excluded.any()) {
      refuse_row("neither value nor status in metric", row);
      continue;
    }
    if (kind == Kind::kHistogram) {
      if (!delta.ok && columns.scale.is_null(row)) continue;
      if (columns.scale.is_null(row) && !excluded.any()) {
        refuse_row("no exponential buckets in histogram", row);
        continue;
      }
      delta.sum = columns.sum.value(row);
      const std::size_t items = static_cast<std::size_t>(columns.pos_counts.range(row).size +
                                                         columns.neg_counts.range(row).size);
      // A block must not move once rows point into it.
      if (counts_.empty() || counts_.back().capacity() - counts_.back().size() < items) {
        counts_.emplace_back().reserve(std::max(items, kCountsBlock));
      }
      auto& block = counts_.back();
      delta.buckets.scale = static_cast<std::int32_t>(columns.scale.value(row));
      delta.buckets.zero_count = columns.zero_count.value(row);
      delta.buckets.zero_threshold = columns.zero_threshold.value(row);
      delta.buckets.positive =
          run_of(columns.pos_counts, row, columns.pos_offset.value(row), block);
      delta.buckets.negative =
          run_of(columns.neg_counts, row, columns.neg_offset.value(row), block);
      if (!plausible(delta.buckets)) {
        refuse_row("impossible buckets in histogram", row);
        continue;
      }
    }
    const std::uint32_t family =
        families.find(columns.metric.value(row), columns.unit.value(row), kind);
    const std::int64_t id = columns.series_id.value(row);
    std::uint32_t series = catalog.find(family, id);
    if (series == Catalog::kNone) {
      LabelSet labels;
      try {
        labels =
            LabelSet::from_json(columns.attrs.value(row), kind == Kind::kHistogram ? "le" : "");
      } catch (const InvalidArgument& error) {
        refuse(error.what());
        continue;
      }
      series = catalog.series(family, id, std::move(labels));
    }
    latest_us_ = std::max(latest_us_, delta.time_us);
    rows_.push_back({series, delta});
  }
}

void PointRows::decode_exemplars(const Table& exemplars, std::size_t chunk,
                                 const Catalog& catalog) {
  const TableReader reader(exemplars, chunk);
  const auto series_id = reader.integers("series_id");
  const auto time = reader.integers("time");
  const auto value = reader.floats("value");
  const auto trace_id = reader.strings("trace_id");
  const auto span_id = reader.strings("span_id");
  const auto attrs = reader.strings("attrs");
  for (std::int64_t row = 0; row < reader.num_rows(); ++row) {
    TiedExemplar tied;
    tied.exemplar.value = value.value(row);
    tied.exemplar.time_us = time.value(row);
    if (!std::isfinite(tied.exemplar.value)) continue;
    std::size_t room = kMaxExemplarChars;
    const auto add = [&](std::string_view name, std::string_view text) {
      const std::size_t size = num_chars(name) + num_chars(text);
      if (text.empty() || size > room) return;
      room -= size;
      tied.exemplar.labels.add(name, text);
    };
    add("trace_id", to_valid_utf8(trace_id.value(row)));
    add("span_id", to_valid_utf8(span_id.value(row)));
    try {
      LabelSet::from_json(attrs.is_null(row) ? "{}" : attrs.value(row), "")
          .for_each([&](std::string_view name, std::string_view text) {
            if (name != "trace_id" && name != "span_id") add(name, text);
          });
    } catch (const InvalidArgument& error) {
      refuse(error.what());
      continue;
    }
    for (tied.series = catalog.first_with_id(series_id.value(row)); tied.series != Catalog::kNone;
         tied.series = catalog.series_at(tied.series).next_same_id) {
      exemplars_.push_back(tied);
    }
  }
}

}  // namespace inlay::prometheus
