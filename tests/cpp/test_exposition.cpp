#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <inlay/error.hpp>
#include <inlay/prometheus/accumulator.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "arrow/points_builder.hpp"
#include "prometheus/bucket_totals.hpp"
#include "prometheus/names.hpp"
#include "prometheus/number_text.hpp"
#include "prometheus/series_totals.hpp"

namespace inlay::prometheus {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

Table points(const std::vector<PointRow>& rows, std::int64_t time_s = 10) {
  PointsHeader header;
  header.start_time = (time_s - 10) * kSecond + 1;
  header.time = time_s * kSecond;
  PointsBuilder builder(header);
  for (const PointRow& row : rows) builder.append(row);
  return std::move(builder).finish();
}

PointRow counter(std::string_view metric, std::int64_t id, double value,
                 std::string_view attrs = "{}") {
  PointRow row;
  row.metric = metric;
  row.kind = "counter";
  row.series_id = id;
  row.attrs = attrs;
  row.value = value;
  return row;
}

PointRow gauge(std::string_view metric, std::int64_t id, double value) {
  PointRow row = counter(metric, id, value);
  row.kind = "gauge";
  return row;
}

Table no_exemplars() { return Table::empty(table_schema("exemplars")); }

std::string text_of(Accumulator& accumulator, const OpenWindow* open = nullptr) {
  return accumulator.render(Format::kText, open, 0);
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Negotiate, takes_the_highest_quality_we_have) {
  const std::string prometheus_2_42 =
      "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
      "application/openmetrics-text;version=1.0.0;q=0.8,application/"
      "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  EXPECT_EQ(negotiate(prometheus_2_42).format, Format::kProtobuf);
  EXPECT_EQ(negotiate("application/openmetrics-text;version=1.0.0,text/plain;q=0.5").format,
            Format::kOpenMetrics);
  EXPECT_EQ(negotiate("application/openmetrics-text;q=0.2,text/plain;q=0.5").format, Format::kText);
  EXPECT_EQ(negotiate("application/openmetrics-text; version=2.0.0").format, Format::kText);
  EXPECT_EQ(negotiate("APPLICATION/OpenMetrics-Text; version=\"0.0.1\"").content_type,
            "application/openmetrics-text; version=0.0.1; charset=utf-8");
}

TEST(Negotiate, answers_text_whatever_the_header_holds) {
  for (const char* accept :
       {"", ",", ";;;", "text/html", "application/openmetrics-text;q=0", "*/*;q=x", "q=1,\xff\xfe",
        "application/openmetrics-text;q=nan", "application/openmetrics-text;q=2",
        "application/vnd.google.protobuf;proto=other;encoding=delimited"}) {
    EXPECT_EQ(negotiate(accept).format, Format::kText) << accept;
  }
}

TEST(Names, follow_opentelemetry) {
  const auto name = [](const char* metric, const char* unit, Kind kind) {
    return exposed_name(metric, unit, kind).family;
  };
  EXPECT_EQ(name("http.server.request.duration", "s", Kind::kHistogram),
            "http_server_request_duration_seconds");
  EXPECT_EQ(name("http.requests", "{request}", Kind::kCounter), "http_requests");
  EXPECT_EQ(name("process.cpu.seconds.total", "s", Kind::kCounter), "process_cpu_seconds");
  EXPECT_EQ(name("memory.total", "By", Kind::kGauge), "memory_total_bytes");
  EXPECT_EQ(name("cache.hits", "1", Kind::kGauge), "cache_hits_ratio");
  EXPECT_EQ(name("cache.hits", "1", Kind::kCounter), "cache_hits");
  EXPECT_EQ(name("net.speed", "By/s", Kind::kGauge), "net_speed_bytes_per_second");
  EXPECT_EQ(name("a..b-/c", "", Kind::kGauge), "a_b_c");
  EXPECT_EQ(name("9lives", "", Kind::kGauge), "_9lives");
  EXPECT_EQ(exposed_name("x", "ms", Kind::kGauge).unit, "milliseconds");
}

TEST(Names, labels_are_made_valid_and_joined_where_they_meet) {
  std::vector<std::pair<std::string, std::string>> seen;
  LabelSet::from_json(R"({"a.b":"1","a_b":"2","__name__":"x","le":"9"})", "le")
      .for_each(
          [&](std::string_view key, std::string_view value) { seen.emplace_back(key, value); });
  const std::vector<std::pair<std::string, std::string>> expected{
      {"_name__", "x"}, {"a_b", "1;2"}, {"exported_le", "9"}};
  EXPECT_EQ(seen, expected);
  EXPECT_THROW(LabelSet::from_json(R"({"a":1})", ""), InvalidArgument);
  EXPECT_THROW(LabelSet::from_json(R"({"a":"b")", ""), InvalidArgument);
}

TEST(NumberText, edges_read_as_prometheus_writes_them) {
  EXPECT_EQ(edge_text(1), "1.0");
  EXPECT_EQ(edge_text(0.0001220703125), "0.0001220703125");
  EXPECT_EQ(edge_text(0x1p-14), "6.103515625e-05");
  EXPECT_EQ(edge_text(0x1p20), "1.048576e+06");
  EXPECT_EQ(edge_text(524288), "524288.0");
  EXPECT_EQ(edge_text(std::numeric_limits<double>::infinity()), "+Inf");
  std::string text;
  append_seconds(text, 1'700'000'000'120'000);
  EXPECT_EQ(text, "1700000000.12");
}

TEST(RunningSum, whole_numbers_stay_exact_beyond_a_double) {
  RunningSum sum;
  sum.add(0x1p53);
  sum.add(1);
  sum.add(1);
  sum.add(1);
  EXPECT_TRUE(sum.is_whole());
  EXPECT_EQ(sum.whole(), (std::int64_t{1} << 53) + 3);
  for (int i = 0; i < 1000; ++i) sum.add(0.1);
  EXPECT_NEAR(sum.value() - 0x1p53, 103, 2);
}

/// The state a core at scale `scale` has after recording `values`, all above 0.
struct Recorded {
  Recorded(const std::vector<double>& values, int scale) {
    std::vector<std::int64_t> indices;
    for (const double value : values) {
      auto index = static_cast<std::int64_t>(std::ceil(std::log2(value) * std::exp2(scale))) - 1;
      while (bucket_edge(index + 1, scale) < value) ++index;
      while (bucket_edge(index, scale) >= value) --index;
      indices.push_back(index);
    }
    const auto [low, high] = std::minmax_element(indices.begin(), indices.end());
    counts.assign(static_cast<std::size_t>(*high - *low) + 1, 0);
    for (const auto index : indices) ++counts[static_cast<std::size_t>(index - *low)];
    view.scale = scale;
    view.positive = {static_cast<std::int32_t>(*low), counts.data(), counts.size()};
  }
  std::vector<std::int64_t> counts;
  BucketsView view;
};

TEST(BucketTotals, counts_at_edges_are_exact_at_every_scale) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> lognormal(0, 2);
  std::vector<double> values;
  for (int i = 0; i < 2000; ++i) values.push_back(lognormal(random));
  for (const double power : {0.25, 0.5, 1.0, 2.0, 4.0}) values.push_back(power);  // on the edges
  for (const int scale : {0, 3, 5}) {
    const Recorded recorded(values, scale);
    BucketTotals totals(160);
    totals.add(recorded.view);
    EXPECT_LE(totals.positive().counts().size(), 160U);
    EXPECT_EQ(totals.count(), static_cast<std::int64_t>(values.size()));
    CumulativeCounts cumulative(totals);
    for (int j = -12; j <= 12; ++j) {
      ASSERT_TRUE(totals.is_edge(j, 0));
      const double edge = std::exp2(j);
      const auto expected =
          std::count_if(values.begin(), values.end(), [&](double value) { return value <= edge; });
      EXPECT_EQ(cumulative.at_most(j, 0), expected) << "edge " << edge << ", scale " << scale;
    }
  }
}

TEST(BucketTotals, order_of_merging_does_not_matter) {
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> narrow(0, 0.1);
  std::lognormal_distribution<double> wide(0, 9);
  std::vector<Recorded> parts;
  for (int part = 0; part < 6; ++part) {
    std::vector<double> values;
    for (int i = 0; i < 50; ++i) values.push_back(part % 2 == 0 ? narrow(random) : wide(random));
    parts.emplace_back(values, 5 - part % 3);
  }
  BucketTotals forward(40);
  BucketTotals backward(40);
  int last_scale = kMaxSchema;
  for (const Recorded& part : parts) {
    forward.add(part.view);
    EXPECT_LE(forward.scale(), last_scale);
    last_scale = forward.scale();
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) backward.add(part->view);
  EXPECT_EQ(forward.scale(), backward.scale());
  EXPECT_EQ(forward.positive().offset(), backward.positive().offset());
  EXPECT_EQ(forward.positive().counts(), backward.positive().counts());
}

TEST(BucketTotals, zero_bucket_takes_what_a_wider_one_covers) {
  const Recorded recorded({0.001, 0.5, 1.5, 3.0}, 0);
  BucketTotals totals;
  totals.add(recorded.view);
  BucketsView wide;
  wide.scale = 0;
  wide.zero_count = 2;
  wide.zero_threshold = 1.2;  // inside the bucket (1, 2], which then joins whole
  totals.add(wide);
  EXPECT_EQ(totals.zero_threshold(), 2);
  EXPECT_EQ(totals.zero_count(), 5);
  EXPECT_EQ(totals.positive().total(), 1);
  EXPECT_EQ(totals.count(), 6);
}

TEST(BucketTotals, refuses_what_no_double_can_be) {
  std::vector<std::int64_t> counts{1};
  BucketsView view;
  view.scale = 5;
  view.positive = {1 << 30, counts.data(), 1};
  EXPECT_FALSE(plausible(view));
  view.positive.offset = 10;
  EXPECT_TRUE(plausible(view));
  view.scale = 21;
  EXPECT_FALSE(plausible(view));
  view.scale = 5;
  counts[0] = -1;
  EXPECT_FALSE(plausible(view));
}

TEST(Accumulator, windows_add_up_and_a_second_delivery_does_not) {
  Accumulator accumulator;
  EXPECT_TRUE(accumulator.add(points({counter("jobs", 1, 3)}), no_exemplars(), {7, 0}));
  EXPECT_FALSE(accumulator.add(points({counter("jobs", 1, 3)}), no_exemplars(), {7, 0}));
  EXPECT_TRUE(accumulator.add(points({counter("jobs", 1, 4)}, 20), no_exemplars(), {7, 1}));
  EXPECT_TRUE(has_line(text_of(accumulator), "jobs_total 7"));
  EXPECT_EQ(accumulator.stats().duplicates, 1);
}

TEST(Accumulator, open_window_is_shown_and_never_counted_twice) {
  Accumulator accumulator;
  accumulator.add(points({counter("jobs", 1, 3)}), no_exemplars(), {7, 0});
  const OpenWindow open{points({counter("jobs", 1, 2)}, 15), no_exemplars(), {7, 1}};
  EXPECT_TRUE(has_line(text_of(accumulator, &open), "jobs_total 5"));
  EXPECT_TRUE(has_line(text_of(accumulator, &open), "jobs_total 5"));
  // The window was cut but is still on its way; the next one is open already.
  const OpenWindow next{points({counter("jobs", 1, 10)}, 25), no_exemplars(), {7, 2}};
  EXPECT_TRUE(accumulator.is_behind(next.id));
  EXPECT_TRUE(has_line(text_of(accumulator, &next), "jobs_total 15"));
  accumulator.add(points({counter("jobs", 1, 4)}, 20), no_exemplars(), {7, 1});
  EXPECT_FALSE(accumulator.is_behind(next.id));
  EXPECT_TRUE(has_line(text_of(accumulator, &next), "jobs_total 17"));
  // A peek that was taken before the window was written, and comes after.
  EXPECT_TRUE(has_line(text_of(accumulator, &open), "jobs_total 17"));
}

TEST(Accumulator, window_that_never_comes_keeps_what_was_shown) {
  Accumulator accumulator;
  accumulator.add(points({counter("jobs", 1, 3)}), no_exemplars(), {7, 0});
  const OpenWindow lost{points({counter("jobs", 1, 2)}, 15), no_exemplars(), {7, 1}};
  EXPECT_TRUE(has_line(text_of(accumulator, &lost), "jobs_total 5"));
  accumulator.add(points({counter("jobs", 1, 10)}, 30), no_exemplars(), {7, 2});
  EXPECT_TRUE(has_line(text_of(accumulator), "jobs_total 15"));
  EXPECT_EQ(accumulator.stats().lost_windows, 1);
}

TEST(Accumulator, metrics_that_want_one_name_get_two) {
  Accumulator accumulator;
  accumulator.add(points({counter("a.b", 1, 1), gauge("a_b", 2, 2), gauge("a_b_total", 3, 3)}),
                  no_exemplars(), {7, 0});
  const std::string text = text_of(accumulator);
  EXPECT_TRUE(has_line(text, "a_b_total 1"));
  EXPECT_EQ(accumulator.stats().renamed, 2);
  const auto renamed = accumulator.renamed();
  ASSERT_EQ(renamed.size(), 2U);
  EXPECT_EQ(renamed[0].first, "a_b");
  EXPECT_TRUE(has_line(text, renamed[0].second + " 2"));
  EXPECT_TRUE(has_line(text, renamed[1].second + " 3"));
}

TEST(Accumulator, idle_series_go_and_busy_ones_stay) {
  ExpositionOptions options;
  options.expire_s = 60;
  Accumulator accumulator(options);
  accumulator.add(points({counter("busy", 1, 1), counter("idle", 2, 1)}, 10), no_exemplars(),
                  {7, 0});
  accumulator.add(points({counter("busy", 1, 1)}, 69), no_exemplars(), {7, 1});
  EXPECT_TRUE(has_line(text_of(accumulator), "idle_total 1"));
  accumulator.add(points({counter("busy", 1, 1)}, 71), no_exemplars(), {7, 2});
  EXPECT_FALSE(has_line(text_of(accumulator), "idle_total 1"));
  EXPECT_TRUE(has_line(text_of(accumulator), "busy_total 3"));
  EXPECT_EQ(accumulator.stats().expired, 1);
}

TEST(Accumulator, names_of_expired_series_are_let_go) {
  ExpositionOptions options;
  options.expire_s = 15;
  Accumulator accumulator(options);
  std::int64_t id = 0;
  for (int window = 0; window < 40; ++window) {
    std::vector<std::string> attrs;
    for (int i = 0; i < 300; ++i) attrs.push_back("{\"k\":\"" + std::to_string(id + i) + "\"}");
    std::vector<PointRow> rows{counter("steady", -1, 1)};
    for (int i = 0; i < 300; ++i) rows.push_back(counter("brief", id + i, 1, attrs[i]));
    id += 300;
    accumulator.add(points(rows, 10 * (window + 1)), no_exemplars(), {7, window});
  }
  EXPECT_LE(accumulator.stats().series, 601);
  const std::string text = text_of(accumulator);
  EXPECT_TRUE(has_line(text, "steady_total 40"));
  EXPECT_TRUE(has_line(text, "brief_total{k=\"" + std::to_string(id - 1) + "\"} 1"));
}

TEST(Accumulator, rows_that_cannot_be_are_left_out_and_counted) {
  Accumulator accumulator;
  auto row = counter("good", 1, 1);
  auto negative = counter("negative", 2, -1);
  auto broken = counter("broken", 3, 1, "{\"a\":");
  auto nan = counter("nan", 4, std::numeric_limits<double>::quiet_NaN());
  accumulator.add(points({row, negative, broken, nan}), no_exemplars(), {7, 0});
  const std::string text = text_of(accumulator);
  EXPECT_TRUE(has_line(text, "good_total 1"));
  for (const char* name : {"negative", "broken", "nan_total"}) {
    EXPECT_EQ(text.find(name), std::string::npos) << name;
  }
  EXPECT_EQ(accumulator.stats().refused_rows, 3);
}

TEST(Accumulator, values_kept_apart_are_counters_of_their_own) {
  Accumulator accumulator;
  auto row = gauge("temperature", 1, 20);
  row.unit = "Cel";
  row.nan_count = 3;
  row.pos_inf_count = 1;
  accumulator.add(points({row}), no_exemplars(), {7, 0});
  accumulator.add(points({row}, 20), no_exemplars(), {7, 1});
  const std::string text = text_of(accumulator);
  EXPECT_TRUE(has_line(text, "temperature_celsius 20"));
  EXPECT_TRUE(has_line(text, "temperature_celsius_excluded_total{reason=\"nan\"} 6"));
  EXPECT_TRUE(has_line(text, "temperature_celsius_excluded_total{reason=\"pos_inf\"} 2"));
}

TEST(Accumulator, gauge_that_says_it_has_no_value_goes) {
  Accumulator accumulator;
  accumulator.add(points({gauge("fan", 1, 20)}), no_exemplars(), {7, 0});
  auto absent = gauge("fan", 1, 0);
  absent.value.reset();
  absent.status = "absent";
  accumulator.add(points({absent}, 20), no_exemplars(), {7, 1});
  EXPECT_EQ(text_of(accumulator).find("fan"), std::string::npos);
}

TEST(Accumulator, refuses_edges_beyond_reason) {
  Accumulator accumulator;
  EXPECT_THROW(accumulator.set_edges("x", {5, 4, 0}), InvalidArgument);
  EXPECT_THROW(accumulator.set_edges("x", {-127, 0, 0}), InvalidArgument);
  EXPECT_THROW(accumulator.set_edges("x", {0, 1, 9}), InvalidArgument);
  EXPECT_THROW(accumulator.set_gauge_merge("x", "mean"), InvalidArgument);
  EXPECT_THROW(accumulator.set_resource("[]"), InvalidArgument);
}

}  // namespace
}  // namespace inlay::prometheus
