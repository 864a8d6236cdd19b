#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <inlay/error.hpp>
#include <inlay/model/label_join.hpp>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "model/label_table.hpp"
#include "summary/murmur3.hpp"

namespace inlay {
namespace {

using detail::LabelEntry;
using detail::LabelState;
using detail::LabelTable;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

IdHash id_of(std::uint64_t number) {
  IdHash hash{};
  hash_ids(&number, 1, &hash);
  return hash;
}

/// One call with rows of one pane and segment.
JoinedLabels predict(LabelJoin& join, const std::vector<std::uint64_t>& ids,
                     const std::vector<double>& scores, std::int64_t pane,
                     std::int64_t segment = 0) {
  std::vector<IdHash> hashes(ids.size());
  hash_ids(ids.data(), ids.size(), hashes.data());
  join.expect_ids(IdKind::kInteger);
  join.check_panes(&pane, 1);
  LabelJoin::check_segments(&segment, 1);
  LabelRows rows;
  rows.ids = hashes.data();
  rows.values = scores.data();
  rows.size = ids.size();
  rows.panes = &pane;
  rows.segments = &segment;
  JoinedLabels joined;
  join.predicted(rows, joined);
  return joined;
}

JoinedLabels label(LabelJoin& join, const std::vector<std::uint64_t>& ids,
                   const std::vector<double>& outcomes, std::int64_t now) {
  std::vector<IdHash> hashes(ids.size());
  hash_ids(ids.data(), ids.size(), hashes.data());
  join.expect_ids(IdKind::kInteger);
  LabelRows rows;
  rows.ids = hashes.data();
  rows.values = outcomes.data();
  rows.size = ids.size();
  JoinedLabels joined;
  join.labelled(rows, now, joined);
  return joined;
}

LabelEntry entry_of(IdHash id, std::uint32_t pane = 0) {
  LabelEntry entry{id, 1.0, pane, 0};
  entry.set(LabelState::kPending, 0);
  return entry;
}

TEST(PredictionId, is_murmur3_with_the_kind_as_its_seed) {
  const std::uint64_t word = 42;
  const auto* bytes = reinterpret_cast<const char*>(&word);
  const detail::Hash128 expected = detail::murmur_of_bytes(bytes, sizeof(word), 1);
  EXPECT_EQ(id_of(word), (IdHash{expected.high, expected.low}));
  const std::string_view text("prediction-0000000042");
  IdHash as_text{};
  IdHash as_bytes{};
  hash_ids(&text, 1, IdKind::kText, &as_text);
  hash_ids(&text, 1, IdKind::kBytes, &as_bytes);
  const detail::Hash128 seeded = detail::murmur_of_bytes(text.data(), text.size(), 2);
  EXPECT_EQ(as_text, (IdHash{seeded.high, seeded.low}));
  EXPECT_FALSE(as_text == as_bytes);
}

TEST(LabelTable, agrees_with_a_map_through_growth_removal_and_shrinking) {
  std::mt19937_64 random(7);
  LabelTable table;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint32_t, std::greater<>> expected;
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 20'000; ++i) {
      // Few high halves, so that equal ones lie beside each other.
      const IdHash id{random() % 5 == 0 ? random() % 7 << 60 : random(), random() % 50};
      LabelEntry* at = table.find(id);
      const bool known = expected.count({id.high, id.low}) != 0;
      ASSERT_EQ(LabelTable::holds(at, id), known);
      if (known) continue;
      const auto pane = static_cast<std::uint32_t>(random() % 10);
      table.insert(at, entry_of(id, pane), 0, 1'000'000);
      expected[{id.high, id.low}] = pane;
    }
    const auto removed = static_cast<std::uint32_t>(round % 2 == 0 ? 3 : 9);
    table.retain([&](const LabelEntry& entry) { return entry.pane >= removed; });
    std::erase_if(expected, [&](const auto& item) { return item.second < removed; });
    ASSERT_EQ(table.size(), expected.size());
    auto next = expected.begin();
    table.for_each([&](const LabelEntry& entry) {
      ASSERT_NE(next, expected.end());
      EXPECT_EQ(next->first, std::pair(entry.id.high, entry.id.low));
      EXPECT_EQ(next->second, entry.pane);
      ++next;
    });
    for (const auto& [key, pane] : expected) {
      const IdHash id{key.first, key.second};
      ASSERT_TRUE(LabelTable::holds(table.find(id), id));
    }
  }
}

TEST(LabelTable, takes_hashes_that_all_want_the_last_slot) {
  LabelTable table;
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    const IdHash id{i % 3, i};
    table.insert(table.find(id), entry_of(id), 0, 1'000'000);
  }
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    const IdHash id{i % 3, i};
    EXPECT_TRUE(LabelTable::holds(table.find(id), id));
  }
  const LabelTable copy = table;
  EXPECT_EQ(copy.size(), 5'000U);
  table.retain([](const LabelEntry& entry) { return entry.id.low < 10; });
  EXPECT_EQ(table.size(), 10U);
  EXPECT_LT(table.bytes(), copy.bytes() / 4);
}

TEST(LabelTable, takes_40_bytes_an_entry_when_full) {
  constexpr std::size_t kEntries = 100'000;
  LabelTable table;
  for (std::size_t i = 0; i < kEntries; ++i) {
    const IdHash id = id_of(i);
    table.insert(table.find(id), entry_of(id), 0, kEntries);
  }
  EXPECT_LE(table.bytes(), 40 * kEntries + 8192);
}

TEST(LabelJoin, joins_whichever_comes_first) {
  LabelJoin join(LabelTask::kBinary, 10, 1000);
  EXPECT_TRUE(predict(join, {1, 2, 3}, {0.1, 0.2, 0.3}, 5, 7).rows.empty());
  const auto late = label(join, {2, 9}, {1.0, 0.0}, 6).rows;
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late[0].score, 0.2);
  EXPECT_EQ(late[0].outcome, 1.0);
  EXPECT_EQ(late[0].pane, 5);
  EXPECT_EQ(late[0].segment, 7U);
  EXPECT_EQ(late[0].row, 0U);
  EXPECT_EQ(join.early(), 1U);
  const auto early = predict(join, {4, 9}, {0.4, 0.9}, 6, 2).rows;
  ASSERT_EQ(early.size(), 1U);
  EXPECT_EQ(early[0].score, 0.9);
  EXPECT_EQ(early[0].outcome, 0.0);
  EXPECT_EQ(early[0].pane, 6);
  EXPECT_EQ(early[0].segment, 2U);
  EXPECT_EQ(early[0].row, 1U);
  EXPECT_EQ(join.pending(), 3U);
  EXPECT_EQ(join.early(), 0U);
  EXPECT_EQ(join.counts().labels, 2U);
  EXPECT_EQ(join.counts().predictions, 5U);
}

TEST(LabelJoin, counts_what_comes_again) {
  LabelJoin join(LabelTask::kBinary, 10, 1000);
  predict(join, {1, 2}, {0.1, 0.2}, 5);
  EXPECT_EQ(predict(join, {2, 3}, {0.9, 0.3}, 5).refused, std::vector<std::uint64_t>{0});
  EXPECT_EQ(join.counts().duplicate_predictions, 1U);
  EXPECT_EQ(label(join, {2}, {1.0}, 5).rows.at(0).score, 0.2);  // the first stands
  label(join, {2, 2, 7, 7, 7}, {1.0, 0.0, 1.0, 1.0, 0.0}, 5);
  EXPECT_EQ(join.counts().duplicate_labels, 2U);
  EXPECT_EQ(join.counts().conflicting_labels, 2U);
  label(join, {1}, {kNan}, 5);
  EXPECT_EQ(join.counts().null_labels, 1U);
  EXPECT_EQ(label(join, {1}, {0.0}, 5).rows.at(0).score, 0.1);
}

TEST(LabelJoin, ends_the_wait_after_the_horizon) {
  LabelJoin join(LabelTask::kRegression, 2, 1000);
  predict(join, {1, 2}, {0.1, 0.2}, 5, 1);
  predict(join, {3}, {0.3}, 6, 2);
  label(join, {3, 8}, {1.0, 1.0}, 5);
  const auto expired = join.expire(6);
  ASSERT_EQ(expired.size(), 1U);
  EXPECT_EQ(expired[0].pane, 5);
  EXPECT_EQ(expired[0].segment, 1U);
  EXPECT_EQ(expired[0].predictions, 2U);
  EXPECT_EQ(join.counts().expired_predictions, 2U);
  EXPECT_EQ(join.counts().orphan_labels, 1U);
  EXPECT_TRUE(join.expire(6).empty());
  label(join, {1, 3, 8}, {1.0, 1.0, 1.0}, 6);
  EXPECT_EQ(join.counts().late_labels, 1U);
  EXPECT_EQ(join.counts().duplicate_labels, 1U);
  EXPECT_EQ(join.early(), 1U);  // nothing is known of an orphan
  predict(join, {20}, {0.5}, 5);
  EXPECT_EQ(join.counts().late_predictions, 1U);
  EXPECT_EQ(join.remembered(), 3U);
  join.expire(7);
  EXPECT_EQ(join.counts().orphan_labels, 2U);
  EXPECT_EQ(join.remembered(), 3U);
  join.expire(9);
  EXPECT_EQ(join.remembered(), 0U);  // a horizon later
  EXPECT_EQ(join.memory_bytes() < 10'000, true);
}

TEST(LabelJoin, makes_room_from_what_is_remembered_then_from_the_oldest_pane) {
  LabelJoin join(LabelTask::kBinary, 10, 128);  // room is made for two
  for (std::uint64_t i = 0; i < 64; ++i) predict(join, {i}, {0.5}, 1);
  for (std::uint64_t i = 64; i < 128; ++i) predict(join, {i}, {0.5}, 2);
  label(join, {70}, {1.0}, 2);
  predict(join, {200}, {0.5}, 2);
  EXPECT_EQ(join.remembered(), 0U);
  EXPECT_EQ(join.counts().evicted_predictions, 1U);
  for (std::uint64_t i = 201; i < 250; ++i) predict(join, {i}, {0.5}, 3);
  EXPECT_EQ(join.pending() + join.counts().evicted_predictions, 128U + 49U);
  EXPECT_LE(join.pending(), 128U);
  std::uint64_t old = 0;
  for (std::uint64_t i = 64; i < 128; ++i) old += label(join, {i}, {1.0}, 3).rows.size();
  EXPECT_EQ(old, 63U);  // all of the younger pane but the one that was answered
}

TEST(LabelJoin, stays_quick_when_all_of_one_pane_overflows) {
  LabelJoin join(LabelTask::kBinary, 10, 1000);
  std::vector<std::uint64_t> ids(50'000);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i;
  predict(join, ids, std::vector<double>(ids.size(), 0.5), 1);
  EXPECT_LE(join.pending(), 1000U);
  EXPECT_EQ(join.counts().evicted_predictions + join.pending(), ids.size());
  EXPECT_LE(join.memory_bytes(), 1000U * 40 + 8192);
}

TEST(LabelJoin, groups_rows_by_pane) {
  std::vector<JoinedLabel> rows;
  for (const std::int64_t pane : {3, 1, 3, 3, 2, 1}) {
    const auto i = static_cast<std::uint32_t>(rows.size());
    rows.push_back({static_cast<double>(i), 10.0 + i, pane, i, i});
  }
  const JoinedColumns made = JoinedColumns::of(rows);
  ASSERT_EQ(made.groups.size(), 3U);
  EXPECT_EQ(made.groups[0].pane, 1);
  EXPECT_EQ(made.groups[0].end, 2U);
  EXPECT_EQ(made.groups[2].begin, 3U);
  EXPECT_EQ(made.groups[2].end, 6U);
  EXPECT_EQ(made.scores, (std::vector<double>{1, 5, 4, 0, 2, 3}));
  EXPECT_EQ(made.outcomes, (std::vector<double>{11, 15, 14, 10, 12, 13}));
  EXPECT_EQ(made.segments, (std::vector<std::uint32_t>{1, 5, 4, 0, 2, 3}));
  EXPECT_EQ(made.rows, made.segments);
  EXPECT_TRUE(JoinedColumns::of({}).groups.empty());
  for (JoinedLabel& row : rows) row.pane = (row.pane - 2) << 60;  // too far apart for a table
  const JoinedColumns far = JoinedColumns::of(rows);
  ASSERT_EQ(far.groups.size(), 3U);
  EXPECT_EQ(far.groups[0].pane, -(std::int64_t{1} << 60));
  EXPECT_EQ(far.scores, made.scores);
}

TEST(LabelJoin, refuses_what_it_cannot_keep) {
  EXPECT_THROW(LabelJoin(LabelTask::kBinary, 0, 1), InvalidArgument);
  EXPECT_THROW(LabelJoin(LabelTask::kBinary, 1, 0), InvalidArgument);
  EXPECT_THROW(LabelJoin(LabelTask::kBinary, 1, LabelJoin::kMaxCapacity + 1), InvalidArgument);
  EXPECT_THROW(label_task_of("ranking"), InvalidArgument);
  LabelJoin join(LabelTask::kBinary, 1, 10);
  predict(join, {1}, {0.5}, 100);
  EXPECT_THROW(join.expect_ids(IdKind::kText), InvalidArgument);
  const std::int64_t far = 100 + (std::int64_t{1} << 31);
  EXPECT_THROW(join.check_panes(&far, 1), InvalidArgument);
  const std::int64_t segment = -1;
  EXPECT_THROW(LabelJoin::check_segments(&segment, 1), InvalidArgument);
  EXPECT_THROW(join.expire(std::numeric_limits<std::int64_t>::min()), InvalidArgument);
  EXPECT_EQ(join.pending(), 1U);
}

TEST(LabelJoin, survives_its_bytes) {
  std::mt19937_64 random(3);
  LabelJoin join(LabelTask::kMulticlass, 3, 500);
  for (std::int64_t pane = -5; pane < 15; ++pane) {
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t id = random() % 900;
      if (i % 3 == 0) {
        label(join, {id}, {static_cast<double>(random() % 4)}, pane);
      } else {
        predict(join, {id}, {random() % 9 == 0 ? kNan : static_cast<double>(random() % 4)}, pane,
                static_cast<std::int64_t>(random() % 5));
      }
    }
    join.expire(pane - 2);
    const auto bytes = join.to_bytes();
    LabelJoin back = LabelJoin::from_bytes(bytes.data(), bytes.size());
    ASSERT_EQ(back, join);
    EXPECT_EQ(back.to_bytes(), bytes);
    const LabelJoin copy = join;
    predict(back, {5000}, {1.0}, pane + 1);
    EXPECT_NE(back, join);
    EXPECT_EQ(copy, join);
  }
  const auto bytes = join.to_bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(LabelJoin::from_bytes(bytes.data(), size), SerializationError);
  }
  auto newer = bytes;
  newer[4] = 99;
  EXPECT_THROW(LabelJoin::from_bytes(newer.data(), newer.size()), SerializationError);
}

}  // namespace
}  // namespace inlay
