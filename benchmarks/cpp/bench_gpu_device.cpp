// What reading a GPU costs beside the driver: one that answers at once.

#include "harness.hpp"
#include "infra/gpu_device.hpp"

namespace {

using namespace inlay::infra;

std::uint64_t g_total = 0;
long g_calls = 0;

nvml::Return field_values(nvml::Device, std::int32_t count, nvml::FieldValue* values) {
  ++g_calls;
  ++g_total;
  for (std::int32_t i = 0; i < count; ++i) {
    values[i].result = nvml::kSuccess;
    values[i].value_type = nvml::kUnsignedLongLong;
    values[i].value.wide = values[i].field == nvml::kFieldRecoveryAction ? 0 : g_total;
  }
  return nvml::kSuccess;
}

nvml::Return gpm_support(nvml::Device, nvml::GpmSupport* support) {
  support->supported = 1;
  return nvml::kSuccess;
}

nvml::Return gpm_sample_alloc(nvml::GpmSample* sample) {
  *sample = &g_total;
  return nvml::kSuccess;
}

nvml::Return gpm_sample_free(nvml::GpmSample) { return nvml::kSuccess; }

nvml::Return gpm_sample_get(nvml::Device, nvml::GpmSample) {
  ++g_calls;
  return nvml::kSuccess;
}

nvml::Return gpm_metrics_get(nvml::GpmMetrics* metrics) {
  ++g_calls;
  for (std::uint32_t i = 0; i < metrics->num_metrics; ++i) {
    metrics->metrics[i].result = nvml::kSuccess;
    metrics->metrics[i].value = 50.0;
  }
  return nvml::kSuccess;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Run run("cpp_gpu_device", argc, argv);
  constexpr int kGpus = 8;
  auto library = std::make_shared<NvmlLibrary>();
  library->field_values.address = field_values;
  library->gpm_support.address = gpm_support;
  library->gpm_sample_alloc.address = gpm_sample_alloc;
  library->gpm_sample_free.address = gpm_sample_free;
  library->gpm_sample_get.address = gpm_sample_get;
  library->gpm_metrics_get.address = gpm_metrics_get;
  Readings readings;
  IntervalLog intervals;
  GpuShared shared;
  shared.nvml = library;
  shared.readings = &readings;
  shared.intervals = &intervals;
  shared.emit = [](inlay::Event) {};
  shared.gpm_refresh_ns = 0;
  shared.gpm_room = std::make_unique<nvml::GpmMetrics>();
  std::vector<std::unique_ptr<GpuDevice>> devices;
  for (int i = 0; i < kGpus; ++i) {
    GpuInfo info;
    info.uuid = "GPU-" + std::to_string(i);
    info.links = 18;
    devices.push_back(std::make_unique<GpuDevice>(shared, nullptr, info));
    devices.back()->set_up();
  }
  const long polls = run.size(100'000);
  std::int64_t time_us = 1'700'000'000'000'000;
  run.report("poll", "inlay", "inlay", run.repeat([&] {
    const double began = bench::now_s();
    for (long i = 0; i < polls; ++i) {
      time_us += 100'000;
      for (auto& device : devices) device->fast({time_us, 0, 100'000});
    }
    return 1e6 * (bench::now_s() - began) / static_cast<double>(polls * kGpus);
  }));
  g_calls = 0;
  devices[0]->fast({time_us + 100'000, 0, 100'000});
  run.check(g_calls, 3, "calls of the driver for a poll of a GPU");
  return 0;
}
