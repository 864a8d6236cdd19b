#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <inlay/error.hpp>
#include <inlay/model/logits.hpp>
#include <vector>

#include "logits_cases.hpp"
#include "model/logits_kernels.hpp"
#include "model/softmax_terms.hpp"
#include "summary/kernels.hpp"

namespace inlay {
namespace {

using testing::LogitsCase;

class LogitsCases : public ::testing::TestWithParam<LogitsCase> {};

std::vector<LogitsRow> rows_of(const LogitsBatch& batch, unsigned threads = 1) {
  std::vector<LogitsRow> rows(batch.rows);
  Logits().update(batch, threads, rows.data());
  return rows;
}

bool identical(const LogitsRow& a, const LogitsRow& b) {
  const auto same = [](float x, float y) { return std::memcmp(&x, &y, sizeof(x)) == 0; };
  return same(a.entropy, b.entropy) && same(a.top1, b.top1) && same(a.top2, b.top2) &&
         same(a.margin, b.margin) && same(a.log_prob, b.log_prob) && a.rank == b.rank &&
         a.masked == b.masked && a.nonfinite == b.nonfinite && a.undefined == b.undefined &&
         a.chosen == b.chosen;
}

TEST_P(LogitsCases, AgreesWithASoftmaxInLongDoubles) {
  const LogitsCase& c = GetParam();
  const auto rows = rows_of(testing::batch_of(c));
  for (std::size_t i = 0; i < c.rows; ++i) {
    EXPECT_EQ(testing::difference(rows[i], testing::reference_row(c, i)), "") << "row " << i;
  }
}

TEST_P(LogitsCases, EveryInstructionSetAndAnyNumberOfThreadsGiveTheSame) {
  const LogitsBatch batch = testing::batch_of(GetParam());
  const detail::SummaryKernels& before = detail::summary_kernels();
  detail::use_summary_kernels(detail::kSummaryKernelsScalar);
  const auto expected = rows_of(batch);
  for (const detail::SummaryKernels* kernels : detail::all_summary_kernels()) {
    if (kernels == nullptr || !detail::use_summary_kernels(*kernels)) continue;
    for (const unsigned threads : {1U, 3U}) {
      const auto found = rows_of(batch, threads);
      for (std::size_t i = 0; i < batch.rows; ++i) {
        EXPECT_TRUE(identical(found[i], expected[i])) << kernels->name << " row " << i;
      }
    }
  }
  detail::use_summary_kernels(before);
}

TEST_P(LogitsCases, StridesChangeNothing) {
  const LogitsCase& c = GetParam();
  const auto expected = rows_of(testing::batch_of(c));
  // Column-major, rows in reverse, each entry three apart.
  std::vector<float> entries(3 * c.rows * c.columns + 1);
  for (std::size_t row = 0; row < c.rows; ++row) {
    for (std::size_t i = 0; i < c.columns; ++i) {
      entries[3 * (i * c.rows + (c.rows - 1 - row))] = c.entries[row * c.columns + i];
    }
  }
  LogitsBatch batch = testing::batch_of(c);
  batch.data = entries.data() + (c.rows == 0 ? 0 : 3 * (c.rows - 1));
  batch.row_stride = -3;
  batch.column_stride = 3 * static_cast<std::ptrdiff_t>(c.rows);
  const auto found = rows_of(batch);
  for (std::size_t i = 0; i < c.rows; ++i) EXPECT_TRUE(identical(found[i], expected[i])) << i;
}

TEST_P(LogitsCases, DoublesAndNarrowFloatsAreReadAsTheyAre) {
  const LogitsCase c = testing::as_brain_floats(GetParam());
  LogitsBatch batch = testing::batch_of(c);
  const auto expected = rows_of(batch);
  std::vector<std::uint16_t> narrow(c.entries.size());
  std::transform(c.entries.begin(), c.entries.end(), narrow.begin(), testing::brain_bits);
  batch.data = narrow.data();
  batch.element = LogitsElement::kBF16;
  const auto found = rows_of(batch);
  for (std::size_t i = 0; i < c.rows; ++i) EXPECT_TRUE(identical(found[i], expected[i])) << i;

  std::vector<double> wide(c.entries.begin(), c.entries.end());
  batch.data = wide.data();
  batch.element = LogitsElement::kF64;
  const auto doubles = rows_of(batch);
  for (std::size_t i = 0; i < c.rows; ++i) {
    EXPECT_EQ(testing::difference(doubles[i], testing::reference_row(c, i)), "") << "row " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, LogitsCases, ::testing::ValuesIn(testing::logits_cases()),
                         [](const auto& tested) {
                           std::string name = tested.param.name;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST(Logits, ReadsEveryHalf) {
  // One row of all halves but NaN, infinity and what would swamp the others.
  std::vector<std::uint16_t> halves;
  std::vector<float> floats;
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const float value = [&] {
      const int exponent = static_cast<int>(bits >> 10 & 31U);
      const float mantissa = static_cast<float>(bits & 1023U) / 1024.0F;
      const float size =
          exponent == 0 ? std::ldexp(mantissa, -14) : std::ldexp(1.0F + mantissa, exponent - 15);
      return (bits >> 15) != 0 ? -size : size;
    }();
    if ((bits >> 10 & 31U) == 31U || value > 8) continue;
    halves.push_back(static_cast<std::uint16_t>(bits));
    floats.push_back(value);
  }
  LogitsBatch batch;
  batch.data = floats.data();
  batch.rows = 1;
  batch.columns = floats.size();
  const detail::SummaryKernels& before = detail::summary_kernels();
  for (const detail::SummaryKernels* kernels : detail::all_summary_kernels()) {
    if (kernels == nullptr || !detail::use_summary_kernels(*kernels)) continue;
    batch.data = floats.data();
    batch.element = LogitsElement::kF32;
    const auto expected = rows_of(batch);
    batch.data = halves.data();
    batch.element = LogitsElement::kF16;
    EXPECT_TRUE(identical(rows_of(batch)[0], expected[0])) << kernels->name;
  }
  detail::use_summary_kernels(before);
}

TEST(Logits, CountsRowsAndEntries) {
  for (const LogitsCase& c : testing::logits_cases()) {
    if (c.name.rfind("special", 0) != 0) continue;
    Logits logits;
    logits.update(testing::batch_of(c));
    EXPECT_EQ(logits.rows(), 8U);
    EXPECT_EQ(logits.entries(), 8U * 2100U);
    EXPECT_EQ(logits.masked_rows(), 1U);
    EXPECT_EQ(logits.nonfinite_rows(), 3U);
    EXPECT_EQ(logits.undefined_rows(), 4U);
    EXPECT_EQ(logits.nonfinite_count(), 2U + 1U + 2100U);
    EXPECT_EQ(logits.masked_count(), 2100U + 2099U + 2058U + 1U + 1U);
    EXPECT_EQ(logits.chosen_rows(), 8U);
    EXPECT_EQ(logits.moments(Logits::kEntropy).count(), 4U);
    EXPECT_EQ(logits.histogram(Logits::kEntropy).zero_count(), 1U);   // the row with one entry left
    EXPECT_EQ(logits.moments(Logits::kLogProb).neg_inf_count(), 2U);  // -infinity, and lowest
    return;
  }
  FAIL() << "no such case";
}

TEST(Logits, MergesAndSplitsToTheSameCounts) {
  const LogitsCase c = [] {
    for (LogitsCase& each : testing::logits_cases()) {
      if (each.name.rfind("masked", 0) == 0) return each;
    }
    return LogitsCase();
  }();
  Logits whole;
  whole.update(testing::batch_of(c));
  Logits parts;
  for (std::size_t row = 0; row < c.rows; ++row) {
    LogitsBatch one = testing::batch_of(c);
    one.rows = 1;
    one.data = c.entries.data() + row * c.columns;
    one.chosen += row;
    one.mask += row * c.columns;
    Logits part;
    part.update(one);
    parts.merge(part);
  }
  EXPECT_EQ(parts.rows(), whole.rows());
  EXPECT_EQ(parts.masked_count(), whole.masked_count());
  for (std::size_t s = 0; s < Logits::kStatistics; ++s) {
    EXPECT_EQ(parts.histogram(s), whole.histogram(s)) << s;
    EXPECT_EQ(parts.moments(s).count(), whole.moments(s).count()) << s;
  }
}

TEST(Logits, BytesHoldTheState) {
  Logits logits(3);
  EXPECT_EQ(Logits::from_bytes(logits.to_bytes().data(), logits.to_bytes().size()), logits);
  for (const LogitsCase& c : testing::logits_cases()) logits.update(testing::batch_of(c));
  const std::vector<std::uint8_t> bytes = logits.to_bytes();
  const Logits again = Logits::from_bytes(bytes.data(), bytes.size());
  EXPECT_EQ(again, logits);
  EXPECT_EQ(again.to_bytes(), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(Logits::from_bytes(bytes.data(), size), SerializationError) << size;
  }
}

TEST(Logits, RefusesWhatItCannotCount) {
  LogitsBatch batch;
  batch.columns = Logits::kMaxColumns;
  EXPECT_THROW(Logits().update(batch), InvalidArgument);
  EXPECT_THROW(Logits(9), InvalidArgument);
}

TEST(SoftmaxTerms, FunctionsAreAsPreciseAsTheySay) {
  for (int i = 0; i <= 100000; ++i) {
    const double y = -0.0125 * i;
    const double expected = std::exp2(y);
    if (expected >= 0x1p-1021) {
      ASSERT_NEAR(detail::exp2_double(y) / expected, 1, 4e-16) << y;
    }
    const auto narrow = static_cast<float>(y);
    const double as_float = std::exp2(static_cast<double>(narrow));
    if (narrow > -126.4F) {
      ASSERT_NEAR(detail::exp2_float(narrow) / as_float, 1, 2e-7) << y;
    }
    const double s = std::exp2(y / 5 + 20);
    ASSERT_NEAR(detail::log1p_double(s) / std::log1p(s), 1, 5e-16) << s;
  }
  EXPECT_EQ(detail::exp2_float(-INFINITY), 0.0F);
  EXPECT_EQ(detail::exp2_float(0), 1.0F);
  EXPECT_EQ(detail::exp2_double(-INFINITY), 0.0);
  EXPECT_EQ(detail::log1p_double(0), 0.0);
}

}  // namespace
}  // namespace inlay
