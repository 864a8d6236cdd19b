// What a GPU can tell, found out once.

#include "infra/gpu_device.hpp"

#include <time.h>

#include <algorithm>
#include <string_view>

#include "inlay/names.hpp"

namespace inlay::infra {

namespace {

bool works(nvml::Return code) {
  return code == nvml::kSuccess || code == nvml::kNoData || code == nvml::kNotReady;
}

nvml::FieldValue field_value(std::uint32_t field, std::uint32_t scope = 0) {
  nvml::FieldValue value{};
  value.field = field;
  value.scope = scope;
  value.result = nvml::kFunctionNotFound;
  return value;
}

bool is(const char* a, std::string_view b) { return std::string_view(a) == b; }

/// Causes that say that a GPU is idle, not that it was held down.
bool is_throttle(const FieldSpec& spec) {
  return is(spec.metric, kThrottle) && !is(spec.value, "low_utilization");
}

/// Fields that split up what field 75, heat of any kind, tells as one.
constexpr std::uint32_t kHeat = 75, kSoftwareHeat = 269, kHardwareHeat = 270;

/// What a power limit does is planned; heat and brakes are not.
std::int32_t severity_of(const char* cause) {
  for (const char* planned : {"sw_power_cap", "sync_boost", "reliability"}) {
    if (is(cause, planned)) return kInfo;
  }
  return kWarning;
}

}  // namespace

std::int64_t steady_now_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

GpuDevice::GpuDevice(GpuShared& shared, nvml::Device handle, GpuInfo info)
    : shared_(shared), handle_(handle), info_(std::move(info)) {}

GpuDevice::~GpuDevice() { free_gpm(); }

void GpuDevice::free_gpm() noexcept {
  const auto free = [&](nvml::GpmSample(&samples)[2]) {
    for (auto& sample : samples) {
      if (sample != nullptr) shared_.nvml->gpm_sample_free(sample);
      sample = nullptr;
    }
  };
  free(gpm_samples_);
  for (const auto& instance : instances_) free(instance->samples);
}

std::uint32_t GpuDevice::add_series(const char* metric, const char* unit, ReadingKind kind,
                                    double factor, Attrs attrs, std::uint64_t modulus,
                                    bool sparse) {
  if (std::none_of(attrs.begin(), attrs.end(), [](const auto& at) { return at.first == "gpu"; })) {
    attrs.emplace_back("gpu", info_.uuid);
  }
  Series series;
  series.metric = metric;
  series.unit = unit;
  series.attrs = canonical_json(std::move(attrs));
  series.kind = kind;
  series.factor = factor;
  series.modulus = modulus;
  series.sparse = sparse;
  const std::uint32_t id = shared_.readings->add(std::move(series));
  all_series_.push_back(id);
  return id;
}

std::uint32_t GpuDevice::add_track(const char* name, Attrs attrs, const char* amount, double factor,
                                   std::int32_t severity) {
  attrs.emplace_back("gpu", info_.uuid);
  attrs.emplace_back("index", std::to_string(info_.index));
  return shared_.intervals->add({name, std::move(attrs), amount, factor, severity});
}

void GpuDevice::set_up() {
  set_up_samples();
  set_up_fields();
  set_up_links();
  set_up_ecc();
  set_up_gauges();
  set_up_gpm();
}

/// Reads fields once; what the call as a whole says is what each says that it did not get to.
void GpuDevice::probe(std::vector<nvml::FieldValue>& values) {
  if (values.empty()) return;
  const nvml::Return code =
      shared_.nvml->field_values(handle_, static_cast<std::int32_t>(values.size()), values.data());
  if (code == nvml::kSuccess) return;
  for (auto& value : values) value.result = code;
}

void GpuDevice::keep(Tier tier, const nvml::FieldValue& value, Slot slot) {
  Fields& fields = fields_[static_cast<int>(tier)];
  fields.values.push_back(value);
  fields.slots.push_back(slot);
}

void GpuDevice::set_up_fields() {
  std::vector<nvml::FieldValue> values;
  for (const FieldSpec& spec : kFields) {
    values.push_back(field_value(spec.field, spec.scope));
    values.push_back(
        field_value(spec.alternative == 0 ? spec.field : spec.alternative, spec.scope));
  }
  probe(values);
  const bool power_buffered = std::any_of(buffered_.begin(), buffered_.end(), [](const auto& one) {
    return one.kind == nvml::kSamplesPower && one.works;
  });
  const bool heat_is_split =
      std::any_of(values.begin(), values.end(), [](const nvml::FieldValue& value) {
        return (value.field == kSoftwareHeat || value.field == kHardwareHeat) &&
               works(value.result);
      });
  for (std::size_t i = 0; i < std::size(kFields); ++i) {
    const FieldSpec& spec = kFields[i];
    if (is(spec.metric, "gpu.power") && power_buffered) continue;
    if (is(spec.metric, "gpu.nvlink.io") && info_.links == 0) continue;
    nvml::FieldValue value = values[2 * i];
    if (!works(value.result) && works(values[2 * i + 1].result)) value = values[2 * i + 1];
    Attrs attrs;
    if (spec.key != nullptr) attrs.emplace_back(spec.key, spec.value);
    Slot slot;
    slot.kind = spec.kind;
    // A counter of 32 bits begins again at 0. Bytes over PCIe may, the driver's manual says, and
    // not where.
    const bool narrow = spec.kind == kCounter &&
                        (value.value_type == nvml::kUnsigned || is(spec.metric, "gpu.pcie.io"));
    const std::uint64_t modulus = narrow ? std::uint64_t{1} << 32 : 0;
    slot.series = add_series(spec.metric, spec.unit, spec.kind, spec.factor, attrs, modulus);
    slot.recovery = spec.field == nvml::kFieldRecoveryAction;
    if (works(value.result)) {
      // One stretch of heat is one interval.
      if (is_throttle(spec) && !(spec.field == kHeat && heat_is_split)) {
        slot.stall = true;
        slot.track =
            add_track("gpu.throttle", std::move(attrs), "seconds", 1e-6, severity_of(spec.value));
      }
      keep(spec.tier, value, slot);
    } else {
      Readings::Writer(*shared_.readings).status(slot.series, status_of(value.result));
      unread_.push_back({&spec, slot.series});
    }
  }
}

void GpuDevice::set_up_links() {
  std::vector<nvml::FieldValue> values;
  for (const LinkSpec& spec : kLinkErrors) {
    for (std::uint32_t link = 0; link < info_.links; ++link) {
      values.push_back(field_value(spec.field, link));
    }
  }
  for (std::uint32_t link = 0; link < info_.links; ++link) {
    values.push_back(field_value(kLinkState, link));
  }
  probe(values);
  std::size_t at = 0;
  bool any = false;
  nvml::Return code = nvml::kNotSupported;
  for (const LinkSpec& spec : kLinkErrors) {
    for (std::uint32_t link = 0; link < info_.links; ++link, ++at) {
      if (!works(values[at].result)) {
        code = values[at].result;
        continue;
      }
      any = true;
      const Attrs attrs = {{"kind", spec.kind}, {"link", std::to_string(link)}};
      Slot slot;
      slot.kind = kCounter;
      slot.series = add_series("gpu.nvlink.errors", "{error}", kCounter, 1, attrs, 0, true);
      slot.track = add_track("nvlink.errors", attrs, "errors", 1, kWarning);
      keep(Tier::kMedium, values[at], slot);
    }
  }
  if (!any) {  // one row says so, not one for each kind and link
    const std::uint32_t series = add_series("gpu.nvlink.errors", "{error}", kCounter, 1);
    Readings::Writer(*shared_.readings)
        .status(series, info_.links == 0 ? Status::kAbsent : status_of(code));
  }
  for (std::uint32_t link = 0; link < info_.links; ++link, ++at) {
    if (!works(values[at].result)) continue;
    Slot slot;
    slot.series = add_series("gpu.nvlink.state", "1", kGauge, 1, {{"link", std::to_string(link)}});
    keep(Tier::kSlow, values[at], slot);
  }
}

void GpuDevice::set_up_ecc() {
  std::vector<nvml::FieldValue> values;
  for (const EccSpec& spec : kEccFields) values.push_back(field_value(spec.field));
  probe(values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const EccSpec& spec = kEccFields[i];
    const bool total = is(spec.location, "total");
    if (!works(values[i].result) && !total) continue;  // not all chips have all parts
    const Attrs attrs = {{"location", spec.location}, {"type", spec.type}};
    Slot slot;
    slot.kind = kCounter;
    slot.series = add_series("gpu.ecc.errors", "{error}", kCounter, 1, attrs, 0, !total);
    if (!works(values[i].result)) {
      Readings::Writer(*shared_.readings).status(slot.series, status_of(values[i].result));
      continue;
    }
    if (total) {
      Attrs told = attrs;
      told.emplace_back("source", "counter");
      slot.track = add_track("gpu.ecc", std::move(told), "errors", 1,
                             is(spec.type, "corrected") ? kWarning : kSevere);
    }
    keep(Tier::kSlow, values[i], slot);
  }
}

void GpuDevice::set_up_samples() {
  struct {
    std::uint32_t kind;
    const char *metric, *unit;
    double factor;
  } const kinds[] = {{nvml::kSamplesPower, "gpu.power", "W", 1e-3},
                     {nvml::kSamplesGpu, "gpu.utilization", "1", 0.01},
                     {nvml::kSamplesMemory, "gpu.memory.utilization", "1", 0.01}};
  for (const auto& kind : kinds) {
    std::uint32_t type = 0;
    auto count = static_cast<std::uint32_t>(shared_.samples.size());
    const nvml::Return code =
        shared_.nvml->samples(handle_, kind.kind, 0, &type, &count, shared_.samples.data());
    const bool usable = works(code) || code == nvml::kNotFound;
    Buffered buffered{kind.kind, kNone, 1, 0, usable};
    if (usable && code == nvml::kSuccess && count > 0) {
      // What was buffered before belongs to no window of ours.
      buffered.last_seen_us = shared_.samples[count - 1].timestamp_us;
    }
    if (usable || kind.kind != nvml::kSamplesPower) {
      buffered.series = add_series(kind.metric, kind.unit, kGauge, kind.factor);
    }
    if (kind.kind == nvml::kSamplesGpu) utilization_ = buffered.series;
    if (kind.kind == nvml::kSamplesMemory) memory_utilization_ = buffered.series;
    if (!usable && kind.kind != nvml::kSamplesPower) poll_utilization_ = true;
    buffered_.push_back(buffered);
  }
}

void GpuDevice::set_up_gauges() {
  memory_used_ = add_series("gpu.memory.used", "By", kGauge, 1);
  memory_free_ = add_series("gpu.memory.free", "By", kGauge, 1);
  memory_reserved_ = add_series("gpu.memory.reserved", "By", kGauge, 1);
  memory_total_ = add_series("gpu.memory.total", "By", kGauge, 1);
  temperature_ = add_series("gpu.temperature", "Cel", kGauge, 1, {{"sensor", "gpu"}});
  margin_ = add_series("gpu.temperature.margin", "Cel", kGauge, 1);
  for (std::size_t i = 0; i < std::size(kClocks); ++i) {
    clocks_[i] = add_series("gpu.clock", "Hz", kGauge, 1e6, {{"domain", kClocks[i].name}});
  }
  pstate_ = add_series("gpu.pstate", "1", kGauge, 1);
  pcie_generation_ = add_series("gpu.pcie.generation", "1", kGauge, 1);
  pcie_width_ = add_series("gpu.pcie.width", "{lane}", kGauge, 1);
  fabric_state_ = add_series("gpu.fabric.state", "1", kGauge, 1);
  fabric_health_ = add_series("gpu.fabric.health", "1", kGauge, 1);
  std::uint32_t fans = 0;
  const nvml::Return code = shared_.nvml->num_fans(handle_, &fans);
  if (code != nvml::kSuccess || fans == 0) {
    const std::uint32_t fan = add_series("gpu.fan.speed", "1", kGauge, 0.01);
    Readings::Writer(*shared_.readings)
        .status(fan, code == nvml::kSuccess ? Status::kAbsent : status_of(code));
    fans = 0;
  }
  for (std::uint32_t fan = 0; fan < std::min(fans, 16u); ++fan) {
    fans_.push_back(add_series("gpu.fan.speed", "1", kGauge, 0.01, {{"fan", std::to_string(fan)}}));
  }
  if (shared_.process) {
    process_memory_ = add_series("gpu.process.memory", "By", kGauge, 1);
    process_utilization_ = add_series("gpu.process.utilization", "1", kGauge, 0.01);
  }
}

void GpuDevice::set_up_gpm() {
  if (!shared_.gpm) return;
  nvml::GpmSupport support{1, 0};
  nvml::Return code = shared_.nvml->gpm_support(handle_, &support);
  if (code == nvml::kSuccess && support.supported == 0) code = nvml::kNotSupported;
  if (code == nvml::kSuccess && !shared_.nvml->gpm_metrics_get) code = nvml::kFunctionNotFound;
  for (auto& sample : gpm_samples_) {
    if (code == nvml::kSuccess) code = shared_.nvml->gpm_sample_alloc(&sample);
  }
  gpm_ = code == nvml::kSuccess;
  for (const GpmSpec& spec : kGpmShares) {
    gpm_ids_.push_back(spec.id);
    gpm_series_.push_back(add_series(spec.metric, "1", kGauge, 0.01));
    gpm_totals_.push_back(0);
    gpm_per_second_.push_back(0);
  }
  if (!gpm_) {
    Readings::Writer writer(*shared_.readings);
    for (const std::uint32_t series : gpm_series_) writer.status(series, status_of(code));
    gpm_ids_.clear();
    gpm_series_.clear();
    return;
  }
  for (const GpmRateSpec& spec : kGpmRates) {
    const auto unread = std::find_if(unread_.begin(), unread_.end(), [&](const Unread& one) {
      return is(one.spec->metric, spec.metric) && is(one.spec->value, spec.direction);
    });
    if (unread == unread_.end()) continue;  // there is a counter of it, or no such link
    gpm_ids_.push_back(spec.id);
    gpm_series_.push_back(unread->series);
    gpm_totals_.push_back(0);
    gpm_per_second_.push_back(1048576 / unread->spec->factor);  // MiB, in the series' raw unit
  }
}

void GpuDevice::came_back(nvml::Device handle, std::uint32_t index) {
  handle_ = handle;
  info_.index = index;
  info_.lost = false;
  told_->lost = false;
  gpm_has_sample_ = false;
  for (auto& before : before_us_) before = 0;
  Readings::Writer writer(*shared_.readings);
  for (const std::uint32_t series : all_series_) writer.forget_base(series);
}

}  // namespace inlay::infra
