// Categories, distinct items and top ids: how near the kernels come to reading their input once,
// and what an update costs the host.

#include <chrono>
#include <memory>

#include "data/category_monitor.hpp"
#include "data/hll_monitor.hpp"
#include "data/top_k_monitor.hpp"
#include "device_harness.cuh"

namespace {

using inlay::cuda::Element;
using inlay::cuda::Tensor;

Tensor tensor_of(const bench::DeviceBuffer& buffer, bench::Stored stored, std::size_t n) {
  Tensor tensor;
  tensor.data = buffer.data();
  tensor.element = stored == bench::Stored::kI64   ? Element::kI64
                   : stored == bench::Stored::kI32 ? Element::kI32
                   : stored == bench::Stored::kF32 ? Element::kF32
                                                   : Element::kBF16;
  tensor.dims = 1;
  tensor.shape[0] = static_cast<std::int64_t>(n);
  tensor.strides[0] = 1;
  return tensor;
}

template <class Monitor>
void share(const bench::DeviceRun& run, const char* work, Monitor& monitor, bench::Stored stored,
           std::size_t n, std::uint64_t limit, bench::Values values = bench::Values::kNormal) {
  const bench::DeviceBuffer buffer = run.input(stored, n, values, 1, limit);
  const Tensor tensor = tensor_of(buffer, stored, n);
  const auto took = run.seconds(4, [&](int) { monitor.update(tensor, run.stream()); });
  run.report_share(work, took, run.read_seconds({buffer.data()}, buffer.bytes(), 4));
  monitor.collect();
  if (monitor.disabled()) {
    std::fprintf(stderr, "%s: %s\n", work, monitor.status().error.c_str());
    std::exit(1);
  }
}

/// Microseconds of the host for one update of a small tensor.
template <class Monitor>
void host_cost(const bench::DeviceRun& run, const char* work, Monitor& monitor) {
  constexpr std::size_t kSize = 8192;
  const bench::DeviceBuffer buffer = run.input(bench::Stored::kI64, kSize);
  const Tensor tensor = tensor_of(buffer, bench::Stored::kI64, kSize);
  std::vector<double> samples;
  for (int repeat = 0; repeat < run.repeats(); ++repeat) {
    std::vector<double> goes;
    for (int go = 0; go < 200; ++go) {
      // As between steps of a model: the queue has room.
      bench::require(cudaStreamSynchronize(run.stream()), "waiting");
      const auto begin = std::chrono::steady_clock::now();
      for (int i = 0; i < 10; ++i) monitor.update(tensor, run.stream());
      const std::chrono::duration<double, std::micro> took =
          std::chrono::steady_clock::now() - begin;
      goes.push_back(took.count() / 10);
    }
    samples.push_back(bench::DeviceRun::median(goes));
  }
  run.report(work, "inlay", "inlay", samples);
}

std::vector<std::int64_t> codes(std::int64_t size) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(size));
  for (std::int64_t i = 0; i < size; ++i) out[static_cast<std::size_t>(i)] = i;
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::DeviceRun run("gpu_keys", argc, argv);
  using bench::Stored;
  using bench::Values;
  const auto n = static_cast<std::size_t>(run.size(1L << 28));
  {
    inlay::cuda::CategoryMonitor ten(0, codes(10));
    share(run, "categories_10", ten, Stored::kI32, n, 10);
    share(run, "categories_10_one", ten, Stored::kI32, n, 1);
    share(run, "categories_10_i64", ten, Stored::kI64, n / 2, 10);
    host_cost(run, "categories_host", ten);
  }
  {
    inlay::cuda::CategoryMonitor thousand(0, codes(1000));
    share(run, "categories_1000", thousand, Stored::kI32, n, 1000);
  }
  {
    inlay::cuda::CategoryMonitor million(0, codes(1'000'000));
    share(run, "categories_1e6", million, Stored::kI32, n, 1'000'000);
  }
  {
    inlay::cuda::HllMonitor hll(0, 12);
    share(run, "hll_i64_all_differ", hll, Stored::kI64, n / 2, 1UL << 62);
    share(run, "hll_i64_1000", hll, Stored::kI64, n / 2, 1000);
    share(run, "hll_i32", hll, Stored::kI32, n, 1UL << 31);
    share(run, "hll_f32", hll, Stored::kF32, n, 0);
    share(run, "hll_f32_zeros", hll, Stored::kF32, n, 0, Values::kZeros);
    host_cost(run, "hll_host", hll);
  }
  {
    // A sketch that stays small: every item meets the table of coupons.
    inlay::cuda::HllMonitor few(0, 12);
    share(run, "hll_i64_100", few, Stored::kI64, n / 2, 100);
  }
  {
    inlay::cuda::TopKMonitor tokens(0, 1024, 128'256);
    share(run, "top_k_128256", tokens, Stored::kI32, n, 128'256);
    share(run, "top_k_128256_few", tokens, Stored::kI32, n, 100);
    share(run, "top_k_128256_one", tokens, Stored::kI32, n, 1);
    host_cost(run, "top_k_host", tokens);
  }
  {
    inlay::cuda::TopKMonitor open(0, 1024);
    share(run, "top_k_no_vocabulary", open, Stored::kI32, n, 128'256);
  }
}
