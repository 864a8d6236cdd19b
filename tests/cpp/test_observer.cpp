#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>
#include <type_traits>

#include "inlay/error.hpp"
#include "inlay/names.hpp"
#include "inlay/observer.hpp"
#include "points_view.hpp"

namespace inlay {
namespace {

constexpr int64_t kStart = 1'700'000'000'000'000;
constexpr int64_t kSecond = 1'000'000;

struct Fixture : testing::Test {
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>(kStart);
  Observer observer = make();

  Observer make(uint32_t max_series = 2000) const {
    ObserverOptions options;
    options.service_name = "tests";
    options.clock = clock;
    options.max_series = max_series;
    options.expire_us = 60 * kSecond;
    return Observer(options);
  }
};
using Rows = Fixture;
using Registering = Fixture;
using Expiring = Fixture;
using SideTable = Fixture;
using Stopping = Fixture;

TEST_F(Rows, a_counter_gives_what_was_added_in_its_window) {
  const auto counter = observer.counter("requests", {"1", "", {"route"}}).bind({"chat"});
  counter.add(int64_t{3});
  counter.add(0.5);
  clock->advance(kSecond);
  auto rows = points_of(*observer.turn(), "requests");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].value, 3.5);
  EXPECT_EQ(rows[0].attrs, R"({"route":"chat"})");
  EXPECT_EQ(rows[0].start_time, kStart);
  EXPECT_EQ(rows[0].time, kStart + kSecond);
  clock->advance(kSecond);
  EXPECT_TRUE(points_of(*observer.turn(), "requests").empty());
  counter.add(int64_t{1});
  EXPECT_EQ(points_of(*observer.turn(), "requests")[0].value, 1.0);
}

TEST_F(Rows, a_counter_refuses_negative_amounts_and_counts_what_is_not_finite) {
  const auto counter = observer.counter("requests").bind();
  EXPECT_FALSE(counter.add(int64_t{-1}));
  EXPECT_FALSE(counter.add(-0.5));
  EXPECT_TRUE(counter.add(std::nan("")));
  EXPECT_TRUE(counter.add(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(observer.stats().dropped_not_finite, 2);
  EXPECT_TRUE(points_of(*observer.turn(), "requests").empty());
}

TEST_F(Rows, a_counter_that_wraps_gives_the_right_difference) {
  const auto counter = observer.counter("bytes").bind();
  counter.add(std::numeric_limits<int64_t>::max());
  observer.turn();
  counter.add(int64_t{7});
  EXPECT_EQ(points_of(*observer.turn(), "bytes")[0].value, 7.0);
}

TEST_F(Rows, a_gauge_keeps_its_value_and_gives_the_extremes_of_the_window) {
  const auto gauge = observer.gauge("depth").bind();
  EXPECT_TRUE(points_of(*observer.turn(), "depth").empty());
  gauge.set(5);
  gauge.set(-2);
  gauge.add(4);
  auto row = points_of(*observer.turn(), "depth").at(0);
  EXPECT_EQ(row.value, 2.0);
  EXPECT_EQ(row.min, -2.0);
  EXPECT_EQ(row.max, 5.0);
  row = points_of(*observer.turn(), "depth").at(0);
  EXPECT_EQ(row.value, 2.0);
  EXPECT_EQ(row.min, 2.0);
  EXPECT_EQ(row.max, 2.0);
}

TEST_F(Rows, a_gauge_counts_nan_apart_and_keeps_its_value) {
  const auto gauge = observer.gauge("depth").bind();
  gauge.set(std::nan(""));
  auto row = points_of(*observer.turn(), "depth").at(0);
  EXPECT_EQ(row.status, "undefined");
  EXPECT_EQ(row.value, std::nullopt);
  EXPECT_EQ(row.nan_count, 1);
  gauge.set(1);
  gauge.set(std::nan(""));
  row = points_of(*observer.turn(), "depth").at(0);
  EXPECT_EQ(row.value, 1.0);
  EXPECT_EQ(row.status, "ok");
}

TEST_F(Rows, a_histogram_gives_buckets_and_moments) {
  const auto histogram = observer.histogram("latency").bind();
  for (int i = 1; i <= 1000; ++i) histogram.record(i);
  histogram.record(0.0);
  histogram.record(-4.0);
  histogram.record(std::nan(""));
  const auto row = points_of(*observer.turn(), "latency").at(0);
  EXPECT_EQ(row.count, 1002);
  EXPECT_EQ(row.bucket_total, 1002);
  EXPECT_EQ(row.sum, 500500.0 - 4.0);
  EXPECT_EQ(row.min, -4.0);
  EXPECT_EQ(row.max, 1000.0);
  EXPECT_EQ(row.nan_count, 1);
}

TEST_F(Rows, a_histogram_of_nan_alone_is_undefined) {
  observer.histogram("latency").bind().record(std::nan(""));
  const auto row = points_of(*observer.turn(), "latency").at(0);
  EXPECT_EQ(row.status, "undefined");
  EXPECT_EQ(row.count, 0);
  EXPECT_EQ(row.sum, std::nullopt);
}

TEST_F(Rows, arrays_and_writers_feed_the_same_series) {
  const auto histogram = observer.histogram("latency").bind();
  const std::vector<double> values(10'000, 2.0);
  const std::vector<float> floats(10'000, 3.0f);
  histogram.record_many(values.data(), values.size());
  histogram.record_many(floats.data(), floats.size());
  Writer writer = observer.writer();
  for (int i = 0; i < 1000; ++i) writer.record(histogram, 1.0);
  const auto row = points_of(*observer.turn(), "latency").at(0);
  EXPECT_EQ(row.count, 21'000);
  EXPECT_EQ(row.sum, 51'000.0);
}

TEST_F(Rows, peek_shows_the_open_window_and_takes_nothing) {
  const auto counter = observer.counter("requests").bind();
  const auto histogram = observer.histogram("latency").bind();
  counter.add(int64_t{2});
  for (int i = 0; i < 300; ++i) histogram.record(1.0);
  for (int twice = 0; twice < 2; ++twice) {
    const auto batch = observer.peek();
    EXPECT_EQ(batch->window_seq, 0);
    EXPECT_EQ(points_of(*batch, "requests").at(0).value, 2.0);
    EXPECT_EQ(points_of(*batch, "latency").at(0).count, 300);
  }
  const auto batch = observer.turn();
  EXPECT_EQ(points_of(*batch, "requests").at(0).value, 2.0);
  EXPECT_EQ(points_of(*batch, "latency").at(0).count, 300);
}

TEST_F(Rows, the_observer_reports_itself) {
  const auto counter = observer.counter("requests").bind();
  for (int i = 0; i < 5; ++i) counter.add(int64_t{1});
  const auto batch = observer.turn();
  EXPECT_EQ(points_of(*batch, "inlay.records").at(0).value, 5.0);
  EXPECT_EQ(points_of(*batch, "inlay.series").at(0).value, 1.0);
  EXPECT_EQ(points_of(*observer.turn(), "inlay.window.duration").size(), 1u);
}

TEST_F(Registering, the_same_arguments_give_the_same_instrument) {
  const InstrumentOptions options{"s", "how long", {"route"}};
  EXPECT_EQ(observer.histogram("latency", options).instrument(),
            observer.histogram("latency", options).instrument());
  EXPECT_EQ(observer.histogram("latency", options).bind({"a"}).series(),
            observer.histogram("latency", options).bind({"a"}).series());
  EXPECT_THROW(observer.counter("latency", options), InvalidArgument);
  EXPECT_THROW(observer.histogram("latency", {"ms", "how long", {"route"}}), InvalidArgument);
}

TEST_F(Registering, bad_descriptions_are_refused) {
  EXPECT_THROW(observer.counter("9"), InvalidArgument);
  EXPECT_THROW(observer.counter("a", {"", "", {"x", "x"}}), InvalidArgument);
  EXPECT_THROW(observer.counter("a", {"", "", {}, "cloud"}), InvalidArgument);
  EXPECT_THROW(observer.histogram("a", {"", "", {}, "app", 9}), InvalidArgument);
  EXPECT_THROW(observer.counter("b", {"", "", {"x"}}).bind({}), InvalidArgument);
  EXPECT_THROW(observer.counter("b", {"", "", {"x"}}).bind({"\xff"}), InvalidArgument);
}

TEST_F(Registering, what_is_over_the_cap_goes_to_one_overflow_series) {
  Observer small = make(3);
  const auto counter = small.counter("requests", {"", "", {"user"}});
  for (int user = 0; user < 10; ++user) counter.bind({std::to_string(user)}).add(int64_t{1});
  const auto rows = points_of(*small.turn(), "requests");
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[3].attrs, R"({"otel.metric.overflow":"true"})");
  EXPECT_EQ(rows[3].value, 7.0);
  EXPECT_EQ(small.stats().overflow, 7);
}

TEST_F(Expiring, an_idle_series_without_handles_makes_room) {
  Observer small = make(1);
  const auto counter = small.counter("requests", {"", "", {"user"}});
  counter.bind({"a"}).add(int64_t{1});
  small.turn();
  for (int i = 0; i < 2; ++i) {
    clock->advance(61 * kSecond);
    small.turn();
  }
  EXPECT_EQ(small.stats().series, 0);
  counter.bind({"b"}).add(int64_t{2});
  const auto rows = points_of(*small.turn(), "requests");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].attrs, R"({"user":"b"})");
  EXPECT_EQ(rows[0].value, 2.0);
}

TEST_F(Expiring, a_handle_keeps_its_series) {
  const auto counter = observer.counter("requests").bind();
  counter.add(int64_t{1});
  for (int i = 0; i < 4; ++i) {
    observer.turn();
    clock->advance(61 * kSecond);
  }
  counter.add(int64_t{1});
  EXPECT_EQ(points_of(*observer.turn(), "requests").at(0).value, 1.0);
}

TEST_F(Expiring, a_histogram_slot_that_is_given_away_again_starts_empty) {
  const auto histogram = observer.histogram("latency", {"", "", {"user"}});
  histogram.bind({"a"}).record(1.0);  // stays in the thread's log until the cut
  observer.turn();
  for (int i = 0; i < 2; ++i) {
    clock->advance(61 * kSecond);
    observer.turn();
  }
  histogram.bind({"b"}).record(5.0);
  const auto rows = points_of(*observer.turn(), "latency");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].attrs, R"({"user":"b"})");
  EXPECT_EQ(rows[0].count, 1);
  EXPECT_EQ(rows[0].sum, 5.0);
}

TEST_F(SideTable, events_spans_and_exemplars_come_with_their_window) {
  const auto histogram = observer.histogram("latency").bind();
  Event event;
  event.name = "deploy";
  EXPECT_TRUE(observer.event(event));
  Span span;
  span.trace_id = std::string(32, 'a');
  span.span_id = std::string(16, 'b');
  span.name = "GET";
  EXPECT_TRUE(observer.span(span));
  for (int i = 0; i < 9; ++i) histogram.exemplar(i, std::string(32, 'a'), std::string(16, 'b'));
  const auto batch = observer.turn();
  EXPECT_EQ(batch->events.num_rows(), 1);
  EXPECT_EQ(batch->spans.num_rows(), 1);
  ASSERT_EQ(batch->exemplars.num_rows(), 4);
  EXPECT_EQ(TableReader(batch->exemplars, 0).floats("value").value(0), 8.0);
  EXPECT_EQ(observer.turn()->events.num_rows(), 0);
  EXPECT_THROW(histogram.exemplar(1, "short", std::string(16, 'b')), InvalidArgument);
  EXPECT_THROW(histogram.exemplar(1, std::string(32, 'A'), std::string(16, 'b')), InvalidArgument);
}

TEST_F(SideTable, text_must_be_utf8) {
  Event event;
  event.name = "deploy";
  event.body = "\xff";
  EXPECT_THROW(observer.event(event), InvalidArgument);
  Span span;
  span.trace_id = std::string(32, 'a');
  span.span_id = std::string(16, 'b');
  span.name = "\xc0";
  EXPECT_THROW(observer.span(span), InvalidArgument);
}

TEST_F(SideTable, verdicts_come_with_the_window_they_were_added_in) {
  Verdict verdict;
  verdict.metric = "price";
  verdict.verdict = "yes";
  verdict.part_names = {"low", "high"};
  verdict.part_values = {0.25, 0.5};
  EXPECT_TRUE(observer.verdict(verdict));
  EXPECT_EQ(observer.peek()->verdicts.num_rows(), 1);
  const auto batch = observer.turn();
  ASSERT_EQ(batch->verdicts.num_rows(), 1);
  const TableReader reader(batch->verdicts, 0);
  EXPECT_EQ(reader.integers("time").value(0), batch->time_us);
  EXPECT_EQ(reader.integers("start_time").value(0), batch->start_time_us);
  EXPECT_EQ(reader.integers("series_id").value(0), series_id("price", "{}", "tests"));
  EXPECT_EQ(observer.turn()->verdicts.num_rows(), 0);
}

TEST_F(SideTable, verdicts_that_make_no_sense_are_refused) {
  Verdict verdict;
  verdict.metric = "price";
  verdict.verdict = "perhaps";
  EXPECT_THROW(observer.verdict(verdict), InvalidArgument);
  verdict.verdict = "undefined";
  EXPECT_THROW(observer.verdict(verdict), InvalidArgument);
  verdict.reason = "\xff";
  EXPECT_THROW(observer.verdict(verdict), InvalidArgument);
  verdict.reason = "empty";
  verdict.part_values = {1.0};
  EXPECT_THROW(observer.verdict(verdict), InvalidArgument);
  verdict.part_values.reset();
  verdict.scope = "moon";
  EXPECT_THROW(observer.verdict(verdict), InvalidArgument);
  verdict.scope = "host";
  EXPECT_TRUE(observer.verdict(verdict));
  verdict.time_us = 1'000'000;
  verdict.start_us = 1'000'001;
  EXPECT_THROW(observer.verdict(verdict), InvalidArgument);
  verdict.start_us.reset();
  verdict.layer = "basement";
  EXPECT_THROW(observer.verdict(verdict), InvalidArgument);
  verdict.layer = "data";
  verdict.metric = "";
  EXPECT_THROW(observer.verdict(verdict), InvalidArgument);
}

TEST_F(SideTable, a_verdict_of_a_moment_outside_the_window_begins_no_later_than_it_ends) {
  Verdict verdict;
  verdict.metric = "price";
  verdict.verdict = "no";
  verdict.time_us = 1'000'000;
  EXPECT_TRUE(observer.verdict(verdict));
  const auto batch = observer.turn();
  EXPECT_EQ(TableReader(batch->verdicts, 0).integers("start_time").value(0), 1'000'000);
}

TEST_F(SideTable, events_and_spans_that_make_no_sense_are_refused) {
  static constexpr int64_t kYear5000 = 95'000'000'000'000'000;
  const auto refuses = [this](auto good, auto spoil) {
    spoil(good);
    if constexpr (std::is_same_v<decltype(good), Event>) {
      EXPECT_THROW(observer.event(good), InvalidArgument);
    } else {
      EXPECT_THROW(observer.span(good), InvalidArgument);
    }
  };
  Event event;
  event.name = "deploy";
  event.time_us = 2'000'000;
  refuses(event, [](Event& e) { e.name = ""; });
  refuses(event, [](Event& e) { e.layer = "basement"; });
  refuses(event, [](Event& e) { e.severity = 25; });
  refuses(event, [](Event& e) { e.time_us = kYear5000; });
  refuses(event, [](Event& e) { e.end_time_us = -kYear5000; });
  refuses(event, [](Event& e) { e.end_time_us = 1'999'999; });
  refuses(event, [](Event& e) { e.trace_id = "xyz"; });
  refuses(event, [](Event& e) { e.span_id = std::string(16, '0'); });
  Span span;
  span.trace_id = std::string(32, 'a');
  span.span_id = std::string(16, 'b');
  span.start_us = span.end_us = 2'000'000;
  refuses(span, [](Span& s) { s.trace_id = std::string(32, '0'); });
  refuses(span, [](Span& s) { s.parent_id = "b"; });
  refuses(span, [](Span& s) { s.layer = ""; });
  refuses(span, [](Span& s) { s.end_us = 1'999'999; });
  refuses(span, [](Span& s) { s.end_us = kYear5000; });
  event.time_us.reset();
  event.end_time_us = 2'000'000;  // over before it was told
  EXPECT_TRUE(observer.event(event));
  EXPECT_TRUE(observer.span(span));
  const auto batch = observer.turn();
  ASSERT_EQ(batch->events.num_rows(), 1);
  EXPECT_EQ(TableReader(batch->events, 0).integers("time").value(0), 2'000'000);
}

TEST_F(SideTable, a_window_keeps_so_many_verdicts_and_counts_the_rest) {
  ObserverOptions options;
  options.max_events = 2;
  Observer small(options);
  Verdict verdict;
  verdict.metric = "price";
  verdict.verdict = "no";
  EXPECT_TRUE(small.verdict(verdict));
  EXPECT_TRUE(small.verdict(verdict));
  EXPECT_FALSE(small.verdict(verdict));
  EXPECT_EQ(small.turn()->verdicts.num_rows(), 2);
  EXPECT_EQ(small.stats().dropped_verdicts, 1);
}

TEST_F(SideTable, a_window_keeps_so_many_events_and_counts_the_rest) {
  ObserverOptions options;
  options.max_events = 2;
  Observer small(options);
  Event event;
  event.name = "tick";
  EXPECT_TRUE(small.event(event));
  EXPECT_TRUE(small.event(event));
  EXPECT_FALSE(small.event(event));
  EXPECT_EQ(small.turn()->events.num_rows(), 2);
  EXPECT_EQ(small.stats().dropped_events, 1);
}

TEST_F(Stopping, the_last_window_is_cut_and_later_records_are_counted) {
  const auto counter = observer.counter("requests").bind();
  const auto histogram = observer.histogram("latency").bind();
  counter.add(int64_t{1});
  const auto last = observer.stop();
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(points_of(*last, "requests").at(0).value, 1.0);
  EXPECT_EQ(observer.stop(), nullptr);
  counter.add(int64_t{1});
  histogram.record(1.0);
  histogram.record(1.0);
  EXPECT_EQ(observer.stats().dropped_after_stop, 3);
  Event late;
  late.name = "late";
  EXPECT_FALSE(observer.event(late));
  EXPECT_THROW(observer.turn(), Error);
  EXPECT_EQ(observer.next(0).what, Next::What::batch);
  EXPECT_EQ(observer.next(0).what, Next::What::closed);
  observer.start();
  counter.add(int64_t{5});
  EXPECT_EQ(points_of(*observer.turn(), "requests").at(0).value, 5.0);
}

TEST_F(Stopping, the_oldest_batch_goes_when_nobody_takes_them) {
  ObserverOptions options;
  options.queue_capacity = 2;
  Observer small(options);
  for (int i = 0; i < 5; ++i) small.turn();
  EXPECT_EQ(small.stats().dropped_batches, 3);
  EXPECT_EQ(small.next(0).batch->window_seq, 3);
}

TEST(Observers, several_live_side_by_side_and_come_and_go) {
  for (int i = 0; i < 100; ++i) {
    Observer one, two;
    const auto a = one.counter("requests").bind();
    const auto b = two.counter("requests").bind();
    a.add(int64_t{1});
    b.add(int64_t{2});
    EXPECT_EQ(points_of(*one.turn(), "requests").at(0).value, 1.0);
    EXPECT_EQ(points_of(*two.turn(), "requests").at(0).value, 2.0);
  }
}

TEST(Observers, a_handle_outlives_the_observer_object) {
  auto observer = std::make_unique<Observer>();
  const auto counter = observer->counter("requests").bind();
  observer.reset();
  EXPECT_TRUE(counter.add(int64_t{1}));
}

TEST(Observers, installed_is_the_one_that_was_installed) {
  EXPECT_FALSE(Observer::installed().has_value());
  Observer observer;
  observer.install();
  EXPECT_EQ(Observer::installed()->origin(), observer.origin());
  observer.uninstall();
  EXPECT_FALSE(Observer::installed().has_value());
}

}  // namespace
}  // namespace inlay
