// Which kernels an update of each monitor launches, where and how large; and that it calls nothing
// that waits, allocates or copies.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/category_monitor.hpp"
#include "data/hll_monitor.hpp"
#include "data/top_k_monitor.hpp"
#include "detect/embedding_monitor.hpp"
#include "model/logits_monitor.hpp"
#include "recorded_runtime.hpp"
#include "summary/column_monitor.hpp"
#include "summary/tensor_list.hpp"
#include "update_calls.hpp"

namespace inlay::cuda {
namespace {

using recorded::expect_all_on;
using recorded::expect_only_enqueuing;
using recorded::LaunchRecord;
using recorded::runtime;

Tensor tensor(Element element, std::initializer_list<std::int64_t> shape) {
  alignas(16) static char place[16];
  Tensor made;
  made.data = place;
  made.element = element;
  for (const std::int64_t size : shape) made.shape[made.dims++] = size;
  std::int64_t stride = 1;
  for (int i = made.dims - 1; i >= 0; --i) {
    made.strides[i] = stride;
    stride *= made.shape[i];
  }
  return made;
}

/// An update as `update` makes it, on a stream of its own, recorded.
class Updates : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  }
  void TearDown() override { cudaStreamDestroy(stream); }

  /// The launches of one update, after one that was not looked at.
  std::vector<LaunchRecord> record(const Monitor& monitor, const std::function<void()>& update) {
    update();
    runtime().clear();
    update();
    EXPECT_EQ(monitor.status().error, "");
    expect_all_on(stream);
    expect_only_enqueuing();
    // Grids fill a device and do not grow beyond it.
    for (const LaunchRecord& launch : runtime().launches) {
      EXPECT_GE(launch.block.x, 32U) << launch.kernel;
      EXPECT_EQ(launch.block.y * launch.block.z, 1U) << launch.kernel;
    }
    return runtime().launches;
  }

  cudaStream_t stream = nullptr;
};

TEST_F(Updates, Categories) {
  CategoryMonitor monitor(0, {3, 1, 2});
  const Tensor codes = tensor(Element::kI64, {1'000'000});
  const auto launches = record(monitor, [&] { monitor.update(codes, stream); });
  ASSERT_EQ(launches.size(), 1U);
  EXPECT_TRUE(launches[0].is("count_codes_kernel"));
  EXPECT_GE(launches[0].grid.x, 132U);
  EXPECT_LE(launches[0].grid.x, 132U * 32U);
}

TEST_F(Updates, DistinctItems) {
  HllMonitor monitor(0);
  const Tensor items = tensor(Element::kF32, {1000, 1000});
  const auto launches = record(monitor, [&] { monitor.update(items, stream); });
  ASSERT_EQ(launches.size(), 1U);
  EXPECT_LE(launches[0].grid.x, 132U * 32U);
}

TEST_F(Updates, TopIds) {
  TopKMonitor monitor(0, 100, 128'256);
  const Tensor ids = tensor(Element::kI32, {32, 2048});
  const auto launches = record(monitor, [&] { monitor.update(ids, stream); });
  ASSERT_EQ(launches.size(), 1U);
  EXPECT_TRUE(launches[0].is("count_ids_kernel"));
}

TEST_F(Updates, Columns) {
  ColumnMonitor::Options options;
  options.columns = 256;
  ColumnMonitor counted(0, options);
  options.edges.assign(256, {-1.0, 0.0, 1.0});
  ColumnMonitor with_edges(0, options);
  for (ColumnMonitor* monitor : {&counted, &with_edges}) {
    for (const Element element : {Element::kF32, Element::kBF16, Element::kF64, Element::kBool}) {
      const Tensor rows = tensor(element, {1'000'000, 256});
      const auto launches = record(*monitor, [&] { monitor->update(rows, stream); });
      ASSERT_EQ(launches.size(), 1U);
      EXPECT_GE(launches[0].grid.x, 120U);
      EXPECT_LE(launches[0].grid.x, 132U);
    }
    Tensor backward = tensor(Element::kF32, {1'000, 3, 256});
    backward.strides[1] = 256 * 1'000;
    backward.strides[0] = 256;
    const auto launches = record(*monitor, [&] { monitor->update(backward, stream); });
    ASSERT_EQ(launches.size(), 1U);
  }
}

TEST_F(Updates, AWholeTensor) {
  ColumnMonitor monitor(0, {});
  const Tensor whole = tensor(Element::kF32, {1'000'000'000});
  const auto launches = record(monitor, [&] { monitor.update(whole, stream); });
  ASSERT_EQ(launches.size(), 1U);
  EXPECT_EQ(launches[0].grid.x, 132U);
  Tensor none = tensor(Element::kF32, {0});
  EXPECT_TRUE(record(monitor, [&] { monitor.update(none, stream); }).empty());
}

TEST_F(Updates, ListsOfTensors) {
  const std::vector<Tensor> tensors(400, tensor(Element::kF32, {1'000, 2'500}));
  TensorList list(0, tensors.size());
  ASSERT_EQ(record(list, [&] { list.update(tensors, stream); }).size(), 1U);
  const std::vector<Tensor> many(2'500, tensor(Element::kBF16, {7}));
  TensorList longer(0, many.size());
  ASSERT_EQ(record(longer, [&] { longer.update(many, stream); }).size(), 3U);
}

TEST_F(Updates, Logits) {
  LogitsMonitor monitor(0, 5);
  const Tensor chosen = tensor(Element::kI64, {64});
  for (const Element element : {Element::kF32, Element::kBF16, Element::kF16, Element::kF64}) {
    LogitsInput input;
    input.logits = tensor(element, {64, 128'256});
    input.chosen = &chosen;
    const auto launches = record(monitor, [&] { monitor.update(input, stream); });
    ASSERT_EQ(launches.size(), 1U);
    EXPECT_GE(launches[0].grid.x * launches[0].grid.y, 64U);
  }
}

TEST_F(Updates, MasksThatLieApartAreReadEntryByEntry) {
  LogitsMonitor monitor(0, 5);
  LogitsInput input;
  input.logits = tensor(Element::kF32, {64, 1'000});
  Tensor mask = tensor(Element::kBool, {64, 1'000});
  input.mask = &mask;
  // One for a whole row, the other way round, and every other.
  for (const std::int64_t stride : {1, 0, -1, 2}) {
    mask.strides[1] = stride;
    const auto launches = record(monitor, [&] { monitor.update(input, stream); });
    ASSERT_EQ(launches.size(), 1U);
    const std::string reading = stride == 1 ? "AdjacentEntriesIfE" : "AnyEntriesIfE";
    EXPECT_TRUE(launches[0].is(reading.c_str())) << launches[0].kernel;
  }
}

TEST_F(Updates, Embeddings) {
  EmbeddingShape shape;
  shape.dims = 768;
  shape.frequencies = 64;
  const std::vector<double> directions(768 * 64, 0.5);
  EmbeddingMonitor monitor(0, shape, directions.data());
  const Tensor rows = tensor(Element::kF32, {4096, 768});
  const auto launches = record(monitor, [&] { monitor.update(rows, stream); });
  EXPECT_GE(launches.size(), 1U);
}

TEST_F(Updates, NothingIsLaunchedForAnEmptyTensor) {
  HllMonitor hll(0);
  TopKMonitor top(0, 10);
  CategoryMonitor categories(0, {1});
  runtime().clear();
  hll.update(tensor(Element::kF32, {0}), stream);
  top.update(tensor(Element::kI32, {5, 0}), stream);
  categories.update(tensor(Element::kI8, {0}), stream);
  EXPECT_TRUE(runtime().launches.empty());
}

}  // namespace
}  // namespace inlay::cuda
