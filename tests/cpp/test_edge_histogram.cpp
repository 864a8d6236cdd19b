#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <inlay/error.hpp>
#include <inlay/summary/edge_histogram.hpp>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "summary/edge_kernels.hpp"
#include "summary/kernels.hpp"

namespace {

using inlay::EdgeHistogram;
using inlay::detail::EdgeLookup;
using inlay::detail::SummaryKernels;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Sets of edges that take every way of finding a cell: few, even, geometric, of both signs, equal
// as floats, beyond floats, subnormal, and spread so that only a search remains.
struct EdgeSet {
  const char* name;
  std::vector<double> edges;
};

std::vector<EdgeSet> edge_sets() {
  std::vector<EdgeSet> sets = {
      {"one", {0.0}},
      {"three", {-1.5, 0.0, 2.0}},
      {"ten uneven", {0.001, 0.01, 0.1, 0.3, 0.7, 1, 1.7, 4, 9, 30}},
      {"extremes", {-DBL_MAX, -1e300, -DBL_MIN, -DBL_TRUE_MIN, DBL_TRUE_MIN, DBL_MIN, 1, DBL_MAX}},
  };
  std::vector<double> even, geometric, both, close, wide, tiny, spread, irregular, powers;
  for (int i = 0; i <= 100; ++i) even.push_back(i / 100.0);
  for (int i = -40; i < 60; ++i) geometric.push_back(std::exp2(i / 3.0));
  for (int i = -30; i <= 30; ++i) both.push_back(i * std::abs(i) / 17.0);
  for (int i = 0; i < 40; ++i) close.push_back(1 + i * 0x1p-25);
  for (int i = -30; i <= 30; ++i)
    wide.push_back(i < 0 ? -std::exp2(-34.0 * i) : std::exp2(34.0 * i));
  for (int i = -25; i <= 25; ++i) tiny.push_back(i * 13 * DBL_TRUE_MIN);
  for (int i = 0; i < 3000; ++i) spread.push_back(i * 7.0 + (i % 3) * 0x1p-20);
  std::mt19937_64 random(11);
  std::normal_distribution<double> draw;
  for (int i = 0; i < 300; ++i) irregular.push_back(draw(random));
  std::sort(irregular.begin(), irregular.end());
  std::vector<double> sample(20'000);
  for (double& value : sample) value = draw(random);
  for (int i = -1074; i <= 1023; ++i) powers.push_back(std::ldexp(1.0, i));
  sets.push_back({"even", even});
  sets.push_back({"geometric", geometric});
  sets.push_back({"both signs", both});
  sets.push_back({"equal as floats", close});
  sets.push_back({"wide", wide});
  sets.push_back({"subnormal", tiny});
  sets.push_back({"many", spread});
  sets.push_back({"irregular", irregular});
  sets.push_back({"normal", EdgeHistogram::quantile_edges(sample, 100)});
  sets.push_back({"powers of two", powers});
  std::vector<double> most(EdgeHistogram::kMaxEdges);
  for (std::size_t i = 0; i < most.size(); ++i) most[i] = std::sqrt(static_cast<double>(i)) - 50;
  sets.push_back({"most", most});
  return sets;
}

template <class T>
T next(T value, T towards) {
  return std::nextafter(value, towards);
}

// Each edge as T with its neighbours, each power of two with its neighbours, zeros, extremes.
template <class T>
std::vector<T> boundary_values(const std::vector<double>& edges) {
  constexpr T kMost = std::numeric_limits<T>::max();
  std::vector<T> values = {T{0},
                           -T{0},
                           kMost,
                           -kMost,
                           std::numeric_limits<T>::denorm_min(),
                           -std::numeric_limits<T>::denorm_min()};
  const auto around = [&values](T value) {
    for (const T near : {value, next(value, kMost), next(value, -kMost)}) {
      if (std::isfinite(near)) values.push_back(near);
    }
  };
  for (const double edge : edges) {
    if (std::abs(edge) <= static_cast<double>(kMost)) around(static_cast<T>(edge));
  }
  constexpr int kLeast = std::numeric_limits<T>::min_exponent - std::numeric_limits<T>::digits;
  for (int i = kLeast; i < std::numeric_limits<T>::max_exponent; ++i) {
    around(std::ldexp(T{1}, i));
    around(-std::ldexp(T{1}, i));
  }
  return values;
}

template <class T>
std::vector<std::uint64_t> reference(const std::vector<double>& edges,
                                     const std::vector<T>& values) {
  std::vector<std::uint64_t> counts(edges.size() + 1);
  for (const T value : values) {
    const auto at = std::lower_bound(edges.begin(), edges.end(), static_cast<double>(value));
    ++counts[static_cast<std::size_t>(at - edges.begin())];
  }
  return counts;
}

// Calls f with each set of loops that runs here in use.
template <class F>
void with_every_set(F&& f) {
  const SummaryKernels& before = inlay::detail::summary_kernels();
  for (const SummaryKernels* kernels : inlay::detail::all_summary_kernels()) {
    if (kernels == nullptr || !inlay::detail::use_summary_kernels(*kernels)) continue;
    f(kernels->name);
  }
  inlay::detail::use_summary_kernels(before);
}

template <class T>
void sweep_boundaries() {
  for (const EdgeSet& set : edge_sets()) {
    const std::vector<T> values = boundary_values<T>(set.edges);
    const std::vector<std::uint64_t> expected = reference(set.edges, values);
    with_every_set([&](const char* isa) {
      EdgeHistogram all(set.edges);
      all.update(values.data(), values.size());
      EXPECT_EQ(all.counts(), expected) << set.name << ' ' << isa;
    });
    // One by one through the loops too, so that two mistakes cannot make up for each other.
    if (set.edges.size() > 200) continue;
    with_every_set([&](const char* isa) {
      EdgeHistogram one(set.edges);
      for (const T value : values) {
        const std::vector<T> same(33, value);
        one.reset();
        one.update(same.data(), same.size());
        const auto at = static_cast<std::size_t>(
            std::lower_bound(set.edges.begin(), set.edges.end(), static_cast<double>(value)) -
            set.edges.begin());
        ASSERT_EQ(one.counts()[at], same.size())
            << set.name << ' ' << isa << ' ' << std::hexfloat << value;
      }
    });
  }
}

TEST(EdgeHistogram, EveryEdgeAndPowerOfTwoAndTheirNeighboursLandInTheirCellAsDoubles) {
  sweep_boundaries<double>();
}

TEST(EdgeHistogram, EveryEdgeAndPowerOfTwoAndTheirNeighboursLandInTheirCellAsFloats) {
  sweep_boundaries<float>();
}

TEST(EdgeHistogram, TheSetsOfEdgesTakeEveryWay) {
  bool linear = false;
  bool exponent = false;
  bool search = false;
  bool equal_floats = false;
  for (const EdgeSet& set : edge_sets()) {
    const EdgeLookup lookup(set.edges);
    const bool few = set.edges.size() <= inlay::detail::kEdgeKernelsScalar.few_f64;
    linear = linear || (!lookup.table_f64.cells.empty() && lookup.table_f64.linear);
    exponent = exponent || (!lookup.table_f32.cells.empty() && !lookup.table_f32.linear);
    search = search || (!few && lookup.table_f64.cells.empty());
    equal_floats =
        equal_floats || std::adjacent_find(lookup.edges_f32.begin(), lookup.edges_f32.end()) !=
                            lookup.edges_f32.end();
    EXPECT_LE(lookup.table_f64.cells.size(), inlay::detail::kMaxTableCells);
  }
  EXPECT_TRUE(linear);
  EXPECT_TRUE(exponent);
  EXPECT_TRUE(search);
  EXPECT_TRUE(equal_floats);
}

TEST(EdgeHistogram, CommonEdgesHaveATable) {
  for (const EdgeSet& set : edge_sets()) {
    const std::string name = set.name;
    if (name != "even" && name != "geometric" && name != "both signs" && name != "normal") continue;
    const EdgeLookup lookup(set.edges);
    EXPECT_FALSE(lookup.table_f64.cells.empty()) << name;
    EXPECT_FALSE(lookup.table_f32.cells.empty()) << name;
  }
}

TEST(EdgeHistogram, TheLargestFloatNotAboveADoubleIsThat) {
  const auto check = [](double value) {
    const float below = inlay::detail::float_not_above(value);
    EXPECT_LE(static_cast<double>(below), value);
    const float above = std::nextafter(below, std::numeric_limits<float>::infinity());
    EXPECT_GT(static_cast<double>(above), value);
  };
  std::mt19937_64 random(3);
  for (int i = 0; i < 100'000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (std::isfinite(value) && std::abs(value) < FLT_MAX) check(value);
  }
  for (const double value : {0.0, 0x1p-149, 0x1p-150, -0x1p-150, -0x1p-149, 1.0, 1 + 0x1p-30,
                             static_cast<double>(FLT_MAX), -static_cast<double>(FLT_MAX)}) {
    if (value < FLT_MAX) check(value);
  }
  EXPECT_EQ(inlay::detail::float_not_above(1e300), FLT_MAX);
  EXPECT_EQ(inlay::detail::float_not_above(-1e300), -std::numeric_limits<float>::infinity());
}

// A prime step, so that all exponents and many significands occur.
TEST(EdgeHistogram, SampledPatternsOfAFloatCountTheSameOnEverySet) {
  constexpr std::uint64_t kStep = 4099;
  for (const EdgeSet& set : edge_sets()) {
    const std::string name = set.name;
    if (name != "ten uneven" && name != "even" && name != "geometric" && name != "irregular") {
      continue;
    }
    std::vector<std::vector<std::uint8_t>> states;
    with_every_set([&](const char*) {
      EdgeHistogram histogram(set.edges);
      std::vector<float> block;
      for (std::uint64_t pattern = 0; pattern >> 32 == 0; pattern += kStep) {
        block.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(pattern)));
        if (block.size() < 65'536) continue;
        histogram.update(block.data(), block.size());
        block.clear();
      }
      histogram.update(block.data(), block.size());
      states.push_back(histogram.to_bytes());
    });
    for (const auto& state : states) EXPECT_EQ(state, states.front()) << name;
    EdgeHistogram single(set.edges);
    for (std::uint64_t pattern = 0; pattern >> 32 == 0; pattern += kStep) {
      single.update(double{std::bit_cast<float>(static_cast<std::uint32_t>(pattern))});
    }
    EXPECT_EQ(single.to_bytes(), states.front()) << name;
  }
}

std::vector<double> mixed_values(std::uint64_t seed, std::size_t size) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> draw(0.5, 1);
  std::vector<double> values(size);
  for (double& value : values) {
    const std::uint64_t kind = random() % 50;
    value = kind == 0   ? kNaN
            : kind == 1 ? kInf
            : kind == 2 ? -kInf
            : kind == 3 ? -0.0
                        : draw(random);
  }
  return values;
}

TEST(EdgeHistogram, ArraysCountAsTheirValuesDo) {
  for (const EdgeSet& set : edge_sets()) {
    if (set.edges.size() > 5000) continue;
    for (const std::size_t size : {0U, 1U, 5U, 12U, 13U, 17U, 31U, 1023U, 1024U, 1025U, 3000U}) {
      const std::vector<double> values = mixed_values(size + 1, size);
      const std::vector<float> floats(values.begin(), values.end());
      EdgeHistogram single(set.edges), single_f32(set.edges);
      for (const double value : values) single.update(value);
      for (const float value : floats) single_f32.update(double{value});
      with_every_set([&](const char* isa) {
        EdgeHistogram bulk(set.edges), bulk_f32(set.edges);
        bulk.update(values.data(), values.size());
        bulk_f32.update(floats.data(), floats.size());
        EXPECT_EQ(bulk, single) << set.name << ' ' << size << ' ' << isa;
        EXPECT_EQ(bulk_f32, single_f32) << set.name << ' ' << size << ' ' << isa;
      });
    }
  }
}

TEST(EdgeHistogram, WhatIsNotFiniteAndNullsAreCountedApart) {
  EdgeHistogram histogram({0.0, 1.0});
  for (const double value : {kNaN, kInf, -kInf, -kInf, -0.0, 0.0, 1.0, 2.0})
    histogram.update(value);
  histogram.add_nulls(3);
  EXPECT_EQ(histogram.counts(), (std::vector<std::uint64_t>{2, 1, 1}));
  EXPECT_EQ(histogram.count(), 4U);
  EXPECT_EQ(histogram.nan_count(), 1U);
  EXPECT_EQ(histogram.pos_inf_count(), 1U);
  EXPECT_EQ(histogram.neg_inf_count(), 2U);
  EXPECT_EQ(histogram.null_count(), 3U);
  histogram.reset();
  EXPECT_EQ(histogram, EdgeHistogram({0.0, 1.0}));
}

template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const inlay::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(EdgeHistogram, EdgesThatAreNoneAreRefusedByValueAndPlace) {
  const auto refused = [](std::vector<double> edges) {
    EXPECT_THROW(EdgeHistogram{edges}, inlay::InvalidArgument);
    return message_of([&] { EdgeHistogram{edges}; });
  };
  EXPECT_NE(refused({}).find(": 0"), std::string::npos);
  EXPECT_NE(refused({1, kNaN}).find("edge 1: nan"), std::string::npos);
  EXPECT_NE(refused({kInf}).find("edge 0: inf"), std::string::npos);
  EXPECT_NE(refused({1, 2, 2}).find("edge 2"), std::string::npos);
  EXPECT_NE(refused({1, 0.5}).find("0.5"), std::string::npos);
  EXPECT_NE(refused({-0.0, 0.0}).find("edge 1"), std::string::npos);
  EXPECT_NE(refused(std::vector<double>(65'536)).find("65536"), std::string::npos);
}

TEST(EdgeHistogram, WeightsCountAsRepeats) {
  const std::vector<double> values = {0.5, 1.5, kNaN, 0.5, kInf};
  const std::vector<std::int64_t> counts = {3, 0, 2, 1, 4};
  EdgeHistogram weighted({1.0}), repeated({1.0});
  weighted.update(values.data(), counts.data(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::int64_t k = 0; k < counts[i]; ++k) repeated.update(values[i]);
  }
  EXPECT_EQ(weighted, repeated);
}

TEST(EdgeHistogram, WeightsThatAreNegativeOrTooManyAreRefusedAndNothingIsCounted) {
  EdgeHistogram histogram({1.0});
  histogram.update(0.5);
  const EdgeHistogram before = histogram;
  const double values[] = {0.5, 2.0};
  const std::int64_t negative[] = {1, -7};
  EXPECT_NE(message_of([&] { histogram.update(values, negative, 2); }).find("at 1: -7"),
            std::string::npos);
  const std::int64_t many[] = {1, INT64_MAX - 1};
  EXPECT_THROW(histogram.update(values, many, 2), inlay::InvalidArgument);
  EXPECT_EQ(histogram, before);
  const std::int64_t fits[] = {1, INT64_MAX - 2};
  histogram.update(values, fits, 2);
  EXPECT_EQ(histogram.room(), 0U);
  EXPECT_THROW(histogram.merge(before), inlay::InvalidArgument);
  EXPECT_EQ(histogram.room(), 0U);
}

TEST(EdgeHistogram, MergesAddAndRefuseOtherEdgesByTheFirstThatDiffers) {
  const std::vector<double> edges = {-1, 0, 1};
  const std::vector<double> values = mixed_values(5, 500);
  EdgeHistogram whole(edges), left(edges), right(edges);
  whole.update(values.data(), values.size());
  left.update(values.data(), 200);
  right.update(values.data() + 200, 300);
  EdgeHistogram other_way = right;
  left.merge(right);
  EXPECT_EQ(left, whole);
  EdgeHistogram again(edges);
  again.update(values.data(), 200);
  other_way.merge(again);
  EXPECT_EQ(other_way.to_bytes(), whole.to_bytes());
  const std::string differs = message_of([&] { left.merge(EdgeHistogram({-1, 0, 1.5})); });
  EXPECT_NE(differs.find("edge 2 is 1 and of the other: 1.5"), std::string::npos) << differs;
  const std::string longer = message_of([&] { left.merge(EdgeHistogram({-1, 0, 1, 2})); });
  EXPECT_NE(longer.find("there are 3 and of the other: 4"), std::string::npos) << longer;
  EXPECT_EQ(left, whole);
}

TEST(EdgeHistogram, CdfBoundsHoldAndMeetAtEdges) {
  const std::vector<double> edges = {-1, 0, 0.5, 1};
  const std::vector<double> values = mixed_values(6, 2000);
  EdgeHistogram histogram(edges);
  EXPECT_FALSE(histogram.cdf_bounds(0).has_value());
  histogram.update(values.data(), values.size());
  double low = 0;
  for (const double x : {-kInf, -2.0, -1.0, -0.5, 0.0, 0.2, 0.5, 0.7, 1.0, 1.5, kInf}) {
    const auto bounds = histogram.cdf_bounds(x);
    ASSERT_TRUE(bounds.has_value());
    const auto exact =
        static_cast<double>(std::count_if(values.begin(), values.end(),
                                          [x](double v) { return std::isfinite(v) && v <= x; })) /
        static_cast<double>(histogram.count());
    EXPECT_LE(bounds->low, exact) << x;
    EXPECT_GE(bounds->high, exact) << x;
    const bool edge = std::isinf(x) || std::find(edges.begin(), edges.end(), x) != edges.end();
    EXPECT_EQ(bounds->low == bounds->high, edge) << x;
    EXPECT_GE(bounds->low, low);
    low = bounds->low;
  }
  EXPECT_THROW(histogram.cdf_bounds(kNaN), inlay::InvalidArgument);
}

TEST(EdgeHistogram, QuantileEdgesAreOrderStatistics) {
  std::mt19937_64 random(9);
  for (const std::size_t size : {1U, 2U, 7U, 100U, 1009U}) {
    for (const std::size_t bins : {2U, 3U, 10U, 64U, 200U}) {
      std::vector<double> sample(size);
      for (double& value : sample) value = static_cast<double>(random() % 700);
      std::vector<double> sorted = sample;
      std::sort(sorted.begin(), sorted.end());
      std::vector<double> expected;
      for (std::size_t i = 1; i < bins; ++i) {
        expected.push_back(sorted[(i * size + bins - 1) / bins - 1]);
      }
      expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
      sample.push_back(kNaN);
      sample.push_back(-kInf);
      EXPECT_EQ(EdgeHistogram::quantile_edges(sample, bins), expected) << size << ' ' << bins;
    }
  }
  EXPECT_THROW(EdgeHistogram::quantile_edges({1.0}, 1), inlay::InvalidArgument);
  EXPECT_THROW(EdgeHistogram::quantile_edges({kNaN}, 4), inlay::InvalidArgument);
}

TEST(EdgeHistogram, FieldsAreCheckedAndMakeTheSameState) {
  EdgeHistogram histogram({0.0, 1.0});
  const std::vector<double> values = mixed_values(7, 100);
  histogram.update(values.data(), values.size());
  histogram.add_nulls(2);
  EdgeHistogram::Fields fields{
      histogram.edges(),     histogram.counts(),        2,
      histogram.nan_count(), histogram.pos_inf_count(), histogram.neg_inf_count()};
  EXPECT_EQ(EdgeHistogram::from_fields(fields), histogram);
  fields.counts.pop_back();
  EXPECT_THROW(EdgeHistogram::from_fields(fields), inlay::InvalidArgument);
  fields.counts.push_back(UINT64_MAX);
  EXPECT_THROW(EdgeHistogram::from_fields(fields), inlay::InvalidArgument);
}

// ---- bytes ------------------------------------------------------------------------------------

TEST(EdgeHistogramBytes, RoundTripIsExactAndCanonical) {
  for (const EdgeSet& set : edge_sets()) {
    EdgeHistogram histogram(set.edges);
    const std::vector<double> values = mixed_values(8, 300);
    histogram.update(values.data(), values.size());
    histogram.add_nulls(1000);
    const std::vector<std::uint8_t> bytes = histogram.to_bytes();
    const EdgeHistogram back = EdgeHistogram::from_bytes(bytes.data(), bytes.size());
    EXPECT_EQ(back, histogram);
    EXPECT_EQ(back.to_bytes(), bytes);
  }
  EXPECT_EQ(EdgeHistogram({-0.0}).to_bytes(), EdgeHistogram({0.0}).to_bytes());
}

TEST(EdgeHistogramBytes, CutDamagedOrNewerOnesAreRefusedOrValid) {
  EdgeHistogram histogram({-1, 0, 0.25, 3});
  const std::vector<double> values = mixed_values(6, 300);
  histogram.update(values.data(), values.size());
  const std::vector<std::uint8_t> bytes = histogram.to_bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(EdgeHistogram::from_bytes(bytes.data(), size), inlay::SerializationError);
  }
  std::vector<std::uint8_t> longer = bytes;
  longer.push_back(0);
  EXPECT_THROW(EdgeHistogram::from_bytes(longer.data(), longer.size()), inlay::SerializationError);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const unsigned flip : {1U, 0x80U, 0xFFU}) {
      std::vector<std::uint8_t> damaged = bytes;
      damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ flip);
      try {
        const EdgeHistogram read = EdgeHistogram::from_bytes(damaged.data(), damaged.size());
        EXPECT_EQ(read.to_bytes(), damaged);  // another valid state, in its one form
      } catch (const inlay::SerializationError&) {
      }
    }
  }
  std::vector<std::uint8_t> newer = bytes;
  newer[4] = 2;
  const std::string message =
      message_of([&] { EdgeHistogram::from_bytes(newer.data(), newer.size()); });
  EXPECT_NE(message.find("up to byte 5 of"), std::string::npos) << message;
  EXPECT_NE(message.find("newer version: 2"), std::string::npos) << message;
}

TEST(EdgeHistogramBytes, FrozenOnesOfVersionOneAreRead) {
  std::ifstream file(INLAY_TEST_DATA "/edge_histogram_v1.bin", std::ios::binary);
  ASSERT_TRUE(file.is_open());
  const std::vector<std::uint8_t> bytes((std::istreambuf_iterator<char>(file)), {});
  EdgeHistogram expected({-1.5, 0.0, 0.25});
  for (const double value : {-1.5, -0.0, 0.1, 7.0, 1e300, kNaN, kInf, -kInf, -kInf}) {
    expected.update(value);
  }
  expected.add_nulls(300);
  EXPECT_EQ(EdgeHistogram::from_bytes(bytes.data(), bytes.size()), expected);
  EXPECT_EQ(expected.to_bytes(), bytes);
}

}  // namespace
