#include <gtest/gtest.h>

#include <inlay/error.hpp>
#include <string>
#include <vector>

#include "arrow_column.hpp"
#include "data/leaf.hpp"
#include "data/leaf_view.hpp"

namespace inlay {
namespace {

using detail::Leaf;
using detail::LeafView;
using test::Buffer;
using test::Column;
using test::numbers;
using test::table;
using test::texts;

Column of_format(const std::string& format, const std::string& name = "x") {
  return {format, name};
}

Column nested(const std::string& format, const std::string& name, std::vector<Column> children) {
  Column out{format, name};
  out.children = std::move(children);
  return out;
}

Leaf leaf_of(const Column& column) {
  Column batch = table({column});
  return detail::flatten(batch.schema()).at(0);
}

std::vector<std::string> paths_of(Column batch) {
  std::vector<std::string> out;
  for (const Leaf& leaf : detail::flatten(batch.schema())) out.push_back(leaf.path);
  return out;
}

// What a refusal says.
template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::vector<LeafView> views_of(Column& batch, std::vector<Leaf>& leaves) {
  leaves = detail::flatten(batch.schema());
  return detail::view_leaves(batch.schema(), batch.array(), leaves);
}

std::string refusal_of(Column column) {
  Column batch = table({std::move(column)});
  std::vector<Leaf> leaves;
  return message_of([&] { views_of(batch, leaves); });
}

TEST(Leaf, KnowsTheTypeOfEachFormat) {
  const struct {
    const char* format;
    LeafKind kind;
    const char* name;
    std::int64_t width;
  } cases[] = {
      {"n", LeafKind::kNull, "null", 0},
      {"b", LeafKind::kBoolean, "bool", 0},
      {"c", LeafKind::kInteger, "int8", 1},
      {"s", LeafKind::kInteger, "int16", 2},
      {"i", LeafKind::kInteger, "int32", 4},
      {"l", LeafKind::kInteger, "int64", 8},
      {"C", LeafKind::kUnsigned, "uint8", 1},
      {"S", LeafKind::kUnsigned, "uint16", 2},
      {"I", LeafKind::kUnsigned, "uint32", 4},
      {"L", LeafKind::kUnsigned, "uint64", 8},
      {"e", LeafKind::kFloat, "float16", 2},
      {"f", LeafKind::kFloat, "float32", 4},
      {"g", LeafKind::kFloat, "float64", 8},
      {"d:7,2,32", LeafKind::kDecimal, "decimal32(7, 2)", 4},
      {"d:12,2,64", LeafKind::kDecimal, "decimal64(12, 2)", 8},
      {"d:10,2", LeafKind::kDecimal, "decimal128(10, 2)", 16},
      {"d:10,-3", LeafKind::kDecimal, "decimal128(10, -3)", 16},
      {"d:60,5,256", LeafKind::kDecimal, "decimal256(60, 5)", 32},
      {"tdD", LeafKind::kDate, "date32", 4},
      {"tdm", LeafKind::kDate, "date64", 8},
      {"tts", LeafKind::kTime, "time32[s]", 4},
      {"ttm", LeafKind::kTime, "time32[ms]", 4},
      {"ttu", LeafKind::kTime, "time64[us]", 8},
      {"ttn", LeafKind::kTime, "time64[ns]", 8},
      {"tsu:", LeafKind::kTimestamp, "timestamp[us]", 8},
      {"tsn:UTC", LeafKind::kTimestamp, "timestamp[ns, UTC]", 8},
      {"tDm", LeafKind::kDuration, "duration[ms]", 8},
      {"u", LeafKind::kText, "utf8", 0},
      {"U", LeafKind::kText, "large_utf8", 0},
      {"vu", LeafKind::kText, "utf8_view", 16},
      {"z", LeafKind::kBinary, "binary", 0},
      {"Z", LeafKind::kBinary, "large_binary", 0},
      {"vz", LeafKind::kBinary, "binary_view", 16},
      {"w:5", LeafKind::kBinary, "fixed_size_binary[5]", 5},
  };
  for (const auto& expected : cases) {
    const Leaf leaf = leaf_of(of_format(expected.format));
    EXPECT_EQ(leaf.type.kind, expected.kind) << expected.format;
    EXPECT_EQ(leaf.type.name, expected.name);
    EXPECT_EQ(leaf.type.width, expected.width) << expected.format;
    EXPECT_EQ(leaf.type.arrow_format, expected.format);
    EXPECT_FALSE(leaf.nested);
  }
  EXPECT_EQ(leaf_of(of_format("tsn:UTC")).type.timezone, "UTC");
  EXPECT_EQ(leaf_of(of_format("tdm")).type.unit, 'm');
  EXPECT_EQ(leaf_of(of_format("d:10,-3")).type.scale, -3);
}

TEST(Leaf, NamesNestedTypesAndDictionaries) {
  Column coded = of_format("i");
  coded.dictionary.push_back(of_format("u"));
  const Leaf leaf = leaf_of(coded);
  EXPECT_EQ(leaf.type.name, "dictionary<int32, utf8>");
  EXPECT_EQ(leaf.type.kind, LeafKind::kText);
  EXPECT_TRUE(leaf.type.is_dictionary);
  EXPECT_TRUE(leaf.type.signed_index);
  EXPECT_EQ(leaf.type.index_width, 4);
  const Column item = nested("+s", "item", {of_format("l", "a"), of_format("u", "b")});
  EXPECT_EQ(leaf_of(nested("+l", "x", {item})).type.name, "list<struct<a: int64, b: utf8>>");
  EXPECT_EQ(leaf_of(nested("+w:3", "x", {of_format("g")})).type.name,
            "fixed_size_list[3]<float64>");
  EXPECT_EQ(leaf_of(nested("+vL", "x", {of_format("g")})).type.name, "large_list_view<float64>");
}

TEST(Leaf, PathsFollowTheSchema) {
  const Column address = nested("+s", "address", {of_format("u", "city"), of_format("l", "zip")});
  const Column tags = nested("+l", "tags", {of_format("u", "item")});
  const Column entries = nested("+s", "entries", {of_format("u", "k"), of_format("g", "v")});
  const Column attrs = nested("+m", "attrs", {entries});
  const Column deep =
      nested("+L", "deep", {nested("+l", "", {nested("+s", "", {of_format("l", "n")})})});
  EXPECT_EQ(
      paths_of(table({of_format("l", "price"), address, tags, attrs, deep, of_format("l", "a.b")})),
      (std::vector<std::string>{"price", "address.city", "address.zip", "tags", "tags[]", "attrs",
                                "attrs.key", "attrs.value", "deep", "deep[]", "deep[][].n",
                                "a.b"}));
  EXPECT_EQ(paths_of(table({of_format("l", "x"), of_format("l", "x#2"), of_format("l", "x"),
                            of_format("l", "x")})),
            (std::vector<std::string>{"x", "x#2", "x#3", "x#4"}));
}

TEST(Leaf, RefusesWhatHasNoValues) {
  const Column one = of_format("l", "a");
  for (const Column& column :
       {nested("+ud:0", "odd", {one}), nested("+us:0", "odd", {one}), of_format("tiM", "odd"),
        of_format("tiD", "odd"), of_format("tin", "odd"),
        nested("+r", "odd", {of_format("i", "run_ends"), of_format("l", "values")})}) {
    const std::string message = message_of([&] { leaf_of(column); });
    EXPECT_NE(message.find("column 'odd' has a type that is not supported: "), std::string::npos)
        << message;
  }
  EXPECT_NE(message_of([] { leaf_of(of_format("l", "\xff")); }).find("not UTF-8"),
            std::string::npos);
  EXPECT_NE(message_of([] { leaf_of(of_format("d:77,0")); }).find("precision"), std::string::npos);
  EXPECT_NE(message_of([] { leaf_of(of_format("d:5,301")); }).find("scale"), std::string::npos);
  EXPECT_NE(message_of([] {
              Column column = of_format("l");
              detail::flatten(column.schema());
            }).find("struct"),
            std::string::npos);
}

TEST(LeafView, OffsetsOfStructsAddUp) {
  // Row i of the batch is row i + 1 of its struct, and that row i + 1 + 2 of the child.
  Column child = numbers<std::int64_t>("l", "a", {0, 1, 2, 3, 4, 5, 6, 7});
  child.offset = 2;
  child.length = 6;
  child.buffers[0] = Buffer::of(std::vector<std::uint8_t>{0xDF});  // value 5 is null
  Column parent = nested("+s", "s", {child});
  parent.length = 5;
  parent.buffers = {Buffer::of(std::vector<std::uint8_t>{0x1B})};  // row 2 is null: value 4
  Column batch = table({parent});
  batch.offset = 1;
  batch.length = 4;
  std::vector<Leaf> leaves;
  const LeafView view = views_of(batch, leaves).at(0);
  ASSERT_EQ(view.ranges.size(), 1U);
  EXPECT_EQ(view.ranges[0].begin, 3);
  EXPECT_EQ(view.rows, 4);
  const bool expected[] = {true, false, false, true};
  std::uint8_t valid[4];
  EXPECT_EQ(view.fill_valid(3, 4, valid), 2);
  EXPECT_EQ(view.count_valid(3, 4), 2);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(view.is_valid(3 + i), expected[i]) << i;
    EXPECT_EQ(valid[i] == 1, expected[i]) << i;
  }
}

TEST(LeafView, ItemsOfNullListsAreLeftOut) {
  Column list{"+l", "l"};
  list.length = 3;
  list.buffers = {Buffer::of(std::vector<std::uint8_t>{0x5}),
                  Buffer::of(std::vector<std::int32_t>{1, 2, 4, 5})};
  list.children = {numbers<std::int64_t>("l", "item", {9, 1, 100, 200, 4})};
  Column batch = table({list});
  std::vector<Leaf> leaves;
  const std::vector<LeafView> views = views_of(batch, leaves);
  EXPECT_EQ(views.at(0).length_at(0), 1);
  EXPECT_EQ(views.at(1).rows, 2);
  ASSERT_EQ(views.at(1).ranges.size(), 2U);
  EXPECT_EQ(views.at(1).ranges[0].begin, 1);
  EXPECT_EQ(views.at(1).ranges[1].begin, 4);
}

TEST(LeafView, ValidityOfAnyLengthAndOffset) {
  std::vector<std::uint8_t> bits(40);
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<std::uint8_t>(37 * i + 11);
  for (const std::int64_t offset : {0, 1, 7, 8, 13}) {
    for (const std::int64_t length : {1, 7, 8, 9, 64, 250}) {
      Column column = numbers<std::int8_t>("c", "x", std::vector<std::int8_t>(320));
      column.offset = offset;
      column.length = length;
      column.buffers[0] = Buffer::of(bits);
      Column batch = table({column});
      std::vector<Leaf> leaves;
      const LeafView view = views_of(batch, leaves).at(0);
      std::vector<std::uint8_t> valid(static_cast<std::size_t>(length));
      std::int64_t expected = 0;
      const std::int64_t found = view.fill_valid(offset, length, valid.data());
      for (std::int64_t i = 0; i < length; ++i) {
        const bool bit = detail::bit_at(bits.data(), offset + i);
        expected += bit ? 1 : 0;
        ASSERT_EQ(valid[static_cast<std::size_t>(i)], bit ? 1 : 0) << offset << " " << i;
      }
      EXPECT_EQ(found, expected);
      EXPECT_EQ(view.count_valid(offset, length), expected);
    }
  }
}

// ---- hostile arrays; the address sanitizer sees what is read beyond ----------------------------

TEST(HostileArrays, OffsetsAreCheckedBeforeTextIsRead) {
  const auto with_offsets = [](std::vector<std::int32_t> offsets) {
    Column column = texts("s", {"a", "b", "c"});
    column.buffers[1] = Buffer::of(offsets);
    return refusal_of(column);
  };
  EXPECT_EQ(with_offsets({0, 2, 1, 3}), "column 's': offsets go backwards, from 2 to: 1");
  EXPECT_EQ(with_offsets({-1, 0, 1, 3}), "column 's': a negative offset: -1");
  Column missing = texts("s", {"a", "b"});
  missing.buffers[2] = Buffer();
  EXPECT_EQ(refusal_of(missing), "column 's': its bytes are missing: 2");
  missing = texts("s", {"", ""});
  missing.buffers[2] = Buffer();
  EXPECT_EQ(refusal_of(missing), "nothing was thrown");
}

TEST(HostileArrays, ListsStayWithinTheirItems) {
  const auto with_offsets = [](std::vector<std::int32_t> offsets) {
    Column column{"+l", "l"};
    column.length = static_cast<std::int64_t>(offsets.size()) - 1;
    column.buffers = {Buffer(), Buffer::of(offsets)};
    column.children = {numbers<std::int64_t>("l", "item", {1, 2, 3})};
    return refusal_of(column);
  };
  EXPECT_EQ(with_offsets({0, 1, 3}), "nothing was thrown");
  EXPECT_EQ(with_offsets({0, 1, 4}), "column 'l': an offset beyond the 3 items there are: 4");
  EXPECT_EQ(with_offsets({0, 3, 1}), "column 'l': offsets go backwards, from 3 to: 1");
  EXPECT_EQ(with_offsets({-2, 3, 3}), "column 'l': a negative offset: -2");
}

TEST(HostileArrays, ListViewsStayWithinTheirItems) {
  const auto with = [](std::vector<std::int32_t> offsets, std::vector<std::int32_t> sizes) {
    Column column{"+vl", "l"};
    column.length = static_cast<std::int64_t>(offsets.size());
    column.buffers = {Buffer(), Buffer::of(offsets), Buffer::of(sizes)};
    column.children = {numbers<std::int64_t>("l", "item", {1, 2, 3})};
    return refusal_of(column);
  };
  EXPECT_EQ(with({2, 0}, {1, 3}), "nothing was thrown");
  EXPECT_NE(with({2, 0}, {2, 3}).find("a list beyond the 3 items"), std::string::npos);
  EXPECT_NE(with({INT32_MAX}, {INT32_MAX}).find("a list beyond"), std::string::npos);
  EXPECT_NE(with({0}, {-1}).find("a negative size: -1"), std::string::npos);
  EXPECT_NE(with({-1}, {1}).find("a negative offset: -1"), std::string::npos);
}

TEST(HostileArrays, ViewsStayWithinTheirBuffers) {
  const auto with = [](std::int32_t size, std::int32_t buffer, std::int32_t offset) {
    Column column{"vu", "v"};
    column.length = 1;
    column.buffers = {Buffer(), Buffer::of(std::vector<std::int32_t>{size, 0, buffer, offset}),
                      Buffer::of(std::string(20, 'x')), Buffer::of(std::vector<std::int64_t>{20})};
    return refusal_of(column);
  };
  EXPECT_EQ(with(20, 0, 0), "nothing was thrown");
  EXPECT_EQ(with(4, 99, 99), "nothing was thrown");  // short ones lie in the view
  EXPECT_NE(with(-1, 0, 0).find("negative size"), std::string::npos);
  EXPECT_NE(with(20, 1, 0).find("a buffer that is not there: 1"), std::string::npos);
  EXPECT_NE(with(20, -1, 0).find("a buffer that is not there: -1"), std::string::npos);
  EXPECT_NE(with(20, 0, 1).find("beyond its buffer of 20 bytes, to byte: 21"), std::string::npos);
  EXPECT_NE(with(INT32_MAX, 0, INT32_MAX).find("beyond its buffer"), std::string::npos);
}

TEST(HostileArrays, FixedListsNeedTheirItems) {
  Column column{"+w:2147483647", "l"};
  column.length = std::int64_t{1} << 47;
  column.buffers = {Buffer()};
  column.children = {numbers<std::int64_t>("l", "item", {1})};
  EXPECT_NE(refusal_of(column).find("less than its parent needs"), std::string::npos);
}

TEST(HostileArrays, IndicesOutsideOfADictionaryAreNone) {
  Column coded = numbers<std::int8_t>("c", "d", {0, 1, 2, -1, 127, -128});
  coded.dictionary.push_back(texts("", {"a", "b"}));
  Column batch = table({coded});
  std::vector<Leaf> leaves;
  const LeafView view = views_of(batch, leaves).at(0);
  const std::int64_t expected[] = {0, 1, -1, -1, -1, -1};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(view.index_at(i), expected[i]) << i;
}

}  // namespace
}  // namespace inlay
