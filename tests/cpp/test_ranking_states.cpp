#include <gtest/gtest.h>

#include <cmath>
#include <inlay/error.hpp>
#include <inlay/model/ranking_states.hpp>
#include <limits>
#include <vector>

namespace inlay {
namespace {

TEST(RankingStates, FiguresOfOneListAreThoseByHand) {
  const RankingSettings settings{{1, 3, 10}};
  RankingState state(settings);
  const double relevance[] = {0, 2, 1, 0, 1};
  const double scores[] = {0.9, 0.5, 0.8, 0.7, 0.1};
  state.add(settings, relevance, scores, 5, 1);  // by score: 0 1 0 2 1
  EXPECT_DOUBLE_EQ(state.reciprocal_rank().total, 1.0 / 2);
  EXPECT_DOUBLE_EQ(state.average_precision().total, (1.0 / 2 + 2.0 / 4 + 3.0 / 5) / 3);
  const double ideal3 = 3 + 1 / std::log2(3.0) + 1 / std::log2(4.0);
  EXPECT_DOUBLE_EQ(state.at_k()[1].ndcg.total, (1 / std::log2(3.0)) / ideal3);
  EXPECT_DOUBLE_EQ(state.at_k()[2].ndcg.total,
                   (1 / std::log2(3.0) + 3 / std::log2(5.0) + 1 / std::log2(6.0)) / ideal3);
  EXPECT_EQ(state.at_k()[0].hits, 0);
  EXPECT_EQ(state.at_k()[1].hits, 1);
  EXPECT_DOUBLE_EQ(state.at_k()[1].precision.total, 1.0 / 3);
  EXPECT_DOUBLE_EQ(state.at_k()[2].precision.total, 3.0 / 10);
  EXPECT_DOUBLE_EQ(state.at_k()[1].recall.total, 1.0 / 3);
  EXPECT_EQ(state.tied(), 0);
}

TEST(RankingStates, EqualScoresKeepTheirOrderAndAreCounted) {
  const RankingSettings settings;
  RankingState state(settings);
  const double relevance[] = {0, 1};
  const double scores[] = {0.5, 0.5};
  state.add(settings, relevance, scores, 2, 1);
  EXPECT_DOUBLE_EQ(state.reciprocal_rank().total, 0.5);
  EXPECT_EQ(state.tied(), 1);
}

TEST(RankingStates, QueriesWithBadRowsAreLeftOutWhole) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  RankingStates states{RankingSettings{}};
  const double relevance[] = {1, nan, 1, 1, -1, 1, 0, 0, 1, 1};
  const double scores[] = {1, 1, nan, 2, nan, 1, 1, 2, 3, 4};
  const double weights[] = {1, 1, 1, 1, 1, -1, 1, 1, 1, 2};
  const std::int64_t queries[] = {1, 1, 2, 2, 3, 4, 5, 5, 6, 6};
  RankingBatch batch;
  batch.relevance = relevance;
  batch.scores = scores;
  batch.weights = weights;
  batch.queries = queries;
  batch.size = 10;
  update(states, batch);
  const RankingState& state = *states.find(0);
  EXPECT_EQ(state.faults(), (RowFaults{2, 1, 0, 1}));
  EXPECT_EQ(state.irrelevant(), 1);
  EXPECT_EQ(state.mixed(), 1);
  EXPECT_EQ(state.queries(), 0);
}

TEST(RankingStates, OffsetsAndGroupsInAnyOrderTellTheSame) {
  const double relevance[] = {1, 0, 0, 1, 1, 0};
  const double scores[] = {3, 2, 1, 3, 2, 1};
  const std::int64_t offsets[] = {0, 2, 2, 6};
  RankingBatch batch;
  batch.relevance = relevance;
  batch.scores = scores;
  batch.offsets = offsets;
  batch.num_queries = 3;
  batch.size = 6;
  RankingStates by_offsets{RankingSettings{}};
  update(by_offsets, batch);
  const std::int64_t queries[] = {7, 7, -1, -1, -1, -1};
  batch.queries = queries;
  batch.offsets = nullptr;
  RankingStates by_groups{RankingSettings{}};
  update(by_groups, batch);
  EXPECT_EQ(by_groups, by_offsets);
  for (const std::vector<std::int64_t>& bad :
       {std::vector<std::int64_t>{1, 6}, {0, 5}, {0, 4, 3, 6}, {0, 7}}) {
    batch.queries = nullptr;
    batch.offsets = bad.data();
    batch.num_queries = bad.size() - 1;
    EXPECT_THROW(update(by_offsets, batch), InvalidArgument);
  }
  EXPECT_EQ(by_groups, by_offsets);
}

TEST(RankingStates, WhatIsRefusedMakesNoSegmentAndOffsetsCountWithoutRowsToo) {
  RankingStates states{RankingSettings{}};
  const double values[] = {1, 0};
  const std::int64_t offsets[] = {0, 9};
  RankingBatch batch;
  batch.relevance = values;
  batch.scores = values;
  batch.offsets = offsets;
  batch.num_queries = 1;
  batch.segment = 4;
  for (const std::size_t size : {std::size_t{0}, std::size_t{2}}) {
    batch.size = size;
    EXPECT_THROW(update(states, batch), InvalidArgument);
    EXPECT_EQ(states.size(), 0U);
  }
}

TEST(RankingStates, CountsOfMoreRowsThanDoublesHoldAreRefused) {
  RankingStates states{RankingSettings{}};
  for (const std::int64_t rows : {std::int64_t{1} << 53, (std::int64_t{1} << 53) + 1}) {
    states.reset();
    RowFaults faults;
    faults.bad_label = rows;
    states.at(0).add_fault(faults);
    const auto bytes = states.to_bytes();
    if (rows == std::int64_t{1} << 53) {
      EXPECT_EQ(RankingStates::from_bytes(bytes.data(), bytes.size()), states);
    } else {
      EXPECT_THROW(RankingStates::from_bytes(bytes.data(), bytes.size()), SerializationError);
    }
  }
}

TEST(RankingStates, BytesGiveTheStatesBackAndAnythingElseIsRefused) {
  RankingStates states({{2, 4}});
  const double relevance[] = {1, 0, 2};
  const double scores[] = {1, 2, 3};
  states.at(1).add(states.settings(), relevance, scores, 3, 0.5);
  const auto bytes = states.to_bytes();
  EXPECT_EQ(RankingStates::from_bytes(bytes.data(), bytes.size()), states);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(RankingStates::from_bytes(bytes.data(), size), SerializationError);
  }
  EXPECT_THROW(RankingStates({{0}}), InvalidArgument);
  EXPECT_THROW(RankingStates({{5, 5}}), InvalidArgument);
}

}  // namespace
}  // namespace inlay
