/// What the device benchmarks share: times by events, inputs larger than the cache, and the rate at
/// which a plain sum reads the same bytes, measured in the same run.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness.hpp"

namespace bench {

/// Stops with CUDA's own words when a call failed: a benchmark has nobody to hand an error to.
inline void require(cudaError_t code, const char* doing) {
  if (code == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", doing, cudaGetErrorString(code));
  std::exit(1);
}

/// Device memory of one benchmark.
class DeviceBuffer {
 public:
  explicit DeviceBuffer(std::size_t bytes) : bytes_(bytes) {
    require(cudaMalloc(&data_, std::max<std::size_t>(bytes, 16)), "allocating device memory");
  }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;
  ~DeviceBuffer() { cudaFree(data_); }

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_;
};

/// What an input holds; a kernel's speed may hang on it.
enum class Values { kNormal, kZeros, kConstant, kRelu };

/// How an input is stored.
enum class Stored { kF32, kBF16, kI32, kI64 };

inline std::size_t bytes_of(Stored stored) {
  return stored == Stored::kI64 ? 8 : stored == Stored::kBF16 ? 2 : 4;
}

namespace kernels {

__device__ inline std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

static __global__ void fill_kernel(void* to, std::size_t n, Stored stored, Values values,
                                   std::uint64_t seed, std::uint64_t limit) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) {
    const std::uint64_t bits = mixed((i + 1) * 0x9E3779B97F4A7C15ULL + seed);
    if (stored == Stored::kI32) {
      static_cast<std::int32_t*>(to)[i] = static_cast<std::int32_t>(bits % limit);
      continue;
    }
    if (stored == Stored::kI64) {
      static_cast<std::int64_t*>(to)[i] = static_cast<std::int64_t>(bits % limit);
      continue;
    }
    float x = 0.0F;
    if (values == Values::kConstant) {
      x = 0.75F;
    } else if (values != Values::kZeros) {
      const float u = (static_cast<float>(bits >> 40) + 0.5F) * 0x1p-24F;
      const float v = static_cast<float>(static_cast<std::uint32_t>(bits)) * 0x1p-32F;
      x = sqrtf(-2.0F * logf(u)) * cospif(2.0F * v);
      if (values == Values::kRelu) x = fmaxf(x, 0.0F);
    }
    if (stored == Stored::kF32) {
      static_cast<float*>(to)[i] = x;
    } else {
      static_cast<std::uint16_t*>(to)[i] = static_cast<std::uint16_t>(__float_as_uint(x) >> 16);
    }
  }
}

/// Reads every 16 bytes once, four loads in flight a thread, and adds them up as floats: a sum of
/// each block, since thousands of additions to one address take longer than a small input.
static __global__ void sum_kernel(const uint4* from, std::size_t n, float* sums) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  float sum = 0.0F;
  const auto add = [&sum](uint4 v) {
    sum +=
        __uint_as_float(v.x) + __uint_as_float(v.y) + __uint_as_float(v.z) + __uint_as_float(v.w);
  };
  for (; i + 3 * step < n; i += 4 * step) {
    const uint4 a = __ldcs(from + i);
    const uint4 b = __ldcs(from + i + step);
    const uint4 c = __ldcs(from + i + 2 * step);
    const uint4 d = __ldcs(from + i + 3 * step);
    add(a);
    add(b);
    add(c);
    add(d);
  }
  for (; i < n; i += step) add(__ldcs(from + i));
  for (unsigned lane = 16; lane > 0; lane /= 2) sum += __shfl_down_sync(~0U, sum, lane);
  __shared__ float of_warp[32];
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) sum += of_warp[warp];
    sums[blockIdx.x] = sum;
  }
}

}  // namespace kernels

/// One run of one device benchmark, on device 0 and a stream of its own.
class DeviceRun : public Run {
 public:
  DeviceRun(const std::string& section, int argc, char** argv) : Run(section, argc, argv) {
    int devices = 0;
    const cudaError_t found = cudaGetDeviceCount(&devices);
    if (found != cudaSuccess || devices == 0) {
      std::fprintf(stderr, "skipped: no CUDA device: %s\n", cudaGetErrorString(found));
      std::exit(77);
    }
    require(cudaSetDevice(0), "choosing device 0");
    require(cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, 0), "asking");
    require(cudaDeviceGetAttribute(&cache_bytes_, cudaDevAttrL2CacheSize, 0), "asking");
    require(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
    require(cudaEventCreate(&begin_), "making an event");
    require(cudaEventCreate(&end_), "making an event");
    require(cudaMalloc(&sums_, sizeof(float) * blocks()), "allocating device memory");
  }
  DeviceRun(const DeviceRun&) = delete;
  DeviceRun& operator=(const DeviceRun&) = delete;
  ~DeviceRun() {
    cudaFree(sums_);
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
    cudaStreamDestroy(stream_);
  }

  cudaStream_t stream() const { return stream_; }

  /// How many inputs of `bytes` a loop must go through so that none is still in the cache.
  int inputs_beyond_cache(std::size_t bytes) const {
    const auto wanted = 4 * static_cast<std::size_t>(cache_bytes_);
    return static_cast<int>(std::max<std::size_t>(1, (wanted + bytes - 1) / bytes));
  }

  /// Return a filled input; integers lie below `limit`.
  DeviceBuffer input(Stored stored, std::size_t n, Values values = Values::kNormal,
                     std::uint64_t seed = 1, std::uint64_t limit = 1000) const {
    DeviceBuffer buffer(n * bytes_of(stored));
    kernels::fill_kernel<<<blocks(), 256, 0, stream_>>>(buffer.data(), n, stored, values, seed,
                                                        limit);
    require(cudaGetLastError(), "filling an input");
    require(cudaStreamSynchronize(stream_), "filling an input");
    return buffer;
  }

  /// Seconds of one launch, a figure per repeat. `launch(i)` enqueues the i-th of `inner` launches
  /// on stream(). They are captured once and replayed, so that short kernels are not timed by how
  /// fast the host can launch them.
  template <class Launch>
  std::vector<double> seconds(int inner, Launch&& launch) const {
    launch(0);  // whatever loads or allocates at first use does so here
    require(cudaStreamSynchronize(stream_), "warming up");
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    require(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "capturing");
    for (int i = 0; i < inner; ++i) launch(i);
    require(cudaStreamEndCapture(stream_, &graph), "capturing");
    require(cudaGraphInstantiate(&executable, graph, 0), "instantiating a graph");
    const std::vector<double> samples =
        timed(inner, [&] { require(cudaGraphLaunch(executable, stream_), "replaying"); });
    require(cudaGraphExecDestroy(executable), "destroying a graph");
    require(cudaGraphDestroy(graph), "destroying a graph");
    return samples;
  }

  /// The same without a capture, for what must allocate or wait on the host.
  template <class Launch>
  std::vector<double> seconds_uncaptured(int inner, Launch&& launch) const {
    launch(0);
    return timed(inner, [&] {
      for (int i = 0; i < inner; ++i) launch(i);
    });
  }

  /// Seconds in which a sum reads `bytes` at each of `inputs` in turn: no kernel that needs them
  /// all can be faster.
  std::vector<double> read_seconds(const std::vector<const void*>& inputs, std::size_t bytes,
                                   int inner) const {
    // Not more blocks than have four loads for each thread: a small input would be read one by one.
    const auto four_loads = static_cast<int>((bytes / sizeof(uint4) + 1023) / 1024);
    const int grid = std::max(1, std::min(blocks(), four_loads));
    return seconds(inner, [&](int i) {
      const void* from = inputs[static_cast<std::size_t>(i) % inputs.size()];
      kernels::sum_kernel<<<grid, 256, 0, stream_>>>(static_cast<const uint4*>(from),
                                                     bytes / sizeof(uint4), sums_);
      require(cudaGetLastError(), "summing");
    });
  }

  /// Hand in each figure as a share of the read rate, in percent.
  void report_share(std::string_view work, const std::vector<double>& seconds,
                    const std::vector<double>& read_seconds) const {
    const double bound = median(read_seconds);
    std::vector<double> shares;
    for (const double s : seconds) shares.push_back(100 * bound / s);
    report(work, "inlay", "inlay", shares);
  }

  /// Hand in each figure as a multiple of the read time.
  void report_times_read(std::string_view work, const std::vector<double>& seconds,
                         const std::vector<double>& read_seconds) const {
    const double bound = median(read_seconds);
    std::vector<double> multiples;
    for (const double s : seconds) multiples.push_back(s / bound);
    report(work, "inlay", "inlay", multiples);
  }

  static double median(std::vector<double> samples) {
    std::sort(samples.begin(), samples.end());
    const std::size_t n = samples.size();
    return n % 2 == 1 ? samples[n / 2] : (samples[n / 2 - 1] + samples[n / 2]) / 2;
  }

  /// Return the samples in another unit.
  static std::vector<double> scaled(std::vector<double> samples, double by) {
    for (double& s : samples) s *= by;
    return samples;
  }

 private:
  int blocks() const { return multiprocessors_ * 8; }

  /// A figure is the median of several goes, since the clocks of a device move.
  template <class Go>
  std::vector<double> timed(int inner, Go&& go) const {
    go();
    std::vector<double> samples;
    for (int repeat = 0; repeat < repeats(); ++repeat) {
      std::vector<double> goes;
      for (int k = 0; k < 9; ++k) {
        require(cudaEventRecord(begin_, stream_), "recording an event");
        go();
        require(cudaEventRecord(end_, stream_), "recording an event");
        require(cudaEventSynchronize(end_), "running a benchmark");
        float ms = 0;
        require(cudaEventElapsedTime(&ms, begin_, end_), "reading an event");
        goes.push_back(static_cast<double>(ms) * 1e-3 / inner);
      }
      samples.push_back(median(goes));
    }
    return samples;
  }

  cudaStream_t stream_ = nullptr;
  cudaEvent_t begin_ = nullptr;
  cudaEvent_t end_ = nullptr;
  float* sums_ = nullptr;
  int multiprocessors_ = 0;
  int cache_bytes_ = 0;
};

}  // namespace bench
