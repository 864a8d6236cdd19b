#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <inlay/error.hpp>
#include <inlay/model/binary_states.hpp>
#include <limits>
#include <random>
#include <vector>

#include "model/binary_kernels.hpp"
#include "model/binary_state.hpp"
#include "model/score_place.hpp"
#include "model/segment_partition.hpp"
#include "summary/kernels.hpp"

namespace inlay {
namespace {

struct Rows {
  std::vector<float> scores;
  std::vector<std::uint8_t> labels;
};

Rows sample(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(0.0F, 1.0F);
  Rows out;
  for (std::size_t i = 0; i < size; ++i) {
    const float score = std::pow(uniform(random), 3.0F);
    out.scores.push_back(score);
    out.labels.push_back(uniform(random) < score ? 1 : 0);
  }
  return out;
}

BinaryRows view(const Rows& rows, std::size_t at = 0, std::size_t size = SIZE_MAX) {
  BinaryRows out;
  out.scores_f32 = rows.scores.data() + at;
  out.labels_u8 = rows.labels.data() + at;
  out.size = std::min(size, rows.scores.size() - at);
  return out;
}

BinarySettings with_thresholds(std::vector<double> thresholds) {
  BinarySettings out;
  out.thresholds = std::move(thresholds);
  return out;
}

TEST(BinaryStates, CountsWhatALoopCounts) {
  const std::vector<double> thresholds{0.1, 0.3, 0.5, 0.50000001, 0.9};
  for (const bool scores : {true, false}) {
    BinarySettings settings = with_thresholds(thresholds);
    settings.scores = scores;
    BinaryStates states(settings);
    const Rows rows = sample(5000);
    states.update(view(rows));
    const BinaryFigures figures = states.figures(0);
    for (std::size_t t = 0; t < thresholds.size(); ++t) {
      double counts[2][2] = {};
      for (std::size_t i = 0; i < rows.scores.size(); ++i) {
        ++counts[static_cast<double>(rows.scores[i]) >= thresholds[t]][rows.labels[i]];
      }
      EXPECT_EQ(figures.confusions[t].tn, counts[0][0]);
      EXPECT_EQ(figures.confusions[t].fn, counts[0][1]);
      EXPECT_EQ(figures.confusions[t].fp, counts[1][0]);
      EXPECT_EQ(figures.confusions[t].tp, counts[1][1]);
    }
  }
}

TEST(BinaryStates, RanksHoldTheExactAreaWithinTheirBound) {
  const Rows rows = sample(3000);
  BinaryStates states;
  states.update(view(rows));
  double ordered = 0;
  double pairs = 0;
  for (std::size_t i = 0; i < rows.scores.size(); ++i) {
    for (std::size_t j = 0; j < rows.scores.size(); ++j) {
      if (rows.labels[i] != 1 || rows.labels[j] != 0) continue;
      pairs += 1;
      ordered += rows.scores[i] > rows.scores[j] ? 1 : rows.scores[i] == rows.scores[j] ? 0.5 : 0;
    }
  }
  const ScoreRanks ranks = states.histogram(0).ranks();
  EXPECT_LE(std::fabs(ranks.auroc - ordered / pairs), ranks.auroc_bound);
  EXPECT_LT(ranks.auroc_bound, 0.01);
  EXPECT_LE(ranks.average_precision_low, ranks.average_precision);
  EXPECT_GE(ranks.average_precision_high, ranks.average_precision);
}

TEST(BinaryStates, BlocksAndMergingChangeNothing) {
  const Rows rows = sample(7000);
  BinaryStates whole;
  BinaryStates pieces;
  BinaryStates merged;
  whole.update(view(rows));
  for (std::size_t at = 0; at < rows.scores.size();) {
    const std::size_t size = std::min<std::size_t>(1 + at / 3, rows.scores.size() - at);
    pieces.update(view(rows, at, size));
    BinaryStates part;
    part.update(view(rows, at, size));
    merged.merge(part);
    at += size;
  }
  for (const BinaryStates* other : {&pieces, &merged}) {
    const BinaryFigures a = whole.figures(0);
    const BinaryFigures b = other->figures(0);
    EXPECT_EQ(a.squared_errors, b.squared_errors);
    EXPECT_EQ(a.positive_scores, b.positive_scores);
    EXPECT_NEAR(a.log_loss, b.log_loss, 1e-12 * a.log_loss);
    for (std::size_t i = 0; i < a.calibration.size(); ++i) {
      EXPECT_EQ(a.calibration[i].scores, b.calibration[i].scores);
      EXPECT_EQ(a.calibration[i].positives, b.calibration[i].positives);
    }
    EXPECT_EQ(whole.histogram(0), other->histogram(0));
  }
}

TEST(BinaryStates, EveryInstructionSetGivesTheSame) {
  const detail::SummaryKernels& before = detail::summary_kernels();
  for (const ScoreKind kind : {ScoreKind::kProbability, ScoreKind::kLogit}) {
    for (const std::size_t size : {1, 2, 7, 15, 16, 17, 33, 250, 2048, 5000}) {
      const Rows rows = sample(size, static_cast<unsigned>(size));
      std::vector<double> wide(rows.scores.begin(), rows.scores.end());
      BinarySettings settings = with_thresholds({0.2, 0.5});
      settings.kind = kind;
      std::vector<std::uint8_t> expected;
      for (const detail::SummaryKernels* kernels : detail::all_summary_kernels()) {
        if (kernels == nullptr || !detail::use_summary_kernels(*kernels)) continue;
        BinaryStates states(settings);
        states.update(view(rows));
        BinaryRows doubles = view(rows);
        doubles.scores_f32 = nullptr;
        doubles.scores_f64 = wide.data();
        states.update(doubles);
        if (expected.empty()) expected = states.to_bytes();
        EXPECT_EQ(states.to_bytes(), expected) << kernels->name << " " << size;
      }
    }
  }
  detail::use_summary_kernels(before);
}

TEST(BinaryStates, SegmentsKeepTheirOwnRows) {
  const Rows rows = sample(20'000);
  std::vector<std::uint32_t> segments(rows.scores.size());
  for (std::size_t i = 0; i < segments.size(); ++i) segments[i] = (i * i) % 301;
  BinaryStates states;
  BinaryRows all = view(rows);
  all.segments = segments.data();
  states.update(all);
  std::uint64_t total = 0;
  for (std::uint32_t s = 0; s < states.segments(); ++s) {
    Rows own;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if (segments[i] != s) continue;
      own.scores.push_back(rows.scores[i]);
      own.labels.push_back(rows.labels[i]);
    }
    BinaryStates alone;
    alone.update(view(own));
    EXPECT_EQ(alone.rows(0), states.rows(s));
    EXPECT_EQ(alone.histogram(0), states.histogram(s));
    EXPECT_EQ(alone.figures(0).squared_errors, states.figures(s).squared_errors);
    total += states.rows(s);
  }
  EXPECT_EQ(total, rows.scores.size());
  const std::uint32_t beyond = kMaxSegments;
  BinaryRows bad = view(rows, 0, 1);
  bad.segments = &beyond;
  EXPECT_THROW(states.update(bad), InvalidArgument);
}

TEST(BinaryStates, RowsThatAreNoneAreCountedByName) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const Rows rows{{0.5F, kNan, 1.5F, -0.5F, 0.5F, 1.0F}, {2, 1, 1, 0, 1, 1}};
  const std::vector<double> weights{1, 1, 1, 1, -1, 2};
  BinaryStates states;
  BinaryRows all = view(rows);
  all.weights = weights.data();
  states.update(all);
  const BinaryFigures figures = states.figures(0);
  EXPECT_EQ(figures.rejected, (std::array<std::uint64_t, 4>{1, 1, 2, 1}));
  EXPECT_EQ(figures.rows, 1U);
  EXPECT_EQ(figures.confusions[0].tp, 2.0);
  EXPECT_EQ(figures.squares[0].tp, 4.0);
  EXPECT_EQ(figures.calibration.back().rows, 2.0);  // a score of 1 is in the last bin
}

TEST(ScoreHistogram, PlacesNeverMixTheOrderOfScores) {
  for (const ScoreKind kind : {ScoreKind::kProbability, ScoreKind::kLogit}) {
    const bool logit = kind == ScoreKind::kLogit;
    std::vector<double> scores;
    for (int e = -60; e <= (logit ? 12 : -1); ++e) {
      for (int i = 0; i < 512; ++i) scores.push_back(std::ldexp(1.0 + i / 512.0, e));
    }
    scores.push_back(0.0);
    const std::size_t half = scores.size();
    for (std::size_t i = 0; i < half; ++i) scores.push_back(logit ? -scores[i] : 1.0 - scores[i]);
    if (!logit) {
      scores.push_back(0.5);
      scores.push_back(std::nextafter(0.5, 0.0));
      scores.push_back(std::nextafter(1.0, 0.0));
    }
    std::sort(scores.begin(), scores.end());
    ScoreHistogram histogram(kind);
    for (const double score : scores) {
      histogram.add(ScoreHistogram::place_of(kind, score), 1, 1.0);
    }
    const auto bins = histogram.bins();
    std::size_t at = 0;
    for (const auto& bin : bins) {
      for (std::uint64_t n = bin.counts[0]; n > 0; --n, ++at) {
        ASSERT_GE(scores[at], bin.low);
        ASSERT_LE(scores[at], bin.high);
        if (&bin != &bins.back()) {
          ASSERT_LE(scores[at], (&bin + 1)->low);
        }
      }
    }
    EXPECT_EQ(at, scores.size());
    EXPECT_LE(histogram.memory(), std::size_t{128} << 10);
  }
}

TEST(ScoreHistogram, CountsGoOnBeyond32Bits) {
  ScoreHistogram histogram(ScoreKind::kProbability);
  const std::uint16_t place = ScoreHistogram::place_of(ScoreKind::kProbability, 0.25);
  const std::uint64_t most = (std::uint64_t{1} << 40) - 1;
  histogram.add(place, most, 1.0);
  histogram.add(&place, nullptr, 1);
  EXPECT_EQ(histogram.bins()[0].counts[0], most + 1);
  // Added one by one, counts are carried before they overflow.
  std::vector<std::uint16_t> many(std::size_t{1} << 20, place);
  ScoreHistogram single(ScoreKind::kProbability);
  single.add(place, (std::uint64_t{1} << 31) - 1, 1.0);
  for (int i = 0; i < 3; ++i) single.add(many.data(), nullptr, many.size());
  const std::uint64_t expected = (std::uint64_t{1} << 31) - 1 + (std::uint64_t{3} << 20);
  EXPECT_EQ(single.bins()[0].counts[0], expected);
  ScoreHistogram twice(single);
  EXPECT_EQ(twice, single);
  twice.merge(single);
  EXPECT_EQ(twice.bins()[0].counts[0], 2 * expected);
}

TEST(SegmentPartition, KeepsTheOrderOfRows) {
  detail::SegmentPartition partition;
  const std::vector<std::uint32_t> segments{7, 65'535, 7, 0, 65'535, 7};
  for (int round = 0; round < 2; ++round) {
    partition.sort(segments.data(), segments.size());
    ASSERT_EQ(partition.groups().size(), 3U);
    std::vector<std::uint32_t> seen;
    for (const auto& group : partition.groups()) {
      std::vector<std::uint32_t> own(group.end - group.begin);
      partition.gather(group, segments.data(), own.data());
      for (const std::uint32_t segment : own) EXPECT_EQ(segment, group.segment);
      for (std::uint32_t i = group.begin + 1; i < group.end; ++i) {
        EXPECT_LT(partition.rows()[i - 1], partition.rows()[i]);
      }
      seen.push_back(group.segment);
    }
    EXPECT_EQ(seen, (std::vector<std::uint32_t>{7, 65'535, 0}));
  }
  partition.sort(segments.data(), 0);
  EXPECT_TRUE(partition.groups().empty());
}

TEST(ExactSum, AddsItselfWithACarry) {
  using detail::ExactSum;
  ExactSum sum(1, ExactSum::kOne - 1);
  sum.add(sum);
  EXPECT_EQ(sum, ExactSum(3, ExactSum::kOne - 2));
}

TEST(ScoreHistogram, WeightsThatAreAllZeroSpreadNothing) {
  ScoreHistogram histogram(ScoreKind::kProbability);
  histogram.weigh();
  for (const double score : {0.1, 0.4, 0.9}) {
    histogram.add(ScoreHistogram::place_of(ScoreKind::kProbability, score), 2, 0.0);
  }
  const ScoreSpreads spreads = histogram.spreads(15);
  EXPECT_EQ(spreads.squared_errors_squared, 0.0);
  EXPECT_EQ(spreads.equal_mass_error, 0.0);
  EXPECT_EQ(spreads.equal_mass_spread, 0.0);
}

TEST(BinaryStates, AThresholdOfNegativeZeroIsZero) {
  const BinaryStates states(with_thresholds({-0.0, 0.5}));
  const std::vector<std::uint8_t> bytes = states.to_bytes();
  EXPECT_EQ(BinaryStates::from_bytes(bytes.data(), bytes.size()), states);
  EXPECT_EQ(bytes, BinaryStates(with_thresholds({0.0, 0.5})).to_bytes());
}

TEST(BinaryStates, BytesComeBackAndAreChecked) {
  const Rows rows = sample(3000);
  std::vector<double> weights(rows.scores.size());
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<double>(i % 5) / 3;
  for (const bool weighted : {false, true}) {
    for (const bool scores : {false, true}) {
      BinarySettings settings = with_thresholds({0.25, 0.5});
      settings.scores = scores;
      BinaryStates states(settings);
      BinaryRows all = view(rows);
      if (weighted) all.weights = weights.data();
      all.segment = 3;
      states.update(all);
      const std::vector<std::uint8_t> bytes = states.to_bytes();
      EXPECT_EQ(BinaryStates::from_bytes(bytes.data(), bytes.size()), states);
      for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_THROW(BinaryStates::from_bytes(bytes.data(), size), SerializationError);
      }
      const std::vector<std::uint8_t> one = states.to_bytes(3);
      const BinaryStates alone = BinaryStates::from_bytes(one.data(), one.size());
      EXPECT_EQ(alone.rows(0), states.rows(3));
      BinaryStates copy = states;
      EXPECT_EQ(copy.take(), states);
      EXPECT_EQ(copy.segments(), 0U);
    }
  }
}

}  // namespace
}  // namespace inlay
