#pragma once

#include <algorithm>
#include <type_traits>

#include "runtime/error.hpp"
#include "runtime/kernel.hpp"
#include "summary/column_kernel.cuh"
#include "summary/column_launch.hpp"

namespace inlay::cuda {

template <class T, Walk kWalk, bool kEdges>
__global__ void __launch_bounds__(kThreadsOf<T, kWalk, kEdges>, 1)
    columns_kernel(const __grid_constant__ ColumnArgs args) {
  count_columns<T, kWalk, kEdges>(args);
}

struct ColumnsKernel {
  void (*kernel)(ColumnArgs);
  std::uint32_t threads;  // at most
};

template <class T, Walk kWalk, bool kEdges>
ColumnsKernel columns_kernel_as() {
  return {columns_kernel<T, kWalk, kEdges>, kThreadsOf<T, kWalk, kEdges>};
}

/// Elements whose fast walks have a kernel without edges. All others look for edges though there
/// may be none: fewer kernels to build, load and carry.
template <class T>
inline constexpr bool kEdgesApart = std::is_same_v<T, float> || std::is_same_v<T, BFloat16>;

/// The kernel for a walk.
template <class T>
ColumnsKernel columns_kernel_of(Walk walk, bool edges) {
  if constexpr (kHasFastWalks<T>) {
    constexpr bool kLooks = !kEdgesApart<T>;
    if (walk == Walk::kRows) {
      return edges ? columns_kernel_as<T, Walk::kRows, true>()
                   : columns_kernel_as<T, Walk::kRows, kLooks>();
    }
    if (walk == Walk::kRun) {
      return edges ? columns_kernel_as<T, Walk::kRun, true>()
                   : columns_kernel_as<T, Walk::kRun, kLooks>();
    }
  }
  return columns_kernel_as<T, Walk::kGeneral, true>();
}

template <class T>
std::uint32_t columns_shared_bytes(const ColumnArgs& args) {
  return column_shared(args.block, args.edge_steps, args.edges_shared && args.edge_steps != 0,
                       sizeof(Real<T>))
      .bytes;
}

template <class T>
void load_columns_of(const ColumnArgs& args) {
  for (const Walk walk : {Walk::kRows, Walk::kRun, Walk::kGeneral}) {
    load_kernel(columns_kernel_of<T>(walk, args.edge_steps != 0).kernel,
                static_cast<int>(columns_shared_bytes<T>(args)));
  }
}

template <class T>
void launch_columns_of(const ColumnArgs& given, cudaStream_t stream) {
  const ColumnsKernel chosen = columns_kernel_of<T>(given.walk.kind, given.edge_steps != 0);
  ColumnArgs args = given;
  args.block.threads = std::min(args.block.threads, chosen.threads);
  chosen.kernel<<<args.walk.groups * args.walk.slices, args.block.threads,
                  columns_shared_bytes<T>(args), stream>>>(args);
  check(cudaGetLastError(), "launching the columns' kernel");
}

}  // namespace inlay::cuda
