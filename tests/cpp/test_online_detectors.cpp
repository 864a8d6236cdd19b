#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <inlay/detect/adwin.hpp>
#include <inlay/detect/cusum.hpp>
#include <inlay/detect/ddm.hpp>
#include <inlay/detect/eddm.hpp>
#include <inlay/detect/fhddm.hpp>
#include <inlay/detect/hddm_a.hpp>
#include <inlay/detect/hddm_w.hpp>
#include <inlay/detect/kswin.hpp>
#include <inlay/detect/page_hinkley.hpp>
#include <inlay/error.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "summary/bytes.hpp"

namespace {

using namespace inlay::detect;
using inlay::InvalidArgument;
using inlay::SerializationError;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A stream whose level changes every 700 values, of errors if the rule is over errors.
std::vector<double> stream_of(bool binary, std::size_t size) {
  std::mt19937_64 random(5);
  std::vector<double> values;
  for (std::size_t i = 0; i < size; ++i) {
    const double uniform = static_cast<double>(random() >> 11) * 0x1p-53;
    const double level = i / 700 % 2 == 0 ? 0.1 : 0.6;
    values.push_back(binary ? (uniform < level ? 1.0 : 0.0) : uniform + 10.0 * level);
  }
  return values;
}

template <class Test>
std::vector<std::size_t> alarms_of(Online<Test>& detector, const std::vector<double>& values) {
  std::vector<std::size_t> found;
  for (std::size_t at = 0; at < values.size();) {
    const std::uint64_t before = detector.drift_count();
    at += detector.update(values.data() + at, values.size() - at);
    if (detector.drift_count() != before) found.push_back(at - 1);
  }
  return found;
}

template <class Test>
class OnlineDetectors : public ::testing::Test {};

using Rules = ::testing::Types<Adwin, Cusum, Ddm, Eddm, Fhddm, HddmA, HddmW, Kswin, PageHinkley>;
TYPED_TEST_SUITE(OnlineDetectors, Rules);

TYPED_TEST(OnlineDetectors, AlarmWhenALevelChangesAndAgain) {
  Online<TypeParam> detector;
  const auto values = stream_of(TypeParam::kBinary, 7000);
  const auto alarms = alarms_of(detector, values);
  EXPECT_GE(alarms.size(), 3U);
  EXPECT_EQ(detector.drift_count(), alarms.size());
  EXPECT_EQ(detector.count(), values.size());
}

TYPED_TEST(OnlineDetectors, BatchesAreTheSameAsSingleValues) {
  const auto values = stream_of(TypeParam::kBinary, 5000);
  Online<TypeParam> whole;
  Online<TypeParam> single;
  const auto alarms = alarms_of(whole, values);
  std::vector<std::size_t> expected;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (single.update(values[i])) expected.push_back(i);
  }
  EXPECT_EQ(alarms, expected);
  EXPECT_EQ(whole, single);
}

TYPED_TEST(OnlineDetectors, ReadBytesGoOnAsTheOriginal) {
  const auto values = stream_of(TypeParam::kBinary, 4000);
  for (const std::size_t cut : {0U, 1U, 29U, 99U, 100U, 701U, 1500U, 3999U}) {
    Online<TypeParam> original;
    const std::vector<double> head(values.begin(), values.begin() + static_cast<long>(cut));
    const std::vector<double> tail(values.begin() + static_cast<long>(cut), values.end());
    alarms_of(original, head);
    const auto bytes = original.to_bytes();
    auto read = Online<TypeParam>::from_bytes(bytes.data(), bytes.size());
    EXPECT_EQ(read, original);
    EXPECT_EQ(alarms_of(read, tail), alarms_of(original, tail));
    EXPECT_EQ(read, original);
  }
}

TYPED_TEST(OnlineDetectors, CutOrChangedBytesAreRefusedOrAState) {
  Online<TypeParam> detector;
  alarms_of(detector, stream_of(TypeParam::kBinary, 300));
  const auto bytes = detector.to_bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(Online<TypeParam>::from_bytes(bytes.data(), size), SerializationError);
  }
  auto longer = bytes;
  longer.push_back(0);
  EXPECT_THROW(Online<TypeParam>::from_bytes(longer.data(), longer.size()), SerializationError);
  const std::size_t looked_at = std::min<std::size_t>(bytes.size(), 200);
  for (std::size_t at = 0; at < looked_at; ++at) {
    for (const std::uint8_t changed : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
      auto other = bytes;
      other[at] = changed;
      try {
        auto read = Online<TypeParam>::from_bytes(other.data(), other.size());
        EXPECT_EQ(read.to_bytes(), other);
        alarms_of(read, stream_of(TypeParam::kBinary, 200));
      } catch (const SerializationError&) {
        SUCCEED();
      }
    }
  }
}

TYPED_TEST(OnlineDetectors, IgnoreWhatIsNotFinite) {
  const auto values = stream_of(TypeParam::kBinary, 3000);
  std::vector<double> holed;
  for (const double value : values) {
    holed.insert(holed.end(), {kNaN, value, kInf, -kInf});
  }
  Online<TypeParam> plain;
  Online<TypeParam> detector;
  const auto expected = alarms_of(plain, values);
  const auto found = alarms_of(detector, holed);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], 4 * expected[i] + 1);
  EXPECT_EQ(detector.ignored_count(), 3 * values.size());
  EXPECT_EQ(detector.count(), values.size());
  EXPECT_FALSE(detector.update(kNaN));
}

TYPED_TEST(OnlineDetectors, ResetIsAsNew) {
  Online<TypeParam> detector;
  EXPECT_EQ(detector.undefined(), Undefined::kInsufficient);
  alarms_of(detector, stream_of(TypeParam::kBinary, 2000));
  EXPECT_NE(detector, Online<TypeParam>());
  detector.reset();
  EXPECT_EQ(detector, Online<TypeParam>());
}

TYPED_TEST(OnlineDetectors, MemoryNeverGrows) {
  Online<TypeParam> detector;
  const std::size_t before = detector.memory_bytes();
  alarms_of(detector, stream_of(TypeParam::kBinary, 50'000));
  EXPECT_EQ(detector.memory_bytes(), before);
  EXPECT_LT(before, 8192U);
}

template <class Test, class Change>
void expect_refused(Change change, const std::string& words) {
  typename Test::Parameters parameters;
  change(parameters);
  try {
    Online<Test> detector(parameters);
    FAIL() << "not refused: " << words;
  } catch (const InvalidArgument& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

TEST(OnlineDetectorParameters, OutOfRangeAreNamed) {
  expect_refused<Adwin>([](auto& p) { p.delta = 0.0; }, "delta must lie between 0 and 1");
  expect_refused<Adwin>([](auto& p) { p.delta = kNaN; }, "nan");
  expect_refused<Adwin>([](auto& p) { p.clock = 0; }, "clock must lie within 1");
  expect_refused<Adwin>([](auto& p) { p.max_buckets = 1; },
                        "max_buckets must lie within 2 to 255: 1");
  expect_refused<Adwin>([](auto& p) { p.grace_period = -1; }, "grace_period");
  expect_refused<Cusum>([](auto& p) { p.sd = 0.0; }, "sd must be finite and positive: 0");
  expect_refused<Cusum>([](auto& p) { p.mean = kInf; }, "mean must be finite: inf");
  expect_refused<Cusum>([](auto& p) { p.warm_up = 1; }, "warm_up");
  expect_refused<Ddm>([](auto& p) { p.drift_threshold = kNaN; }, "drift_threshold");
  expect_refused<Eddm>([](auto& p) { p.beta = 0.96; }, "beta must lie within 0 to 0.95: 0.96");
  expect_refused<Fhddm>([](auto& p) { p.short_window_size = 101; }, "short_window_size");
  expect_refused<Fhddm>([](auto& p) { p.window_size = 0; }, "sliding_window_size");
  expect_refused<HddmA>([](auto& p) { p.drift_confidence = 1.0; }, "drift_confidence");
  expect_refused<HddmW>([](auto& p) { p.lambda = 1.5; }, "lambda_val");
  expect_refused<Kswin>([](auto& p) { p.stat_size = 51; }, "stat_size must lie within 1 to 50: 51");
  expect_refused<Kswin>([](auto& p) { p.alpha = 1e-30; }, "can reach");
  expect_refused<PageHinkley>([](auto& p) { p.threshold = kInf; }, "threshold");
  expect_refused<PageHinkley>([](auto& p) { p.alpha = 1.5; }, "alpha");
}

// Weeks of values would fill the last row; bytes do it at once.
TEST(AdwinWindow, DropsItsOldestBucketWhenNoLargerOneCanBe) {
  inlay::detail::ByteWriter out(Adwin::kMagic, 1);
  for (int i = 0; i < 4; ++i) out.varint(0);
  out.u8(0);
  out.f64(0.002);
  for (const std::uint64_t each : {32, 5, 5, 10, 32}) out.varint(each);
  out.varint(Adwin::kRows);
  out.f64(0.0);
  out.f64(1.0);
  for (std::size_t row = 0; row < Adwin::kRows; ++row) {
    out.varint(5);
    for (int i = 0; i < 10; ++i) out.f64(0.0);
  }
  const auto bytes = out.take();
  auto detector = Online<Adwin>::from_bytes(bytes.data(), bytes.size());
  const double before = detector.test().width;
  detector.update(0.0);
  EXPECT_LT(detector.test().width, before);
  for (int i = 0; i < 1000; ++i) detector.update(0.0);
  const auto again = detector.to_bytes();
  EXPECT_EQ(Online<Adwin>::from_bytes(again.data(), again.size()), detector);
}

TEST(CusumFit, WaitsForSpread) {
  Online<Cusum> detector;
  for (int i = 0; i < 500; ++i) EXPECT_FALSE(detector.update(3.0));
  EXPECT_EQ(detector.undefined(), Undefined::kConstant);
  detector.update(4.0);
  EXPECT_EQ(detector.undefined(), Undefined::kDefined);
  EXPECT_TRUE(detector.update(4.0));
}

TEST(OnlineDetectorOverflow, IsSaid) {
  const double huge = std::numeric_limits<double>::max();
  Online<Adwin> adwin;
  Online<PageHinkley> hinkley;
  Online<Cusum> cusum;
  for (int i = 0; i < 100; ++i) {
    const double value = i % 2 == 0 ? huge : -huge;
    adwin.update(value);
    hinkley.update(value);
    cusum.update(value);
  }
  EXPECT_EQ(adwin.undefined(), Undefined::kOverflow);
  EXPECT_EQ(hinkley.undefined(), Undefined::kOverflow);
  EXPECT_EQ(cusum.undefined(), Undefined::kOverflow);
}

TEST(KswinPValue, IsThatOfCountedPaths) {
  // By hand: of the C(4, 2) = 6 orders of two and two values, two are apart by 1.
  EXPECT_DOUBLE_EQ(Kswin::p_value(2, 2), 2.0 / 6.0);
  EXPECT_DOUBLE_EQ(Kswin::p_value(2, 1), 1.0);
  EXPECT_DOUBLE_EQ(Kswin::p_value(3, 3), 2.0 / 20.0);
  EXPECT_DOUBLE_EQ(Kswin::p_value(5, 0), 1.0);
}

}  // namespace
