// Column statistics: time of one launch beside that of a kernel that only adds up the same bytes.
//
//   tune_columns [repeats] [part of a name]
//
// Prints for each case: name, milliseconds (median), GB/s, ratio to the sum kernel's read rate; and
// at the end the host's microseconds for one update. Names that end in [...] are variants of how
// the kernel is laid out: loads in flight, threads of a block, buckets of a side in shared memory,
// blocks for each processor, and how many of them fit it.

#include <cuda_runtime_api.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "runtime/error.hpp"
#include "runtime/window_control.hpp"
#include "summary/bucket_cells.hpp"
#include "summary/column_kernel.cuh"
#include "summary/column_monitor.hpp"
#include "summary/column_plan.hpp"
#include "summary/tensor_list.hpp"

using namespace inlay::cuda;

namespace {

template <class T, Walk kWalk, bool kEdges, int kLoads, int kThreads, int kBlocks>
__global__ void __launch_bounds__(kThreads, kBlocks)
    variant_kernel(const __grid_constant__ ColumnArgs args) {
  count_columns<T, kWalk, kEdges, kLoads>(args);
}

__global__ void sum_kernel(const uint4* from, std::size_t count, float* out) {
  float sum = 0;
  const std::size_t threads = std::size_t{gridDim.x} * blockDim.x;
  std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  for (; i + 3 * threads < count; i += 4 * threads) {
    uint4 v[4];
#pragma unroll
    for (int u = 0; u < 4; ++u) v[u] = __ldcs(from + i + u * threads);
#pragma unroll
    for (int u = 0; u < 4; ++u)
      sum += __uint_as_float(v[u].x) + __uint_as_float(v[u].y) + __uint_as_float(v[u].z) +
             __uint_as_float(v[u].w);
  }
  for (; i < count; i += threads) sum += __uint_as_float(from[i].x);
  if (sum == 1.2345F) *out = sum;
}

enum class Kind { kNormal, kZero, kConstant, kRectified };
constexpr const char* kKindNames[] = {"normal", "zero", "constant", "rectified"};

template <class T>
__global__ void fill_kernel(T* to, std::size_t count, Kind kind) {
  const std::size_t threads = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += threads) {
    unsigned long long h = (i + 1) * 0x9E3779B97F4A7C15ULL;
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9ULL;
    h = (h ^ h >> 27) * 0x94D049BB133111EBULL;
    h ^= h >> 31;
    const float u = (static_cast<float>(h >> 40) + 0.5F) * 0x1p-24F;
    const float angle = static_cast<float>(h & 0xFFFFFF) * 0x1p-24F * 6.2831853F;
    float value = sqrtf(-2 * logf(u)) * cosf(angle);
    if (kind == Kind::kZero) value = 0;
    if (kind == Kind::kConstant) value = 1.7F;
    if (kind == Kind::kRectified) value = fmaxf(value, 0.0F);
    if constexpr (sizeof(T) == 4) {
      to[i] = value;
    } else {
      to[i].bits = static_cast<std::uint16_t>(__float_as_uint(value) >> 16);
    }
  }
}

struct Bench {
  int repeats = 30;
  int processors = 132;
  std::string only;
  cudaStream_t stream = nullptr;
  double sum_rate = 0;  // GB/s, of the buffer in use
  float* sink = nullptr;

  double median_ms(const std::function<void()>& launch, int times) const {
    std::vector<float> ms;
    cudaEvent_t begin;
    cudaEvent_t end;
    check(cudaEventCreate(&begin), "making an event");
    check(cudaEventCreate(&end), "making an event");
    for (int i = 0; i < times + 2; ++i) {
      check(cudaEventRecord(begin, stream), "marking");
      launch();
      check(cudaEventRecord(end, stream), "marking");
      check(cudaEventSynchronize(end), "running a kernel");
      float took = 0;
      check(cudaEventElapsedTime(&took, begin, end), "timing");
      if (i >= 2) ms.push_back(took);
    }
    check(cudaEventDestroy(begin), "destroying an event");
    check(cudaEventDestroy(end), "destroying an event");
    std::sort(ms.begin(), ms.end());
    return ms[ms.size() / 2];
  }

  void measure_sum(const void* data, std::size_t bytes) {
    const double ms = median_ms(
        [&] {
          sum_kernel<<<static_cast<unsigned>(processors) * 16, 256, 0, stream>>>(
              static_cast<const uint4*>(data), bytes / 16, sink);
        },
        repeats);
    sum_rate = static_cast<double>(bytes) / ms / 1e6;
    std::printf("%-62s %9.4f ms %8.1f GB/s\n", "sum kernel", ms, sum_rate);
  }

  void report(const std::string& name, std::size_t bytes,
              const std::function<void()>& launch) const {
    if (!only.empty() && name.find(only) == std::string::npos) return;
    try {
      const double ms = median_ms(launch, repeats);
      const double rate = static_cast<double>(bytes) / ms / 1e6;
      std::printf("%-62s %9.4f ms %8.1f GB/s %6.3f\n", name.c_str(), ms, rate, rate / sum_rate);
    } catch (const std::exception& error) {
      std::printf("%-62s %s\n", name.c_str(), error.what());
    }
    std::fflush(stdout);
  }
};

Tensor tensor_of(const void* data, Element element, std::vector<std::int64_t> shape) {
  Tensor out;
  out.data = data;
  out.element = element;
  out.dims = static_cast<int>(shape.size());
  std::int64_t stride = 1;
  for (int i = out.dims - 1; i >= 0; --i) {
    out.shape[i] = shape[static_cast<std::size_t>(i)];
    out.strides[i] = stride;
    stride *= out.shape[i];
  }
  return out;
}

/// The kernel with memory of its own, so that its layout can be varied.
class Raw {
 public:
  explicit Raw(std::uint32_t columns) {
    args.layout.columns = columns;
    args.layout.pages = std::bit_ceil(std::max(columns * 40, 4096U));
    const std::size_t state = (args.layout.bytes() + 255) & ~std::size_t{255};
    const std::size_t parts = column_parts(columns, 132 * 16) * sizeof(ColumnPart);
    bytes_ = 2 * state + parts + (columns + 64) * 4 + 4096;
    check(cudaMalloc(&memory_, bytes_), "allocating");
    check(cudaMemset(memory_, 0, bytes_), "clearing");
    unsigned char* at = memory_;
    for (auto& s : args.states) {
      s = at;
      at += state;
    }
    args.parts = reinterpret_cast<ColumnPart*>(at);
    at += parts;
    args.control = reinterpret_cast<WindowControl*>(at);
    at += 256;
    args.arrived = reinterpret_cast<std::uint32_t*>(at);
    const auto cells = make_bucket_cells<std::uint32_t>(5);
    check(cudaMalloc(&table_, cells.size() * 4), "allocating");
    check(cudaMemcpy(table_, cells.data(), cells.size() * 4, cudaMemcpyHostToDevice), "copying");
    args.bucket_cells = table_;
  }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  ~Raw() {
    cudaFree(memory_);
    cudaFree(table_);
  }

  template <class T, Walk kWalk, int kLoads, int kThreads, int kBlocks>
  void run(const Bench& bench, const std::string& name, const Tensor& tensor, int axis,
           std::uint32_t window) {
    ColumnArgs a = args;
    a.block = {kThreads, window};
    a.walk = plan_columns(tensor, axis, static_cast<std::uint32_t>(bench.processors * kBlocks));
    a.window = window_for(a.walk, a.scale, a.block);
    const auto kernel = variant_kernel<T, kWalk, false, kLoads, kThreads, kBlocks>;
    const std::uint32_t shared = column_shared(a.block, 0, false, 4).bytes;
    check(
        cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
        "taking shared memory");
    int resident = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel, kThreads, shared),
          "asking for the occupancy");
    bench.report(name + " [loads " + std::to_string(kLoads) + " threads " +
                     std::to_string(kThreads) + " window " + std::to_string(window) + " blocks " +
                     std::to_string(kBlocks) + " fit " + std::to_string(resident) + "]",
                 static_cast<std::size_t>(tensor.size()) * sizeof(T), [&] {
                   kernel<<<a.walk.groups * a.walk.slices, kThreads, shared, bench.stream>>>(a);
                   check(cudaGetLastError(), "launching");
                 });
    check(cudaMemset(memory_, 0, bytes_), "clearing");
  }

  ColumnArgs args;

 private:
  unsigned char* memory_ = nullptr;
  void* table_ = nullptr;
  std::size_t bytes_ = 0;
};

template <class T>
void fill(const Bench& bench, T* data, std::size_t count, Kind kind) {
  fill_kernel<<<static_cast<unsigned>(bench.processors) * 8, 256, 0, bench.stream>>>(data, count,
                                                                                     kind);
  check(cudaStreamSynchronize(bench.stream), "filling");
}

void monitor_case(const Bench& bench, const std::string& name, const Tensor& tensor,
                  ColumnMonitor::Options options) {
  if (!bench.only.empty() && name.find(bench.only) == std::string::npos) return;
  ColumnMonitor monitor(0, std::move(options));
  bench.report(name, static_cast<std::size_t>(tensor.size()) * size_of(tensor.element),
               [&] { monitor.update(tensor, bench.stream); });
  if (monitor.disabled()) std::printf("  %s\n", monitor.status().error.c_str());
}

std::vector<std::vector<double>> some_edges(std::size_t columns, int count) {
  std::vector<double> edges;
  for (int i = 0; i < count; ++i) edges.push_back(-2.0 + 4.0 * i / count);
  return std::vector<std::vector<double>>(columns, edges);
}

}  // namespace

int main(int argc, char** argv) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no device");
    return 77;
  }
  Bench bench;
  if (argc > 1) bench.repeats = std::max(3, std::atoi(argv[1]));
  if (argc > 2) bench.only = argv[2];
  try {
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, 0), "asking for the device");
    bench.processors = properties.multiProcessorCount;
    std::printf("%s, %d processors; median of %d\n", properties.name, bench.processors,
                bench.repeats);
    check(cudaStreamCreateWithFlags(&bench.stream, cudaStreamNonBlocking), "making a stream");
    check(cudaMalloc(&bench.sink, 4), "allocating");
    void* data = nullptr;
    constexpr std::size_t kWhole = 1'000'000'000;
    check(cudaMalloc(&data, kWhole * 4), "allocating");
    constexpr std::int64_t kRows = 1'000'000;
    constexpr std::int64_t kColumns = 256;
    auto* const floats = static_cast<float*>(data);
    auto* const shorts = static_cast<BFloat16*>(data);

    // [1e6, 256] float32.
    const Tensor matrix = tensor_of(data, Element::kF32, {kRows, kColumns});
    fill(bench, floats, kRows * kColumns, Kind::kNormal);
    bench.measure_sum(data, kRows * kColumns * 4);
    ColumnMonitor::Options options;
    options.columns = kColumns;
    ColumnMonitor::Options with_edges = options;
    for (const Kind kind : {Kind::kNormal, Kind::kZero, Kind::kConstant, Kind::kRectified}) {
      fill(bench, floats, kRows * kColumns, kind);
      const std::string name = std::string("f32 [1e6,256] ") + kKindNames[static_cast<int>(kind)];
      monitor_case(bench, name, matrix, options);
      for (const int edges : {7, 19}) {
        with_edges.edges = some_edges(kColumns, edges);
        monitor_case(bench, name + " " + std::to_string(edges) + " edges", matrix, with_edges);
      }
    }
    {
      Raw raw(kColumns);
      for (const Kind kind : {Kind::kNormal, Kind::kZero}) {
        fill(bench, floats, kRows * kColumns, kind);
        const std::string n = std::string("f32 ") + kKindNames[static_cast<int>(kind)];
        constexpr auto kR = Walk::kRows;
        raw.run<float, kR, 4, 768, 1>(bench, n, matrix, 1, 512);
        raw.run<float, kR, 8, 768, 1>(bench, n, matrix, 1, 512);
        raw.run<float, kR, 16, 512, 1>(bench, n, matrix, 1, 512);
        raw.run<float, kR, 8, 384, 2>(bench, n, matrix, 1, 256);
        raw.run<float, kR, 8, 256, 4>(bench, n, matrix, 1, 128);
      }
    }

    // The same in bfloat16.
    const Tensor half = tensor_of(data, Element::kBF16, {kRows, kColumns});
    fill(bench, shorts, kRows * kColumns, Kind::kNormal);
    bench.measure_sum(data, kRows * kColumns * 2);
    for (const Kind kind : {Kind::kNormal, Kind::kZero, Kind::kConstant, Kind::kRectified}) {
      fill(bench, shorts, kRows * kColumns, kind);
      const std::string name = std::string("bf16 [1e6,256] ") + kKindNames[static_cast<int>(kind)];
      monitor_case(bench, name, half, options);
    }
    {
      Raw raw(kColumns);
      fill(bench, shorts, kRows * kColumns, Kind::kNormal);
      constexpr auto kR = Walk::kRows;
      raw.run<BFloat16, kR, 8, 768, 1>(bench, "bf16 normal", half, 1, 512);
      raw.run<BFloat16, kR, 16, 768, 1>(bench, "bf16 normal", half, 1, 512);
      raw.run<BFloat16, kR, 16, 384, 2>(bench, "bf16 normal", half, 1, 256);
    }

    // One tensor of 1e9 float32.
    const Tensor whole = tensor_of(data, Element::kF32, {static_cast<std::int64_t>(kWhole)});
    options.columns = 1;
    fill(bench, floats, kWhole, Kind::kNormal);
    const int repeats = bench.repeats;
    bench.repeats = std::max(5, repeats / 3);
    bench.measure_sum(data, kWhole * 4);
    for (const Kind kind : {Kind::kNormal, Kind::kZero, Kind::kConstant, Kind::kRectified}) {
      fill(bench, floats, kWhole, kind);
      monitor_case(bench, std::string("f32 [1e9] ") + kKindNames[static_cast<int>(kind)], whole,
                   options);
    }
    fill(bench, floats, kWhole, Kind::kNormal);
    {
      Raw raw(1);
      raw.run<float, Walk::kRun, 2, 768, 1>(bench, "f32 [1e9] normal", whole, -1, 512);
      raw.run<float, Walk::kRun, 4, 768, 1>(bench, "f32 [1e9] normal", whole, -1, 512);
      raw.run<float, Walk::kRun, 8, 512, 1>(bench, "f32 [1e9] normal", whole, -1, 512);
      raw.run<float, Walk::kRun, 4, 384, 2>(bench, "f32 [1e9] normal", whole, -1, 256);
    }
    // 400 tensors of 1e9 values.
    {
      std::vector<Tensor> list;
      std::int64_t at = 0;
      for (int i = 0; i < 400; ++i) {
        const std::int64_t n = i % 2 == 0 ? 4096 : 4'990'000;
        list.push_back(tensor_of(floats + at, Element::kF32, {n}));
        at += n;
      }
      TensorList tensors(0, list.size());
      bench.report("f32 400 tensors of 1e9 in all", static_cast<std::size_t>(at) * 4,
                   [&] { tensors.update(list, bench.stream); });
    }
    // Other shapes.
    Tensor transposed = matrix;
    transposed.strides[0] = 1;
    transposed.strides[1] = kRows;
    options.columns = kColumns;
    monitor_case(bench, "f32 [1e6,256] column-major normal", transposed, options);
    options.columns = 3;
    monitor_case(bench, "f32 [1e8,3] normal", tensor_of(data, Element::kF32, {100'000'000, 3}),
                 options);
    options.columns = 16384;
    monitor_case(bench, "f32 [16384,16384] normal", tensor_of(data, Element::kF32, {16384, 16384}),
                 options);
    monitor_case(bench, "f32 [64,16384] normal", tensor_of(data, Element::kF32, {64, 16384}),
                 options);
    bench.repeats = repeats;

    // What an update costs the host.
    {
      options.columns = kColumns;
      ColumnMonitor monitor(0, options);
      const Tensor small = tensor_of(data, Element::kF32, {64, kColumns});
      for (int i = 0; i < 100; ++i) monitor.update(small, bench.stream);
      check(cudaStreamSynchronize(bench.stream), "warming up");
      std::vector<double> times;
      for (int round = 0; round < 50; ++round) {
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 0; i < 20; ++i) monitor.update(small, bench.stream);
        const auto end = std::chrono::steady_clock::now();
        times.push_back(std::chrono::duration<double, std::micro>(end - begin).count() / 20);
        check(cudaStreamSynchronize(bench.stream), "running");
      }
      std::sort(times.begin(), times.end());
      std::printf("%-62s %9.2f us\n", "update of [64,256], host", times[times.size() / 2]);
    }
  } catch (const std::exception& error) {
    std::printf("failed: %s\n", error.what());
    return 1;
  }
  return 0;
}
