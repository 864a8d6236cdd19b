#pragma once

#include <cstdint>
#include <inlay/host_device.hpp>

namespace inlay::cuda {

inline constexpr int kDoubleTile = 64;  // rows and columns of a tile of products in doubles

/// Tiles on and above the diagonal of a matrix.
INLAY_HOST_DEVICE inline std::int64_t triangle_tiles(std::int64_t dims) {
  const std::int64_t along = (dims + kDoubleTile - 1) / kDoubleTile;
  return along * (along + 1) / 2;
}

/// The tile that a number names, column by column.
INLAY_HOST_DEVICE inline void triangle_place(std::int64_t number, std::int64_t& down,
                                             std::int64_t& across) {
  across = 0;
  while ((across + 1) * (across + 2) / 2 <= number) ++across;
  down = number - across * (across + 1) / 2;
}

}  // namespace inlay::cuda
