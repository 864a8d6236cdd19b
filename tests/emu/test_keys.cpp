#include "emulator.hpp"

#include <gtest/gtest.h>

#include <inlay/summary/categories.hpp>

#include "data/category_counts.cuh"
#include "data/distinct.cuh"
#include "data/host_copy.cuh"
#include "data/top_ids.cuh"

#include "../cuda/key_cases.hpp"

namespace inlay::cuda {
namespace {

using emu::machine;
using emu::Order;

constexpr unsigned kBlocks = 3;
constexpr unsigned kThreads = 64;

/// Two states and their control, as a monitor has them; aligned as device memory is.
class Window {
 public:
  explicit Window(std::size_t bytes) : words_{words(bytes), words(bytes)} {}

  WindowControl* control() { return &control_; }
  unsigned long long* state(unsigned i) { return words_[i].data(); }
  void turn() { control_.active ^= 1U; }

 private:
  static std::vector<unsigned long long> words(std::size_t bytes) {
    return std::vector<unsigned long long>((bytes + 7) / 8);
  }
  WindowControl control_{};
  std::vector<unsigned long long> words_[2];
};

/// A case's bytes where a device would have them: at an address that is a multiple of 16.
class Placed {
 public:
  explicit Placed(const KeyCase& keys) : memory_(keys.bytes.size() / 16 + 1) {
    if (!keys.bytes.empty()) std::memcpy(memory_.data(), keys.bytes.data(), keys.bytes.size());
    Tensor tensor = keys.tensor;
    tensor.data = reinterpret_cast<const unsigned char*>(memory_.data()) + keys.begin;
    elements = elements_of(tensor);
  }
  Elements elements;

 private:
  std::vector<Bytes16> memory_;
};

class Keys : public testing::TestWithParam<Order> {
 protected:
  void SetUp() override { machine().order = GetParam(); }
  void TearDown() override { machine().order = Order::kForward; }
};

// ---- Hll ---------------------------------------------------------------------------------------

void add_distinct(const DistinctLayout& layout, Window& window, const KeyCase& keys) {
  const Placed placed(keys);
  with_element_bits(keys.tensor.element, [&]<class Bits>() {
    const bool shared = layout.lg_k <= 13;
    emu::launch(kBlocks, kThreads, shared ? layout.registers() * 4 : 0, [&] {
      distinct_kernel<Bits>(placed.elements, layout, shared, window.control(), window.state(0),
                            window.state(1));
    });
  });
}

Hll take(const DistinctLayout& layout, Window& window, unsigned closed) {
  std::vector<unsigned long long> result(layout.result_bytes() / 8 + 1);
  emu::launch(1, kThreads, 0, [&] { take_distinct(layout, window.state(closed), result.data()); });
  return hll_of_result(layout, result.data());
}

void expect_same(const Hll& found, const Hll& expected) {
  EXPECT_TRUE(found == expected);
  EXPECT_EQ(found.to_bytes(), expected.to_bytes());
  EXPECT_EQ(found.counts().items, expected.counts().items);
  EXPECT_EQ(found.counts().nans, expected.counts().nans);
  EXPECT_EQ(found.counts().pos_infs, expected.counts().pos_infs);
  EXPECT_EQ(found.counts().neg_infs, expected.counts().neg_infs);
}

TEST_P(Keys, DistinctItemsAreTheCpusBitForBit) {
  for (const int lg_k : {4, 12, 14}) {
    const DistinctLayout layout = DistinctLayout::of(lg_k);
    for (const KeyCase& keys : key_cases()) {
      SCOPED_TRACE(keys.name + ", lg_k " + std::to_string(lg_k));
      Window window(layout.state_bytes());
      add_distinct(layout, window, keys);
      expect_same(take(layout, window, 0), counted_on_cpu(Hll(lg_k), keys));
    }
  }
}

TEST_P(Keys, DistinctItemsOfManyLaunchesAndWindows) {
  const DistinctLayout layout = DistinctLayout::of(12);
  Window window(layout.state_bytes());
  Hll expected[2] = {Hll(12), Hll(12)};
  for (const unsigned state : {0U, 1U}) {
    for (const KeyCase& keys : key_cases()) {
      if ((keys.tensor.size() < 6000) != (state == 0)) continue;
      add_distinct(layout, window, keys);
      expected[state] = counted_on_cpu(expected[state], keys);
    }
    window.turn();
  }
  expect_same(take(layout, window, 0), expected[0]);
  expect_same(take(layout, window, 1), expected[1]);
  expect_same(take(layout, window, 0), Hll(12));  // cleared
}

TEST_P(Keys, TheLimitOfASmallSketchIsTheCpus) {
  const DistinctLayout layout = DistinctLayout::of(12);
  for (const std::size_t size : {383U, 384U, 385U}) {
    std::vector<std::int64_t> ids(3 * size);
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i % size);
    const KeyCase keys = KeyCase::of("limit", Element::kI64, ids);
    Window window(layout.state_bytes());
    add_distinct(layout, window, keys);
    const Hll found = take(layout, window, 0);
    EXPECT_EQ(found.is_sparse(), size <= 384);
    expect_same(found, counted_on_cpu(Hll(12), keys));
  }
}

// ---- categories --------------------------------------------------------------------------------

struct Listed {
  std::vector<std::int64_t> codes;  // ascending

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const std::int64_t code : codes) out.push_back(std::to_string(code));
    out.insert(out.end(), {"False", "True"});
    return out;
  }
  CodeList list() const {
    const auto size = static_cast<unsigned>(codes.size());
    const bool dense =
        size == 0 || static_cast<std::uint64_t>(codes.back() - codes.front()) == size - 1;
    return {codes.data(), size == 0 ? 0 : codes.front(), size, dense};
  }
};

std::vector<Listed> lists() {
  Listed many;
  for (int i = 0; i < 3000; ++i) many.codes.push_back(i);
  return {
      {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}, {{-100, 3, 7, 200}}, {{7}}, {{}}, many, {{-2, -1, 0, 1}}};
}

TEST_P(Keys, CategoriesAreTheCpus) {
  for (const Listed& listed : lists()) {
    const CategoryLayout layout{static_cast<unsigned>(listed.codes.size())};
    for (const std::size_t room : {std::size_t{0}, std::size_t{16} << 10}) {
      const CounterPlan plan = plan_counters(layout.counters(), room);
      for (const KeyCase& keys : key_cases()) {
        SCOPED_TRACE(keys.name + ", codes " + std::to_string(listed.codes.size()));
        Window window(layout.counters() * 8);
        const Placed placed(keys);
        with_element_bits(keys.tensor.element, [&]<class Bits>() {
          emu::launch(kBlocks, kThreads, plan.shared_bytes(), [&] {
            count_codes_kernel<Bits>(placed.elements, listed.list(), plan, window.control(),
                                     window.state(0), window.state(1));
          });
        });
        std::vector<unsigned long long> result(layout.counters());
        emu::launch(1, kThreads, 0,
                    [&] { take_counts(window.state(0), layout.counters(), result.data()); });
        const Categories expected = counted_on_cpu(Categories(listed.names()), keys);
        for (std::size_t i = 0; i < listed.codes.size(); ++i) {
          ASSERT_EQ(result[i], expected.counts()[i]) << listed.codes[i];
        }
        EXPECT_EQ(result[layout.other()], expected.other());
        EXPECT_EQ(result[layout.nan()], expected.nan_count());
        for (const unsigned truth : {0U, 1U}) {
          EXPECT_EQ(result[layout.truth() + truth], expected.counts()[listed.codes.size() + truth]);
        }
        EXPECT_EQ(window.state(0)[layout.other()], 0U);
      }
    }
  }
}

TEST(CounterPlan, TakesAsManyCopiesAsFit) {
  EXPECT_EQ(plan_counters(10, 48 << 10).copies, 32U);
  EXPECT_EQ(plan_counters(400, 48 << 10).copies, 16U);
  EXPECT_EQ(plan_counters(12'000, 48 << 10).copies, 1U);
  EXPECT_EQ(plan_counters(13'000, 48 << 10).copies, 0U);
  EXPECT_EQ(plan_counters(13'000, 48 << 10).counters, 0U);
  EXPECT_EQ(plan_counters(13'000, 48 << 10).shared_bytes(), 32U << 10);
  EXPECT_EQ(plan_counters(0, 48 << 10).counters, 0U);
}

// ---- ids ---------------------------------------------------------------------------------------

void count_ids(const TopIdsLayout& layout, std::size_t room, Window& window, const KeyCase& keys) {
  if (is_float(keys.tensor.element)) return;
  const Placed placed(keys);
  const CounterPlan plan = plan_counters(layout.vocabulary, room);
  with_element_bits(keys.tensor.element, [&]<class Bits>() {
    emu::launch(kBlocks, kThreads, plan.shared_bytes(), [&] {
      count_ids_kernel<Bits>(placed.elements, layout, plan, window.control(), window.state(0),
                             window.state(1));
    });
  });
}

TopK take(const TopIdsLayout& layout, Window& window, unsigned closed) {
  std::vector<unsigned long long> result(layout.result_bytes() / 8 + 1);
  emu::launch(1, 256, 0, [&] { take_top_ids(layout, window.state(closed), result.data()); });
  return top_k_of_result(layout, result.data());
}

/// All counts, exact, and what must be left of them.
void expect_exact(const TopK& found, const KeyCase& keys, unsigned capacity) {
  TopK all(1U << 16);
  all = counted_on_cpu(all, keys);
  ASSERT_EQ(all.max_error(), 0U);
  EXPECT_EQ(found.total(), all.total());
  EXPECT_EQ(found.capacity(), capacity);
  const std::vector<TopK::Entry> expected = all.top(all.size());
  const std::uint64_t floor = expected.size() > capacity ? expected[capacity].low : 0;
  EXPECT_EQ(found.max_error(), floor);
  std::size_t above = 0;
  while (above < expected.size() && expected[above].low > floor) ++above;
  const std::vector<TopK::Entry> top = found.top(capacity);
  ASSERT_EQ(top.size(), above);
  for (std::size_t i = 0; i < above; ++i) {
    EXPECT_EQ(top[i].bits, expected[i].bits);
    EXPECT_EQ(top[i].kind, expected[i].kind);
    EXPECT_EQ(top[i].low, expected[i].low);
    EXPECT_EQ(top[i].high, expected[i].low);
  }
  EXPECT_TRUE(TopK::from_bytes(found.to_bytes().data(), found.to_bytes().size()) == found);
}

TEST_P(Keys, TopIdsAreExact) {
  for (const unsigned vocabulary : {0U, 40U, 3000U}) {
    for (const unsigned capacity : {1U, 10U, 5000U}) {
      const TopIdsLayout layout{vocabulary, 1U << 15, capacity};
      for (const KeyCase& keys : key_cases()) {
        if (keys.is_float()) continue;
        SCOPED_TRACE(keys.name + ", vocabulary " + std::to_string(vocabulary));
        Window window(layout.state_bytes());
        count_ids(layout, 48 << 10, window, keys);
        expect_exact(take(layout, window, 0), keys, capacity);
        EXPECT_EQ(take(layout, window, 0).total(), 0U);
      }
    }
  }
}

TEST_P(Keys, IdsBeyondTheTableKeepTheirBounds) {
  const TopIdsLayout layout{16, 64, 32};
  std::vector<std::int64_t> ids;
  for (std::int64_t id = 0; id < 400; ++id) {
    for (std::int64_t n = 0; n <= id % 5; ++n) ids.push_back(id);
  }
  for (int n = 0; n < 300; ++n) ids.insert(ids.begin(), n % 2 == 0 ? 3 : 100'000);
  const KeyCase keys = KeyCase::of("many", Element::kI64, ids);
  Window window(layout.state_bytes());
  count_ids(layout, 48 << 10, window, keys);
  const TopK found = take(layout, window, 0);
  const TopK all = counted_on_cpu(TopK(1U << 16), keys);
  EXPECT_EQ(found.total(), all.total());
  EXPECT_GT(found.max_error(), 0U);
  for (const TopK::Entry& entry : all.top(all.size())) {
    const TopK::Bounds bounds = found.bounds(entry.item());
    EXPECT_LE(bounds.low, entry.low);
    EXPECT_GE(bounds.high, entry.low);
  }
  EXPECT_TRUE(TopK::from_bytes(found.to_bytes().data(), found.to_bytes().size()) == found);
}

// ---- rows for the host -------------------------------------------------------------------------

TEST_P(Keys, ColumnsAreGatheredInTheirOrder) {
  const std::vector<std::int32_t> numbers = [] {
    std::vector<std::int32_t> out(600);
    std::iota(out.begin(), out.end(), 0);
    return out;
  }();
  // 20 rows of 7 columns in rows of 30, and the same turned over.
  for (const auto& [row, column] : {std::pair{30, 1}, {1, 30}, {-30, 2}}) {
    const std::int32_t* const from = numbers.data() + (row < 0 ? 570 : 0);
    std::vector<std::int32_t> out(140);
    emu::launch(2, 32, 0, [&] {
      gather_columns_kernel(Element::kI32, from, 20, 7, row, column, out.data());
    });
    for (int c = 0; c < 7; ++c) {
      for (int r = 0; r < 20; ++r) {
        ASSERT_EQ(out[static_cast<std::size_t>(c * 20 + r)], from[r * row + c * column]);
      }
    }
  }
  const std::vector<BFloat16> halves = {{0x3F80}, {0xC000}, {0x7F80}};
  std::vector<float> out(3);
  emu::launch(1, 32, 0, [&] {
    gather_columns_kernel(Element::kBF16, halves.data(), 3, 1, 1, 0, out.data());
  });
  EXPECT_EQ(out, (std::vector<float>{1, -2, INFINITY}));
  const std::uint8_t bytes[] = {0, 1, 0x80};
  bool truths[3];
  emu::launch(1, 32, 0, [&] { gather_columns_kernel(Element::kBool, bytes, 3, 1, 1, 0, truths); });
  EXPECT_FALSE(truths[0]);
  EXPECT_TRUE(truths[1]);
  EXPECT_TRUE(truths[2]);
}

INSTANTIATE_TEST_SUITE_P(Orders, Keys,
                         testing::Values(Order::kForward, Order::kReverse, Order::kRandom));

}  // namespace
}  // namespace inlay::cuda
