#pragma once

#include <memory>
#include <string>
#include <vector>

#include "infra/gpu_selection.hpp"
#include "infra/nvml_library.hpp"
#include "inlay/infra/gpu.hpp"

namespace inlay::infra {

/// Starts the library; every success needs one shutdown.
nvml::Return start_nvml(const NvmlLibrary& nvml) noexcept;

/// A GPU found, and how to talk to it. A plain value.
struct FoundGpu {
  nvml::Device handle = nullptr;
  GpuInfo info;
};

/// What looking for GPUs found. A plain value.
struct FoundGpus {
  nvml::Return code = nvml::kSuccess;
  std::vector<FoundGpu> gpus;
  std::vector<std::string> absent;  ///< devices that were asked for and are not here
  std::uint32_t count = 0;          ///< how many the machine has
};

/// Looks for the GPUs that the options name.
/// @param whole whether to describe them and find out how they are connected
FoundGpus find_gpus(const NvmlLibrary& nvml, const GpuOptions& options, bool whole);

/// A line on what was asked for and is not here; empty if there is nothing of the kind.
std::string missing_text(const FoundGpus& found, const GpuOptions& options);

/// Fills in what a GPU is.
void describe_gpu(const NvmlLibrary& nvml, FoundGpu& gpu);

/// @throws InvalidArgument for a device that is no name of one
void check_devices(const GpuOptions& options);

/// The attributes of the event `gpu.info`.
std::vector<std::pair<std::string, std::string>> info_attrs(const GpuInfo& info,
                                                            const std::string& driver);

}  // namespace inlay::infra
