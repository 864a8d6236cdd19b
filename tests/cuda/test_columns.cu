#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <vector>

#include "column_cases.hpp"
#include "runtime/error.hpp"
#include "summary/column_monitor.hpp"

namespace inlay::cuda {
namespace {

/// Device memory of a batch.
class Uploaded {
 public:
  explicit Uploaded(const cases::Batch& batch) : tensor_(batch.tensor) {
    check(cudaMalloc(&memory_, batch.memory.size() + 16), "allocating");
    check(cudaMemcpy(memory_, batch.memory.data(), batch.memory.size(), cudaMemcpyHostToDevice),
          "copying");
    tensor_.data = static_cast<unsigned char*>(memory_) +
                   static_cast<std::size_t>(batch.offset) * size_of(tensor_.element);
  }
  Uploaded(const Uploaded&) = delete;
  Uploaded& operator=(const Uploaded&) = delete;
  ~Uploaded() { cudaFree(memory_); }
  const Tensor& tensor() const { return tensor_; }

 private:
  void* memory_ = nullptr;
  Tensor tensor_;
};

ColumnMonitor::Options options_of(const cases::Case& c) {
  ColumnMonitor::Options options;
  options.columns = c.columns;
  options.scale = c.scale;
  options.edges = c.edges;
  options.pages = c.pages;
  return options;
}

void check_monitor(const cases::Case& c, const ColumnMonitor& monitor) {
  const auto values = cases::values_of(c);
  const double tolerance =
      !c.batches.empty() && !cases::real_is_float(c.batches[0].tensor.element) ? 1e-12 : 1e-6;
  EXPECT_EQ(monitor.lost(), 0U);
  for (std::uint32_t column = 0; column < c.columns; ++column) {
    SCOPED_TRACE("column " + std::to_string(column));
    cases::check_moments(monitor.moments(column), values[column], tolerance);
    ExpHistogram expected(c.scale);
    expected.update(values[column].data(), values[column].size());
    EXPECT_TRUE(monitor.histogram(column) == expected);
    if (!c.edges.empty()) {
      EdgeHistogram cells(c.edges[column]);
      cells.update(values[column].data(), values[column].size());
      EXPECT_TRUE(monitor.edges(column) == cells);
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Columns, EqualTheCpu) {
  for (const cases::Case& c : cases::all_cases()) {
    SCOPED_TRACE(c.name);
    ColumnMonitor monitor(0, options_of(c));
    cudaStream_t stream;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
    for (const cases::Batch& batch : c.batches) {
      const Uploaded uploaded(batch);
      EXPECT_TRUE(monitor.update(uploaded.tensor(), stream, c.axis));
      check(cudaStreamSynchronize(stream), "counting");
    }
    monitor.collect();
    EXPECT_EQ(monitor.status().error, "");
    check_monitor(c, monitor);
    check(cudaStreamDestroy(stream), "destroying a stream");
    if (HasFailure()) return;
  }
}

TEST(Columns, WindowsAddUp) {
  for (const cases::Case& c : cases::all_cases()) {
    if (c.batches.size() < 2) continue;
    ColumnMonitor monitor(0, options_of(c));
    std::vector<std::unique_ptr<Uploaded>> uploaded;
    for (const cases::Batch& batch : c.batches) {
      uploaded.push_back(std::make_unique<Uploaded>(batch));
      EXPECT_TRUE(monitor.update(uploaded.back()->tensor(), cudaStreamPerThread, c.axis));
      monitor.turn();
    }
    monitor.collect();
    check_monitor(c, monitor);
  }
}

TEST(Columns, ACapturedUpdateCountsAgainAfterTurns) {
  cases::Case c;
  c.columns = 20;
  c.axis = 1;
  const cases::Batch batch =
      cases::rows_batch(Element::kF32, 3000, 20, [](std::int64_t row, std::int64_t column) {
        return 0.01 * static_cast<double>(row - column);
      });
  ColumnMonitor monitor(0, options_of(c));
  const Uploaded uploaded(batch);
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "capturing");
  EXPECT_TRUE(monitor.update(uploaded.tensor(), stream, 1));
  check(cudaStreamEndCapture(stream, &graph), "capturing");
  check(cudaGraphInstantiate(&executable, graph, 0), "instantiating");
  for (int i = 0; i < 5; ++i) {
    check(cudaGraphLaunch(executable, stream), "replaying");
    if (i % 2 == 0) monitor.turn();
    c.batches.push_back(batch);
  }
  monitor.collect();
  check_monitor(c, monitor);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
}

TEST(Columns, TheSameLaunchesGiveTheSameBits) {
  const cases::Batch batch =
      cases::rows_batch(Element::kF32, 20000, 32, [](std::int64_t row, std::int64_t column) {
        return std::sin(static_cast<double>(row * 37 + column));
      });
  const Uploaded uploaded(batch);
  std::vector<std::uint8_t> first;
  for (int i = 0; i < 5; ++i) {
    ColumnMonitor::Options options;
    options.columns = 32;
    ColumnMonitor monitor(0, options);
    EXPECT_TRUE(monitor.update(uploaded.tensor(), cudaStreamPerThread, 1));
    monitor.collect();
    const auto bytes = monitor.moments(7).to_bytes();
    if (i == 0) first = bytes;
    EXPECT_EQ(bytes, first);
  }
}

}  // namespace
}  // namespace inlay::cuda

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no device");
    return 77;
  }
  return RUN_ALL_TESTS();
}
