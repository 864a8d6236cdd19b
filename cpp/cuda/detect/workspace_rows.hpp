#pragma once

// For .cu files: sides of a test as kernels take them, and the marks of odd rows.

#include "detect/device_rows.hpp"
#include "detect/rows.cuh"
#include "detect/workspace.hpp"

namespace inlay::cuda {

/// Takes room for the numbers of the rows that count, and makes Rows of a side.
class RowsBuffer {
 public:
  RowsBuffer(Workspace& space, const DeviceRows& side) : side_(side) {
    if (side.kept != nullptr) {
      kept_ = space.take<std::int32_t>(static_cast<std::size_t>(side.kept_count));
    }
  }

  Rows enqueue(const Workspace& space, cudaStream_t stream) const {
    Rows rows;
    rows.data = side_.tensor.data;
    rows.element = side_.tensor.element;
    rows.count = side_.count();
    rows.dims = side_.dims();
    rows.row_stride = side_.tensor.strides[0];
    rows.dim_stride = side_.tensor.dims == 2 ? side_.tensor.strides[1] : 0;
    if (side_.kept != nullptr) {
      upload(kept_.get(space), side_.kept, static_cast<std::size_t>(side_.kept_count), stream);
      rows.kept = kept_.get(space);
    }
    return rows;
  }

 private:
  DeviceRows side_;
  Workspace::Buffer<std::int32_t> kept_;
};

/// Reads the marks of both sides, the second's behind the first's, if any row is marked.
/// Synchronises only then.
inline void read_marks(OddRows& odd, const unsigned long long (&left_out)[2],
                       const std::uint8_t* bad, std::int64_t n, std::int64_t m,
                       cudaStream_t stream) {
  for (int side = 0; side < 2; ++side) odd.left_out[side] = left_out[side];
  if (left_out[0] == 0 && left_out[1] == 0) return;
  odd.marks[0].resize(static_cast<std::size_t>(n));
  odd.marks[1].resize(static_cast<std::size_t>(m));
  download(odd.marks[0].data(), bad, odd.marks[0].size(), stream);
  download(odd.marks[1].data(), bad + n, odd.marks[1].size(), stream);
  synchronise(stream);
}

}  // namespace inlay::cuda
