#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <inlay/error.hpp>
#include <inlay/summary/categories.hpp>

#include "data/category_monitor.hpp"
#include "data/hll_monitor.hpp"
#include "data/top_k_monitor.hpp"
#include "key_cases.hpp"

namespace inlay::cuda {
namespace {

/// A case on the device, for as long as this lives.
class OnDevice {
 public:
  explicit OnDevice(const KeyCase& keys) {
    tensor = keys.tensor;
    check(cudaMalloc(&memory_, keys.bytes.size() + 16), "allocating");
    if (!keys.bytes.empty()) {
      check(cudaMemcpy(memory_, keys.bytes.data(), keys.bytes.size(), cudaMemcpyHostToDevice),
            "copying");
    }
    tensor.data = static_cast<unsigned char*>(memory_) + keys.begin;
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  ~OnDevice() { cudaFree(memory_); }

  Tensor tensor;

 private:
  void* memory_ = nullptr;
};

class KeysOnDevice : public testing::Test {
 protected:
  void SetUp() override {
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  }
  void TearDown() override { cudaStreamDestroy(stream); }
  cudaStream_t stream = nullptr;
};

void expect_same(const Hll& found, const Hll& expected) {
  EXPECT_EQ(found.to_bytes(), expected.to_bytes());
  EXPECT_EQ(found.counts().items, expected.counts().items);
  EXPECT_EQ(found.counts().nans, expected.counts().nans);
  EXPECT_EQ(found.counts().pos_infs, expected.counts().pos_infs);
  EXPECT_EQ(found.counts().neg_infs, expected.counts().neg_infs);
}

TEST_F(KeysOnDevice, DistinctItemsAreTheCpusBitForBit) {
  for (const int lg_k : {4, 12, 13, 14, 18}) {
    HllMonitor monitor(0, lg_k);
    for (const KeyCase& keys : key_cases()) {
      SCOPED_TRACE(keys.name + ", lg_k " + std::to_string(lg_k));
      const OnDevice device(keys);
      monitor.update(device.tensor, stream);
      monitor.collect();
      ASSERT_EQ(monitor.status().error, "");
      expect_same(monitor.take(), counted_on_cpu(Hll(lg_k), keys));
    }
  }
}

TEST_F(KeysOnDevice, ManyBlocksFindTheSame) {
  std::mt19937_64 random(3);
  for (const std::int64_t distinct : {2L, 300L, 384L, 385L, 1L << 40}) {
    std::uniform_int_distribution<std::int64_t> any(0, distinct - 1);
    std::vector<std::int64_t> ids(3'000'001);
    for (std::int64_t& id : ids) id = any(random);
    const KeyCase keys = KeyCase::of("large", Element::kI64, ids, {3'000'000}, {1}, 1);
    const OnDevice device(keys);
    HllMonitor hll(0, 12);
    hll.update(device.tensor, stream);
    hll.update(device.tensor, stream);
    hll.collect();
    Hll expected(12);
    expected.update(ids.data() + 1, ids.size() - 1);
    expected.update(ids.data() + 1, ids.size() - 1);
    expect_same(hll.take(), expected);

    std::vector<std::int64_t> codes(200);
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::int64_t>(i) + 100;
    CategoryMonitor categories(0, codes);
    categories.update(device.tensor, stream);
    categories.collect();
    const CategoryMonitor::Counts counts = categories.take();
    std::vector<std::uint64_t> counted(200);
    std::uint64_t other = 0;
    for (std::size_t i = 1; i < ids.size(); ++i) {
      if (ids[i] >= 100 && ids[i] < 300) {
        ++counted[static_cast<std::size_t>(ids[i] - 100)];
      } else {
        ++other;
      }
    }
    EXPECT_EQ(counts.codes, counted);
    EXPECT_EQ(counts.other, other);
    if (distinct > 1000) continue;

    for (const std::uint64_t vocabulary : {0UL, 350UL, 200'000UL}) {
      TopKMonitor top(0, 512, vocabulary);
      top.update(device.tensor, stream);
      top.collect();
      TopK all(512);
      all.update(ids.data() + 1, ids.size() - 1);
      EXPECT_TRUE(top.take() == all) << distinct << " of " << vocabulary;
    }
  }
}

TEST_F(KeysOnDevice, CategoriesAreTheCpus) {
  std::vector<std::int64_t> many(50'000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<std::int64_t>(i) - 20;
  for (const std::vector<std::int64_t>& codes :
       {std::vector<std::int64_t>{9, 0, 1, 2, 8, 3, 4, 5, 6, 7}, {200, -100, 7, 3}, {7}, many}) {
    std::vector<std::string> names;
    for (const std::int64_t code : codes) names.push_back(std::to_string(code));
    CategoryMonitor monitor(0, codes);
    for (const KeyCase& keys : key_cases()) {
      SCOPED_TRACE(keys.name + ", codes " + std::to_string(codes.size()));
      const OnDevice device(keys);
      monitor.update(device.tensor, stream);
      monitor.collect();
      ASSERT_EQ(monitor.status().error, "");
      const CategoryMonitor::Counts found = monitor.take();
      const Categories expected = counted_on_cpu(Categories(names), keys);
      EXPECT_EQ(found.codes, expected.counts());
      EXPECT_EQ(found.other + found.falses + found.trues, expected.other());
      EXPECT_EQ(found.nan, expected.nan_count());
    }
  }
}

TEST_F(KeysOnDevice, BoolsAreCountedApart) {
  CategoryMonitor monitor(0, {});
  const KeyCase keys = KeyCase::of<std::uint8_t>("bool", Element::kBool, {0, 1, 1, 255});
  const OnDevice device(keys);
  monitor.update(device.tensor, stream);
  monitor.collect();
  const CategoryMonitor::Counts found = monitor.take();
  EXPECT_EQ(found.falses, 1U);
  EXPECT_EQ(found.trues, 3U);
  EXPECT_EQ(found.other, 0U);
}

TEST_F(KeysOnDevice, TopIdsAreExact) {
  for (const std::uint64_t vocabulary : {0UL, 40UL, 3000UL, 100'000UL}) {
    TopKMonitor monitor(0, 10, vocabulary);
    for (const KeyCase& keys : key_cases()) {
      SCOPED_TRACE(keys.name + ", vocabulary " + std::to_string(vocabulary));
      const OnDevice device(keys);
      if (keys.is_float()) {
        EXPECT_THROW(monitor.update(device.tensor, stream), InvalidArgument);
        continue;
      }
      monitor.update(device.tensor, stream);
      monitor.collect();
      ASSERT_EQ(monitor.status().error, "");
      const TopK found = monitor.take();
      const TopK all = counted_on_cpu(TopK(1U << 16), keys);
      ASSERT_EQ(all.max_error(), 0U);
      EXPECT_EQ(found.total(), all.total());
      const auto expected = all.top(11);
      const std::uint64_t floor = expected.size() > 10 ? expected[10].low : 0;
      std::size_t outside = 0;
      for (const TopK::Entry& entry : all.top(all.size())) outside += entry.bits >= vocabulary;
      if (vocabulary != 0 && outside > 2048) {  // more than the table beside a vocabulary holds
        for (const TopK::Entry& entry : all.top(all.size())) {
          const TopK::Bounds bounds = found.bounds(entry.item());
          ASSERT_LE(bounds.low, entry.low);
          ASSERT_GE(bounds.high, entry.low);
        }
        continue;
      }
      EXPECT_EQ(found.max_error(), floor);
      const auto top = found.top(10);
      for (std::size_t i = 0; i < top.size(); ++i) {
        EXPECT_EQ(top[i].bits, expected[i].bits);
        EXPECT_EQ(top[i].low, expected[i].low);
        EXPECT_EQ(top[i].high, expected[i].low);
      }
    }
  }
}

TEST_F(KeysOnDevice, WindowsTurnBesideUpdates) {
  std::vector<std::int32_t> ids(100'000);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i % 1000);
  const KeyCase keys = KeyCase::of("tokens", Element::kI32, ids);
  const OnDevice device(keys);
  TopKMonitor monitor(0, 1000, 1000);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capturing");
  monitor.update(device.tensor, stream);
  check(cudaStreamEndCapture(stream, &graph), "capturing");
  check(cudaGraphInstantiate(&executable, graph, 0), "instantiating");
  for (int n = 0; n < 50; ++n) {
    check(cudaGraphLaunch(executable, stream), "replaying");
    if (n % 7 == 3) monitor.turn();
    monitor.poll();
  }
  monitor.collect();
  const TopK found = monitor.take();
  EXPECT_EQ(found.total(), 5'000'000U);
  EXPECT_EQ(found.max_error(), 0U);
  for (const TopK::Entry& entry : found.top(1000)) EXPECT_EQ(entry.low, 5000U);
  check(cudaGraphExecDestroy(executable), "destroying");
  check(cudaGraphDestroy(graph), "destroying");
}

TEST_F(KeysOnDevice, RefusesWhatItCannotCount) {
  EXPECT_THROW(CategoryMonitor(0, std::vector<std::int64_t>(1'000'001)), InvalidArgument);
  EXPECT_THROW(CategoryMonitor(0, {1, 2, 1}), InvalidArgument);
  EXPECT_THROW(HllMonitor(0, 3), InvalidArgument);
  EXPECT_THROW(TopKMonitor(0, 0), InvalidArgument);
  EXPECT_THROW(TopKMonitor(0, 10, TopKMonitor::kMaxVocabulary + 1), InvalidArgument);
}

}  // namespace
}  // namespace inlay::cuda

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  int devices = 0;
  const cudaError_t found = cudaGetDeviceCount(&devices);
  if (found != cudaSuccess || devices == 0) {
    std::printf("skipped: no CUDA device: %s\n", cudaGetErrorString(found));
    return 77;
  }
  return RUN_ALL_TESTS();
}
