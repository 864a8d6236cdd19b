#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <inlay/data/tally.hpp>
#include <inlay/error.hpp>
#include <limits>
#include <string>
#include <vector>

#include "arrow_column.hpp"
#include "sha256.hpp"
#include "summary/random.hpp"

namespace inlay {
namespace {

using test::Buffer;
using test::Column;
using test::numbers;
using test::table;
using test::texts;

std::uint64_t noise(std::uint64_t i) { return detail::mixed(i * 0x9E3779B97F4A7C15U + 1); }

Column mixed(std::size_t rows) {
  std::vector<double> reals(rows);
  std::vector<std::int64_t> whole(rows);
  std::vector<std::string> text(rows);
  std::vector<std::int16_t> codes(rows);
  std::vector<std::uint8_t> bits((rows + 7) / 8);
  for (std::size_t i = 0; i < rows; ++i) {
    reals[i] = static_cast<double>(noise(i)) * 0x1p-64 - 0.5;
    if (i % 97 == 5) reals[i] = std::numeric_limits<double>::quiet_NaN();
    whole[i] = static_cast<std::int64_t>(noise(i + 7) % 9);
    text[i] = "text " + std::to_string(noise(i) % 50);
    codes[i] = static_cast<std::int16_t>(noise(i) % 5);  // 4 is out of range
    bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | (i % 11 != 3 ? 1U << (i % 8) : 0U));
  }
  Column real = numbers("g", "f", reals);
  real.buffers[0] = Buffer::of(bits);
  Column coded = numbers("s", "d", codes);
  coded.dictionary.push_back(texts("", {"a", "bb", "ccc", "größe"}));
  return table({real, numbers("l", "i", whole), texts("s", text), coded});
}

Tally::Cells cells() {
  Tally::Cells out;
  out.emplace(0, EdgeHistogram({-0.25, 0.0, 0.25}));
  out.emplace(1, Categories({"1", "2", "3"}));
  out.emplace(2, Categories({"text 1", "text 2"}));
  out.emplace(3, Categories({"größe", "a"}));
  return out;
}

Tally tally_of(Column& batch, unsigned threads = 1) {
  Tally tally(batch.schema(), cells());
  tally.update(batch.schema(), batch.array(), threads);
  return tally;
}

TEST(Tally, EveryRowIsInOneCellOrApart) {
  for (const std::size_t rows : {0U, 1U, 2047U, 2048U, 2049U, 16383U, 16384U, 16385U, 40000U}) {
    Column batch = mixed(rows);
    const Tally tally = tally_of(batch);
    EXPECT_EQ(tally.rows(), rows);
    for (const TallyColumn& column : tally.columns()) {
      EXPECT_EQ(column.rows(), rows);
      if (const EdgeHistogram* edges = column.edges(); edges != nullptr) {
        EXPECT_EQ(edges->count() + edges->null_count() + edges->nan_count(), rows);
        EXPECT_EQ(edges->null_count(), column.null_count());
        EXPECT_EQ(edges->nan_count(), column.nan_count());
        EXPECT_EQ(column.moments()->count(), edges->count());
        EXPECT_EQ(column.quantiles()->count(), edges->count());
      } else {
        EXPECT_EQ(column.categories()->count() + column.categories()->missing(), rows);
        EXPECT_EQ(column.unseen()->total(), column.categories()->other());
      }
    }
  }
}

TEST(Tally, ThreadsDoNotMatter) {
  Column batch = mixed(60000);
  const Tally alone = tally_of(batch);
  for (const unsigned threads : {0U, 2U, 4U, 7U}) {
    const Tally many = tally_of(batch, threads);
    EXPECT_EQ(many.to_bytes(), alone.to_bytes()) << threads;
    EXPECT_TRUE(many == alone);
  }
}

TEST(Tally, MergingAddsAndBytesHoldAll) {
  Column batch = mixed(3000);
  Tally tally = tally_of(batch);
  const Tally once = tally;
  tally.merge(once);
  EXPECT_EQ(tally.rows(), 6000U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(tally.columns()[i].rows(), 6000U);
    EXPECT_EQ(tally.columns()[i].null_count(), 2 * once.columns()[i].null_count());
  }
  const std::vector<std::uint8_t> bytes = tally.to_bytes();
  const Tally again = Tally::from_bytes(bytes.data(), bytes.size());
  EXPECT_EQ(again.to_bytes(), bytes);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(again.columns()[i].reference_id(), tally.columns()[i].reference_id());
  }
  tally.reset();
  EXPECT_TRUE(tally == Tally(batch.schema(), cells()));
}

TEST(Tally, TooManyRowsChangeNothing) {
  Tally::Cells full;
  full.emplace(0, EdgeHistogram::from_fields({{0.0}, {INT64_MAX - 5, 0}, 0, 0, 0, 0}));
  Column batch = table({numbers("g", "x", std::vector<double>(6))});
  Tally tally(batch.schema(), full, {}, true);
  const std::vector<std::uint8_t> before = tally.to_bytes();
  EXPECT_THROW(tally.update(batch.schema(), batch.array()), InvalidArgument);
  EXPECT_THROW(tally.merge(tally), InvalidArgument);
  EXPECT_THROW(tally.update_column(0, batch.children[0].schema(), batch.children[0].array()),
               InvalidArgument);
  EXPECT_EQ(tally.to_bytes(), before);
  EXPECT_THROW(tally.update_column(1, batch.schema(), batch.array()), OutOfRange);
}

TEST(Tally, PointsHaveARowForEachSummary) {
  Column batch = mixed(1000);
  const Tally tally = tally_of(batch);
  const std::vector<std::string> attrs(4, "{}");
  // The float: cells, moments, quantiles; the integer also unseen; the texts cells and unseen.
  EXPECT_EQ(tally.points(TallyStamp(), attrs).num_rows(), 3 + 4 + 2 + 2);
  EXPECT_EQ(Tally(batch.schema(), cells()).points(TallyStamp(), attrs).num_rows(), 4);
  EXPECT_THROW(tally.points(TallyStamp(), {}), InvalidArgument);
}

TEST(Tally, NumbersOfAnyKindAreCountedInTheSameCells) {
  Column whole = table({numbers("l", "i", std::vector<std::int64_t>{1, 2, 2, 7, 9})});
  Column real = table({numbers("g", "i", std::vector<double>{1, 2, 2, 7, 9})});
  Column single = table({numbers("f", "i", std::vector<float>{1, 2, 2, 7, 9})});
  Column natural = table({numbers("C", "i", std::vector<std::uint8_t>{1, 2, 2, 7, 9})});
  for (Column* of : {&whole, &real, &single, &natural}) {
    for (const bool named : {false, true}) {
      Tally::Cells cells;
      if (named) {
        cells.emplace(0, Categories({"1", "2"}));
      } else {
        cells.emplace(0, EdgeHistogram({1.5, 2.5}));
      }
      Tally expected(of->schema(), cells);
      expected.update(of->schema(), of->array());
      for (Column* come : {&whole, &real, &single, &natural}) {
        Tally tally(of->schema(), cells);
        EXPECT_TRUE(tally.fit(come->schema()).empty());
        tally.update(come->schema(), come->array());
        EXPECT_EQ(tally, expected);
        const std::vector<std::uint8_t> bytes = tally.to_bytes();
        EXPECT_EQ(Tally::from_bytes(bytes.data(), bytes.size()), tally);
      }
    }
  }
}

TEST(Tally, AColumnWithoutCellsHasARowOfPresence) {
  Column batch = mixed(1000);
  Tally tally(batch.schema());
  tally.update(batch.schema(), batch.array());
  const std::vector<std::string> attrs(4, "{}");
  // All four presence; the float and the integer moments and quantiles too.
  EXPECT_EQ(tally.points(TallyStamp(), attrs).num_rows(), 4 + 4);
}

TEST(Tally, RenamedNamesThatBecomeOneAreAdded) {
  Column batch = mixed(1000);
  Tally tally = tally_of(batch);
  const Categories before = *tally.columns()[2].categories();
  const auto one = [](std::string_view) { return std::string("text"); };
  tally.redact(2, one);
  const TallyColumn& column = tally.columns()[2];
  ASSERT_EQ(column.categories()->names(), std::vector<std::string>{"text"});
  EXPECT_EQ(column.categories()->counts()[0], before.counts()[0] + before.counts()[1]);
  EXPECT_EQ(column.unseen()->size(), 1U);
  EXPECT_EQ(column.unseen()->total(), before.other());
  EXPECT_THROW(tally.redact(0, one), InvalidArgument);
  EXPECT_THROW(tally.redact(9, one), OutOfRange);
}

TEST(Sha256, HashesAsTheStandardSays) {
  EXPECT_EQ(sha256_digits("", 64),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_digits("abc", 16), "ba7816bf8f01cfea");
  EXPECT_EQ(sha256_digits(std::string(1000000, 'a'), 64),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace inlay
