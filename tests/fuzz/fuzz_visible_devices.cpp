#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "infra/gpu_selection.hpp"

// Any text gives names of GPUs that differ, each of them one that is read the same alone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using inlay::infra::GpuToken;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto tokens = inlay::infra::parse_visible_devices(text);
  for (const GpuToken& token : tokens) {
    const bool indexed = token.kind == GpuToken::Kind::kIndex;
    if (indexed != token.uuid.empty()) std::abort();
    if (token.gpu_instance.has_value() != token.compute_instance.has_value()) std::abort();
    std::string name = indexed ? std::to_string(token.index) : token.uuid;
    if (token.gpu_instance) {
      name = "MIG-" + name + '/' + std::to_string(*token.gpu_instance) + '/' +
             std::to_string(*token.compute_instance);
    }
    const auto again = inlay::infra::parse_gpu_token(name);
    if (!again || again->kind != token.kind || again->uuid != token.uuid ||
        again->index != token.index || again->gpu_instance != token.gpu_instance) {
      std::abort();
    }
    inlay::infra::names_gpu(token, 3, "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6");
  }
  return 0;
}
