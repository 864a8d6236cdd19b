#include <gtest/gtest.h>

#include <array>
#include <inlay/error.hpp>
#include <limits>
#include <string>
#include <vector>

#include "arrow/points_builder.hpp"
#include "arrow/row_builders.hpp"
#include "arrow/table_data.hpp"
#include "arrow/table_reader.hpp"

namespace inlay {
namespace {

constexpr std::int64_t kTime = 1'700'000'010'000'000;

PointsHeader make_header() {
  PointsHeader header;
  header.time = kTime;
  header.start_time = kTime - 10'000'000;
  header.observed_time = kTime + 5;
  header.origin = -42;
  header.window_seq = 7;
  header.resource = R"({"service.name":"shop"})";
  return header;
}

PointRow make_counter(std::int64_t series, double value) {
  PointRow row;
  row.metric = "requests";
  row.kind = "counter";
  row.series_id = series;
  row.value = value;
  return row;
}

void expect_spec(const Table& table, const TableSpec& spec) {
  ASSERT_EQ(table.num_columns(), static_cast<std::int64_t>(spec.columns.size()));
  for (std::size_t i = 0; i < spec.columns.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    EXPECT_EQ(table.column_name(index), spec.columns[i].name);
    EXPECT_EQ(table.column_format(index), column_format(spec.columns[i].type));
    EXPECT_EQ(table.column_nullable(index), spec.columns[i].nullable);
  }
}

TEST(PointsBuilder, no_rows_give_an_empty_table_with_the_schema) {
  const auto table = PointsBuilder(make_header()).finish();
  EXPECT_EQ(table.num_rows(), 0);
  EXPECT_EQ(table.num_chunks(), 0U);
  EXPECT_EQ(table.nbytes(), 0);
  expect_spec(table, table_schema("points"));
}

TEST(PointsBuilder, header_columns_are_the_same_in_every_row) {
  auto header = make_header();
  header.revision = 2;
  header.derived = true;
  header.rank = 3;
  PointsBuilder builder(header, 2);
  for (int i = 0; i < 11; ++i) builder.append(make_counter(i, i));
  const auto table = std::move(builder).finish();
  const TableReader reader(table, 0);
  ASSERT_EQ(reader.num_rows(), 11);
  for (std::int64_t row = 0; row < 11; ++row) {
    EXPECT_EQ(reader.integers("time").get(row), kTime);
    EXPECT_EQ(reader.integers("start_time").get(row), kTime - 10'000'000);
    EXPECT_EQ(reader.integers("observed_time").get(row), kTime + 5);
    EXPECT_EQ(reader.integers("revision").get(row), 2);
    EXPECT_EQ(reader.strings("form").get(row), "derived");
    EXPECT_EQ(reader.integers("origin").get(row), -42);
    EXPECT_EQ(reader.integers("window_seq").get(row), 7);
    EXPECT_EQ(reader.integers("rank").get(row), 3);
    EXPECT_EQ(reader.strings("resource").get(row), R"({"service.name":"shop"})");
    EXPECT_EQ(reader.strings("layer").get(row), "app");
    EXPECT_EQ(reader.strings("status").get(row), "ok");
    EXPECT_EQ(reader.strings("attrs").get(row), "{}");
    EXPECT_EQ(reader.integers("series_id").get(row), row);
    EXPECT_EQ(reader.floats("value").get(row), static_cast<double>(row));
  }
}

TEST(PointsBuilder, zero_valued_headers_and_empty_resources_are_values_not_nulls) {
  PointsHeader header;
  header.resource = "";
  PointsBuilder builder(header);
  builder.append(make_counter(1, 0.0));
  const auto table = std::move(builder).finish();
  const TableReader reader(table, 0);
  EXPECT_EQ(reader.integers("time").get(0), 0);
  EXPECT_EQ(reader.strings("resource").get(0), "");
  EXPECT_EQ(reader.strings("form").get(0), "delta");
  EXPECT_TRUE(reader.integers("rank").is_null(0));
}

// A column's bitmap begins at its first null and grows from there: every
// pattern of values and nulls round the byte boundaries must come back.
TEST(PointsBuilder, nulls_come_back_for_every_pattern_round_byte_boundaries) {
  for (const int rows : {1, 7, 8, 9, 15, 16, 17, 64, 65}) {
    for (int pattern = 0; pattern < 6; ++pattern) {
      const auto has_value = [&](int i) {
        switch (pattern) {
          case 0:
            return i == 0;
          case 1:
            return i == rows - 1;
          case 2:
            return i % 2 == 0;
          case 3:
            return i != rows / 2;
          case 4:
            return i >= 8;
          default:
            return i < 8;
        }
      };
      PointsBuilder builder(make_header());
      const std::array<std::int64_t, 2> items{5, 6};
      for (int i = 0; i < rows; ++i) {
        auto row = make_counter(i, i);
        const auto unit = std::to_string(i);
        if (has_value(i)) {
          row.count = i;
          row.unit = unit;
          row.counts = std::span(items).first(static_cast<std::size_t>(i % 3));
          row.scale = -i;
        }
        builder.append(row);
      }
      const auto table = std::move(builder).finish();
      const TableReader reader(table, 0);
      const auto count = reader.integers("count");
      const auto unit = reader.strings("unit");
      const auto counts = reader.integer_lists("counts");
      const auto scale = reader.integers("scale");
      for (int i = 0; i < rows; ++i) {
        SCOPED_TRACE("rows " + std::to_string(rows) + " pattern " + std::to_string(pattern) +
                     " row " + std::to_string(i));
        ASSERT_EQ(count.is_null(i), !has_value(i));
        ASSERT_EQ(unit.is_null(i), !has_value(i));
        ASSERT_EQ(counts.is_null(i), !has_value(i));
        ASSERT_EQ(scale.is_null(i), !has_value(i));
        if (has_value(i)) {
          ASSERT_EQ(count.value(i), i);
          ASSERT_EQ(unit.value(i), std::to_string(i));
          ASSERT_EQ(scale.value(i), -i);
          ASSERT_EQ(counts.range(i).size, i % 3);
        }
      }
    }
  }
}

TEST(PointsBuilder, every_column_takes_its_value) {
  const std::array<std::int64_t, 3> positive{1, 0, std::numeric_limits<std::int64_t>::max()};
  const std::array<std::int64_t, 1> negative{9};
  const std::array<double, 2> bounds{-1.5, std::numeric_limits<double>::infinity()};
  const std::array<std::string_view, 3> categories{"", "ü", std::string_view("a\0b", 3)};
  PointRow row = make_counter(-5, 0.1);
  row.layer = "self";
  row.kind = "histogram";
  row.unit = "s";
  row.status = "insufficient";
  row.count = 1;
  row.null_count = 2;
  row.nan_count = 3;
  row.pos_inf_count = 4;
  row.neg_inf_count = 5;
  row.sum = 6.5;
  row.min = -7.5;
  row.max = 8.5;
  row.mean = 9.5;
  row.m2 = 10.5;
  row.m3 = 11.5;
  row.m4 = 12.5;
  row.scale = 5;
  row.zero_count = 13;
  row.zero_threshold = 0.0;
  row.pos_offset = -14;
  row.pos_counts = positive;
  row.neg_offset = 15;
  row.neg_counts = negative;
  row.bounds = bounds;
  row.categories = categories;
  row.counts = std::span<const std::int64_t>{};
  row.reference_id = "r";
  row.summary = std::string_view("\xff\0\x01", 3);
  row.summary_type = "kll";
  PointsBuilder builder(make_header());
  builder.append(row);
  EXPECT_EQ(builder.num_rows(), 1);
  const auto table = std::move(builder).finish();
  expect_spec(table, table_schema("points"));
  const TableReader reader(table, 0);
  for (const auto& column : table_schema("points").columns) {
    if (std::string_view(column.name) == "rank") continue;
    const auto text = column.type == ColumnType::kUtf8 || column.type == ColumnType::kBinary;
    switch (column.type) {
      case ColumnType::kFloat64:
        EXPECT_FALSE(reader.floats(column.name).is_null(0)) << column.name;
        break;
      case ColumnType::kInt64List:
        EXPECT_FALSE(reader.integer_lists(column.name).is_null(0)) << column.name;
        break;
      case ColumnType::kFloat64List:
        EXPECT_FALSE(reader.float_lists(column.name).is_null(0)) << column.name;
        break;
      case ColumnType::kUtf8List:
        EXPECT_FALSE(reader.string_lists(column.name).is_null(0)) << column.name;
        break;
      default:
        EXPECT_FALSE(text ? reader.strings(column.name).is_null(0)
                          : reader.integers(column.name).is_null(0))
            << column.name;
    }
  }
  EXPECT_EQ(reader.integers("neg_inf_count").value(0), 5);
  EXPECT_EQ(reader.floats("m4").value(0), 12.5);
  EXPECT_EQ(reader.integers("pos_offset").value(0), -14);
  EXPECT_EQ(reader.strings("summary").value(0), std::string_view("\xff\0\x01", 3));
  const auto pos = reader.integer_lists("pos_counts");
  EXPECT_EQ(pos.range(0).size, 3);
  EXPECT_EQ(pos.items().value(2), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(reader.float_lists("bounds").items().value(1), std::numeric_limits<double>::infinity());
  const auto names = reader.string_lists("categories");
  EXPECT_EQ(names.items().value(0), "");
  EXPECT_EQ(names.items().value(2), std::string_view("a\0b", 3));
  EXPECT_EQ(reader.integer_lists("counts").range(0).size, 0);
}

TEST(PointsBuilder, strings_of_every_length_are_copied_whole) {
  PointsBuilder builder(make_header());
  std::vector<std::string> texts;
  for (std::size_t length = 0; length < 200; ++length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>('a' + (i * 7 + length) % 26);
    texts.push_back(text);
    auto row = make_counter(0, 0);
    row.attrs = texts.back();
    builder.append(row);
  }
  const auto table = std::move(builder).finish();
  const auto attrs = TableReader(table, 0).strings("attrs");
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(attrs.value(static_cast<std::int64_t>(i)), texts[i]);
  }
}

TEST(PointsBuilder, columns_no_row_filled_cost_nothing) {
  constexpr int kRows = 1000;
  PointsBuilder builder(make_header(), kRows);
  for (int i = 0; i < kRows; ++i) builder.append(make_counter(i, 1.0));
  const auto table = std::move(builder).finish();
  // Seven constant 64-bit-or-smaller columns, two 64-bit ones, seven strings:
  // well under 200 bytes a row, where 26 more columns would need 200 alone.
  EXPECT_LT(table.nbytes(), 200 * kRows);
  const auto& chunk = *table.data().chunks[0].array;
  const void* shared = nullptr;
  for (std::int64_t i = 0; i < chunk.n_children; ++i) {
    const auto& column = *chunk.children[i];
    if (column.null_count != kRows) continue;
    if (shared == nullptr) shared = column.buffers[0];
    for (std::int64_t b = 0; b < column.n_buffers; ++b) EXPECT_EQ(column.buffers[b], shared);
  }
  EXPECT_NE(shared, nullptr);
}

TEST(PointsBuilder, columns_without_nulls_have_no_bitmap) {
  PointsBuilder builder(make_header());
  builder.append(make_counter(1, 1.0));
  const auto table = std::move(builder).finish();
  const auto& chunk = *table.data().chunks[0].array;
  for (std::int64_t i = 0; i < chunk.n_children; ++i) {
    EXPECT_EQ(chunk.children[i]->buffers[0] == nullptr, chunk.children[i]->null_count == 0);
  }
}

TEST(PointsBuilder, a_new_chunk_begins_before_offsets_overflow) {
  constexpr std::size_t kMaxWeight = 500;
  PointsBuilder builder(make_header(), 0, kMaxWeight);
  const std::string attrs(100, 'x');
  for (int i = 0; i < 20; ++i) {
    auto row = make_counter(i, i);
    row.attrs = attrs;
    if (i % 2 == 0) row.unit = "s";
    builder.append(row);
    EXPECT_EQ(builder.num_rows(), i + 1);
  }
  const auto table = std::move(builder).finish();
  EXPECT_EQ(table.num_rows(), 20);
  EXPECT_GT(table.num_chunks(), 5U);
  std::int64_t series = 0;
  for (std::size_t chunk = 0; chunk < table.num_chunks(); ++chunk) {
    const TableReader reader(table, chunk);
    for (std::int64_t row = 0; row < reader.num_rows(); ++row, ++series) {
      EXPECT_EQ(reader.integers("series_id").value(row), series);
      EXPECT_EQ(reader.strings("attrs").value(row), attrs);
      EXPECT_EQ(reader.strings("unit").is_null(row), series % 2 != 0);
      EXPECT_EQ(reader.strings("resource").value(row), make_header().resource);
    }
  }
  EXPECT_EQ(series, 20);
}

TEST(PointsBuilder, a_row_too_large_for_any_chunk_is_refused_and_the_rest_kept) {
  PointsBuilder builder(make_header(), 0, 200);
  builder.append(make_counter(1, 1.0));
  const std::string attrs(201, 'x');
  auto row = make_counter(2, 2.0);
  row.attrs = attrs;
  EXPECT_THROW(builder.append(row), OutOfRange);
  builder.append(make_counter(3, 3.0));
  EXPECT_EQ(std::move(builder).finish().num_rows(), 2);
}

TEST(RowBuilders, verdicts_keep_every_field) {
  const std::array<std::string_view, 2> names{"low", "high"};
  const std::array<double, 2> values{0.25, -0.5};
  VerdictsBuilder builder({11, 12, 13, "{}"});
  VerdictRow row;
  row.time = 1;
  row.start_time = 2;
  row.revision = 3;
  row.series_id = 4;
  row.metric = "m";
  row.method = "psi";
  row.verdict = "yes";
  row.value = 0.5;
  row.log_e = 9.0;
  row.n = 10;
  row.part_names = names;
  row.part_values = values;
  row.judge = "drift";
  row.judge_version = "1";
  builder.append(row);
  builder.append(VerdictRow{});
  const auto table = std::move(builder).finish();
  expect_spec(table, table_schema("verdicts"));
  const TableReader reader(table, 0);
  EXPECT_EQ(reader.integers("time").value(0), 1);
  EXPECT_EQ(reader.integers("start_time").value(0), 2);
  EXPECT_EQ(reader.integers("observed_time").value(1), 11);
  EXPECT_EQ(reader.integers("origin").value(1), 12);
  EXPECT_EQ(reader.strings("scope").value(0), "process");
  EXPECT_EQ(reader.floats("log_e").get(0), 9.0);
  EXPECT_EQ(reader.floats("log_e").get(1), std::nullopt);
  EXPECT_EQ(reader.string_lists("part_names").items().value(1), "high");
  EXPECT_EQ(reader.float_lists("part_values").items().value(1), -0.5);
  EXPECT_TRUE(reader.float_lists("part_values").is_null(1));
}

TEST(RowBuilders, events_exemplars_and_spans_keep_every_field) {
  const TurnHeader header{11, 12, 13, R"({"a":"b"})"};
  EventsBuilder events(header);
  EventRow event;
  event.time = 1;
  event.end_time = 2;
  event.name = "deploy";
  event.severity = 17;
  event.body = "";
  event.trace_id = "0af7651916cd43dd8448eb211c80319c";
  events.append(event);
  const auto event_table = std::move(events).finish();
  expect_spec(event_table, table_schema("events"));
  const TableReader event_reader(event_table, 0);
  EXPECT_EQ(event_reader.integers("end_time").get(0), 2);
  EXPECT_EQ(event_reader.integers("severity").get(0), 17);
  EXPECT_EQ(event_reader.strings("body").get(0), "");
  EXPECT_EQ(event_reader.strings("span_id").get(0), std::nullopt);
  EXPECT_EQ(event_reader.strings("resource").get(0), R"({"a":"b"})");

  ExemplarsBuilder exemplars(header);
  ExemplarRow exemplar;
  exemplar.time = 1;
  exemplar.series_id = 5;
  exemplar.value = 0.125;
  exemplar.span_id = "b7ad6b7169203331";
  exemplars.append(exemplar);
  const auto exemplar_table = std::move(exemplars).finish();
  expect_spec(exemplar_table, table_schema("exemplars"));
  const TableReader exemplar_reader(exemplar_table, 0);
  EXPECT_EQ(exemplar_reader.integers("window_seq").get(0), 13);
  EXPECT_EQ(exemplar_reader.floats("value").get(0), 0.125);
  EXPECT_EQ(exemplar_reader.strings("span_id").get(0), "b7ad6b7169203331");

  SpansBuilder spans(header);
  SpanRow span;
  span.trace_id = "t";
  span.span_id = "s";
  span.name = "GET /";
  span.status = "error";
  span.start_time = 1;
  span.time = 3;
  spans.append(span);
  const auto span_table = std::move(spans).finish();
  expect_spec(span_table, table_schema("spans"));
  const TableReader span_reader(span_table, 0);
  EXPECT_EQ(span_reader.integers("start_time").get(0), 1);
  EXPECT_EQ(span_reader.integers("time").get(0), 3);
  EXPECT_EQ(span_reader.strings("parent_id").get(0), std::nullopt);
  EXPECT_EQ(span_reader.strings("status").get(0), "error");
  EXPECT_EQ(span_reader.integers("origin").get(0), 12);
}

TEST(RowBuilders, chunks_split_in_every_builder) {
  const std::string attrs(60, 'x');
  EventsBuilder events({0, 0, 0, "{}"}, 200);
  ExemplarsBuilder exemplars({0, 0, 0, "{}"}, 200);
  SpansBuilder spans({0, 0, 0, "{}"}, 200);
  VerdictsBuilder verdicts({0, 0, 0, "{}"}, 200);
  for (int i = 0; i < 10; ++i) {
    EventRow event;
    event.attrs = attrs;
    events.append(event);
    ExemplarRow exemplar;
    exemplar.attrs = attrs;
    exemplars.append(exemplar);
    SpanRow span;
    span.attrs = attrs;
    spans.append(span);
    VerdictRow verdict;
    verdict.attrs = attrs;
    verdicts.append(verdict);
  }
  for (const auto& table : {std::move(events).finish(), std::move(exemplars).finish(),
                            std::move(spans).finish(), std::move(verdicts).finish()}) {
    EXPECT_EQ(table.num_rows(), 10);
    EXPECT_GE(table.num_chunks(), 4U);
  }
}

}  // namespace
}  // namespace inlay
