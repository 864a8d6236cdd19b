#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <string>

#include "data/key_set.hpp"

namespace {

using inlay::detail::Key128;
using inlay::detail::key_of;
using inlay::detail::key_seed;
using inlay::detail::KeySet;
using inlay::detail::Seen;
using inlay::detail::short_key_of;

TEST(KeySet, words_agree_with_a_set_through_all_growth) {
  std::mt19937_64 random(1);
  KeySet<std::uint64_t> keys(1'000'000, key_seed());
  std::set<std::uint64_t> expected;
  for (int i = 0; i < 50'000; ++i) {
    // Zero, what a free slot holds, is a key too; so are patterns that weak hashes pile up.
    const std::uint64_t word = random() % 3 == 0 ? random() % 2'000 << 48 : random() % 20'000;
    const Seen found = keys.insert(word);
    EXPECT_EQ(found, expected.insert(word).second ? Seen::kNew : Seen::kBefore);
  }
  EXPECT_EQ(keys.size(), expected.size());
  for (std::uint64_t word = 0; word < 21'000; ++word) {
    EXPECT_EQ(keys.contains(word), expected.count(word) == 1) << word;
  }
}

TEST(KeySet, more_keys_than_the_maximum_are_refused_and_old_ones_still_known) {
  KeySet<std::uint64_t> keys(3, key_seed());
  for (const std::uint64_t word : {0U, 7U, 9U}) EXPECT_EQ(keys.insert(word), Seen::kNew);
  EXPECT_EQ(keys.insert(8), Seen::kFull);
  for (const std::uint64_t word : {0U, 7U, 9U}) EXPECT_EQ(keys.insert(word), Seen::kBefore);
  keys.clear();
  EXPECT_EQ(keys.size(), 0U);
  EXPECT_FALSE(keys.contains(7));
  EXPECT_EQ(keys.insert(8), Seen::kNew);
}

TEST(Key128, texts_differ_when_their_keys_do_and_short_ones_are_read_either_way) {
  KeySet<Key128> keys(1'000'000, key_seed());
  std::mt19937_64 random(2);
  std::set<std::string> expected;
  for (int i = 0; i < 50'000; ++i) {
    std::string text(random() % 40, '\0');
    for (char& c : text) c = static_cast<char>(random() % 2);
    const auto exact = std::make_unique<char[]>(text.size());
    text.copy(exact.get(), text.size());
    const Key128 key = key_of({exact.get(), text.size()}, key_seed());
    if (text.size() <= Key128::kShort) {
      const std::string padded = text + std::string(16, '\xFF');
      EXPECT_EQ(short_key_of(padded.data(), text.size()), key);
    }
    EXPECT_NE(key, Key128{});
    EXPECT_EQ(keys.insert(key), expected.insert(text).second ? Seen::kNew : Seen::kBefore);
  }
}

}  // namespace
