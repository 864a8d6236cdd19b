#pragma once

#include "runtime/error.hpp"
#include "summary/column_kernel.cuh"
#include "summary/column_launch.hpp"
#include "summary/column_plan.hpp"

namespace inlay::cuda {

template <class T, int V, int L, bool kVector, Counted kCounted, int kUnroll>
__global__ void __launch_bounds__(kColumnThreads, 3)
    columns_kernel(const __grid_constant__ ColumnArgs args) {
  count_columns<T, V, L, kVector, kCounted, kUnroll>(args);
}

using ColumnsKernel = void (*)(ColumnArgs);

inline std::uint32_t column_shared_bytes(const ColumnArgs& args, ColumnCounts counts,
                                         std::uint32_t real_bytes, std::uint32_t columns) {
  return column_shared(columns, counts != ColumnCounts::kMoments, args.window, args.edge_steps,
                       counts == ColumnCounts::kBucketsAndEdges && args.edges_shared, real_bytes)
      .bytes;
}

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

  template <Counted kCounted>
  static ColumnsKernel pick(bool vector) {
    if (vector) return columns_kernel<T, kV, kL, true, kCounted, kUnroll>;
    // Without whole vectors speed is lost anyway: buckets are counted though nobody may ask.
    constexpr Counted kLeast = kCounted == Counted::kMoments ? Counted::kBuckets : kCounted;
    return columns_kernel<T, 1, kBlockColumns, false, kLeast, 1>;
  }
  static ColumnsKernel pick(ColumnCounts counts, bool vector) {
    switch (counts) {
      case ColumnCounts::kMoments:
        return pick<Counted::kMoments>(vector);
      case ColumnCounts::kBuckets:
        return pick<Counted::kBuckets>(vector);
      default:
        return pick<Counted::kBucketsAndEdges>(vector);
    }
  }

  static void prepare() {
    for (const ColumnCounts counts :
         {ColumnCounts::kMoments, ColumnCounts::kBuckets, ColumnCounts::kBucketsAndEdges}) {
      for (const bool vector : {false, true}) {
        allow_shared(reinterpret_cast<const void*>(pick(counts, vector)));
      }
    }
  }

  static void launch(const ColumnArgs& args, ColumnCounts counts, cudaStream_t stream) {
    if (!args.walk.vector && counts == ColumnCounts::kMoments) counts = ColumnCounts::kBuckets;
    launch_kernel(pick(counts, args.walk.vector), args,
                  column_shared_bytes(args, counts, sizeof(Real<T>), kBlockColumns), stream);
  }

  /// Lets a kernel take as much shared memory as the device has for a block.
  static void allow_shared(const void* kernel) {
    int device = 0;
    int most = 0;
    cudaFuncAttributes attributes;
    check(cudaGetDevice(&device), "asking for the device");
    check(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
          "asking for the shared memory of a block");
    check(cudaFuncGetAttributes(&attributes, kernel), "loading the columns' kernel");
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               most - static_cast<int>(attributes.sharedSizeBytes)),
          "taking shared memory for the columns' kernel");
  }
};

}  // namespace inlay::cuda
