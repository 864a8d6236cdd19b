#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "detect/embedding_shape.hpp"
#include "detect/layout.hpp"
#include "detect/triangle_tiles.hpp"

namespace inlay::cuda {

inline constexpr std::int64_t kBatchRows = 2048;         // of a batch at once
inline constexpr std::int64_t kSumRows = 64;             // of a part of the column sums
inline constexpr std::int64_t kPhaseRows = kDoubleTile;  // of a part of the cosines

/// Where the launches of a block of rows leave what the last of them adds to the window, and the
/// directions. It lies behind the first of the two states, so that it lives as long as launches may
/// use it.
struct EmbeddingScratch {
  explicit EmbeddingScratch(const EmbeddingShape& shape) {
    const auto dims = static_cast<std::size_t>(shape.dims);
    const auto frequencies = static_cast<std::size_t>(shape.frequencies);
    state = layout.take<unsigned char>(state_bytes(shape));
    bad = layout.take<std::uint8_t>(kBatchRows);
    marked = layout.take<unsigned long long>(1);
    sums = layout.take<double>(kBatchRows / kSumRows * dims);
    mean = layout.take<double>(dims);
    scatter =
        layout.take<double>(static_cast<std::size_t>(scatter_parts(shape)) *
                            (shape.full ? static_cast<std::size_t>(triangle_tiles(shape.dims)) *
                                              kDoubleTile * kDoubleTile
                                        : dims));
    phases = layout.take<double>(kBatchRows / kPhaseRows * frequencies * 2);
    directions = layout.take<double>(dims * frequencies);
  }

  static std::size_t state_bytes(const EmbeddingShape& shape) {
    return sizeof(EmbeddingHead) + static_cast<std::size_t>(shape.numbers()) * sizeof(double);
  }
  /// Parts of a block of rows whose outer products are summed apart: enough to fill a device.
  static std::int64_t scatter_parts(const EmbeddingShape& shape) {
    if (!shape.full) return kBatchRows / kSumRows;
    return std::clamp<std::int64_t>(256 / triangle_tiles(shape.dims), 1, 16);
  }

  Layout layout;
  Layout::Buffer<unsigned char> state;
  Layout::Buffer<std::uint8_t> bad;
  Layout::Buffer<unsigned long long> marked;
  Layout::Buffer<double> sums, mean, scatter, phases, directions;
};

}  // namespace inlay::cuda
