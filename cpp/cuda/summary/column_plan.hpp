#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "summary/column_args.hpp"

namespace inlay::cuda {

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

  const bool one_stride = joined.size() == 1;
  const std::int64_t row_stride = joined[0].stride;
  const bool own_place =
      reinterpret_cast<std::uintptr_t>(data) % static_cast<std::uintptr_t>(bytes) == 0;
  constexpr std::int64_t kMany = 1024;  // rows that are worth a block a column
  const bool fast = has_fast_walks(tensor.element);
  walk.rows = rows;
  if (columns == 1) {
    walk.flat = true;
    if (fast && one_stride && row_stride == 1 && own_place) walk.kind = Walk::kRun;
  } else if (one_stride && column_stride == 1 && row_stride == columns &&
             columns <= kBlockColumns / 2) {
    // Rows of few columns, one behind the other: they take turns.
    if (fast) walk.kind = Walk::kRows;
    walk.flat = true;
    walk.per_group = static_cast<std::uint32_t>(columns);
    walk.width = kBlockColumns / walk.per_group * walk.per_group;
    walk.rows = walk.sizes[0] = rows * columns;
    walk.strides[0] = 1;
  } else if (one_stride && row_stride == 1 && column_stride != 1 && rows >= kMany && own_place) {
    if (fast) walk.kind = Walk::kRun;
    walk.flat = true;
  } else if (one_stride) {
    if (fast) walk.kind = Walk::kRows;
  } else {
    const std::int64_t inner = joined.back().stride;
    const std::int64_t across = column_stride < 0 ? -column_stride : column_stride;
    walk.flat = columns < 8 || (inner < across && rows >= kMany);
  }
  std::int64_t block_rows = walk.rows;
  if (walk.flat) {
    if (walk.per_group == 1) {
      walk.groups = static_cast<std::uint32_t>(columns);
      walk.group_stride = column_stride;
    }
    const std::int64_t width =
        walk.kind == Walk::kRun ? kBlockColumns * (16 / bytes) : std::int64_t{walk.width};
    block_rows = (walk.rows + width - 1) / width;
  } else {
    walk.per_group = kBlockColumns;
    walk.groups = static_cast<std::uint32_t>((columns + kBlockColumns - 1) / kBlockColumns);
    walk.group_stride = kBlockColumns * column_stride;
    walk.column_stride = column_stride;
    walk.row_stride = row_stride;
  }
  constexpr std::int64_t kLeastRows = 1024;
  std::int64_t slices = std::max<std::int64_t>(1, target_blocks / walk.groups);
  slices = std::min(slices, (block_rows + kLeastRows - 1) / kLeastRows);
  walk.rows_per_slice = (block_rows + slices - 1) / slices;
  walk.slices =
      static_cast<std::uint32_t>((block_rows + walk.rows_per_slice - 1) / walk.rows_per_slice);
  return walk;
}

/// Parts that any walk over `columns` columns may leave.
inline std::size_t column_parts(std::uint32_t columns, std::uint32_t target_blocks) {
  return std::max<std::size_t>(std::size_t{columns} + kBlockColumns,
                               std::size_t{kBlockColumns} * target_blocks);
}

/// Values of a column, at most, that one block of a walk counts.
inline std::int64_t column_values(const ColumnWalk& walk) {
  if (!walk.flat) return walk.rows_per_slice;
  const auto bytes = static_cast<std::int64_t>(size_of(walk.element));
  const std::int64_t width =
      walk.kind == Walk::kRun ? kBlockColumns * (16 / bytes) : std::int64_t{walk.width};
  return std::min(walk.rows_per_slice * width, walk.rows) / walk.per_group;
}

/// Buckets of a side that a block counts in shared memory: few rows are not worth it.
inline int window_for(const ColumnWalk& walk, int scale, ColumnBlock block) {
  constexpr std::int64_t kWorthwhile = 48;
  if (column_values(walk) < kWorthwhile) return 0;
  // Where all are normal numbers, in whole pages; floats have the narrower range.
  const int bottom = (-126 * (1 << scale) + kPageBuckets - 1) & -kPageBuckets;
  const int top = (128 * (1 << scale) - 1) & -kPageBuckets;
  return std::min(static_cast<int>(block.window), top - bottom);
}

/// Whether the cells of edges are counted in shared memory, of which a block may have so much.
inline bool edges_fit(ColumnBlock block, std::uint32_t edge_steps, std::uint32_t real_bytes,
                      std::uint32_t shared_bytes) {
  constexpr std::uint32_t kFew = 10;  // beyond, sizes overflow
  constexpr std::uint32_t kStatic = 1024;
  return edge_steps <= kFew &&
         column_shared(block, edge_steps, true, real_bytes).bytes + kStatic <= shared_bytes;
}

}  // namespace inlay::cuda
