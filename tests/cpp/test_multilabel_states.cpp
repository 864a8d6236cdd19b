#include <gtest/gtest.h>

#include <inlay/error.hpp>
#include <inlay/model/multilabel_states.hpp>
#include <limits>
#include <vector>

namespace inlay {
namespace {

TEST(MultilabelStates, ABadCellLeavesTheOthersAndTheRowIsNotComplete) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  MultilabelStates states(2, {{0.25, 0.5}});
  const std::uint8_t labels[] = {1, 0, 1, 2, 0, 1, 0, 0};
  const double scores[] = {0.9, 0.3, 0.8, 0.1, nan, 0.7, 0.1, 0.2};
  const double weights[] = {2, 1, 1, -1};
  MultilabelRows rows;
  rows.labels = labels;
  rows.scores = scores;
  rows.weights = weights;
  rows.segment = 1;
  rows.size = 4;
  states.update(rows);
  EXPECT_EQ(states.segments(), 2U);
  const MultilabelStates::Rows found = states.rows(1);
  EXPECT_EQ(found.rows, 3);
  EXPECT_EQ(found.complete, 1);
  EXPECT_EQ(found.bad_weight, 1);
  EXPECT_EQ(found.exact, (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(found.exact_weight, (std::vector<double>{0, 2}));
  EXPECT_EQ(states.cells(1).figures(0).rows, 2U);
  EXPECT_EQ(states.cells(1).figures(1).rows, 2U);
  rows.segment = states.max_segments();
  EXPECT_THROW(states.update(rows), InvalidArgument);
}

TEST(MultilabelStates, BytesGiveTheStatesBackAndAnythingElseIsRefused) {
  MultilabelStates states(3);
  std::vector<std::uint8_t> labels;
  std::vector<double> scores;
  std::vector<std::uint32_t> segments;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    segments.push_back(i % 4);
    for (std::uint32_t l = 0; l < 3; ++l) {
      labels.push_back(static_cast<std::uint8_t>((i + l) % 2));
      scores.push_back(static_cast<double>((i * 7 + l * 13) % 100) / 100);
    }
  }
  MultilabelRows rows;
  rows.labels = labels.data();
  rows.scores = scores.data();
  rows.segments = segments.data();
  rows.size = segments.size();
  states.update(rows);
  EXPECT_EQ(states.rows(3).complete, 750);
  const auto bytes = states.to_bytes();
  EXPECT_EQ(MultilabelStates::from_bytes(bytes.data(), bytes.size()), states);
  const auto one = states.to_bytes(2);
  const MultilabelStates alone = MultilabelStates::from_bytes(one.data(), one.size());
  EXPECT_EQ(alone.cells(0), states.cells(2));
  for (std::size_t size = 0; size < bytes.size(); size += 3) {
    EXPECT_THROW(MultilabelStates::from_bytes(bytes.data(), size), SerializationError);
  }
  EXPECT_THROW(MultilabelStates(0), InvalidArgument);
  EXPECT_THROW(states.merge(MultilabelStates(2)), InvalidArgument);
}

}  // namespace
}  // namespace inlay
