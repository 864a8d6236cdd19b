#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <inlay/arrow/table.hpp>
#include <inlay/batch.hpp>
#include <inlay/error.hpp>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "arrow/points_builder.hpp"
#include "arrow/table_reader.hpp"

namespace inlay {
namespace {

Table make_points(int rows, std::size_t max_chunk_weight = detail::ChunkGuard::kMaxWeight) {
  PointsHeader header;
  header.time = 1'700'000'000'000'000;
  header.resource = R"({"service.name":"shop"})";
  PointsBuilder builder(header, 0, max_chunk_weight);
  const std::vector<std::int64_t> counts{1, 2, 3};
  for (int i = 0; i < rows; ++i) {
    const auto attrs = R"({"i":")" + std::to_string(i) + R"("})";
    PointRow row;
    row.metric = "latency";
    row.kind = "histogram";
    row.attrs = attrs;
    row.series_id = i;
    if (i % 3 != 0) {
      row.count = i;
      row.pos_counts = std::span(counts).first(static_cast<std::size_t>(i % 4));
    }
    builder.append(row);
  }
  return std::move(builder).finish();
}

void expect_points(const Table& table, int rows) {
  ASSERT_EQ(table.num_rows(), rows);
  std::int64_t i = 0;
  for (std::size_t chunk = 0; chunk < table.num_chunks(); ++chunk) {
    const TableReader reader(table, chunk);
    const auto series = reader.integers("series_id");
    const auto attrs = reader.strings("attrs");
    const auto count = reader.integers("count");
    const auto lists = reader.integer_lists("pos_counts");
    for (std::int64_t row = 0; row < reader.num_rows(); ++row, ++i) {
      ASSERT_EQ(series.value(row), i);
      ASSERT_EQ(attrs.value(row), R"({"i":")" + std::to_string(i) + R"("})");
      ASSERT_EQ(count.is_null(row), i % 3 == 0);
      ASSERT_EQ(lists.is_null(row), i % 3 == 0);
      const auto range = lists.range(row);
      ASSERT_EQ(range.size, i % 3 == 0 ? 0 : i % 4);
      for (std::int64_t k = 0; k < range.size; ++k) {
        ASSERT_EQ(lists.items().value(range.begin + k), k + 1);
      }
    }
  }
  EXPECT_EQ(i, rows);
}

/// Structs of one int64 column "a" of 4 values, to be damaged by tests. Counts
/// how often each struct was released. Thread-safety: none.
struct Handmade {
  std::int64_t values[4] = {10, 11, 12, 13};
  std::uint8_t bits[1] = {0x0b};  // the third is null
  const void* column_buffers[2] = {bits, values};
  const void* root_buffers[1] = {nullptr};
  ArrowArray column{4, 1, 0, 2, 0, column_buffers, nullptr, nullptr, &release_child_array, nullptr};
  ArrowArray* columns[1] = {&column};
  ArrowArray root{4, 0, 0, 1, 1, root_buffers, columns, nullptr, &release_array, this};
  ArrowSchema column_schema{
      "l", "a", nullptr, ARROW_FLAG_NULLABLE, 0, nullptr, nullptr, &release_child_schema, nullptr};
  ArrowSchema* schemas[1] = {&column_schema};
  ArrowSchema schema{"+s", "", nullptr, 0, 1, schemas, nullptr, &release_schema, this};
  int arrays_released = 0;
  int schemas_released = 0;

  static void release_child_array(ArrowArray* array) { array->release = nullptr; }
  static void release_child_schema(ArrowSchema* schema) { schema->release = nullptr; }
  static void release_array(ArrowArray* array) {
    ++static_cast<Handmade*>(array->private_data)->arrays_released;
    array->release = nullptr;
  }
  static void release_schema(ArrowSchema* schema) {
    ++static_cast<Handmade*>(schema->private_data)->schemas_released;
    schema->release = nullptr;
  }
};

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Table, default_has_no_columns_and_no_rows) {
  const Table table;
  EXPECT_EQ(table.num_rows(), 0);
  EXPECT_EQ(table.num_columns(), 0);
  EXPECT_THROW((void)table.column_name(0), OutOfRange);
  EXPECT_THROW((void)table.column_name(-1), OutOfRange);
  const NativeBatch batch;
  EXPECT_EQ(batch.points.num_rows(), 0);
}

TEST(Table, export_and_import_share_buffers) {
  const auto table = make_points(100);
  ArrowSchema schema;
  ArrowArray array;
  table.export_to(&schema, &array);
  EXPECT_EQ(array.children[12]->buffers[1], table.data().chunks[0].array->children[12]->buffers[1]);
  const auto copy = Table::import_from(&schema, &array);
  EXPECT_EQ(schema.release, nullptr);
  EXPECT_EQ(array.release, nullptr);
  expect_points(copy, 100);
}

TEST(Table, exports_outlive_every_handle) {
  ArrowSchema schema;
  ArrowArray array;
  ArrowArrayStream stream;
  {
    const auto table = make_points(50);
    table.export_to(&schema, &array);
    table.export_stream(&stream);
  }
  expect_points(Table::import_from(&schema, &array), 50);
  expect_points(Table::import_stream(&stream), 50);
}

TEST(Table, a_child_moved_out_outlives_its_parent) {
  ArrowSchema schema;
  ArrowArray array;
  make_points(5).export_to(&schema, &array);
  constexpr int kSeriesId = 12;
  ArrowSchema child_schema = *schema.children[kSeriesId];
  schema.children[kSeriesId]->release = nullptr;
  ArrowArray child = *array.children[kSeriesId];
  array.children[kSeriesId]->release = nullptr;
  schema.release(&schema);
  array.release(&array);
  EXPECT_STREQ(child_schema.name, "series_id");
  EXPECT_EQ(static_cast<const std::int64_t*>(child.buffers[1])[4], 4);
  child_schema.release(&child_schema);
  child.release(&child);
  EXPECT_EQ(child.release, nullptr);
}

TEST(Table, stream_yields_chunks_then_ends_again_and_again) {
  const auto table = make_points(40, 300);
  ASSERT_GT(table.num_chunks(), 2U);
  ArrowArrayStream stream;
  table.export_stream(&stream);
  std::size_t chunks = 0;
  std::int64_t rows = 0;
  while (true) {
    ArrowArray array;
    ASSERT_EQ(stream.get_next(&stream, &array), 0);
    if (array.release == nullptr) break;
    ++chunks;
    rows += array.length;
    array.release(&array);
  }
  EXPECT_EQ(chunks, table.num_chunks());
  EXPECT_EQ(rows, 40);
  ArrowArray after;
  ASSERT_EQ(stream.get_next(&stream, &after), 0);
  EXPECT_EQ(after.release, nullptr);
  EXPECT_EQ(stream.get_last_error(&stream), nullptr);
  stream.release(&stream);
  EXPECT_EQ(stream.release, nullptr);
}

TEST(Table, imported_streams_keep_their_chunks) {
  const auto table = make_points(40, 300);
  ArrowArrayStream stream;
  table.export_stream(&stream);
  const auto copy = Table::import_stream(&stream);
  EXPECT_EQ(stream.release, nullptr);
  EXPECT_EQ(copy.num_chunks(), table.num_chunks());
  expect_points(copy, 40);
}

TEST(Table, several_chunks_become_one_array) {
  for (const int rows : {2, 8, 9, 41}) {
    const auto table = make_points(rows, 80);
    ASSERT_GT(table.num_chunks(), 1U);
    ArrowSchema schema;
    ArrowArray array;
    table.export_to(&schema, &array);
    const auto copy = Table::import_from(&schema, &array);
    EXPECT_EQ(copy.num_chunks(), 1U);
    expect_points(copy, rows);
  }
}

TEST(Table, empty_tables_export_arrays_of_no_rows) {
  for (const auto& spec : table_schemas()) {
    ArrowSchema schema;
    ArrowArray array;
    Table::empty(spec).export_to(&schema, &array);
    const auto copy = Table::import_from(&schema, &array);
    EXPECT_EQ(copy.num_rows(), 0);
    EXPECT_EQ(copy.num_columns(), static_cast<std::int64_t>(spec.columns.size()));
  }
}

TEST(Table, handles_can_be_exported_from_many_threads) {
  const auto table = make_points(200, 2000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([copy = table] {
      for (int i = 0; i < 20; ++i) {
        ArrowArrayStream stream;
        copy.export_stream(&stream);
        expect_points(Table::import_stream(&stream), 200);
        expect_points(make_points(10), 10);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(TableImport, takes_nulls_and_releases_both_structs_once) {
  Handmade made;
  {
    const auto table = Table::import_from(&made.schema, &made.root);
    const auto column = TableReader(table, 0).integers("a");
    EXPECT_EQ(column.get(1), 11);
    EXPECT_EQ(column.get(2), std::nullopt);
    EXPECT_EQ(column.get(3), 13);
    EXPECT_EQ(table.nbytes(), 4 * 8 + 1);
    EXPECT_EQ(made.arrays_released, 0);
  }
  EXPECT_EQ(made.arrays_released, 1);
  EXPECT_EQ(made.schemas_released, 1);
}

TEST(TableImport, honours_offsets_of_the_struct_and_of_its_column) {
  Handmade made;
  made.root.offset = 1;
  made.root.length = 2;
  made.column.offset = 1;
  made.column.length = 3;
  made.column.null_count = -1;
  const auto table = Table::import_from(&made.schema, &made.root);
  const auto column = TableReader(table, 0).integers("a");
  EXPECT_EQ(column.get(0), std::nullopt);  // the third value
  EXPECT_EQ(column.get(1), 13);
}

TEST(TableImport, refuses_released_structs_and_releases_the_other) {
  Handmade made;
  made.root.release = nullptr;
  EXPECT_NE(message_of([&] {
              Table::import_from(&made.schema, &made.root);
            }).find("ArrowArray was already released"),
            std::string::npos);
  EXPECT_EQ(made.schemas_released, 1);
  Handmade other;
  other.schema.release = nullptr;
  EXPECT_NE(message_of([&] {
              Table::import_from(&other.schema, &other.root);
            }).find("ArrowSchema was already released"),
            std::string::npos);
  EXPECT_EQ(other.arrays_released, 1);
  EXPECT_THROW(Table::import_from(nullptr, nullptr), InvalidArgument);
  EXPECT_THROW(Table::import_stream(nullptr), InvalidArgument);
}

struct Damage {
  const char* name;
  std::function<void(Handmade&)> apply;
  const char* expected;
};

TEST(TableImport, refuses_every_damaged_layout_and_releases_it) {
  static std::uint8_t null_row[1] = {0x0d};
  const std::vector<Damage> damages{
      {"format of the table",
       [](Handmade& m) {
         m.schema.format = "l";
         m.schema.n_children = 0;
       },
       "'l'"},
      {"no format", [](Handmade& m) { m.column_schema.format = nullptr; }, "'a'"},
      {"unknown format", [](Handmade& m) { m.column_schema.format = "q"; }, "'q'"},
      {"empty format", [](Handmade& m) { m.column_schema.format = ""; }, "''"},
      {"cut decimal", [](Handmade& m) { m.column_schema.format = "d:5"; }, "'d:5'"},
      {"width overflow", [](Handmade& m) { m.column_schema.format = "w:99999999999"; }, "w:999"},
      {"negative width", [](Handmade& m) { m.column_schema.format = "w:-1"; }, "w:-1"},
      {"cut timestamp", [](Handmade& m) { m.column_schema.format = "tsu"; }, "'tsu'"},
      {"list without item", [](Handmade& m) { m.column_schema.format = "+l"; }, "children"},
      {"child of a number", [](Handmade& m) { m.column_schema.n_children = 1; }, "children"},
      {"children missing", [](Handmade& m) { m.schema.children = nullptr; }, "children"},
      {"negative children", [](Handmade& m) { m.schema.n_children = -1; }, "-1"},
      {"child missing", [](Handmade& m) { m.schemas[0] = nullptr; }, "child 0"},
      {"child released", [](Handmade& m) { m.column_schema.release = nullptr; }, "released"},
      {"array child released", [](Handmade& m) { m.column.release = nullptr; }, "released"},
      {"array child missing", [](Handmade& m) { m.columns[0] = nullptr; }, "missing"},
      {"children differ", [](Handmade& m) { m.root.n_children = 0; }, "1 children"},
      {"array children missing", [](Handmade& m) { m.root.children = nullptr; }, "children"},
      {"negative length", [](Handmade& m) { m.root.length = -1; }, "-1"},
      {"huge length", [](Handmade& m) { m.column.length = INT64_MAX; }, "length"},
      {"negative offset", [](Handmade& m) { m.column.offset = -1; }, "-1"},
      {"huge offset", [](Handmade& m) { m.root.offset = INT64_MAX; }, "offset"},
      {"null count", [](Handmade& m) { m.column.null_count = 5; }, "5"},
      {"negative null count", [](Handmade& m) { m.column.null_count = -2; }, "-2"},
      {"too few buffers", [](Handmade& m) { m.column.n_buffers = 1; }, "buffers: 1"},
      {"too many buffers", [](Handmade& m) { m.column.n_buffers = 3; }, "buffers: 3"},
      {"no buffers", [](Handmade& m) { m.column.buffers = nullptr; }, "buffers"},
      {"no values", [](Handmade& m) { m.column_buffers[1] = nullptr; }, "buffer 1"},
      {"no bitmap", [](Handmade& m) { m.column_buffers[0] = nullptr; }, "bitmap"},
      {"short child", [](Handmade& m) { m.column.length = 3; }, "length 3"},
      {"null row",
       [](Handmade& m) {
         m.root.null_count = -1;
         m.root_buffers[0] = null_row;
       },
       "row 1"},
      {"dictionary without its array",
       [](Handmade& m) { m.column_schema.dictionary = &m.column_schema; }, "nested deeper"},
      {"dictionary without its schema", [](Handmade& m) { m.column.dictionary = &m.column; },
       "dictionary"},
  };
  for (const auto& damage : damages) {
    Handmade made;
    damage.apply(made);
    const auto message = message_of([&] { Table::import_from(&made.schema, &made.root); });
    EXPECT_NE(message.find(damage.expected), std::string::npos) << damage.name << ": " << message;
    EXPECT_EQ(made.arrays_released, 1) << damage.name;
    EXPECT_EQ(made.schemas_released, 1) << damage.name;
  }
}

/// A stream whose callbacks a test sets. Thread-safety: none.
struct FailingStream {
  int schema_code = 0;
  int next_code = 0;
  const char* message = "the disk is gone";
  int released = 0;
  Handmade made;
  ArrowArrayStream stream{&get_schema, &get_next, &get_last_error, &release, this};

  static FailingStream& self(ArrowArrayStream* stream) {
    return *static_cast<FailingStream*>(stream->private_data);
  }
  static int get_schema(ArrowArrayStream* stream, ArrowSchema* out) {
    *out = self(stream).made.schema;
    return self(stream).schema_code;
  }
  static int get_next(ArrowArrayStream* stream, ArrowArray*) { return self(stream).next_code; }
  static const char* get_last_error(ArrowArrayStream* stream) { return self(stream).message; }
  static void release(ArrowArrayStream* stream) {
    ++self(stream).released;
    stream->release = nullptr;
  }
};

TEST(TableImport, tells_what_a_failing_stream_says_and_releases_it) {
  FailingStream schema_fails;
  schema_fails.schema_code = EIO;
  EXPECT_EQ(message_of([&] { Table::import_stream(&schema_fails.stream); }),
            "the Arrow stream failed: the disk is gone (code 5)");
  EXPECT_EQ(schema_fails.released, 1);
  EXPECT_EQ(schema_fails.made.schemas_released, 0);  // it was never handed over

  FailingStream next_fails;
  next_fails.next_code = EIO;
  next_fails.message = nullptr;
  EXPECT_NE(message_of([&] { Table::import_stream(&next_fails.stream); }).find("(code 5)"),
            std::string::npos);
  EXPECT_EQ(next_fails.released, 1);
  EXPECT_EQ(next_fails.made.schemas_released, 1);

  FailingStream no_callback;
  no_callback.stream.get_next = nullptr;
  EXPECT_NE(message_of([&] { Table::import_stream(&no_callback.stream); }).find("get_next"),
            std::string::npos);
  EXPECT_EQ(no_callback.released, 1);
}

TEST(TableReader, a_missing_column_reads_as_null_and_a_wrong_type_is_refused) {
  const auto table = make_points(3);
  const TableReader reader(table, 0);
  EXPECT_FALSE(reader.has("nothing"));
  EXPECT_FALSE(reader.strings("nothing").exists());
  EXPECT_EQ(reader.strings("nothing").get(1), std::nullopt);
  EXPECT_EQ(reader.integers("nothing").get(1), std::nullopt);
  EXPECT_EQ(reader.integer_lists("nothing").range(1).size, 0);
  EXPECT_NE(message_of([&] { (void)reader.integers("metric"); }).find("'metric'"),
            std::string::npos);
  EXPECT_THROW((void)reader.strings("value"), InvalidArgument);
  EXPECT_THROW((void)reader.floats("attrs"), InvalidArgument);
  EXPECT_THROW((void)reader.integer_lists("count"), InvalidArgument);
  EXPECT_THROW((void)TableReader(table, 1), OutOfRange);
}

TEST(TableReader, timestamps_of_every_unit_read_as_microseconds) {
  const auto read = [](const char* format, std::int64_t value) {
    Handmade made;
    made.column_schema.format = format;
    made.values[0] = value;
    const auto table = Table::import_from(&made.schema, &made.root);
    return TableReader(table, 0).integers("a").value(0);
  };
  EXPECT_EQ(read("tss:UTC", 2), 2'000'000);
  EXPECT_EQ(read("tsm:", -3), -3'000);
  EXPECT_EQ(read("tsu:UTC", 4), 4);
  EXPECT_EQ(read("tsn:UTC", 5'999), 5);
  EXPECT_EQ(read("tsn:UTC", -1), -1);
  EXPECT_EQ(read("tss:UTC", INT64_MAX), INT64_MAX);
  EXPECT_EQ(read("tss:UTC", INT64_MIN), INT64_MIN);
}

TEST(TableReader, offsets_that_point_outside_are_refused) {
  Handmade made;
  std::int32_t offsets[5] = {0, 2, 1, -1, 9};
  const char bytes[] = "abcdefghi";
  const void* buffers[3] = {nullptr, offsets, bytes};
  made.column_schema.format = "u";
  made.column = {4, 0, 0, 3, 0, buffers, nullptr, nullptr, &Handmade::release_child_array, nullptr};
  const auto table = Table::import_from(&made.schema, &made.root);
  const auto column = TableReader(table, 0).strings("a");
  EXPECT_EQ(column.value(0), "ab");
  EXPECT_THROW((void)column.value(1), InvalidArgument);
  EXPECT_THROW((void)column.value(2), InvalidArgument);
  EXPECT_THROW((void)column.value(3), InvalidArgument);
}

TEST(TableSchemas, unknown_names_are_refused) {
  EXPECT_EQ(table_schema("spans").columns.size(), 13U);
  EXPECT_EQ(message_of([] { (void)table_schema("span"); }), "there is no table named 'span'");
}

}  // namespace
}  // namespace inlay
