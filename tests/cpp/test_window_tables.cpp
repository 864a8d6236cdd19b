// Whole tables that join the rows of a window.

#include <gtest/gtest.h>

#include <string>

#include "arrow/points_builder.hpp"
#include "arrow/row_builders.hpp"
#include "inlay/error.hpp"
#include "inlay/observer.hpp"
#include "points_view.hpp"

namespace inlay {
namespace {

constexpr int64_t kStart = 1'700'000'000'000'000;

struct WindowTables : testing::Test {
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>(kStart);
  Observer observer = make(int64_t{1} << 20);

  Observer make(int64_t max_table_bytes) const {
    ObserverOptions options;
    options.clock = clock;
    options.resource = R"({"service.name":"tests"})";
    options.max_table_bytes = max_table_bytes;
    return Observer(options);
  }

  static Table points(int rows, const std::string& metric = "made.elsewhere") {
    PointsHeader header;
    header.time = 2;
    header.start_time = 1;
    header.observed_time = 3;
    header.origin = 4;
    header.window_seq = 5;
    header.resource = R"({"a":"b"})";
    PointsBuilder builder(header);
    const std::vector<double> bounds = {1.0, 2.0};
    const std::vector<int64_t> counts = {3, 4, 5};
    for (int i = 0; i < rows; ++i) {
      PointRow row;
      row.metric = metric;
      row.kind = "edges";
      row.value = i;
      row.bounds = bounds;
      row.counts = counts;
      builder.append(row);
    }
    return std::move(builder).finish();
  }
};

TEST_F(WindowTables, rows_get_the_stamps_of_the_turn_and_keep_the_rest) {
  observer.counter("requests").bind().add(int64_t{1});
  EXPECT_TRUE(observer.points(points(3)));
  EXPECT_TRUE(observer.points(points(2, "another")));
  clock->advance(1'000'000);
  const auto batch = observer.turn();
  const auto rows = points_of(*batch, "made.elsewhere");
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[2].value, 2.0);
  EXPECT_EQ(rows[0].start_time, 1);
  EXPECT_EQ(rows[0].time, 2);
  EXPECT_EQ(points_of(*batch, "another").size(), 2U);
  EXPECT_EQ(points_of(*batch, "requests").size(), 1U);
  for (size_t chunk = 0; chunk < batch->points.num_chunks(); ++chunk) {
    const TableReader reader(batch->points, chunk);
    for (int64_t row = 0; row < reader.num_rows(); ++row) {
      EXPECT_EQ(reader.integers("observed_time").value(row), batch->observed_time_us);
      EXPECT_EQ(reader.integers("origin").value(row), batch->origin);
      EXPECT_EQ(reader.integers("window_seq").value(row), batch->window_seq);
      EXPECT_EQ(reader.strings("resource").value(row), batch->resource);
    }
  }
  EXPECT_TRUE(points_of(*observer.turn(), "made.elsewhere").empty());
}

TEST_F(WindowTables, peek_shows_them_and_leaves_them) {
  observer.points(points(2));
  EXPECT_EQ(points_of(*observer.peek(), "made.elsewhere").size(), 2U);
  EXPECT_EQ(points_of(*observer.peek(), "made.elsewhere").size(), 2U);
  EXPECT_EQ(points_of(*observer.turn(), "made.elsewhere").size(), 2U);
}

TEST_F(WindowTables, a_copy_in_one_array_is_whole) {
  observer.points(points(2));
  const auto batch = observer.turn();
  ArrowSchema schema;
  ArrowArray array;
  batch->points.export_to(&schema, &array);
  const Table again = Table::import_from(&schema, &array);
  EXPECT_EQ(again.num_rows(), batch->points.num_rows());
  NativeBatch other = *batch;
  other.points = again;
  EXPECT_EQ(points_of(other, "made.elsewhere").size(), 2U);
}

TEST_F(WindowTables, verdicts_come_after_those_that_were_added_singly) {
  VerdictsBuilder builder(TurnHeader{});
  VerdictRow row;
  row.metric = "price";
  row.verdict = "no";
  row.method = "psi";
  row.judge = "elsewhere";
  row.judge_version = "1";
  builder.append(row);
  EXPECT_TRUE(observer.verdicts(std::move(builder).finish()));
  Verdict single;
  single.metric = "price";
  single.verdict = "yes";
  single.method = "psi";
  single.judge = "here";
  single.judge_version = "1";
  EXPECT_TRUE(observer.verdict(single));
  const auto batch = observer.turn();
  EXPECT_EQ(batch->verdicts.num_rows(), 2);
  const TableReader last(batch->verdicts, batch->verdicts.num_chunks() - 1);
  EXPECT_EQ(last.strings("judge").value(last.num_rows() - 1), "elsewhere");
  EXPECT_EQ(last.integers("origin").value(last.num_rows() - 1), batch->origin);
}

TEST_F(WindowTables, a_window_holds_so_many_bytes_and_the_rest_is_counted) {
  const Table table = points(10);
  Observer small = make(table.nbytes() + table.nbytes() / 2);
  EXPECT_TRUE(small.points(table));
  EXPECT_FALSE(small.points(table));
  EXPECT_EQ(small.stats().dropped_points, 10);
  const auto batch = small.turn();
  EXPECT_EQ(points_of(*batch, "made.elsewhere").size(), 10U);
  bool told = false;
  for (const PointView& row : points_of(*batch, "inlay.dropped")) {
    told = told || (row.attrs == R"({"reason":"points"})" && row.value == 10.0);
  }
  EXPECT_TRUE(told);
  EXPECT_TRUE(small.points(table));  // the next window has room
  small.stop();
  EXPECT_FALSE(small.points(table));
  EXPECT_EQ(small.stats().dropped_points, 20);
}

TEST_F(WindowTables, tables_of_other_names_are_stamped_and_kept_apart) {
  EXPECT_TRUE(observer.table("predictions", points(3)));
  EXPECT_TRUE(observer.table("predictions", points(2)));
  EXPECT_TRUE(observer.table("answers", points(1)));
  EXPECT_TRUE(observer.table("nothing", points(0)));
  EXPECT_EQ(observer.peek()->others.size(), 3U);
  const auto batch = observer.turn();
  ASSERT_EQ(batch->others.size(), 3U);
  EXPECT_EQ(batch->others[0].first, "answers");
  EXPECT_EQ(batch->others[1].first, "nothing");  // its columns are known, as of those with rows
  EXPECT_EQ(batch->others[1].second.num_rows(), 0);
  EXPECT_EQ(batch->others[1].second.num_columns(), points(0).num_columns());
  EXPECT_EQ(batch->others[2].first, "predictions");
  EXPECT_EQ(batch->others[2].second.num_rows(), 5);
  const TableReader reader(batch->others[2].second, 1);
  EXPECT_EQ(reader.integers("origin").value(1), batch->origin);
  EXPECT_EQ(reader.integers("observed_time").value(1), batch->observed_time_us);
  EXPECT_EQ(reader.strings("resource").value(1), batch->resource);
  EXPECT_TRUE(observer.turn()->others.empty());
  EXPECT_TRUE(points_of(*batch, "made.elsewhere").empty());
}

TEST_F(WindowTables, tables_of_one_name_have_the_same_columns) {
  EXPECT_TRUE(observer.table("predictions", points(1)));
  EXPECT_THROW(observer.table("predictions", Table::empty(table_schema("events"))),
               InvalidArgument);
  EXPECT_THROW(observer.table("predictions", Table()), InvalidArgument);
  for (const char* name : {"", "9th", "a-b", "points", "spans", "../x"}) {
    EXPECT_THROW(observer.table(name, points(1)), InvalidArgument) << name;
  }
  EXPECT_THROW(observer.table(std::string(64, 'a'), points(1)), InvalidArgument);
  EXPECT_EQ(observer.turn()->others[0].second.num_rows(), 1);
  EXPECT_TRUE(observer.table("predictions", Table::empty(table_schema("events"))));
  observer.stop();
  EXPECT_FALSE(observer.table("predictions", points(4)));
  EXPECT_EQ(observer.stats().dropped_tables, 4);
}

TEST_F(WindowTables, other_tables_are_refused) {
  EXPECT_THROW(observer.points(Table()), InvalidArgument);
  EXPECT_THROW(observer.points(Table::empty(table_schema("verdicts"))), InvalidArgument);
  EXPECT_THROW(observer.verdicts(points(1)), InvalidArgument);
  EXPECT_TRUE(observer.points(Table::empty(table_schema("points"))));
}

}  // namespace
}  // namespace inlay
