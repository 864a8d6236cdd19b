// Logits of a batch of tokens on a device: time by launch shape against a sum over the same bytes,
// and the host's time to enqueue one.

#include <chrono>
#include <inlay/model/logits.hpp>
#include <string>
#include <vector>

#include "device_harness.cuh"
#include "model/logits_monitor.hpp"

namespace {

using inlay::cuda::Element;
using inlay::cuda::LogitsInput;
using inlay::cuda::LogitsMonitor;
using inlay::cuda::Tensor;

constexpr std::int64_t kRows = 64;
constexpr std::int64_t kColumns = 128256;

Tensor tensor_of(const void* data, Element element, std::int64_t rows, std::int64_t columns) {
  Tensor out;
  out.data = data;
  out.element = element;
  out.dims = columns == 0 ? 1 : 2;
  out.shape[0] = rows;
  out.shape[1] = columns;
  out.strides[0] = columns == 0 ? 1 : columns;
  out.strides[1] = 1;
  return out;
}

void measure(bench::DeviceRun& run, const char* type, bench::Stored stored, Element element) {
  const std::size_t n = static_cast<std::size_t>(kRows) * kColumns;
  const std::size_t bytes = n * bench::bytes_of(stored);
  const int inputs = std::max(4, run.inputs_beyond_cache(bytes));
  std::vector<bench::DeviceBuffer> buffers;
  std::vector<const void*> pointers;
  for (int i = 0; i < inputs; ++i) {
    buffers.push_back(
        run.input(stored, n, bench::Values::kNormal, static_cast<std::uint64_t>(i + 1)));
    pointers.push_back(buffers.back().data());
  }
  const bench::DeviceBuffer ids =
      run.input(bench::Stored::kI64, kRows, bench::Values::kNormal, 5, kColumns);
  const Tensor chosen = tensor_of(ids.data(), Element::kI64, kRows, 0);
  const int inner = 4 * inputs;
  const auto read = run.read_seconds(pointers, bytes, inner);
  const std::string name = type;
  run.report(name + "_kernel", "sum kernel", "floor", bench::DeviceRun::scaled(read, 1e6));

  LogitsMonitor monitor(0, 5);
  const auto seconds = [&](unsigned parts, bool with_chosen) {
    return run.seconds(inner, [&](int i) {
      LogitsInput input;
      input.logits = tensor_of(pointers[static_cast<std::size_t>(i) % pointers.size()], element,
                               kRows, kColumns);
      input.chosen = with_chosen ? &chosen : nullptr;
      monitor.update(input, run.stream(), parts);
    });
  };
  const auto best = seconds(0, true);
  run.report(name + "_kernel", "inlay", "inlay", bench::DeviceRun::scaled(best, 1e6));
  run.report_times_read(name + "_reads", best, read);
  run.report_times_read(name + "_reads_without_chosen", seconds(0, false), read);
  for (const unsigned parts : {2U, 3U, 4U, 6U, 8U, 12U, 16U, 24U}) {
    run.report_times_read(name + "_reads_of_" + std::to_string(parts) + "_parts",
                          seconds(parts, true), read);
  }

  // What the model's thread pays: enqueuing while the device has other work to do.
  std::vector<double> host;
  for (int repeat = 0; repeat < run.repeats(); ++repeat) {
    bench::require(cudaStreamSynchronize(run.stream()), "waiting");
    LogitsInput input;
    input.logits = tensor_of(pointers[0], element, kRows, kColumns);
    input.chosen = &chosen;
    const auto begin = std::chrono::steady_clock::now();
    constexpr int kUpdates = 100;
    for (int i = 0; i < kUpdates; ++i) monitor.update(input, run.stream());
    const std::chrono::duration<double, std::micro> spent =
        std::chrono::steady_clock::now() - begin;
    host.push_back(spent.count() / kUpdates);
  }
  run.report(name + "_host", "inlay", "inlay", host);
  monitor.collect();
  if (!monitor.status().error.empty() || monitor.arrived_logits().undefined_rows() != 0) {
    std::fprintf(stderr, "wrong results: %s\n", monitor.status().error.c_str());
    std::exit(1);
  }
}

void measure_cpu(bench::DeviceRun& run) {
  std::vector<float> entries(static_cast<std::size_t>(kRows) * kColumns);
  std::uint64_t state = 1;
  for (float& x : entries) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    x = static_cast<float>(static_cast<std::int32_t>(state >> 32)) * 0x1p-29F;
  }
  inlay::LogitsBatch batch;
  batch.data = entries.data();
  batch.rows = kRows;
  batch.columns = kColumns;
  batch.row_stride = kColumns;
  for (const unsigned threads : {1U, 2U}) {
    inlay::Logits logits;
    std::vector<double> ms;
    for (int repeat = 0; repeat < 3 + run.repeats(); ++repeat) {
      const auto begin = std::chrono::steady_clock::now();
      logits.update(batch, threads);
      const std::chrono::duration<double, std::milli> spent =
          std::chrono::steady_clock::now() - begin;
      if (repeat >= 3) ms.push_back(spent.count());
    }
    run.report(threads == 1 ? "cpu_one_thread" : "cpu_two_threads", "inlay", "inlay", ms);
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::DeviceRun run("gpu_logits", argc, argv);
  measure(run, "float32", bench::Stored::kF32, Element::kF32);
  measure(run, "bfloat16", bench::Stored::kBF16, Element::kBF16);
  measure_cpu(run);
}
