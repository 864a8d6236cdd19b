// Tests of two samples on a device: MMD with its permutations, columns, projections, embeddings.

#include "device_harness.cuh"

#include <cmath>
#include <memory>
#include <numeric>
#include <random>

#include "detect/device_kernel_statistic.hpp"
#include "detect/device_row_moments.hpp"
#include "detect/device_sliced.hpp"
#include "detect/device_two_sample.hpp"
#include "detect/embedding_monitor.hpp"
#include "runtime/allocator.hpp"

namespace {

using inlay::cuda::Allocator;
using inlay::cuda::DeviceRows;
using inlay::cuda::Element;
using inlay::cuda::KernelForms;
using inlay::cuda::KernelProblem;
using inlay::cuda::Tensor;

Tensor matrix(const bench::DeviceBuffer& buffer, std::int64_t rows, std::int64_t dims) {
  Tensor tensor;
  tensor.data = buffer.data();
  tensor.element = Element::kF32;
  tensor.dims = 2;
  tensor.shape[0] = rows;
  tensor.shape[1] = dims;
  tensor.strides[0] = dims;
  tensor.strides[1] = 1;
  return tensor;
}

// What a test of `n` rows against as many needs from the host.
struct Kernels {
  Kernels(const bench::DeviceRun& run, std::int64_t n, std::int64_t dims, int permutations)
      : x(run.input(bench::Stored::kF32, static_cast<std::size_t>(n * dims), bench::Values::kNormal,
                    1)),
        y(run.input(bench::Stored::kF32, static_cast<std::size_t>(n * dims), bench::Values::kNormal,
                    2)),
        signs(static_cast<std::size_t>(2 * n * (permutations + 1)), -1),
        chosen(500) {
    const std::int64_t total = 2 * n;
    const int splits = permutations + 1;
    std::mt19937_64 random(1);
    std::vector<std::int64_t> order(static_cast<std::size_t>(total));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    for (int split = 0; split < splits; ++split) {
      for (std::int64_t i = 0; i < n; ++i) {
        signs[static_cast<std::size_t>(order[static_cast<std::size_t>(i)] * splits + split)] = 1;
      }
      std::shuffle(order.begin(), order.end(), random);
    }
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      chosen[i] = static_cast<std::int32_t>(static_cast<std::int64_t>(i) * total / 500);
    }
    problem.x.tensor = matrix(x, n, dims);
    problem.y.tensor = matrix(y, n, dims);
    problem.chosen = chosen.data();
    problem.chosen_count = 500;
    problem.signs = signs.data();
    problem.splits = splits;
  }

  bench::DeviceBuffer x;
  bench::DeviceBuffer y;
  std::vector<std::int8_t> signs;
  std::vector<std::int32_t> chosen;
  KernelProblem problem;
};

// The form of the first split over the square of a side: the biased statistic.
void check_forms(const bench::DeviceRun& run, const KernelForms& forms, double n, double dims) {
  const double biased = forms.forms[0] / (n * n);
  std::printf("  biased MMD^2 %.6g, median %.4f of about %.4f, %.1f MiB\n", biased, forms.median,
              std::sqrt(2.0 * dims), static_cast<double>(forms.bytes) / 1048576.0);
  if (!(biased >= 0.0 && biased < 4.0 / n + 1e-3) ||
      std::fabs(forms.median - std::sqrt(2.0 * dims)) > 0.02 * std::sqrt(2.0 * dims)) {
    std::fprintf(stderr, "a wrong statistic\n");
    std::exit(1);
  }
  static_cast<void>(run);
}

void bench_kernels(const bench::DeviceRun& run) {
  const std::int64_t n = run.size(2'000);
  const Kernels kernels(run, n, 768, 100);
  KernelForms forms;
  const auto seconds =
      run.seconds_uncaptured(1, [&](int) { forms = kernel_forms(kernels.problem, run.stream()); });
  check_forms(run, forms, static_cast<double>(n), 768.0);
  run.report("mmd", "inlay", "inlay", bench::DeviceRun::scaled(seconds, 1e3));
  KernelProblem energy = kernels.problem;
  energy.gaussian = false;
  run.report("energy", "inlay", "inlay",
             bench::DeviceRun::scaled(
                 run.seconds_uncaptured(1, [&](int) { kernel_forms(energy, run.stream()); }), 1e3));
}

void bench_large(const bench::DeviceRun& run) {
  const std::int64_t n = run.size(50'000);
  const Kernels kernels(run, n, 768, 100);
  KernelForms forms;
  std::vector<double> samples;
  for (int i = 0; i < 3; ++i) {
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    bench::require(cudaEventCreate(&begin), "making an event");
    bench::require(cudaEventCreate(&end), "making an event");
    bench::require(cudaEventRecord(begin, run.stream()), "recording");
    forms = kernel_forms(kernels.problem, run.stream());
    bench::require(cudaEventRecord(end, run.stream()), "recording");
    bench::require(cudaEventSynchronize(end), "running");
    float ms = 0.0F;
    bench::require(cudaEventElapsedTime(&ms, begin, end), "reading an event");
    samples.push_back(static_cast<double>(ms));
    bench::require(cudaEventDestroy(begin), "destroying");
    bench::require(cudaEventDestroy(end), "destroying");
  }
  check_forms(run, forms, static_cast<double>(n), 768.0);
  run.report("mmd_large", "inlay", "inlay", samples);
  run.report("mmd_large_mib", "inlay", "inlay", {static_cast<double>(forms.bytes) / 1048576.0});
}

void bench_columns(const bench::DeviceRun& run) {
  const std::int64_t n = run.size(1'000'000);
  const auto x =
      run.input(bench::Stored::kF32, static_cast<std::size_t>(n * 20), bench::Values::kNormal, 1);
  const auto y =
      run.input(bench::Stored::kF32, static_cast<std::size_t>(n * 20), bench::Values::kNormal, 2);
  const Tensor left = matrix(x, n, 20);
  const Tensor right = matrix(y, n, 20);
  run.report(
      "table", "inlay", "inlay",
      bench::DeviceRun::scaled(
          run.seconds_uncaptured(1, [&](int) { compare_columns(left, right, run.stream()); }),
          1e3));
}

void bench_rows(const bench::DeviceRun& run) {
  const std::int64_t n = run.size(50'000);
  const auto x =
      run.input(bench::Stored::kF32, static_cast<std::size_t>(n * 768), bench::Values::kNormal, 1);
  const auto y =
      run.input(bench::Stored::kF32, static_cast<std::size_t>(n * 768), bench::Values::kNormal, 2);
  const DeviceRows left{matrix(x, n, 768)};
  const DeviceRows right{matrix(y, n, 768)};
  std::vector<double> directions(768 * 64);
  std::mt19937_64 random(1);
  std::normal_distribution<double> law;
  for (double& each : directions) each = law(random) / std::sqrt(768.0);
  run.report("sliced", "inlay", "inlay",
             bench::DeviceRun::scaled(run.seconds_uncaptured(1,
                                                             [&](int) {
                                                               sliced_distances(
                                                                   left, right, directions.data(),
                                                                   64, 2, run.stream());
                                                             }),
                                      1e3));
  run.report(
      "moments", "inlay", "inlay",
      bench::DeviceRun::scaled(
          run.seconds_uncaptured(1, [&](int) { row_moments(left, false, run.stream()); }), 1e3));
}

void bench_embedding(const bench::DeviceRun& run) {
  const std::int64_t n = run.size(1'024);
  const auto x = run.input(bench::Stored::kF32, static_cast<std::size_t>(n * 768));
  std::vector<double> directions(768 * 512);
  std::mt19937_64 random(1);
  std::normal_distribution<double> law;
  for (double& each : directions) each = law(random) / 39.0;
  for (const bool full : {true, false}) {
    inlay::cuda::EmbeddingMonitor monitor(0, {768, 512, full}, directions.data());
    const Tensor rows = matrix(x, n, 768);
    const auto seconds = run.seconds(8, [&](int) { monitor.update(rows, run.stream()); });
    monitor.collect();
    if (monitor.disabled()) {
      std::fprintf(stderr, "%s\n", monitor.status().error.c_str());
      std::exit(1);
    }
    run.report(full ? "embedding" : "embedding_diagonal", "inlay", "inlay",
               bench::DeviceRun::scaled(seconds, 1e3));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::DeviceRun run("gpu_detect", argc, argv);
  bench_kernels(run);
  bench_columns(run);
  bench_rows(run);
  bench_embedding(run);
  bench_large(run);
}
