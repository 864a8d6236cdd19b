// Sums of what collectors read, as rows of points.

#include "inlay/infra/readings.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "arrow/table_reader.hpp"
#include "inlay/names.hpp"
#include "points_view.hpp"

namespace inlay::infra {
namespace {

struct ReadingsTest : testing::Test {
  Readings readings;
  std::vector<Event> events;
  std::int64_t start_us = 1'000'000;

  std::vector<PointView> take() {
    ReadingsWindow window{start_us, start_us + 1'000'000, "tests"};
    start_us = window.time_us;
    NativeBatch batch;
    batch.points = readings.take(window, events);
    return points_of(batch);
  }

  std::uint32_t counter(std::uint64_t modulus = 0, std::uint64_t saturates_at = 0,
                        double factor = 1) {
    Series series;
    series.metric = "gpu.energy";
    series.unit = "J";
    series.attrs = R"({"gpu":"GPU-1"})";
    series.kind = ReadingKind::kCounter;
    series.factor = factor;
    series.modulus = modulus;
    series.saturates_at = saturates_at;
    return readings.add(series);
  }

  std::uint32_t gauge(double factor = 1) {
    Series series;
    series.metric = "gpu.power";
    series.unit = "W";
    series.factor = factor;
    return readings.add(series);
  }

  std::uint64_t count(std::uint32_t id, std::uint64_t total) {
    Readings::Writer writer(readings);
    return writer.counter(id, total, 1);
  }
};

TEST_F(ReadingsTest, counters_give_differences_from_their_first_total) {
  const auto id = counter(0, 0, 1e-3);
  EXPECT_EQ(count(id, 5000), 0u);
  EXPECT_TRUE(take().empty());  // a base is no value
  EXPECT_EQ(count(id, 5500), 500u);
  EXPECT_EQ(count(id, 7000), 1500u);
  auto rows = take();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].metric, "gpu.energy");
  EXPECT_EQ(rows[0].kind, "counter");
  EXPECT_EQ(rows[0].status, "ok");
  EXPECT_DOUBLE_EQ(*rows[0].value, 2.0);
  EXPECT_EQ(*rows[0].count, 2);
  EXPECT_EQ(rows[0].series_id, series_id("gpu.energy", R"({"gpu":"GPU-1"})", "tests"));
  EXPECT_EQ(rows[0].time - rows[0].start_time, 1'000'000);
  EXPECT_EQ(count(id, 7000), 0u);
  EXPECT_EQ(*take()[0].value, 0.0);  // it was read, and did not move
  EXPECT_TRUE(take().empty());       // it was not read
}

TEST_F(ReadingsTest, a_small_step_over_the_modulus_is_a_wrap) {
  const auto id = counter(std::uint64_t{1} << 32);
  count(id, 4'294'967'000);
  EXPECT_EQ(count(id, 704), 1000u);
  EXPECT_EQ(*take()[0].value, 1000.0);
  EXPECT_EQ(readings.counts().wraps, 1u);
  EXPECT_EQ(readings.counts().restarts, 0u);
}

TEST_F(ReadingsTest, a_total_above_the_modulus_shows_that_there_is_none) {
  const auto id = counter(std::uint64_t{1} << 32);
  count(id, 4'294'967'000);
  EXPECT_EQ(count(id, 4'294'968'000), 1000u);
  EXPECT_EQ(count(id, 5), 0u);
  EXPECT_EQ(readings.counts().restarts, 1u);
}

TEST_F(ReadingsTest, random_steps_of_a_narrow_counter_add_up) {
  std::uint64_t state = 7;
  for (int round = 0; round < 20; ++round) {
    const std::uint64_t modulus = std::uint64_t{1} << (8 + round);
    const auto id = counter(modulus);
    std::uint64_t total = state % modulus, sum = 0;
    count(id, total % modulus);
    for (int step = 0; step < 200; ++step) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const std::uint64_t more = (state >> 33) % (modulus / 4);
      total += more;
      sum += more;
      EXPECT_EQ(count(id, total % modulus), more);
    }
    EXPECT_EQ(*take()[0].value, static_cast<double>(sum));
  }
  EXPECT_EQ(readings.counts().restarts, 0u);
}

TEST_F(ReadingsTest, a_total_that_falls_otherwise_is_a_new_base) {
  const auto narrow = counter(std::uint64_t{1} << 32);
  const auto wide = counter();
  count(narrow, 1000);
  count(wide, 1000);
  EXPECT_EQ(count(narrow, 10), 0u);
  EXPECT_EQ(count(wide, 10), 0u);
  EXPECT_EQ(readings.counts().restarts, 2u);
  EXPECT_EQ(count(wide, 30), 20u);
  for (const auto& row : take()) EXPECT_LE(*row.value, 20.0);
}

TEST_F(ReadingsTest, a_counter_at_its_limit_is_an_error_and_told_once) {
  const auto id = counter(0, 255);
  count(id, 250);
  EXPECT_EQ(count(id, 255), 5u);
  auto rows = take();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(*rows[0].value, 5.0);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].name, "inlay.counter.saturated");
  count(id, 255);
  rows = take();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].status, "error");
  EXPECT_FALSE(rows[0].value.has_value());
  count(id, 255);
  EXPECT_TRUE(take().empty());
  EXPECT_EQ(events.size(), 1u);
  count(id, 0);  // somebody cleared it
  EXPECT_EQ(count(id, 3), 3u);
  EXPECT_EQ(*take()[0].value, 3.0);
}

TEST_F(ReadingsTest, a_sparse_counter_has_one_row_of_0) {
  Series series{"gpu.nvlink.errors", "{error}"};
  series.kind = ReadingKind::kCounter;
  series.sparse = true;
  const auto id = readings.add(series);
  count(id, 5);
  count(id, 5);
  EXPECT_EQ(*take()[0].value, 0.0);
  count(id, 5);
  EXPECT_TRUE(take().empty());
  count(id, 6);
  EXPECT_EQ(*take()[0].value, 1.0);
  Readings::Writer(readings).status(id, Status::kAbsent);
  EXPECT_EQ(take()[0].status, "absent");
  count(id, 6);
  EXPECT_TRUE(take().empty());
  Readings::Writer(readings).status(id, Status::kAbsent);
  EXPECT_EQ(take()[0].status, "absent");
}

TEST_F(ReadingsTest, gauges_know_what_was_read_in_this_window) {
  const auto id = gauge(1e-3);
  {
    Readings::Writer writer(readings);
    writer.gauge(id, 300'000, 10);
    writer.gauge(id, 700'000, 30);
    writer.gauge(id, 200'000, 20);  // of a buffer, older than the last
    writer.gauge(id, std::nan(""), 40);
    writer.gauge(id, std::numeric_limits<double>::infinity(), 50);
  }
  const auto rows = take();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].kind, "gauge");
  EXPECT_DOUBLE_EQ(*rows[0].value, 700.0);
  EXPECT_DOUBLE_EQ(*rows[0].min, 200.0);
  EXPECT_DOUBLE_EQ(*rows[0].max, 700.0);
  EXPECT_EQ(*rows[0].count, 3);
  EXPECT_EQ(readings.counts().not_finite, 2u);
  EXPECT_TRUE(take().empty());
}

TEST_F(ReadingsTest, a_status_is_told_once_and_when_it_changes) {
  const auto id = gauge();
  const auto set = [&](Status status) { Readings::Writer(readings).status(id, status); };
  set(Status::kUnsupported);
  auto rows = take();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].status, "unsupported");
  EXPECT_FALSE(rows[0].value.has_value());
  set(Status::kUnsupported);
  EXPECT_TRUE(take().empty());
  set(Status::kNoPermission);
  EXPECT_EQ(take()[0].status, "no_permission");
  Readings::Writer(readings).gauge(id, 1, 0);
  set(Status::kAbsent);  // lost within the window: its value counts, the status comes next
  EXPECT_EQ(take()[0].status, "ok");
  EXPECT_EQ(take()[0].status, "absent");
  EXPECT_TRUE(take().empty());
}

TEST_F(ReadingsTest, numbers_of_no_series_are_passed_over) {
  Readings::Writer writer(readings);
  EXPECT_EQ(writer.counter(7, 1, 1), 0u);
  writer.gauge(7, 1, 1);
  writer.status(7, Status::kError);
  writer.forget_base(7);
}

TEST_F(ReadingsTest, writers_and_takers_lose_nothing) {
  const auto id = counter();
  count(id, 0);
  constexpr std::uint64_t kTotals = 20'000;
  std::thread writer([&] {
    for (std::uint64_t total = 1; total <= kTotals; ++total) count(id, total);
  });
  double sum = 0;
  for (int i = 0; i < 200; ++i) {
    for (const auto& row : take()) sum += *row.value;
    if (i % 10 == 0) gauge();
  }
  writer.join();
  for (const auto& row : take()) sum += *row.value;
  EXPECT_EQ(sum, static_cast<double>(kTotals));
}

}  // namespace
}  // namespace inlay::infra
