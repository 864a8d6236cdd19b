// Activity between two samples, on architectures that count it (Hopper and newer).

#include <cmath>

#include "call.hpp"

using namespace fake_nvml;

namespace fake_nvml {

/// What a caller allocates: when and of whom it was taken; the counters follow from that.
struct GpmSample {
  const World* world = nullptr;
  const Device* device = nullptr;
  double at = 0;
};

}  // namespace fake_nvml

namespace {

constexpr double kMebibyte = 0x1p20;
constexpr unsigned kVersion = 1;

struct ActivityMetric {
  unsigned id;
  Quantity quantity;
  const char* name;
};

constexpr ActivityMetric kActivities[] = {
    {1, Quantity::graphics_activity, "GRACT"}, {2, Quantity::sm_activity, "SMUTIL"},
    {3, Quantity::sm_occupancy, "SMOCC"},      {4, Quantity::integer_activity, "INTUTIL"},
    {5, Quantity::tensor_activity, "TENSOR"},  {6, Quantity::dfma_activity, "DFMA"},
    {7, Quantity::hmma_activity, "HMMA"},      {8, Quantity::dmma_activity, "DMMA"},
    {9, Quantity::imma_activity, "IMMA"},      {10, Quantity::dram_activity, "DRAM"},
    {11, Quantity::fp64_activity, "FP64"},     {12, Quantity::fp32_activity, "FP32"},
    {13, Quantity::fp16_activity, "FP16"},
};

int fill_rate(const Device& device, Quantity quantity, double share, double from, double to,
              GpmMetric& metric) {
  metric.value = device[quantity].mean(from, to) * share / kMebibyte;
  metric.unit = "MiB/s";
  return std::isnan(metric.value) ? kNotSupported : kSuccess;
}

int fill_metric(const Device& device, double from, double to, GpmMetric& metric) {
  const Device& gpu = device.is_mig() ? *device.parent : device;
  metric.value = 0;
  metric.short_name = metric.long_name = "GPM";
  metric.unit = "%";
  const unsigned id = metric.id;
  if (auto written = device.gpm_metrics.find(id); written != device.gpm_metrics.end()) {
    metric.value = written->second.mean(from, to);
    return std::isnan(metric.value) ? kNotSupported : kSuccess;
  }
  if (id >= 1 && id <= 13) {
    const ActivityMetric& known = kActivities[id - 1];
    metric.short_name = metric.long_name = known.name;
    metric.value = device[known.quantity].mean(from, to);
    return std::isnan(metric.value) ? kNotSupported : kSuccess;
  }
  if (id == 20 || id == 21) {
    return fill_rate(gpu, id == 20 ? Quantity::pcie_tx : Quantity::pcie_rx, 1, from, to, metric);
  }
  if (gpu.nvlinks > 0 && (id == 60 || id == 61)) {
    return fill_rate(gpu, id == 60 ? Quantity::nvlink_rx : Quantity::nvlink_tx, 1, from, to,
                     metric);
  }
  if ((id >= 62 && id <= 97) || (id >= 212 && id <= 247)) {
    const unsigned link = id <= 97 ? (id - 62) / 2 : 18 + (id - 212) / 2;
    if (link < gpu.nvlinks) {
      return fill_rate(gpu, id % 2 == 0 ? Quantity::nvlink_rx : Quantity::nvlink_tx,
                       1.0 / gpu.nvlinks, from, to, metric);
    }
  }
  return kNotSupported;
}

int take_sample(Call& call, const Device* device, GpmSample* sample) {
  if (sample == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (!device->gpm) {
    return call.gives(kNotSupported);
  }
  sample->world = &call.world();
  sample->device = device;
  sample->at = call.now();
  return kSuccess;
}

}  // namespace

FAKE_NVML_FUNCTION(nvmlGpmQueryDeviceSupport, Device* device, GpmSupport* support) {
  Call call(entry_of_nvmlGpmQueryDeviceSupport, device, Group::kGpm);
  if (call.failed()) {
    return call.code();
  }
  if (support == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (support->version != kVersion) {
    return call.gives(kArgumentVersionMismatch);
  }
  support->supported = device->gpm ? 1 : 0;
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlGpmSampleAlloc, GpmSample** sample) {
  Call call(entry_of_nvmlGpmSampleAlloc);
  if (call.failed()) {
    return call.code();
  }
  if (sample == nullptr) {
    return call.gives(kInvalidArgument);
  }
  *sample = new GpmSample;
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlGpmSampleFree, GpmSample* sample) {
  Call call(entry_of_nvmlGpmSampleFree);
  if (!call.failed() && sample == nullptr) {
    return call.gives(kInvalidArgument);
  }
  delete sample;
  return call.code();
}

FAKE_NVML_FUNCTION(nvmlGpmSampleGet, Device* device, GpmSample* sample) {
  Call call(entry_of_nvmlGpmSampleGet, device, Group::kGpm);
  return call.failed() ? call.code() : take_sample(call, device, sample);
}

FAKE_NVML_FUNCTION(nvmlGpmMigSampleGet, Device* device, unsigned instance, GpmSample* sample) {
  Call call(entry_of_nvmlGpmMigSampleGet, device, Group::kGpm);
  if (call.failed()) {
    return call.code();
  }
  if (device->is_mig() || instance >= device->instances.size()) {
    return call.gives(kInvalidArgument);
  }
  return take_sample(call, device->instances[instance], sample);
}

// The header has no word on samples too close together but that they should not be: no data.
FAKE_NVML_FUNCTION(nvmlGpmMetricsGet, GpmMetricsGet* metrics) {
  Call call(entry_of_nvmlGpmMetricsGet);
  if (call.failed()) {
    return call.code();
  }
  if (metrics == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (metrics->version != kVersion) {
    return call.gives(kArgumentVersionMismatch);
  }
  const GpmSample* first = metrics->sample1;
  const GpmSample* second = metrics->sample2;
  const World& world = call.world();
  if (first == nullptr || second == nullptr || first->world != &world || second->world != &world ||
      first->device == nullptr || first->device != second->device || second->at < first->at) {
    return call.gives(kInvalidArgument);
  }
  const Device& device = *first->device;
  const int refused = device.refusal(call.now(), Group::kGpm, &entry_of_nvmlGpmMetricsGet);
  if (refused != kSuccess) {
    return call.gives(refused);
  }
  // A manual clock moves in parts that do not add up exactly.
  if (second->at - first->at < world.gpm_interval - 1e-9) {
    return call.gives(kNoData);
  }
  for (unsigned i = 0; i < metrics->count; ++i) {
    GpmMetric& metric = metrics->metrics[i];
    metric.status = fill_metric(device, first->at, second->at, metric);
  }
  return kSuccess;
}
