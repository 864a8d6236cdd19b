#pragma once

#include <cstdint>

namespace inlay::cuda {

/// Blocks of `per_block` for `count`, at least one.
inline unsigned blocks_for(std::int64_t count, std::int64_t per_block) {
  return count <= 0 ? 1U : static_cast<unsigned>((count + per_block - 1) / per_block);
}

}  // namespace inlay::cuda
