// Reading a GPU each second and each half minute.

#include <algorithm>
#include <cstring>

#include "infra/gpu_device.hpp"

namespace inlay::infra {

void GpuDevice::value_or_status(Readings::Writer& writer, std::uint32_t series, nvml::Return code,
                                double value, std::int64_t time_us) {
  if (code == nvml::kSuccess) {
    writer.gauge(series, value, time_us);
  } else {
    writer.status(series, status_of(code));
  }
}

void GpuDevice::read_memory(const Tick& tick) {
  nvml::Memory2 memory{};
  memory.version = nvml::version_word<nvml::Memory2>(2);
  nvml::Return code = shared_.nvml->memory2(handle_, &memory);
  nvml::Return reserved = code;
  if (status_of(code) == Status::kUnsupported) {
    nvml::Memory first{};
    code = shared_.nvml->memory(handle_, &first);
    memory.total = first.total;
    memory.free = first.free;
    memory.used = first.used;
    reserved = nvml::kNotSupported;  // it is part of what is used
  }
  if (lost(code, tick)) return;
  Readings::Writer writer(*shared_.readings);
  const auto put = [&](std::uint32_t series, nvml::Return result, std::uint64_t bytes) {
    value_or_status(writer, series, result, static_cast<double>(bytes), tick.time_us);
  };
  put(memory_used_, code, memory.used);
  put(memory_free_, code, memory.free);
  put(memory_total_, code, memory.total);
  put(memory_reserved_, reserved, memory.reserved);
}

void GpuDevice::read_state(const Tick& tick) {
  const NvmlLibrary& nvml = *shared_.nvml;
  nvml::Temperature temperature{};
  temperature.version = nvml::version_word<nvml::Temperature>(1);
  temperature.sensor = nvml::kSensorGpu;
  nvml::Return temperature_code = nvml.temperature_v(handle_, &temperature);
  if (status_of(temperature_code) == Status::kUnsupported) {
    std::uint32_t celsius = 0;
    temperature_code = nvml.temperature(handle_, nvml::kSensorGpu, &celsius);
    temperature.celsius = static_cast<std::int32_t>(celsius);
  }
  if (lost(temperature_code, tick)) return;
  nvml::Margin margin{};
  margin.version = nvml::version_word<nvml::Margin>(1);
  const nvml::Return margin_code = nvml.margin(handle_, &margin);
  std::uint32_t clocks[std::size(kClocks)] = {};
  nvml::Return clock_codes[std::size(kClocks)];
  for (std::size_t i = 0; i < std::size(kClocks); ++i) {
    clock_codes[i] = nvml.clock(handle_, kClocks[i].domain, &clocks[i]);
  }
  std::uint32_t pstate = 0, generation = 0, width = 0;
  nvml::Return pstate_code = nvml.pstate(handle_, &pstate);
  const nvml::Return generation_code = nvml.pcie_generation(handle_, &generation);
  const nvml::Return width_code = nvml.pcie_width(handle_, &width);
  if (lost(width_code, tick)) return;

  Readings::Writer writer(*shared_.readings);
  const std::int64_t now = tick.time_us;
  value_or_status(writer, temperature_, temperature_code, temperature.celsius, now);
  value_or_status(writer, margin_, margin_code, margin.celsius, now);
  for (std::size_t i = 0; i < std::size(kClocks); ++i) {
    value_or_status(writer, clocks_[i], clock_codes[i], clocks[i], now);
  }
  if (pstate_code == nvml::kSuccess && pstate == nvml::kUnknownPState) {
    writer.status(pstate_, Status::kUndefined);
  } else {
    value_or_status(writer, pstate_, pstate_code, pstate, now);
  }
  value_or_status(writer, pcie_generation_, generation_code, generation, now);
  value_or_status(writer, pcie_width_, width_code, width, now);
}

void GpuDevice::read_samples(const Tick& tick) {
  for (Buffered& buffered : buffered_) {
    if (!buffered.works) continue;
    std::uint32_t type = 0;
    auto count = static_cast<std::uint32_t>(shared_.samples.size());
    const nvml::Return code = shared_.nvml->samples(handle_, buffered.kind, buffered.last_seen_us,
                                                    &type, &count, shared_.samples.data());
    if (lost(code, tick)) return;
    if (code == nvml::kNotFound || code == nvml::kNoData) continue;  // nothing new
    Readings::Writer writer(*shared_.readings);
    if (code != nvml::kSuccess) {
      writer.status(buffered.series, status_of(code));
      continue;
    }
    std::uint64_t last = buffered.last_seen_us;
    for (std::uint32_t i = 0; i < std::min<std::size_t>(count, shared_.samples.size()); ++i) {
      const nvml::Sample& sample = shared_.samples[i];
      if (sample.timestamp_us <= buffered.last_seen_us) continue;  // seen before
      last = std::max(last, sample.timestamp_us);
      writer.gauge(buffered.series, real_value(sample.value, type),
                   static_cast<std::int64_t>(sample.timestamp_us));
    }
    buffered.last_seen_us = last;
  }
}

void GpuDevice::read_utilization(const Tick& tick) {
  if (!poll_utilization_) return;
  nvml::Utilization share{};
  const nvml::Return code = shared_.nvml->utilization(handle_, &share);
  if (lost(code, tick)) return;
  Readings::Writer writer(*shared_.readings);
  for (const Buffered& buffered : buffered_) {
    if (buffered.works || buffered.series == kNone) continue;
    const double percent = buffered.kind == nvml::kSamplesGpu ? share.gpu : share.memory;
    value_or_status(writer, buffered.series, code, percent, tick.time_us);
  }
}

void GpuDevice::medium(const Tick& tick) {
  if (info_.lost || !read_fields(Tier::kMedium, tick)) return;
  read_samples(tick);
  if (!info_.lost) read_utilization(tick);
  if (!info_.lost) read_memory(tick);
  if (!info_.lost) read_state(tick);
  if (!info_.lost) read_instances(tick);
}

void GpuDevice::read_processes(const Tick& tick) {
  if (!shared_.process) return;
  auto count = static_cast<std::uint32_t>(shared_.processes.size());
  nvml::Return code = shared_.nvml->processes(handle_, &count, shared_.processes.data());
  if (lost(code, tick)) return;
  if (code == nvml::kInsufficientSize) count = 0;  // more than any one machine runs
  bool found = false;
  std::uint64_t used = 0;
  for (std::uint32_t i = 0; code == nvml::kSuccess && i < count; ++i) {
    if (shared_.processes[i].pid != shared_.pid) continue;
    if (shared_.processes[i].used_memory == ~std::uint64_t{0}) continue;  // the driver cannot tell
    found = true;
    used += shared_.processes[i].used_memory;
  }
  count = static_cast<std::uint32_t>(shared_.shares.size());
  const nvml::Return share_code =
      shared_.nvml->process_utilization(handle_, shared_.shares.data(), &count, process_seen_us_);
  const bool has_shares = share_code == nvml::kSuccess;
  Readings::Writer writer(*shared_.readings);
  if (found) {
    writer.gauge(process_memory_, static_cast<double>(used), tick.time_us);
  } else {
    // In a container the driver may know this process by another number.
    writer.status(process_memory_, code == nvml::kSuccess ? Status::kUndefined : status_of(code));
  }
  std::uint64_t last = process_seen_us_;
  bool own = false;
  for (std::uint32_t i = 0; has_shares && i < std::min<std::size_t>(count, shared_.shares.size());
       ++i) {
    const nvml::ProcessSample& sample = shared_.shares[i];
    if (sample.timestamp_us <= process_seen_us_) continue;
    last = std::max(last, sample.timestamp_us);
    if (sample.pid != shared_.pid) continue;
    own = true;
    writer.gauge(process_utilization_, sample.sm, static_cast<std::int64_t>(sample.timestamp_us));
  }
  process_seen_us_ = last;
  if (own) return;
  const bool nothing = has_shares || share_code == nvml::kNotFound;
  writer.status(process_utilization_, nothing ? Status::kUndefined : status_of(share_code));
}

void GpuDevice::read_fabric(const Tick& tick) {
  nvml::FabricInfo3 info{};
  info.version = nvml::version_word<nvml::FabricInfo3>(3);
  nvml::Return code = shared_.nvml->fabric(handle_, &info);
  nvml::Return health = code;
  if (code == nvml::kVersionMismatch) {
    nvml::FabricInfo2 older{};
    older.version = nvml::version_word<nvml::FabricInfo2>(2);
    code = shared_.nvml->fabric(handle_, &older);
    info.state = older.state;
    health = nvml::kNotSupported;
  }
  if (lost(code, tick)) return;
  if (code == nvml::kSuccess && info.state == 0) code = health = nvml::kNotSupported;
  if (health == nvml::kSuccess && info.health_summary == 0) health = nvml::kNotSupported;
  Readings::Writer writer(*shared_.readings);
  value_or_status(writer, fabric_state_, code, info.state, tick.time_us);
  value_or_status(writer, fabric_health_, health, info.health_summary, tick.time_us);
}

void GpuDevice::read_fans(const Tick& tick) {
  for (std::uint32_t fan = 0; fan < fans_.size(); ++fan) {
    std::uint32_t percent = 0;
    const nvml::Return code = shared_.nvml->fan_speed(handle_, fan, &percent);
    if (lost(code, tick)) return;
    Readings::Writer writer(*shared_.readings);
    value_or_status(writer, fans_[fan], code, percent, tick.time_us);
  }
}

void GpuDevice::slow(const Tick& tick) {
  if (info_.lost || !read_fields(Tier::kSlow, tick)) return;
  read_fabric(tick);
  if (!info_.lost) read_fans(tick);
  if (!info_.lost) read_processes(tick);
  if (!info_.lost) find_instances();
}

// ---- instances of a GPU that is split
// ------------------------------------------------------------

void GpuDevice::find_instances() {
  std::uint32_t mode = 0, pending = 0;
  const bool split =
      shared_.nvml->mig_mode(handle_, &mode, &pending) == nvml::kSuccess && mode == 1;
  info_.mig = split;
  std::uint32_t most = 0;
  if (!split || shared_.nvml->mig_count(handle_, &most) != nvml::kSuccess) most = 0;
  std::vector<bool> seen(instances_.size(), false);
  for (std::uint32_t i = 0; i < std::min(most, 64u); ++i) {
    nvml::Device handle = nullptr;
    char uuid[96] = {};
    if (shared_.nvml->mig_device(handle_, i, &handle) != nvml::kSuccess) continue;
    if (shared_.nvml->uuid(handle, uuid, sizeof(uuid)) != nvml::kSuccess) continue;
    const auto known = std::find_if(instances_.begin(), instances_.end(),
                                    [&](const auto& one) { return one->uuid == uuid; });
    if (known != instances_.end()) {
      (*known)->handle = handle;
      seen[static_cast<std::size_t>(known - instances_.begin())] = true;
      continue;
    }
    auto instance = std::make_unique<Instance>();
    instance->handle = handle;
    instance->uuid = uuid;
    std::uint32_t compute = nvml::kNoInstance;
    shared_.nvml->gpu_instance(handle, &instance->gpu_instance);
    shared_.nvml->compute_instance(handle, &compute);
    const Attrs attrs = {{"gpu", uuid},
                         {"parent", info_.uuid},
                         {"gpu_instance", std::to_string(instance->gpu_instance)},
                         {"compute_instance", std::to_string(compute)}};
    instance->used = add_series("gpu.memory.used", "By", kGauge, 1, attrs);
    instance->free = add_series("gpu.memory.free", "By", kGauge, 1, attrs);
    instance->total = add_series("gpu.memory.total", "By", kGauge, 1, attrs);
    if (gpm_ && shared_.nvml->gpm_mig_sample_get) {
      for (auto& sample : instance->samples) shared_.nvml->gpm_sample_alloc(&sample);
      for (const GpmSpec& spec : kGpmShares) {
        instance->shares.push_back(add_series(spec.metric, "1", kGauge, 0.01, attrs));
      }
    }
    instances_.push_back(std::move(instance));
    seen.push_back(true);
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (seen[i]) continue;
    instances_[i]->handle = nullptr;
    instances_[i]->has_sample = false;
    Readings::Writer writer(*shared_.readings);
    for (const std::uint32_t series :
         {instances_[i]->used, instances_[i]->free, instances_[i]->total}) {
      writer.status(series, Status::kAbsent);
    }
    for (const std::uint32_t series : instances_[i]->shares) writer.status(series, Status::kAbsent);
  }
}

void GpuDevice::read_instances(const Tick& tick) {
  for (const auto& instance : instances_) {
    if (instance->handle == nullptr) continue;
    nvml::Memory2 memory{};
    memory.version = nvml::version_word<nvml::Memory2>(2);
    const nvml::Return code = shared_.nvml->memory2(instance->handle, &memory);
    {
      Readings::Writer writer(*shared_.readings);
      value_or_status(writer, instance->used, code, static_cast<double>(memory.used), tick.time_us);
      value_or_status(writer, instance->free, code, static_cast<double>(memory.free), tick.time_us);
      value_or_status(writer, instance->total, code, static_cast<double>(memory.total),
                      tick.time_us);
    }
    if (!instance->shares.empty()) read_instance_gpm(*instance, tick);
  }
}

void GpuDevice::read_instance_gpm(Instance& instance, const Tick& tick) {
  nvml::GpmSample const fresh = instance.samples[instance.next_sample];
  nvml::GpmSample const before = instance.samples[1 - instance.next_sample];
  if (fresh == nullptr || before == nullptr) return;
  nvml::Return code = shared_.nvml->gpm_mig_sample_get(handle_, instance.gpu_instance, fresh);
  nvml::GpmMetrics& room = *shared_.gpm_room;
  if (code == nvml::kSuccess) {
    instance.next_sample = 1 - instance.next_sample;
    if (!std::exchange(instance.has_sample, true)) return;
    room.version = 1;
    room.num_metrics = std::size(kGpmShares);
    room.first = before;
    room.second = fresh;
    for (std::size_t i = 0; i < std::size(kGpmShares); ++i) {
      room.metrics[i].id = kGpmShares[i].id;
      room.metrics[i].result = nvml::kNotSupported;
    }
    code = shared_.nvml->gpm_metrics_get(&room);
  }
  Readings::Writer writer(*shared_.readings);
  for (std::size_t i = 0; i < instance.shares.size(); ++i) {
    const nvml::Return result = code == nvml::kSuccess ? room.metrics[i].result : code;
    value_or_status(writer, instance.shares[i], result, room.metrics[i].value, tick.time_us);
  }
}

}  // namespace inlay::infra
