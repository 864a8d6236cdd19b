// The bound that the other device benchmarks are read with: how fast a plain sum reads memory.

#include "device_harness.cuh"

int main(int argc, char** argv) {
  const bench::DeviceRun run("gpu_read", argc, argv);
  const auto one = [&run](const char* work, std::size_t bytes) {
    std::vector<bench::DeviceBuffer> inputs;
    std::vector<const void*> pointers;
    for (int i = 0; i < run.inputs_beyond_cache(bytes); ++i) {
      inputs.push_back(run.input(bench::Stored::kF32, bytes / 4));
      pointers.push_back(inputs.back().data());
    }
    const auto seconds = run.read_seconds(pointers, bytes, std::max<int>(4, pointers.size()));
    std::vector<double> rates;
    for (const double s : seconds) rates.push_back(static_cast<double>(bytes) / s * 1e-9);
    run.report(work, "sum kernel", "floor", rates);
  };
  one("gib", static_cast<std::size_t>(run.size(1L << 30)));
  one("logits_bf16", 64UL * 128'256 * 2);
  one("logits_fp32", 64UL * 128'256 * 4);
}
