#pragma once

#include "runtime/error.hpp"
#include "runtime/kernel.hpp"
#include "summary/column_kernel.cuh"
#include "summary/column_launch.hpp"
#include "summary/column_plan.hpp"

namespace inlay::cuda {

template <class T, int V, int L, bool kVector, Counted kCounted, int kUnroll>
__global__ void __launch_bounds__(kColumnThreads, kColumnBlocksPerProcessor)
    columns_kernel(const __grid_constant__ ColumnArgs args) {
  count_columns<T, V, L, kVector, kCounted, kUnroll>(args);
}

using ColumnsKernel = void (*)(ColumnArgs);

inline void launch_kernel(ColumnsKernel kernel, const ColumnArgs& args, std::uint32_t shared,
                          cudaStream_t stream) {
  kernel<<<args.walk.groups * args.walk.slices, kColumnThreads, shared, stream>>>(args);
  check(cudaGetLastError(), "launching the columns' kernel");
}

/// The kernels of one element type.
template <class T>
struct ColumnKernels {
  static constexpr int kV = kVectorOf<T>;
  static constexpr int kL = kBlockColumns / kV;
  static constexpr int kUnroll = 4;

  // Buckets are counted though nobody may ask, and by other walks edges though there may be none:
  // fewer kernels to build, load and carry.
  static ColumnsKernel pick(ColumnCounts counts, bool vector) {
    if (!vector) return columns_kernel<T, 1, kBlockColumns, false, Counted::kBucketsAndEdges, 1>;
    return counts == ColumnCounts::kBucketsAndEdges
               ? columns_kernel<T, kV, kL, true, Counted::kBucketsAndEdges, kUnroll>
               : columns_kernel<T, kV, kL, true, Counted::kBuckets, kUnroll>;
  }
  static std::uint32_t shared_bytes(const ColumnArgs& args) {
    return column_shared(kBlockColumns, true, args.block_window, args.edge_steps,
                         args.edges_shared && args.edge_steps != 0, sizeof(Real<T>))
        .bytes;
  }
};

template <class T>
void load_columns_of(ColumnCounts counts, std::uint32_t edge_steps, int block_window) {
  using Kernels = ColumnKernels<T>;
  ColumnArgs args;
  args.block_window = args.window = block_window;
  args.edge_steps = edge_steps;
  args.edges_shared = edges_fit(edge_steps, sizeof(Real<T>));
  for (const bool vector : {false, true})
    load_kernel(Kernels::pick(counts, vector), static_cast<int>(Kernels::shared_bytes(args)));
}

template <class T>
void launch_columns_of(const ColumnArgs& args, ColumnCounts counts, cudaStream_t stream) {
  using Kernels = ColumnKernels<T>;
  launch_kernel(Kernels::pick(counts, args.walk.vector), args, Kernels::shared_bytes(args), stream);
}

}  // namespace inlay::cuda
