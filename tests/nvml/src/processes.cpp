// Processes on a device.

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "call.hpp"

using namespace fake_nvml;

namespace {

constexpr unsigned kNoInstance = 0xffffffffU;
// The driver notes utilisations at about this rate.
constexpr double kUtilizationPeriod = 1.0 / 6;

unsigned pid_of(const Process& process) {
  return process.pid != 0 ? process.pid : static_cast<unsigned>(getpid());
}

struct Running {
  const Process* process;
  const Device* device;
};

std::vector<Running> running(const Device& device, double t) {
  std::vector<Running> found;
  const auto add = [&](const Device& one) {
    for (const Process& process : one.processes) {
      if (t >= process.start && t < process.end) {
        found.push_back({&process, &one});
      }
    }
  };
  add(device);
  for (const Device* instance : device.instances) {
    add(*instance);
  }
  return found;
}

std::vector<Running> running(const Device& device, double t, ProcessType type) {
  std::vector<Running> found = running(device, t);
  std::erase_if(found, [type](const Running& one) { return one.process->type != type; });
  return found;
}

unsigned instance_of(const Device& device) {
  return device.is_mig() ? device.instance : kNoInstance;
}

void fill(const Running& one, ProcessInfoV1& info) {
  info = {pid_of(*one.process), static_cast<unsigned long long>(one.process->memory)};
}

void fill(const Running& one, ProcessInfo& info) {
  info = {pid_of(*one.process), static_cast<unsigned long long>(one.process->memory),
          instance_of(*one.device), instance_of(*one.device)};
}

template <typename Info>
int list(Call& call, const Device* device, ProcessType type, unsigned* count, Info* infos) {
  if (call.failed()) {
    return call.code();
  }
  if (count == nullptr) {
    return call.gives(kInvalidArgument);
  }
  const std::vector<Running> found = running(*device, call.now(), type);
  const unsigned room = infos == nullptr ? 0 : *count;
  *count = static_cast<unsigned>(found.size());
  if (room < found.size()) {
    return call.gives(kInsufficientSize);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    fill(found[i], infos[i]);
  }
  return kSuccess;
}

/// Processes that used the device since `last_seen`, and when that was noted.
std::vector<Running> busy(const Call& call, const Device& device, unsigned long long last_seen,
                          unsigned long long& noted) {
  const double t = std::floor(call.now() / kUtilizationPeriod) * kUtilizationPeriod;
  noted = static_cast<unsigned long long>(call.world().timestamp(t));
  std::vector<Running> found = running(device, t);
  std::erase_if(found, [](const Running& one) {
    return one.process->sm <= 0 && one.process->memory_utilization <= 0;
  });
  if (noted <= last_seen) {
    found.clear();
  }
  return found;
}

}  // namespace

// NOLINTBEGIN(bugprone-macro-parentheses): a type takes none
#define FAKE_NVML_LIST(function, Info, kind)                                   \
  FAKE_NVML_FUNCTION(function, Device* device, unsigned* count, Info* infos) { \
    Call call(entry_of_##function, device, Group::kProcesses);                 \
    return list(call, device, ProcessType::kind, count, infos);                \
  }
// NOLINTEND(bugprone-macro-parentheses)
FAKE_NVML_LIST(nvmlDeviceGetComputeRunningProcesses, ProcessInfoV1, kCompute)
FAKE_NVML_LIST(nvmlDeviceGetComputeRunningProcesses_v2, ProcessInfo, kCompute)
FAKE_NVML_LIST(nvmlDeviceGetComputeRunningProcesses_v3, ProcessInfo, kCompute)
FAKE_NVML_LIST(nvmlDeviceGetGraphicsRunningProcesses, ProcessInfoV1, kGraphics)
FAKE_NVML_LIST(nvmlDeviceGetGraphicsRunningProcesses_v2, ProcessInfo, kGraphics)
FAKE_NVML_LIST(nvmlDeviceGetGraphicsRunningProcesses_v3, ProcessInfo, kGraphics)
FAKE_NVML_LIST(nvmlDeviceGetMPSComputeRunningProcesses, ProcessInfoV1, kMps)
FAKE_NVML_LIST(nvmlDeviceGetMPSComputeRunningProcesses_v2, ProcessInfo, kMps)
FAKE_NVML_LIST(nvmlDeviceGetMPSComputeRunningProcesses_v3, ProcessInfo, kMps)

FAKE_NVML_FUNCTION(nvmlDeviceGetRunningProcessDetailList, Device* device,
                   ProcessDetailList* details) {
  Call call(entry_of_nvmlDeviceGetRunningProcessDetailList, device, Group::kProcesses);
  if (call.failed()) {
    return call.code();
  }
  if (details == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (details->version != version_of<ProcessDetailList>(1)) {
    return call.gives(kArgumentVersionMismatch);
  }
  if (details->mode > 3) {
    return call.gives(kInvalidArgument);
  }
  std::vector<Running> found = running(*device, call.now());
  if (details->mode < 3) {
    const auto type = static_cast<ProcessType>(details->mode);
    std::erase_if(found, [type](const Running& one) { return one.process->type != type; });
  }
  const unsigned room = details->processes == nullptr ? 0 : details->count;
  details->count = static_cast<unsigned>(found.size());
  if (room < found.size()) {
    return call.gives(kInsufficientSize);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    ProcessInfo info;
    fill(found[i], info);
    details->processes[i] = {info.pid, info.memory, info.gpu_instance, info.compute_instance, 0};
  }
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetProcessUtilization, Device* device, ProcessUtilization* samples,
                   unsigned* count, unsigned long long last_seen) {
  Call call(entry_of_nvmlDeviceGetProcessUtilization, device, Group::kProcesses);
  if (call.failed()) {
    return call.code();
  }
  if (count == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (device->is_mig() || !device->instances.empty()) {
    return call.gives(kNotSupported);
  }
  unsigned long long noted = 0;
  const std::vector<Running> found = busy(call, *device, last_seen, noted);
  const unsigned room = samples == nullptr ? 0 : *count;
  *count = static_cast<unsigned>(found.size());
  if (found.empty()) {
    return call.gives(kNotFound);
  }
  if (room < found.size()) {
    return call.gives(kInsufficientSize);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Process& process = *found[i].process;
    samples[i] = {
        pid_of(process), noted, rounded(process.sm), rounded(process.memory_utilization), 0, 0};
  }
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlDeviceGetProcessesUtilizationInfo, Device* device,
                   ProcessesUtilization* all) {
  Call call(entry_of_nvmlDeviceGetProcessesUtilizationInfo, device, Group::kProcesses);
  if (call.failed()) {
    return call.code();
  }
  if (all == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (all->version != version_of<ProcessesUtilization>(1)) {
    return call.gives(kArgumentVersionMismatch);
  }
  if (device->is_mig() || !device->instances.empty()) {
    return call.gives(kNotSupported);
  }
  unsigned long long noted = 0;
  const std::vector<Running> found = busy(call, *device, all->last_seen, noted);
  const unsigned room = all->processes == nullptr ? 0 : all->count;
  all->count = static_cast<unsigned>(found.size());
  if (found.empty()) {
    return call.gives(kNotFound);
  }
  if (room < found.size()) {
    return call.gives(kInsufficientSize);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Process& process = *found[i].process;
    all->processes[i] = {
        noted, pid_of(process), rounded(process.sm), rounded(process.memory_utilization), 0, 0, 0,
        0};
  }
  return kSuccess;
}

FAKE_NVML_NUMBER(nvmlDeviceGetAccountingMode, int, kProcesses, 0)
