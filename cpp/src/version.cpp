#include <inlay/version.h>

namespace inlay::detail {
extern const char kBuildId[];
}  // namespace inlay::detail

int inlay_abi_version(void) { return INLAY_ABI_VERSION; }

const char* inlay_version(void) { return INLAY_VERSION_STRING; }

const char* inlay_build_id(void) { return inlay::detail::kBuildId; }
