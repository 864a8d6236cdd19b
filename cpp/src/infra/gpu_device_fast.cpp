// Reading field values and GPM of a GPU: what happens ten times a second.

#include <time.h>

#include <algorithm>

#include "infra/gpu_device.hpp"
#include "inlay/names.hpp"

namespace inlay::infra {

namespace {

// A sample of GPM that comes this little too soon waits: else each second one would be passed over.
constexpr std::int64_t kGpmPatienceNs = 250'000;

}  // namespace

bool GpuDevice::lost(nvml::Return code, const Tick& tick) {
  if (!is_lost(code)) return false;
  lose(tick.time_us, return_text(code));
  return true;
}

void GpuDevice::lose(std::int64_t time_us, const char* how) {
  if (info_.lost) return;
  info_.lost = true;
  {
    Readings::Writer writer(*shared_.readings);
    for (const std::uint32_t series : all_series_) writer.status(series, Status::kAbsent);
  }
  for (Fields& fields : fields_) {
    for (Slot& slot : fields.slots) {
      if (slot.track != kNone) shared_.intervals->quiet(slot.track);
      slot.active = false;
    }
  }
  if (!told_->lost.exchange(true)) shared_.emit(lost_event(info_, time_us, how));
}

bool GpuDevice::read_fields(Tier tier, const Tick& tick) {
  Fields& fields = fields_[static_cast<int>(tier)];
  if (fields.values.empty()) return true;
  const nvml::Return code = shared_.nvml->field_values(
      handle_, static_cast<std::int32_t>(fields.values.size()), fields.values.data());
  if (lost(code, tick)) return false;
  if (code != nvml::kSuccess) {
    for (auto& value : fields.values) value.result = code;
  }
  // A lost GPU may answer the call and no field.
  if (!fields.values.empty() &&
      std::all_of(fields.values.begin(), fields.values.end(),
                  [](const auto& value) { return is_lost(value.result); })) {
    lose(tick.time_us, return_text(fields.values[0].result));
    return false;
  }
  feed(tier, tick);
  return true;
}

void GpuDevice::feed(Tier tier, const Tick& tick) {
  Fields& fields = fields_[static_cast<int>(tier)];
  const std::int64_t before_us = before_us_[static_cast<int>(tier)];
  before_us_[static_cast<int>(tier)] = tick.time_us;
  std::optional<std::uint64_t> action;
  {
    Readings::Writer writer(*shared_.readings);
    for (std::size_t i = 0; i < fields.values.size(); ++i) {
      const nvml::FieldValue& value = fields.values[i];
      Slot& slot = fields.slots[i];
      slot.step = 0;
      if (value.result != nvml::kSuccess) {
        writer.status(slot.series, status_of(value.result));
      } else if (slot.kind == ReadingKind::kCounter) {
        const std::uint64_t total = whole_value(value.value, value.value_type);
        slot.step = writer.counter(slot.series, total, tick.time_us);
      } else {
        writer.gauge(slot.series, real_value(value.value, value.value_type), tick.time_us);
        if (slot.recovery) action = whole_value(value.value, value.value_type);
      }
    }
  }
  if (before_us > 0) {
    for (Slot& slot : fields.slots) {
      if (slot.track == kNone) continue;
      if (slot.step > 0) {
        if (slot.stall) {
          shared_.intervals->stalled(slot.track, before_us, tick.time_us,
                                     static_cast<double>(slot.step) * 1e-3);
        } else {
          shared_.intervals->extend(slot.track, before_us, tick.time_us,
                                    static_cast<double>(slot.step));
        }
      } else if (slot.active) {
        shared_.intervals->quiet(slot.track);
      }
      slot.active = slot.step > 0;
    }
  }
  if (action && told_->action.exchange(*action) != *action) {
    shared_.emit(recovery_event(info_, tick.time_us, *action));
  }
}

void GpuDevice::read_gpm(const Tick& tick) {
  if (!gpm_ || info_.mig) return;
  std::int64_t now_ns = steady_now_ns();
  const std::int64_t early_ns = gpm_time_ns_ + shared_.gpm_refresh_ns - now_ns;
  if (gpm_has_sample_ && early_ns > 0) {
    if (early_ns > kGpmPatienceNs) return;
    const timespec wait{0, early_ns + 1000};
    nanosleep(&wait, nullptr);
    now_ns = steady_now_ns();
    if (now_ns - gpm_time_ns_ < shared_.gpm_refresh_ns) return;
  }
  nvml::GpmSample const fresh = gpm_samples_[gpm_next_];
  nvml::GpmSample const before = gpm_samples_[1 - gpm_next_];
  nvml::Return code = shared_.nvml->gpm_sample_get(handle_, fresh);
  if (lost(code, tick)) return;
  const double seconds = static_cast<double>(now_ns - gpm_time_ns_) * 1e-9;
  const bool pair = gpm_has_sample_;
  if (code == nvml::kSuccess) {
    gpm_next_ = 1 - gpm_next_;
    gpm_has_sample_ = true;
    gpm_time_ns_ = steady_now_ns();
    if (!pair) return;
  }
  nvml::GpmMetrics& room = *shared_.gpm_room;
  if (code == nvml::kSuccess) {
    room.version = 1;
    room.num_metrics = static_cast<std::uint32_t>(gpm_ids_.size());
    room.first = before;
    room.second = fresh;
    for (std::size_t i = 0; i < gpm_ids_.size(); ++i) {
      room.metrics[i].id = gpm_ids_[i];
      room.metrics[i].result = nvml::kNotSupported;
    }
    code = shared_.nvml->gpm_metrics_get(&room);
    if (lost(code, tick)) return;
  }
  Readings::Writer writer(*shared_.readings);
  for (std::size_t i = 0; i < gpm_ids_.size(); ++i) {
    const nvml::Return result = code == nvml::kSuccess ? room.metrics[i].result : code;
    if (result != nvml::kSuccess) {
      writer.status(gpm_series_[i], status_of(result));
    } else if (gpm_per_second_[i] == 0) {
      writer.gauge(gpm_series_[i], room.metrics[i].value, tick.time_us);
    } else if (room.metrics[i].value >= 0) {
      gpm_totals_[i] += room.metrics[i].value * gpm_per_second_[i] * seconds;
      writer.counter(gpm_series_[i], static_cast<std::uint64_t>(gpm_totals_[i]), tick.time_us);
    }
  }
}

void GpuDevice::fast(const Tick& tick) {
  if (info_.lost || !read_fields(Tier::kFast, tick)) return;
  read_gpm(tick);
}

}  // namespace inlay::infra
