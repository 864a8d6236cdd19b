#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <inlay/error.hpp>
#include <inlay/summary/categories.hpp>
#include <iterator>
#include <limits>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "summary/item_name.hpp"
#include "utf8.hpp"

namespace {

using inlay::Categories;
using inlay::NameTally;
using inlay::detail::ItemName;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Allocations of the whole program so far. Not inlined, as the compiler would see a free() that
// fits no new.
std::size_t num_allocations = 0;

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++num_allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using Names = std::vector<std::string>;
using Counts = std::vector<std::uint64_t>;

template <class Item>
void count_one(Categories& categories, Item item) {
  categories.update(&item, 1);
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

TEST(ItemName, DoublesAreNamedByTheFewestDigitsAndWholeOnesAsIntegers) {
  const auto named = [](double value) {
    ItemName name;
    return std::string(name.of(value));
  };
  EXPECT_EQ(named(3.0), "3");
  EXPECT_EQ(named(-0.0), "0");
  EXPECT_EQ(named(0x1p53), "9007199254740992");
  EXPECT_EQ(named(-0x1p53), "-9007199254740992");
  EXPECT_EQ(named(9999999999999998), "9999999999999998");
  EXPECT_EQ(named(0.1), "0.1");
  EXPECT_EQ(named(-1.5), "-1.5");
  EXPECT_EQ(named(1e-4), "0.0001");
  EXPECT_EQ(named(1.25e-5), "1.25e-05");
  EXPECT_EQ(named(1e16), "1e+16");
  EXPECT_EQ(named(1.2345e300), "1.2345e+300");
  EXPECT_EQ(named(5e-324), "5e-324");
  EXPECT_EQ(named(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
  EXPECT_EQ(named(-2.2250738585072014e-308), "-2.2250738585072014e-308");
  EXPECT_EQ(named(kInf), "inf");
  EXPECT_EQ(named(-kInf), "-inf");
}

TEST(ItemName, TextIsUtf8UpToItsFirstWrongByte) {
  using inlay::detail::utf8_prefix;
  for (const std::string_view good :
       {"", "a", "é", "€", "😀", "aé€😀z", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(utf8_prefix(good), good.size()) << good;
  }
  for (const std::string_view bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xC3", "\xE2\x28\xA1", "\xFF"}) {
    EXPECT_EQ(utf8_prefix("ab" + std::string(bad)), 2U) << bad;
  }
}

TEST(Categories, CountsNamesOthersAndWhatIsMissing) {
  Categories categories({"red", "green", ""});
  for (const std::string_view item : {"red", "blue", "", "red", "Red", "red "})
    categories.update(item);
  count_one(categories, kNaN);
  categories.add_nulls(2);
  EXPECT_EQ(categories.counts(), (Counts{2, 0, 1}));
  EXPECT_EQ(categories.other(), 3U);
  EXPECT_EQ(categories.count(), 6U);
  EXPECT_EQ(categories.null_count(), 2U);
  EXPECT_EQ(categories.nan_count(), 1U);
  EXPECT_EQ(categories.missing(), 3U);
  categories.reset();
  EXPECT_EQ(categories, Categories({"red", "green", ""}));
}

TEST(Categories, NumbersAndBooleansAreCountedByTheirNames) {
  Categories categories({"3", "-7", "True", "False", "0.1", "1e+16", "inf", "18446744073709551615",
                         "9223372036854775807", "3.0", "0", "1"});
  for (const std::int64_t item :
       {std::int64_t{3}, std::int64_t{-7}, INT64_MAX, std::int64_t{5}, std::int64_t{1}}) {
    count_one(categories, item);
  }
  for (const std::uint64_t item : {std::uint64_t{3}, UINT64_MAX, UINT64_MAX - 1}) {
    count_one(categories, item);
  }
  for (const double item : {3.0, 0.1, 1e16, kInf, -0.0, 0.2, kNaN}) count_one(categories, item);
  for (const bool item : {true, true, false}) count_one(categories, item);
  categories.update("3.0");
  //                                    3  -7 T  F  .1 e16 inf u64 i64 3.0 0  1
  EXPECT_EQ(categories.counts(), (Counts{3, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(categories.other(), 3U);
  EXPECT_EQ(categories.nan_count(), 1U);
}

// Whatever way a number takes, it is found exactly if its name is in the list.
TEST(Categories, NumbersAreFoundAsTheirNamesAre) {
  std::mt19937_64 random(4);
  Names names;
  std::vector<double> values = {0x1p53, 9999999999999998,  1e16, 0.5, 1e-5, 123456.75, 1e22, 5e-324,
                                1e15,   4503599627370496.5};
  for (int i = 0; i < 300; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (std::isfinite(value)) values.push_back(value);
    values.push_back(static_cast<double>(random() % 1000) / 8);
  }
  ItemName name;
  for (std::size_t i = 0; i < values.size(); i += 2) {
    const std::string text(name.of(values[i]));
    if (std::find(names.begin(), names.end(), text) == names.end()) names.push_back(text);
  }
  for (const double value : values) {
    Categories by_number(names), by_text(names);
    count_one(by_number, value);
    by_text.update(name.of(value));
    ASSERT_EQ(by_number, by_text) << value;
  }
}

// Texts of all lengths round the ways of comparing, that differ in one byte only.
TEST(Categories, TextIsFoundExactlyIfEveryByteAgrees) {
  Names names;
  for (std::size_t size = 0; size <= 40; ++size) names.push_back(std::string(size, 'x'));
  for (std::size_t size = 1; size <= 40; size += 3)
    names.push_back(std::string(size - 1, 'x') + 'y');
  for (const std::string& name : names) {
    Categories categories(names);
    categories.update(name);
    const auto at =
        static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    ASSERT_EQ(categories.counts()[at], 1U) << name;
    for (std::size_t i = 0; i < name.size(); ++i) {
      std::string changed = name;
      changed[i] = 'z';
      categories.update(changed);
      ASSERT_EQ(categories.other(), i + 1) << changed;
    }
  }
}

TEST(Categories, ManyNamesAreFoundAsByAMap) {
  std::mt19937_64 random(5);
  Names names;
  std::unordered_map<std::string, std::size_t> places;
  while (names.size() < 5000) {
    std::string name(random() % 30, ' ');
    for (char& c : name) c = static_cast<char>('a' + random() % 3);
    if (places.emplace(name, names.size()).second) names.push_back(name);
  }
  Categories categories(names);
  Counts expected(names.size());
  std::uint64_t other = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string item(random() % 12, ' ');
    for (char& c : item) c = static_cast<char>('a' + random() % 3);
    categories.update(item);
    const auto found = places.find(item);
    if (found == places.end()) {
      ++other;
    } else {
      ++expected[found->second];
    }
  }
  EXPECT_EQ(categories.counts(), expected);
  EXPECT_EQ(categories.other(), other);
  EXPECT_GT(other, 0U);
}

TEST(Categories, UpdatesTakeNoMemory) {
  Categories categories({"a", "3", "0.5", "True", "a name that is longer than any short string"});
  const std::string_view texts[] = {"a", "b", "a name that is longer than any short string"};
  const std::int64_t wholes[] = {3, 4};
  const std::uint64_t naturals[] = {3, UINT64_MAX};
  const double reals[] = {0.5, 3, kNaN, 1e300};
  const bool truths[] = {true, false};
  const std::size_t before = num_allocations;
  categories.update(texts, 3);
  categories.update(wholes, 2);
  categories.update(naturals, 2);
  categories.update(reals, 4);
  categories.update(truths, 2);
  categories.merge(categories);
  categories.reset();
  EXPECT_EQ(num_allocations, before);
}

TEST(Categories, ListsThatAreNoneAreRefusedByValueAndPlace) {
  const auto refused = [](const Names& names) {
    EXPECT_THROW(Categories{names}, inlay::InvalidArgument);
    return message_of([&] { Categories{names}; });
  };
  EXPECT_NE(refused({}).find(": 0"), std::string::npos);
  EXPECT_NE(refused({"a", "b", "a"}).find("name 2 is also name 0"), std::string::npos);
  EXPECT_NE(refused({"a", "b\xED\xA0\x80"}).find("name 1 is none from byte 1 on: 237"),
            std::string::npos);
}

TEST(Categories, WeightsCountAsRepeatsAndBadOnesChangeNothing) {
  Categories weighted({"a", "b"}), repeated({"a", "b"});
  const std::string_view items[] = {"a", "b", "c", "a"};
  const std::int64_t counts[] = {2, 0, 3, 1};
  weighted.update(items, counts, 4);
  for (int i = 0; i < 4; ++i) {
    for (std::int64_t k = 0; k < counts[i]; ++k) repeated.update(items[i]);
  }
  EXPECT_EQ(weighted, repeated);
  const std::int64_t negative[] = {1, 1, -2, 1};
  EXPECT_NE(message_of([&] { weighted.update(items, negative, 4); }).find("at 2: -2"),
            std::string::npos);
  const std::int64_t many[] = {1, INT64_MAX - 6, 0, 0};
  EXPECT_THROW(weighted.update(items, many, 4), inlay::InvalidArgument);
  EXPECT_EQ(weighted, repeated);
  const double number = kNaN;
  const std::int64_t five = 5;
  weighted.update(&number, &five, 1);
  EXPECT_EQ(weighted.nan_count(), 5U);
}

TEST(Categories, MergesAddInAnyOrderOfNamesAndRefuseOthersByTheFirstThatDiffers) {
  Categories one({"a", "b", "c"}), two({"c", "a", "b"}), same({"a", "b", "c"});
  for (const std::string_view item : {"a", "b", "b", "x"}) one.update(item);
  for (const std::string_view item : {"c", "c", "c", "a", "y", "z"}) {
    two.update(item);
    same.update(item);
  }
  two.add_nulls(4);
  same.add_nulls(4);
  Categories reordered = one;
  one.merge(same);
  reordered.merge(two);
  EXPECT_EQ(one, reordered);
  EXPECT_EQ(one.counts(), (Counts{2, 2, 3}));
  EXPECT_EQ(one.other(), 3U);
  EXPECT_EQ(one.null_count(), 4U);
  const Categories before = one;
  const std::string differs = message_of([&] { one.merge(Categories({"a", "d", "c"})); });
  EXPECT_NE(differs.find("name 1 is 'b' and of the other: 'd'"), std::string::npos) << differs;
  const std::string longer = message_of([&] { one.merge(Categories({"a", "b", "c", "d"})); });
  EXPECT_NE(longer.find("there are 3 and of the other: 4"), std::string::npos) << longer;
  EXPECT_THROW(one.merge(Categories({"a", "b"})), inlay::InvalidArgument);
  EXPECT_EQ(one, before);
}

TEST(Categories, TheMostFrequentNamesComeFirstAndEqualOnesByTheirBytes) {
  NameTally tally;
  const std::string_view items[] = {"b", "a", "c", "b", "7"};
  tally.update(items, nullptr, 5);
  const std::int64_t wholes[] = {7, 7, 9};
  tally.update(wholes, nullptr, 3);
  const double reals[] = {9.0, 0.5, kNaN};
  const std::int64_t weights[] = {1, 0, 2};
  tally.update(reals, weights, 3);
  const bool truths[] = {true, true};
  tally.update(truths, nullptr, 2);
  tally.add_nulls(6);
  const Categories found = tally.most_frequent(4);
  EXPECT_EQ(found.names(), (Names{"7", "9", "True", "b"}));
  EXPECT_EQ(found.counts(), (Counts{3, 2, 2, 2}));
  EXPECT_EQ(found.other(), 2U);
  EXPECT_EQ(found.nan_count(), 2U);
  EXPECT_EQ(found.null_count(), 6U);
  EXPECT_EQ(tally.most_frequent(100).names().size(), 6U);
  EXPECT_THROW(tally.most_frequent(0), inlay::InvalidArgument);
  EXPECT_THROW(NameTally().most_frequent(3), inlay::InvalidArgument);
}

// ---- bytes ------------------------------------------------------------------------------------

Categories example() {
  Categories categories({"red", "", "gr\xC3\xBCn", "3"});
  for (const std::string_view item : {"red", "red", "", "blue"}) categories.update(item);
  count_one(categories, 3.0);
  count_one(categories, kNaN);
  categories.add_nulls(300);
  return categories;
}

TEST(CategoriesBytes, RoundTripIsExact) {
  const Categories categories = example();
  const std::vector<std::uint8_t> bytes = categories.to_bytes();
  const Categories back = Categories::from_bytes(bytes.data(), bytes.size());
  EXPECT_EQ(back, categories);
  EXPECT_EQ(back.to_bytes(), bytes);
  Categories::Fields fields{categories.names(), categories.counts(), categories.other(), 300, 1};
  EXPECT_EQ(Categories::from_fields(fields), categories);
  fields.counts.push_back(1);
  EXPECT_THROW(Categories::from_fields(fields), inlay::InvalidArgument);
}

TEST(CategoriesBytes, CutDamagedOrNewerOnesAreRefusedOrValid) {
  const std::vector<std::uint8_t> bytes = example().to_bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(Categories::from_bytes(bytes.data(), size), inlay::SerializationError);
  }
  std::vector<std::uint8_t> longer = bytes;
  longer.push_back(0);
  EXPECT_THROW(Categories::from_bytes(longer.data(), longer.size()), inlay::SerializationError);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (unsigned flip = 1; flip < 256; ++flip) {
      std::vector<std::uint8_t> damaged = bytes;
      damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ flip);
      try {
        const Categories read = Categories::from_bytes(damaged.data(), damaged.size());
        EXPECT_EQ(read.to_bytes(), damaged);  // another valid state, in its one form
      } catch (const inlay::SerializationError&) {
      }
    }
  }
  const std::uint8_t twice[] = {'i', 'n', 'C', 'A', 1, 2, 1, 'q', 1, 'q', 0, 0, 0, 0, 0};
  const std::string message = message_of([&] { Categories::from_bytes(twice, sizeof(twice)); });
  EXPECT_NE(message.find("up to byte 10 of 15"), std::string::npos) << message;
  EXPECT_NE(message.find("have a name twice: 'q'"), std::string::npos) << message;
}

TEST(CategoriesBytes, FrozenOnesOfVersionOneAreRead) {
  std::ifstream file(INLAY_TEST_DATA "/categories_v1.bin", std::ios::binary);
  ASSERT_TRUE(file.is_open());
  const std::vector<std::uint8_t> bytes((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(Categories::from_bytes(bytes.data(), bytes.size()), example());
  EXPECT_EQ(example().to_bytes(), bytes);
}

}  // namespace
