#pragma once

#include <cstdint>
#include <inlay/error.hpp>
#include <vector>

#include "runtime/tensor.hpp"

namespace inlay::cuda {

/// A side of a test of rows: a tensor of shape (rows, dims) or (rows,), and which of its rows
/// count.
struct DeviceRows {
  Tensor tensor;
  const std::int32_t* kept = nullptr;  // in host memory; null for all
  std::int64_t kept_count = 0;

  std::int64_t count() const noexcept { return kept == nullptr ? tensor.shape[0] : kept_count; }
  std::int64_t dims() const noexcept { return tensor.dims == 2 ? tensor.shape[1] : 1; }
};

/// What a function found odd in its sides: if any row of them has a value that is not finite, its
/// numbers mean nothing, and it is called again with the rows that are left.
struct OddRows {
  std::uint64_t left_out[2] = {0, 0};
  std::vector<std::uint8_t> marks[2];  // of each row; empty where none is odd
};

/// @throws InvalidArgument if the sides are no matrices of the same columns, on one device.
void check_sides(const DeviceRows& x, const DeviceRows& y);

}  // namespace inlay::cuda
