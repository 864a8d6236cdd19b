#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace inlay::infra {

/// A GPU, or an instance of one, that was named. A plain value.
struct GpuToken {
  enum class Kind : std::uint8_t { kIndex, kUuid, kMig } kind = Kind::kIndex;
  std::uint32_t index = 0;  ///< by the order of the PCI bus
  std::string uuid;         ///< whole or its beginning: "GPU-8932f937"; of an instance "MIG-…"
  /// "MIG-GPU-<uuid>/<gpu instance>/<compute instance>", the form of drivers before 470: the parent
  /// is `uuid`.
  std::optional<std::uint32_t> gpu_instance, compute_instance;
};

/// Reads one name: "3", "GPU-…", "MIG-…". Nothing for anything else.
std::optional<GpuToken> parse_gpu_token(const std::string& text);

/// Reads CUDA_VISIBLE_DEVICES as CUDA does: names up to the first that is none, and none at all if
/// one is named twice.
std::vector<GpuToken> parse_visible_devices(const std::string& text);

/// Whether a token names the GPU; not for instances.
bool names_gpu(const GpuToken& token, std::uint32_t index, const std::string& uuid);

}  // namespace inlay::infra
