#include "emulator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include "model/logits.cuh"
#include "model/logits_result.hpp"

#include "../cpp/logits_cases.hpp"
// The host's half of the kernels, which no library of the tests holds.
#include "model/logits_result.cpp"

namespace inlay::cuda {
namespace {

using emu::machine;
using emu::Order;
using inlay::testing::LogitsCase;
using inlay::testing::row_of_results;

/// How a case is laid out and launched.
struct Way {
  unsigned parts;         // blocks a row
  unsigned blocks;        // with one part
  std::size_t shift = 0;  // entries before the first, to misalign it
  bool apart = false;
};

/// A monitor's memory without a monitor.
struct Memory {
  explicit Memory(int scale_) : scale(scale_) {
    for (auto& words : states) words.resize(logits_state_bytes(scale) / 8);
  }
  LogitsState* state(unsigned i) { return reinterpret_cast<LogitsState*>(states[i].data()); }

  int scale;
  WindowControl control{};
  std::vector<unsigned long long> states[2];
};

template <class T>
constexpr Element kElement = std::is_same_v<T, double>  ? Element::kF64
                             : std::is_same_v<T, float> ? Element::kF32
                             : std::is_same_v<T, Half>  ? Element::kF16
                                                        : Element::kBF16;

template <class T>
void launch(LogitsArgs args, const Way& way, Memory& memory) {
  using R = Real<T>;
  args.element = kElement<T>;
  std::vector<LogitsPart<R>> partials(static_cast<std::size_t>(args.rows) * way.parts);
  args.partials = partials.data();
  args.parts = way.parts;
  args.scale = memory.scale;
  const auto run = [&]<class Row>(std::type_identity<Row>) {
    const unsigned vectors = args.columns / Row::kWide + (args.columns == 0 ? 0 : 1);
    args.vectors_a_part = (vectors + way.parts - 1) / way.parts;
    if (way.parts > 1) {
      emu::launch(static_cast<unsigned>(args.rows) * way.parts + 1, kLogitsThreads, 0, [&] {
        logits_by_parts<Row>(args, &memory.control, memory.state(0), memory.state(1));
      });
    } else {
      const unsigned blocks = std::min(way.blocks, static_cast<unsigned>(args.rows));
      emu::launch(blocks, kLogitsThreads, 0, [&] {
        logits_by_rows<Row>(args, &memory.control, memory.state(0), memory.state(1));
      });
    }
  };
  if constexpr (!std::is_same_v<T, double>) {
    if (!way.apart) return run(std::type_identity<AdjacentEntries<T>>{});
  }
  run(std::type_identity<AnyEntries<R>>{});
}

LogitsArgs args_of(const LogitsCase& c, float* out) {
  LogitsArgs args{};
  args.rows = static_cast<std::int64_t>(c.rows);
  args.columns = static_cast<unsigned>(c.columns);
  args.row_stride = args.columns;
  args.column_stride = 1;
  args.chosen = c.chosen.empty() ? nullptr : c.chosen.data();
  args.chosen_bytes = 8;
  args.chosen_stride = 1;
  args.mask = c.mask.empty() ? nullptr : c.mask.data();
  args.mask_row_stride = args.columns;
  args.mask_column_stride = 1;
  args.out = out;
  return args;
}

// The state must be what the CPU makes of the same per-row results: integers exactly.
void expect_counts(const Logits& found, const LogitsCase& c, const float* results) {
  Logits expected(found.scale());
  std::vector<LogitsRow> rows;
  for (std::size_t i = 0; i < c.rows; ++i) {
    rows.push_back(row_of_results(results + i * kLogitsOut, inlay::testing::reference_row(c, i)));
  }
  expected.add(rows.data(), rows.size(), c.columns);
  EXPECT_EQ(found.rows(), expected.rows());
  EXPECT_EQ(found.masked_rows(), expected.masked_rows());
  EXPECT_EQ(found.nonfinite_rows(), expected.nonfinite_rows());
  EXPECT_EQ(found.entries(), expected.entries());
  EXPECT_EQ(found.masked_count(), expected.masked_count());
  EXPECT_EQ(found.nonfinite_count(), expected.nonfinite_count());
  EXPECT_EQ(found.chosen_rows(), expected.chosen_rows());
  EXPECT_EQ(found.out_of_range_rows(), expected.out_of_range_rows());
  for (std::size_t s = 0; s < Logits::kStatistics; ++s) {
    EXPECT_EQ(found.histogram(s), expected.histogram(s)) << "statistic " << s;
    const Moments& a = found.moments(s);
    const Moments& b = expected.moments(s);
    EXPECT_EQ(a.count(), b.count()) << "statistic " << s;
    EXPECT_EQ(a.neg_inf_count(), b.neg_inf_count());
    EXPECT_EQ(a.min(), b.min()) << "statistic " << s;
    EXPECT_EQ(a.max(), b.max()) << "statistic " << s;
    if (b.count() == 0) continue;
    EXPECT_NEAR(*a.mean(), *b.mean(), 1e-12 * std::fabs(*b.mean())) << "statistic " << s;
    EXPECT_NEAR(*a.m2(), *b.m2(), 1e-9 * *b.m2() + 1e-24) << "statistic " << s;
    EXPECT_NEAR(*a.m4(), *b.m4(), 1e-8 * *b.m4() + 1e-24) << "statistic " << s;
  }
}

class EmulatedLogits : public ::testing::TestWithParam<Order> {
 protected:
  void SetUp() override { machine().order = GetParam(); }
  void TearDown() override { machine().order = Order::kForward; }
};

template <class T, class Convert>
void check_all(const Way& way, int scale, const Convert& convert) {
  for (LogitsCase c : inlay::testing::logits_cases()) {
    if (c.rows == 0) continue;
    if (sizeof(T) == 2) c = inlay::testing::as_brain_floats(std::move(c));
    SCOPED_TRACE(c.name + ", parts " + std::to_string(way.parts));
    const std::size_t step = way.apart ? 3 : 1;
    std::vector<T> entries(way.shift + c.entries.size() * step + 8);
    // 16-byte alignment is the allocator's; the shift undoes it.
    for (std::size_t i = 0; i < c.entries.size(); ++i) {
      entries[way.shift + i * step] = convert(c.entries[i]);
    }
    std::vector<float> results(c.rows * kLogitsOut, -1);
    LogitsArgs args = args_of(c, results.data());
    args.data = entries.data() + way.shift;
    args.row_stride *= static_cast<std::int64_t>(step);
    args.column_stride = static_cast<std::int64_t>(step);
    Memory memory(scale);
    launch<T>(args, way, memory);
    for (std::size_t i = 0; i < c.rows; ++i) {
      const LogitsRow expected = inlay::testing::reference_row(c, i);
      const LogitsRow found = row_of_results(results.data() + i * kLogitsOut, expected);
      ASSERT_EQ(inlay::testing::difference(found, expected), "") << "row " << i;
    }
    expect_counts(logits_of(*memory.state(0), scale), c, results.data());
    EXPECT_EQ(memory.control.entered[0], 1U);
    EXPECT_EQ(memory.control.left[0], 1U);
    EXPECT_EQ(memory.control.started, 0U);
    EXPECT_EQ(memory.control.ended, 0U);
  }
}

float same(float x) { return x; }
double doubled(float x) { return x; }
BFloat16 cut(float x) { return BFloat16{inlay::testing::brain_bits(x)}; }

TEST_P(EmulatedLogits, SeveralBlocksARowAgreeWithTheCpu) {
  check_all<float>({.parts = 3, .blocks = 1}, 5, same);
}
TEST_P(EmulatedLogits, OneBlockForSeveralRowsAgreesWithTheCpu) {
  check_all<float>({.parts = 1, .blocks = 2}, 5, same);
}
TEST_P(EmulatedLogits, BrainFloatsAgreeWithTheCpu) {
  check_all<BFloat16>({.parts = 2, .blocks = 1, .shift = 3}, 8, cut);
}
TEST_P(EmulatedLogits, DoublesAgreeWithTheCpu) {
  check_all<double>({.parts = 2, .blocks = 1, .shift = 1}, 0, doubled);
}
TEST_P(EmulatedLogits, EntriesThatLieApartAgreeWithTheCpu) {
  check_all<float>({.parts = 2, .blocks = 1, .shift = 1, .apart = true}, -2, same);
  check_all<BFloat16>({.parts = 1, .blocks = 2, .apart = true}, 3, cut);
}

TEST_P(EmulatedLogits, WindowsTurnAndStatesAreExtracted) {
  LogitsCase c;
  for (LogitsCase& each : inlay::testing::logits_cases()) {
    if (each.name.rfind("chosen", 0) == 0) c = each;
  }
  std::vector<float> results(c.rows * kLogitsOut);
  LogitsArgs args = args_of(c, results.data());
  args.data = c.entries.data();
  Memory memory(5);
  launch<float>(args, {.parts = 2, .blocks = 1}, memory);
  launch<float>(args, {.parts = 1, .blocks = 3}, memory);
  emu::launch(1, 1, 0, [&] { turn_window(&memory.control); });
  launch<float>(args, {.parts = 2, .blocks = 1}, memory);
  unsigned answer = 0;
  emu::launch(1, 1, 0, [&] { settle_window(&memory.control, 0, &answer); });
  EXPECT_EQ(answer, 1U);
  std::vector<unsigned long long> out(memory.states[0].size(), ~0ULL);
  emu::launch(2, 64, 0, [&] {
    extract_logits(&memory.control, 0, memory.states[0].data(), out.data(), out.size());
  });
  EXPECT_EQ(logits_of(*reinterpret_cast<const LogitsState*>(out.data()), 5).rows(), 2 * c.rows);
  EXPECT_EQ(logits_of(*memory.state(0), 5), Logits(5));
  EXPECT_EQ(logits_of(*memory.state(1), 5).rows(), c.rows);
}

INSTANTIATE_TEST_SUITE_P(Orders, EmulatedLogits,
                         ::testing::Values(Order::kForward, Order::kReverse, Order::kRandom));

TEST(LogitsBuckets, AreThoseOfTheHistogram) {
  for (int scale = -4; scale <= 8; ++scale) {
    const auto check = [&](float value) {
      if (!(value > 0) || !std::isfinite(value)) return;
      ExpHistogram histogram(scale);
      histogram.update(value);
      ASSERT_EQ(logits_bucket(value, scale), histogram.positive().offset())
          << value << " " << scale;
      ASSERT_GE(logits_bucket(value, scale), first_bucket(scale));
      ASSERT_LT(logits_bucket(value, scale) - first_bucket(scale),
                static_cast<int>(bucket_count(scale)));
    };
    for (int exponent = -149; exponent < 128; ++exponent) {
      const float power = std::ldexp(1.0F, exponent);
      for (int k = 0; k < 40; ++k) check(power * (1.0F + static_cast<float>(k) / 40.0F));
      check(std::nextafterf(power, 0));
      check(std::nextafterf(power, INFINITY));
    }
    check(std::numeric_limits<float>::max());
  }
}

}  // namespace
}  // namespace inlay::cuda
