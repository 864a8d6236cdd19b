#pragma once

// A block's 64 by 64 tile of a product of two matrices in doubles, 4 by 4 a thread.

#include "detect/rows.cuh"
#include "detect/triangle_tiles.hpp"

namespace inlay::cuda {

inline constexpr int kDoubleDepth = 16;
inline constexpr int kDoubleThreads = 256;

/// What lies in shared memory; a row of padding keeps banks apart.
struct DoubleSlices {
  double a[kDoubleDepth][kDoubleTile + 2];
  double b[kDoubleDepth][kDoubleTile + 2];
};

/// Of a thread's four places along a tile, where they lie: two runs of two, 32 apart.
INLAY_HOST_DEVICE constexpr int double_place(int thread, int i) {
  return i < 2 ? thread * 2 + i : kDoubleTile / 2 + thread * 2 + i - 2;
}

/// c[i][j] += the sum over k, from begin to end, of a(i, k) b(j, k); i by ty = threadIdx.x / 16, j
/// by tx = threadIdx.x % 16. `a` and `b` are called with places in the tile and with k; threads
/// that lie beside each other ask for k's beside each other if kAlongDepth, else for places.
template <bool kAlongDepthA, bool kAlongDepthB, class A, class B>
__device__ inline void multiply_doubles(DoubleSlices& slices, std::int64_t begin, std::int64_t end,
                                        A&& a, B&& b, double (&c)[4][4]) {
  const int thread = static_cast<int>(threadIdx.x);
  const int tx = thread % 16;
  const int ty = thread / 16;
  for (std::int64_t at = begin; at < end; at += kDoubleDepth) {
#pragma unroll
    for (int i = thread; i < kDoubleDepth * kDoubleTile; i += kDoubleThreads) {
      const int k_a = kAlongDepthA ? i % kDoubleDepth : i / kDoubleTile;
      const int place_a = kAlongDepthA ? i / kDoubleDepth : i % kDoubleTile;
      slices.a[k_a][place_a] = at + k_a < end ? a(place_a, at + k_a) : 0.0;
      const int k_b = kAlongDepthB ? i % kDoubleDepth : i / kDoubleTile;
      const int place_b = kAlongDepthB ? i / kDoubleDepth : i % kDoubleTile;
      slices.b[k_b][place_b] = at + k_b < end ? b(place_b, at + k_b) : 0.0;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDoubleDepth; ++k) {
      double left[4];
      double right[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        left[i] = slices.a[k][double_place(ty, i)];
        right[i] = slices.b[k][double_place(tx, i)];
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) c[i][j] = fma(left[i], right[j], c[i][j]);
      }
    }
    __syncthreads();
  }
}

}  // namespace inlay::cuda
