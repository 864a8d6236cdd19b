#include "infra/gpu_discovery.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>

#include "inlay/error.hpp"

namespace inlay::infra {

namespace {

const char* level_name(std::uint32_t level) {
  switch (level) {
    case 0:
      return "internal";
    case 10:
      return "single";
    case 20:
      return "multiple";
    case 30:
      return "hostbridge";
    case 40:
      return "node";
    case 50:
      return "system";
    default:
      return "unknown";
  }
}

/// "00000000:3B:00.0" as sysfs spells it: "0000:3b:00.0".
std::string sysfs_bus_id(std::string bus_id) {
  std::transform(bus_id.begin(), bus_id.end(), bus_id.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::size_t colon = bus_id.find(':');
  if (colon != std::string::npos && colon > 4 && bus_id.find_first_not_of('0') >= colon - 4) {
    bus_id.erase(0, colon - 4);
  }
  return bus_id;
}

std::optional<std::int32_t> sysfs_numa_node(const std::string& bus_id) {
  std::ifstream file("/sys/bus/pci/devices/" + bus_id + "/numa_node");
  std::int32_t node = -1;
  if (!(file >> node) || node < 0) return std::nullopt;
  return node;
}

/// The UUID of the GPU that an instance is part of.
std::string parent_uuid(const NvmlLibrary& nvml, const std::string& instance) {
  nvml::Device handle = nullptr, parent = nullptr;
  char uuid[96] = {};
  if (nvml.handle_by_uuid(instance.c_str(), &handle) != nvml::kSuccess ||
      nvml.parent(handle, &parent) != nvml::kSuccess ||
      nvml.uuid(parent, uuid, sizeof(uuid) - 1) != nvml::kSuccess) {
    return {};
  }
  return uuid;
}

std::vector<GpuToken> wanted(const GpuOptions& options, bool& all) {
  std::vector<GpuToken> tokens;
  all = false;
  if (options.devices) {
    for (const std::string& device : *options.devices) {
      if (auto token = parse_gpu_token(device)) tokens.push_back(std::move(*token));
    }
  } else if (options.visible) {
    tokens = parse_visible_devices(*options.visible);
  } else {
    all = true;
  }
  return tokens;
}

}  // namespace

void describe_gpu(const NvmlLibrary& nvml, FoundGpu& gpu) {
  char name[96] = {};
  if (nvml.name(gpu.handle, name, sizeof(name) - 1) == nvml::kSuccess) gpu.info.name = name;
  nvml::PciInfo pci{};
  if (nvml.pci_info(gpu.handle, &pci) == nvml::kSuccess) {
    pci.bus_id[sizeof(pci.bus_id) - 1] = '\0';
    gpu.info.pci_bus_id = sysfs_bus_id(pci.bus_id);
  }
  std::uint32_t node = 0;
  if (nvml.numa_node(gpu.handle, &node) == nvml::kSuccess && node < 0x7fffffff) {
    gpu.info.numa_node = static_cast<std::int32_t>(node);
  } else if (!gpu.info.pci_bus_id.empty()) {
    gpu.info.numa_node = sysfs_numa_node(gpu.info.pci_bus_id);
  }
  nvml::FieldValue links{};
  links.field = nvml::kFieldLinkCount;
  if (nvml.field_values(gpu.handle, 1, &links) == nvml::kSuccess &&
      links.result == nvml::kSuccess) {
    gpu.info.links = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(whole_value(links.value, links.value_type), nvml::kMostLinks));
  }
  std::uint32_t mode = 0, pending = 0;
  gpu.info.mig = nvml.mig_mode(gpu.handle, &mode, &pending) == nvml::kSuccess && mode == 1;
}

nvml::Return start_nvml(const NvmlLibrary& nvml) noexcept {
  // A machine without a GPU is no failure then.
  nvml::Return code = nvml.init_with_flags(nvml::kInitNoGpus);
  if (code != nvml::kSuccess && nvml.init) code = nvml.init();
  return code == nvml::kAlreadyInitialized ? nvml::kSuccess : code;
}

void check_devices(const GpuOptions& options) {
  if (!options.devices) return;
  for (const std::string& device : *options.devices) {
    if (parse_gpu_token(device)) continue;
    detail::fail<InvalidArgument>("a device is an index, 'GPU-…' or 'MIG-…', not", device);
  }
}

FoundGpus find_gpus(const NvmlLibrary& nvml, const GpuOptions& options, bool whole) {
  FoundGpus found;
  std::uint32_t count = 0;
  found.code = nvml.count(&count);
  if (found.code != nvml::kSuccess) return found;
  found.count = count;
  bool all = false;
  const std::vector<GpuToken> tokens = wanted(options, all);
  std::vector<std::string> parents(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind == GpuToken::Kind::kMig && !tokens[i].gpu_instance) {
      parents[i] = parent_uuid(nvml, tokens[i].uuid);
    }
  }
  const std::vector<GpuToken> visible =
      options.visible ? parse_visible_devices(*options.visible) : std::vector<GpuToken>();
  std::vector<bool> met(tokens.size(), false);
  for (std::uint32_t index = 0; index < count; ++index) {
    FoundGpu gpu;
    gpu.info.index = index;
    char uuid[96] = {};
    nvml::Return code = nvml.handle_by_index(index, &gpu.handle);
    if (code == nvml::kSuccess) code = nvml.uuid(gpu.handle, uuid, sizeof(uuid) - 1);
    if (code != nvml::kSuccess) {  // another user's, or lost
      const bool named = all || std::any_of(tokens.begin(), tokens.end(), [&](const auto& token) {
                           return token.kind == GpuToken::Kind::kIndex && token.index == index;
                         });
      if (named) found.absent.push_back(std::to_string(index));
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (names_gpu(tokens[i], index, "")) met[i] = true;
      }
      continue;
    }
    gpu.info.uuid = uuid;
    bool chosen = all;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (names_gpu(tokens[i], index, uuid) || (!parents[i].empty() && parents[i] == uuid)) {
        chosen = met[i] = true;
      }
    }
    if (!chosen) continue;
    if (!options.visible) gpu.info.cuda = index;
    for (std::size_t i = 0; i < visible.size() && !gpu.info.cuda; ++i) {
      if (names_gpu(visible[i], index, uuid)) gpu.info.cuda = static_cast<std::uint32_t>(i);
    }
    if (whole) describe_gpu(nvml, gpu);
    found.gpus.push_back(std::move(gpu));
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (met[i]) continue;
    found.absent.push_back(tokens[i].uuid.empty() ? std::to_string(tokens[i].index)
                                                  : tokens[i].uuid);
  }
  if (!whole) return found;
  for (FoundGpu& gpu : found.gpus) {
    for (const FoundGpu& other : found.gpus) {
      std::uint32_t level = 0;
      if (&gpu == &other || nvml.common_ancestor(gpu.handle, other.handle, &level) != 0) continue;
      gpu.info.topology[other.info.uuid] = level_name(level);
    }
  }
  return found;
}

std::string missing_text(const FoundGpus& found, const GpuOptions& options) {
  const std::string here =
      std::to_string(found.count) + (found.count == 1 ? " GPU is here" : " GPUs are here");
  if (found.count == 0) return "no GPU is here";
  if (found.absent.empty()) {
    if (!found.gpus.empty()) return {};
    return options.devices ? "devices names no GPU; " + here
                           : "CUDA_VISIBLE_DEVICES names no GPU: '" + options.visible.value_or("") +
                                 "'; " + here;
  }
  std::string names;
  for (const std::string& name : found.absent) names += (names.empty() ? "" : ", ") + name;
  return "not here: " + names + "; " + here;
}

std::vector<std::pair<std::string, std::string>> info_attrs(const GpuInfo& info,
                                                            const std::string& driver) {
  std::vector<std::pair<std::string, std::string>> attrs = {{"gpu", info.uuid},
                                                            {"index", std::to_string(info.index)},
                                                            {"name", info.name},
                                                            {"driver", driver},
                                                            {"pci", info.pci_bus_id},
                                                            {"nvlinks", std::to_string(info.links)},
                                                            {"mig", info.mig ? "true" : "false"}};
  if (info.cuda) attrs.emplace_back("cuda", std::to_string(*info.cuda));
  if (info.numa_node) attrs.emplace_back("numa", std::to_string(*info.numa_node));
  std::string topology;
  for (const auto& [uuid, level] : info.topology) {
    if (!topology.empty()) topology += ',';
    topology.append(uuid).append(1, '=').append(level);
  }
  if (!topology.empty()) attrs.emplace_back("topology", topology);
  return attrs;
}

}  // namespace inlay::infra
