// How near the kernels that count columns and whole tensors come to a plain sum of the same bytes,
// for inputs of several kinds: equal values collide, zeros take another branch.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "device_harness.cuh"
#include "summary/column_monitor.hpp"

namespace {

using bench::Stored;
using bench::Values;
using inlay::cuda::ColumnMonitor;
using inlay::cuda::Element;
using inlay::cuda::Tensor;

Tensor matrix(const bench::DeviceBuffer& buffer, Stored stored, std::int64_t rows,
              std::int64_t columns) {
  Tensor tensor;
  tensor.data = buffer.data();
  tensor.element = stored == Stored::kBF16 ? Element::kBF16 : Element::kF32;
  tensor.dims = 2;
  tensor.shape[0] = rows;
  tensor.shape[1] = columns;
  tensor.strides[0] = columns;
  tensor.strides[1] = 1;
  return tensor;
}

std::vector<std::vector<double>> edges(std::size_t columns) {
  return std::vector<std::vector<double>>(
      columns, {-3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0});
}

void share(const bench::DeviceRun& run, const char* work, Stored stored, Values values,
           std::int64_t rows, std::int64_t columns, ColumnMonitor::Options options) {
  const bench::DeviceBuffer buffer =
      run.input(stored, static_cast<std::size_t>(rows * columns), values);
  options.columns = static_cast<std::size_t>(columns);
  ColumnMonitor monitor(0, std::move(options));
  const Tensor tensor = matrix(buffer, stored, rows, columns);
  const auto took = run.seconds(1, [&](int) { monitor.update(tensor, run.stream()); });
  run.report_share(work, took, run.read_seconds({buffer.data()}, buffer.bytes(), 1));
  monitor.collect();
  if (monitor.disabled() || monitor.moments(0).count() % static_cast<std::uint64_t>(rows) != 0) {
    std::fprintf(stderr, "%s: wrong result: %s\n", work, monitor.status().error.c_str());
    std::exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::DeviceRun run("gpu_shares", argc, argv);
  const std::int64_t rows = run.size(1'000'000);
  const auto all = [](std::size_t columns) {
    ColumnMonitor::Options options;
    options.edges = edges(columns);
    return options;
  };
  share(run, "columns_fp32", Stored::kF32, Values::kNormal, rows, 256, all(256));
  share(run, "columns_bf16", Stored::kBF16, Values::kNormal, rows, 256, all(256));
  share(run, "columns_zeros", Stored::kF32, Values::kZeros, rows, 256, all(256));
  share(run, "columns_constant", Stored::kF32, Values::kConstant, rows, 256, all(256));
  share(run, "columns_relu", Stored::kF32, Values::kRelu, rows, 256, all(256));
  share(run, "columns_4096", Stored::kF32, Values::kNormal, rows / 16, 4096, all(4096));
  ColumnMonitor::Options moments;
  moments.histogram = false;
  share(run, "columns_moments", Stored::kF32, Values::kNormal, rows, 256, moments);
  const std::int64_t values = run.size(1'000'000'000);
  share(run, "tensor_fp32", Stored::kF32, Values::kNormal, values, 1, {});
  share(run, "tensor_bf16", Stored::kBF16, Values::kNormal, values, 1, {});
  share(run, "tensor_relu", Stored::kF32, Values::kRelu, values, 1, {});
}
