#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <inlay/data/check_plan.hpp>
#include <inlay/error.hpp>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "summary/kernels.hpp"

namespace {

using inlay::CheckKind;
using inlay::CheckOutcome;
using inlay::CheckPlan;
using inlay::CheckRule;
using inlay::CheckValue;

void forget(ArrowSchema* schema) { schema->release = nullptr; }
void forget_array(ArrowArray* array) { array->release = nullptr; }

/// A buffer of its own, of exactly so many bytes, so that a sanitizer sees every read beyond it.
class Bytes {
 public:
  template <class T>
  explicit Bytes(const std::vector<T>& values)
      : bytes_(std::make_unique<char[]>(values.size() * sizeof(T))) {
    if (!values.empty()) std::memcpy(bytes_.get(), values.data(), values.size() * sizeof(T));
  }
  explicit Bytes(const std::string& text) : Bytes(std::vector<char>(text.begin(), text.end())) {}
  const void* get() const { return bytes_.get(); }

 private:
  std::unique_ptr<char[]> bytes_;
};

/// A column, its buffers and, if it is a dictionary, its items. Borrowed by a Batch.
struct Column {
  std::string name;
  std::string format;
  std::int64_t length = 0;
  std::int64_t offset = 0;
  std::unique_ptr<Bytes> validity;
  std::vector<Bytes> buffers;
  std::unique_ptr<Column> items;
  ArrowSchema schema{};
  ArrowArray array{};
  std::vector<const void*> pointers;

  void link() {
    pointers = {validity == nullptr ? nullptr : validity->get()};
    for (const Bytes& buffer : buffers) pointers.push_back(buffer.get());
    schema.format = format.c_str();
    schema.name = name.c_str();
    schema.flags = ARROW_FLAG_NULLABLE;
    schema.release = &forget;
    array.length = length;
    array.offset = offset;
    array.null_count = validity == nullptr ? 0 : -1;
    array.n_buffers = static_cast<std::int64_t>(pointers.size());
    array.buffers = pointers.data();
    array.release = &forget_array;
    if (items == nullptr) return;
    items->link();
    schema.dictionary = &items->schema;
    array.dictionary = &items->array;
  }
};

class Batch {
 public:
  explicit Batch(std::vector<Column> columns) : columns_(std::move(columns)) {
    for (Column& column : columns_) {
      column.link();
      schemas_.push_back(&column.schema);
      arrays_.push_back(&column.array);
    }
    schema.format = "+s";
    schema.name = "";
    schema.n_children = static_cast<std::int64_t>(schemas_.size());
    schema.children = schemas_.data();
    schema.release = &forget;
    array.length = columns_.front().length;
    array.n_buffers = 1;
    array.buffers = &none_;
    array.n_children = schema.n_children;
    array.children = arrays_.data();
    array.release = &forget_array;
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  ArrowSchema schema{};
  ArrowArray array{};

 private:
  std::vector<Column> columns_;
  std::vector<ArrowSchema*> schemas_;
  std::vector<ArrowArray*> arrays_;
  const void* none_ = nullptr;
};

template <class T>
Column numbers(const std::string& name, const std::string& format, const std::vector<T>& values) {
  Column column;
  column.name = name;
  column.format = format;
  column.length = static_cast<std::int64_t>(values.size());
  column.buffers.emplace_back(values);
  return column;
}

Column texts(const std::string& name, const std::vector<std::string>& values) {
  std::vector<std::int32_t> offsets = {0};
  std::string all;
  for (const std::string& value : values) {
    all += value;
    offsets.push_back(static_cast<std::int32_t>(all.size()));
  }
  Column column;
  column.name = name;
  column.format = "u";
  column.length = static_cast<std::int64_t>(values.size());
  column.buffers.emplace_back(offsets);
  column.buffers.emplace_back(all);
  return column;
}

// Leaves no bit behind the last row.
void make_null(Column& column, const std::vector<bool>& valid) {
  std::vector<std::uint8_t> bits((valid.size() + 7) / 8, 0);
  for (std::size_t i = 0; i < valid.size(); ++i) {
    if (valid[i]) bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | 1U << (i % 8));
  }
  column.validity = std::make_unique<Bytes>(bits);
}

CheckValue integer(std::int64_t value) {
  CheckValue out;
  out.kind = CheckValue::Kind::kInteger;
  out.integer = inlay::ExactInteger::of(value);
  return out;
}

CheckValue text(const std::string& value) {
  CheckValue out;
  out.kind = CheckValue::Kind::kText;
  out.text = value;
  return out;
}

CheckRule rule(CheckKind kind, const std::string& column) {
  CheckRule out;
  out.kind = kind;
  out.paths = {column};
  return out;
}

CheckRule range(const std::string& column, std::int64_t low, std::int64_t high) {
  CheckRule out = rule(CheckKind::kRange, column);
  out.low = integer(low);
  out.high = integer(high);
  return out;
}

std::vector<CheckRule> all_rules() {
  std::vector<CheckRule> rules;
  for (const char* column : {"real", "float", "long", "int", "text"}) {
    for (const CheckKind kind :
         {CheckKind::kNull, CheckKind::kUnique, CheckKind::kMonotonic, CheckKind::kStats}) {
      rules.push_back(rule(kind, column));
    }
    if (std::string(column) == "text") {
      rules.push_back(rule(CheckKind::kUtf8, column));
      rules.push_back(rule(CheckKind::kLength, column));
      rules.back().high = integer(5);
      rules.push_back(rule(CheckKind::kSet, column));
      rules.back().values = {text("t1"), text("a text of more than fifteen bytes"), text("")};
    } else {
      rules.push_back(range(column, -10, 500));
      rules.push_back(rule(CheckKind::kFinite, column));
      rules.push_back(rule(CheckKind::kNotInSet, column));
      rules.back().values = {integer(3), integer(-3)};
    }
  }
  rules.push_back(rule(CheckKind::kCompare, "long"));
  rules.back().paths.emplace_back("int");
  rules.back().op = inlay::CheckOp::kAtMost;
  return rules;
}

std::unique_ptr<Batch> random_batch(std::size_t rows, std::uint64_t seed, bool nulls) {
  std::mt19937_64 random(seed);
  std::vector<double> reals(rows);
  std::vector<float> floats(rows);
  std::vector<std::int64_t> longs(rows);
  std::vector<std::int32_t> ints(rows);
  std::vector<std::string> words(rows);
  const double specials[] = {std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity(), -0.0, 5e-324, 1e308};
  for (std::size_t i = 0; i < rows; ++i) {
    reals[i] = random() % 50 == 0 ? specials[random() % 5] : static_cast<double>(random() % 2'000);
    floats[i] = static_cast<float>(reals[i]);
    longs[i] = random() % 50 == 0 ? INT64_MIN : static_cast<std::int64_t>(random() % 2'000);
    ints[i] = random() % 50 == 0 ? INT32_MAX : static_cast<std::int32_t>(random() % 2'000);
    words[i] = random() % 20 == 0 ? "a text of more than fifteen bytes"
                                  : "t" + std::to_string(random() % 1'000);
    if (random() % 30 == 0) words[i] = "\xE2\x98\x83";
  }
  std::vector<Column> columns;
  columns.push_back(numbers("real", "g", reals));
  columns.push_back(numbers("float", "f", floats));
  columns.push_back(numbers("long", "l", longs));
  columns.push_back(numbers("int", "i", ints));
  columns.push_back(texts("text", words));
  if (nulls) {
    for (Column& column : columns) {
      std::vector<bool> valid(rows);
      for (std::size_t i = 0; i < rows; ++i) valid[i] = random() % 4 != 0;
      make_null(column, valid);
    }
  }
  return std::make_unique<Batch>(std::move(columns));
}

void expect_same(const CheckOutcome& a, const CheckOutcome& b) {
  ASSERT_EQ(a.rules.size(), b.rules.size());
  for (std::size_t i = 0; i < a.rules.size(); ++i) {
    EXPECT_EQ(a.rules[i].evaluated, b.rules[i].evaluated) << i;
    EXPECT_EQ(a.rules[i].failed, b.rules[i].failed) << i;
    EXPECT_EQ(a.rules[i].rows, b.rules[i].rows) << i;
  }
  EXPECT_EQ(a.mask, b.mask);
  ASSERT_EQ(a.stats.size(), b.stats.size());
  for (std::size_t i = 0; i < a.stats.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(a.stats[i].stats.sum_high),
              std::bit_cast<std::uint64_t>(b.stats[i].stats.sum_high));
    EXPECT_EQ(a.stats[i].stats.sum_low, b.stats[i].stats.sum_low);
    EXPECT_EQ(a.stats[i].stats.min, b.stats[i].stats.min);
    EXPECT_EQ(a.stats[i].stats.max_integer, b.stats[i].stats.max_integer);
    EXPECT_EQ(a.stats[i].stats.sum_integer, b.stats[i].stats.sum_integer);
  }
}

TEST(CheckPlan, all_instruction_sets_find_the_same) {
  for (const std::size_t rows : {1, 17, 64, 1'000, 1'024, 3'000}) {
    for (const bool nulls : {false, true}) {
      const auto batch = random_batch(rows, rows, nulls);
      const CheckPlan plan(batch->schema, all_rules(), 1'000'000);
      const CheckOutcome expected = plan.check(batch->schema, batch->array, 0, nullptr, true);
      const auto& before = inlay::detail::summary_kernels();
      for (const auto* kernels : inlay::detail::all_summary_kernels()) {
        if (kernels == nullptr || !inlay::detail::use_summary_kernels(*kernels)) continue;
        SCOPED_TRACE(kernels->name);
        expect_same(plan.check(batch->schema, batch->array, 0, nullptr, true), expected);
      }
      inlay::detail::use_summary_kernels(before);
    }
  }
}

TEST(CheckPlan, a_slice_is_checked_as_its_rows_alone) {
  const auto batch = random_batch(2'000, 5, true);
  const CheckPlan plan(batch->schema, {rule(CheckKind::kNull, "text"), range("long", 0, 100)},
                       5'000);
  const CheckOutcome whole = plan.check(batch->schema, batch->array, 0, nullptr, false);
  batch->array.offset = 333;
  batch->array.length = 1'200;
  const CheckOutcome part = plan.check(batch->schema, batch->array, 333, nullptr, false);
  for (std::size_t i = 0; i < 2; ++i) {
    std::vector<std::int64_t> expected;
    for (const std::int64_t row : whole.rules[i].rows) {
      if (row >= 333 && row < 1'533) expected.push_back(row);
    }
    EXPECT_EQ(part.rules[i].rows, expected);
  }
}

TEST(CheckPlan, threads_share_a_plan_and_a_state) {
  const auto batch = random_batch(3'000, 9, true);
  const CheckPlan plan(batch->schema, all_rules(), 100);
  const CheckOutcome expected = plan.check(batch->schema, batch->array, 0, nullptr, true);
  const auto state = plan.make_state();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      expect_same(plan.check(batch->schema, batch->array, 0, nullptr, true), expected);
      plan.check(batch->schema, batch->array, 0, state.get(), false);
      EXPECT_GT(state->memory_bytes(), 0U);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(CheckPlan, indices_outside_of_a_dictionary_read_nothing) {
  for (const bool many : {false, true}) {
    std::vector<std::int32_t> indices = {0, 1, 2, -1, INT32_MAX, INT32_MIN, 1};
    if (!many) indices.resize(1);  // fewer rows than items: judged row by row
    Column column = numbers("d", "i", indices);
    column.items = std::make_unique<Column>(texts("", {"x", "yy"}));
    std::vector<Column> columns;
    columns.push_back(std::move(column));
    const Batch batch(std::move(columns));
    std::vector<CheckRule> rules = {rule(CheckKind::kDictionary, "d"), rule(CheckKind::kUtf8, "d"),
                                    rule(CheckKind::kUnique, "d"), rule(CheckKind::kLength, "d")};
    rules.back().high = integer(1);
    const CheckPlan plan(batch.schema, rules, 10);
    const CheckOutcome out = plan.check(batch.schema, batch.array, 0, nullptr, true);
    using Rows = std::vector<std::int64_t>;
    EXPECT_EQ(out.rules[0].rows, many ? (Rows{2, 3, 4, 5}) : Rows{});
    EXPECT_EQ(out.rules[1].evaluated, many ? 3U : 1U);
    EXPECT_EQ(out.rules[2].rows, many ? Rows{6} : Rows{});
    EXPECT_EQ(out.rules[3].rows, many ? (Rows{1, 6}) : Rows{});
  }
}

TEST(CheckPlan, another_schema_is_refused_and_so_are_damaged_ones) {
  const auto batch = random_batch(10, 1, false);
  const CheckPlan plan(batch->schema, all_rules(), 10);
  std::vector<Column> columns;
  columns.push_back(numbers<std::int64_t>("real", "l", {1}));
  const Batch other(std::move(columns));
  EXPECT_THROW(plan.check(other.schema, other.array, 0, nullptr, false), inlay::InvalidArgument);
  batch->schema.children[1]->format = nullptr;
  EXPECT_THROW(plan.check(batch->schema, batch->array, 0, nullptr, false), inlay::InvalidArgument);
}

}  // namespace
