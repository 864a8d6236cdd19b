#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "summary/column_args.hpp"

namespace inlay::cuda {

/// Columns a block works on at once, and how a vector walk loads them: V at once, L lanes a row.
inline constexpr int kBlockColumns = 16;
template <class T>
inline constexpr int kVectorOf = sizeof(T) == 8 ? 2 : 4;
inline int vector_of(Element element) { return size_of(element) == 8 ? 2 : 4; }

/// How to walk `tensor` as rows of columns. `axis` is the dimension of the columns, or -1 if all
/// values are of one column; a walk of 0 rows needs no launch.
///
/// The order of the rows means nothing, so dimensions are put in the order of their strides, turned
/// forward and joined where they can be.
inline ColumnWalk plan_columns(const Tensor& tensor, int axis, std::uint32_t target_blocks) {
  struct Dim {
    std::int64_t size;
    std::int64_t stride;
  };
  ColumnWalk walk;
  walk.element = tensor.element;
  const auto bytes = static_cast<std::int64_t>(size_of(tensor.element));
  const char* data = static_cast<const char*>(tensor.data);
  std::int64_t columns = 1;
  std::int64_t column_stride = 1;
  std::vector<Dim> dims;
  for (int i = 0; i < tensor.dims; ++i) {
    if (i == axis) {
      columns = tensor.shape[i];
      column_stride = columns == 1 ? 1 : tensor.strides[i];
      continue;
    }
    Dim dim{tensor.shape[i], tensor.strides[i]};
    if (dim.size == 1) continue;
    if (dim.stride < 0) {
      data += (dim.size - 1) * dim.stride * bytes;
      dim.stride = -dim.stride;
    }
    dims.push_back(dim);
  }
  std::stable_sort(dims.begin(), dims.end(),
                   [](const Dim& a, const Dim& b) { return a.stride > b.stride; });
  std::vector<Dim> joined;
  for (const Dim& dim : dims) {
    if (!joined.empty() && joined.back().stride == dim.stride * dim.size) {
      joined.back() = {joined.back().size * dim.size, dim.stride};
    } else {
      joined.push_back(dim);
    }
  }
  if (joined.empty()) joined.push_back({1, columns == 1 ? 1 : columns * column_stride});
  std::int64_t rows = 1;
  for (const Dim& dim : joined) rows *= dim.size;
  walk.data = data;
  if (rows == 0 || columns == 0) return walk;
  walk.dims = static_cast<int>(joined.size());
  for (std::size_t i = 0; i < joined.size(); ++i) {
    walk.sizes[i] = joined[i].size;
    walk.strides[i] = joined[i].stride;
  }

  const std::int64_t vector = vector_of(tensor.element);
  const auto place = reinterpret_cast<std::uintptr_t>(data);
  const bool aligned = place % static_cast<std::uintptr_t>(vector * bytes) == 0;
  const bool one_stride = joined.size() == 1;
  const std::int64_t row_stride = joined[0].stride;
  const bool own_elements = place % static_cast<std::uintptr_t>(bytes) == 0;
  walk.rows = rows;
  if (columns == 1) {
    walk.flat = true;
    walk.vector = one_stride && row_stride == 1 && own_elements;
  } else if (one_stride && column_stride == 1 && row_stride == columns && aligned &&
             (columns == 2 || columns == 4 || columns == 8)) {
    // Rows of few columns, one behind the other: they take turns.
    walk.flat = walk.vector = true;
    walk.per_group = static_cast<std::uint32_t>(columns);
    walk.rows = rows * columns;
  } else if (one_stride && column_stride == 1 && aligned && row_stride % vector == 0 &&
             columns % vector == 0) {
    walk.vector = true;
  } else if (one_stride && row_stride == 1 && rows >= 1024 && own_elements) {
    walk.flat = walk.vector = true;
  } else {
    const std::int64_t inner = joined.back().stride;
    const std::int64_t across = column_stride < 0 ? -column_stride : column_stride;
    walk.flat = columns < 8 || (inner < across && rows >= 64);
  }
  std::int64_t block_rows = walk.rows;
  if (walk.flat) {
    if (walk.per_group == 1) {
      walk.groups = static_cast<std::uint32_t>(columns);
      walk.group_stride = column_stride;
    }
    block_rows = (walk.rows + kBlockColumns - 1) / kBlockColumns;
  } else {
    walk.per_group = kBlockColumns;
    walk.groups = static_cast<std::uint32_t>((columns + kBlockColumns - 1) / kBlockColumns);
    walk.group_stride = kBlockColumns * column_stride;
    walk.column_stride = column_stride;
    walk.row_stride = row_stride;
  }
  constexpr std::int64_t kLeastRows = 512;
  const std::int64_t lanes = walk.vector ? kBlockColumns / vector : kBlockColumns;
  const std::int64_t step = kColumnThreads / lanes;
  std::int64_t slices = std::max<std::int64_t>(1, target_blocks / walk.groups);
  slices = std::min(slices, (block_rows + kLeastRows - 1) / kLeastRows);
  walk.rows_per_slice = ((block_rows + slices - 1) / slices + step - 1) / step * step;
  walk.slices =
      static_cast<std::uint32_t>((block_rows + walk.rows_per_slice - 1) / walk.rows_per_slice);
  return walk;
}

/// Parts that any walk over `columns` columns may leave.
inline std::size_t column_parts(std::uint32_t columns, std::uint32_t target_blocks) {
  return std::max<std::size_t>(std::size_t{columns} + kBlockColumns,
                               std::size_t{kBlockColumns} * target_blocks);
}

/// Buckets of a side that a block counts in shared memory: few rows are not worth the clearing.
inline int window_for(const ColumnWalk& walk, int scale, int block_window) {
  constexpr std::int64_t kWorthwhile = 48;
  const std::int64_t values = walk.flat ? walk.rows_per_slice * kBlockColumns / walk.per_group
                                        : std::min(walk.rows, walk.rows_per_slice);
  if (std::min(values, walk.rows) < kWorthwhile) return 0;
  // Where all are normal numbers, in whole pages; floats have the narrower range.
  const int bottom = (-126 * (1 << scale) + kPageBuckets - 1) & -kPageBuckets;
  const int top = (128 * (1 << scale) - 1) & -kPageBuckets;
  return std::min(block_window, top - bottom);
}

/// How much shared memory the cells of edges may take; more, and they are counted where they lie.
inline constexpr std::uint32_t kSharedEdgesBytes = 40 * 1024;
inline bool edges_fit(std::uint32_t edge_steps, std::uint32_t real_bytes) {
  const std::uint64_t edges = (std::uint64_t{1} << edge_steps) - 1;
  return kBlockColumns * (edges * real_bytes + (edges + 2) * 4) <= kSharedEdgesBytes;
}

}  // namespace inlay::cuda
