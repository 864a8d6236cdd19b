#pragma once

// Kernel statistics of pooled rows for many splits at once, without a kernel matrix in memory.
//
// The rows lie in panels of 128: panel p holds, for each dimension in turn, that dimension of its
// 128 rows, in float32. A block computes one 128 by 128 tile of the kernel matrix after the other,
// 8 by 8 a thread, from slices of two panels that it copies to shared memory ahead of time; only
// tiles on and above the diagonal. It then multiplies the tile with the signs of the splits, again
// 8 by 8 a thread, and adds the forms of each split to a row of its own in doubles, so that results
// do not depend on which block came first. Which tiles a block takes depends on sizes alone.

#include "detect/rows.cuh"

namespace inlay::cuda {

inline constexpr int kTile = 128;  // rows of a panel, and splits of a group
inline constexpr int kDepth = 16;  // dimensions of a slice
inline constexpr int kSlice = kTile * kDepth;
inline constexpr int kTileThreads = 256;
inline constexpr int kSignRows = 32;  // rows whose signs lie in shared memory at a time
inline constexpr int kSquare = 16;    // tiles of a square, whose panels stay in the second cache

/// Pooled rows in panels.
struct Panels {
  float* values;      // [panels][depth][kTile]
  float* squares;     // [panels * kTile]: squared lengths
  std::int64_t rows;  // those of the last panel beyond it are zeros
  std::int32_t panels;
  std::int32_t depth;  // dimensions, rounded up to kDepth; those beyond are zeros
};

/// What the median distance decides.
struct KernelScale {
  double median;  // between sampled rows; 0 if all are equal
  double scale;   // what rows are divided by
  float offset;   // taken off each kernel, so that float sums stay small
};

/// The splits: signs[group][panels * kTile][kTile], 1 for rows that a split takes for the
/// reference and -1 for the others. Split 0 of each group is 1 for all rows; rows beyond the last
/// are 0.
struct Splits {
  const std::int8_t* signs;
  std::int32_t groups;
};

/// What is taken of minus a squared distance.
__device__ __forceinline__ float kernel_of(float negative_squared, bool gaussian) {
  return gaussian ? expf(negative_squared) : -sqrtf(-negative_squared);
}

// ---- copies to shared memory that run ahead ---------------------------------------------------

struct alignas(16) Float4 {
  float v[4];
};

/// Begins to copy 16 bytes to shared memory; the portable twin copies them at once.
__device__ __forceinline__ void copy16_ahead(void* to, const void* from) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  const auto shared = static_cast<unsigned>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(from) : "memory");
#else
  *static_cast<Float4*>(to) = *static_cast<const Float4*>(from);
#endif
}

/// Ends a batch of copies, perhaps an empty one.
__device__ __forceinline__ void end_batch() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Waits until all but the last `kPending` batches of this thread have arrived.
template <int kPending>
__device__ __forceinline__ void wait_for_batches() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

// ---- which tile -------------------------------------------------------------------------------

struct TilePlace {
  std::int32_t down;    // the panel of its rows
  std::int32_t across;  // the panel of its columns, not before it
  bool exists;
};

INLAY_HOST_DEVICE inline std::int64_t square_count(std::int32_t panels) {
  const std::int64_t along = (panels + kSquare - 1) / kSquare;
  return along * (along + 1) / 2;
}

/// Tiles in squares, square by square of the upper triangle; on its diagonal some do not exist.
INLAY_HOST_DEVICE inline TilePlace tile_place(std::int64_t number, std::int32_t panels) {
  const std::int64_t square = number / (kSquare * kSquare);
  const auto inside = static_cast<std::int32_t>(number % (kSquare * kSquare));
  auto across = static_cast<std::int64_t>((sqrt(8.0 * static_cast<double>(square) + 1.0) - 1) / 2);
  while (across * (across + 1) / 2 > square) --across;
  while ((across + 1) * (across + 2) / 2 <= square) ++across;
  const std::int64_t down = square - across * (across + 1) / 2;
  TilePlace place{};
  place.down = static_cast<std::int32_t>(down) * kSquare + inside / kSquare;
  place.across = static_cast<std::int32_t>(across) * kSquare + inside % kSquare;
  place.exists = place.down <= place.across && place.across < panels;
  return place;
}

/// How many blocks share the tiles: enough for any device, and the same on all, so that results
/// are too.
INLAY_HOST_DEVICE inline std::int64_t tile_blocks(std::int32_t panels) {
  constexpr std::int64_t kMost = 2112;
  const std::int64_t tiles = square_count(panels) * kSquare * kSquare;
  return tiles < kMost ? tiles : kMost;
}

// ---- the kernel -------------------------------------------------------------------------------

/// Dynamic shared memory of kernel_tiles_kernel<kHeld, kStages>.
template <int kHeld, int kStages>
INLAY_HOST_DEVICE constexpr int tile_shared_bytes() {
  const int slices = kStages * 2 * kSlice;
  const int product = kHeld * kTile + kSignRows * kTile;
  return static_cast<int>(sizeof(float)) * ((slices > product ? slices : product) + kTile);
}

__device__ __forceinline__ void read8(const float* from, float (&to)[8]) {
  const Float4 low = *reinterpret_cast<const Float4*>(from);
  const Float4 high = *reinterpret_cast<const Float4*>(from + kTile / 2);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    to[i] = low.v[i];
    to[i + 4] = high.v[i];
  }
}

__device__ __forceinline__ void write8(const float (&from)[8], float* to) {
  Float4 low;
  Float4 high;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    low.v[i] = from[i];
    high.v[i] = from[i + 4];
  }
  *reinterpret_cast<Float4*>(to) = low;
  *reinterpret_cast<Float4*>(to + kTile / 2) = high;
}

/// c[r][q] += the sum over `kCount` rows of a[.][r] b[.][q].
template <int kCount>
__device__ __forceinline__ void multiply(const float* a, const float* b, float (&c)[8][8]) {
#pragma unroll
  for (int k = 0; k < kCount; ++k) {
    float left[8];
    float right[8];
    read8(a + k * kTile, left);
    read8(b + k * kTile, right);
#pragma unroll
    for (int r = 0; r < 8; ++r) {
#pragma unroll
      for (int q = 0; q < 8; ++q) c[r][q] = fmaf(left[r], right[q], c[r][q]);
    }
  }
}

/// Of a thread's eight places along a tile, where they lie: two runs of four.
INLAY_HOST_DEVICE constexpr int place_of(int thread, int i) {
  return i < 4 ? thread * 4 + i : kTile / 2 + thread * 4 + i - 4;
}

/// Writes kRows of a thread's eight rows of a tile, from `first` on.
template <int kRows>
__device__ __forceinline__ void hold_rows(const float (&products)[8][8], int first, int tx, int ty,
                                          float* held) {
#pragma unroll
  for (int r = 0; r < 8; ++r) {
    if (r < first || r >= first + kRows) continue;
    write8(products[r], held + place_of(ty, r) * kTile + tx * 4);
  }
}

/// Turns what hold_rows() wrote into kernels, less the offset; 0 where there is no row.
template <int kRows>
__device__ __forceinline__ void take_kernels(const Panels& rows, const TilePlace& place,
                                             float offset, bool gaussian, int first, int tx, int ty,
                                             float* held) {
  const std::int32_t first_column = place.across * kTile;
  float column_squares[8];
  read8(rows.squares + first_column + tx * 4, column_squares);
#pragma unroll 1
  for (int r = first; r < first + kRows; ++r) {
    const std::int32_t row = place.down * kTile + place_of(ty, r);
    const float square = rows.squares[row];
    float* const at = held + place_of(ty, r) * kTile + tx * 4;
    float kernels[8];
    read8(at, kernels);
#pragma unroll
    for (int c = 0; c < 8; ++c) {
      const std::int32_t column = first_column + place_of(tx, c);
      const float negative = fminf(2.0F * kernels[c] - square - column_squares[c], 0.0F);
      const float kernel = kernel_of(row == column ? 0.0F : negative, gaussian) - offset;
      kernels[c] = row < rows.rows && column < rows.rows ? kernel : 0.0F;
    }
    write8(kernels, at);
  }
}

/// Blocks of whole tiles that a multiprocessor has the shared memory for.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ != 800 && __CUDA_ARCH__ != 900 && \
    __CUDA_ARCH__ != 1000 && __CUDA_ARCH__ != 1030
inline constexpr int kBlocksAtOnce = 1;  // 64 to 100 KiB
#else
inline constexpr int kBlocksAtOnce = 2;
#endif

/// Adds to partial[block][group][split] the pair (s' K s, s' K 1) over the block's tiles, where K
/// is the kernel less the offset and s the signs of the split. A block of kTileThreads; kHeld rows
/// (32 or 128) of a tile lie in shared memory at a time, and kStages slices ahead.
template <int kHeld, int kStages>
__global__ void __launch_bounds__(kTileThreads, kHeld == kTile ? kBlocksAtOnce : 1)
    kernel_tiles_kernel(Panels rows, Splits splits, const KernelScale* scale, bool gaussian,
                        double* partial) {
#ifdef __CUDA_ARCH__
  // Whole tiles wherever a block may have that much memory: the other one is never launched.
  if constexpr ((kHeld == kTile) != (__CUDA_ARCH__ >= 800)) return;
#endif
  INLAY_DYNAMIC_SHARED(memory);
  float* const shared = reinterpret_cast<float*>(memory);
  // The slices make room for the product with the signs; sums of columns lie behind both.
  float* const held = shared;
  float* const signs = shared + kHeld * kTile;
  float* const column_sums =
      shared + tile_shared_bytes<kHeld, kStages>() / static_cast<int>(sizeof(float)) - kTile;
  const int tx = static_cast<int>(threadIdx.x) % 16;
  const int ty = static_cast<int>(threadIdx.x) / 16;
  const std::int32_t steps = rows.depth / kDepth;
  const std::int64_t tiles = square_count(rows.panels) * kSquare * kSquare;

  for (std::int64_t number = blockIdx.x; number < tiles; number += gridDim.x) {
    const TilePlace place = tile_place(number, rows.panels);
    if (!place.exists) continue;
    const bool diagonal = place.down == place.across;
    const auto copy_slice = [&](std::int32_t step) {
      if (step < steps) {
        float* const to = shared + step % kStages * 2 * kSlice;
        // Worked out again each time: that costs less than the registers to keep it.
        const float* const down = rows.values + (std::int64_t{place.down} * steps + step) * kSlice;
        const float* const across =
            rows.values + (std::int64_t{place.across} * steps + step) * kSlice;
#pragma unroll 1
        for (int at = 0; at < kSlice; at += kTileThreads * 4) {
          const int i = at + static_cast<int>(threadIdx.x) * 4;
          copy16_ahead(to + i, down + i);
          copy16_ahead(to + kSlice + i, across + i);
        }
      }
      end_batch();
    };
    float products[8][8] = {};
#pragma unroll
    for (int step = 0; step < kStages - 1; ++step) copy_slice(step);
    for (std::int32_t step = 0; step < steps; ++step) {
      wait_for_batches<kStages - 2>();
      __syncthreads();
      // The slice of the step before is free: all threads are past it.
      copy_slice(step + kStages - 1);
      const float* const slices = shared + step % kStages * 2 * kSlice;
      multiply<kDepth>(slices + ty * 4, slices + kSlice + tx * 4, products);
    }

    const std::int32_t first_row = place.down * kTile;
    const std::int32_t first_column = place.across * kTile;
    const float offset = scale->offset;
    if (kHeld == kTile) {
      __syncthreads();  // nobody reads slices any more
      hold_rows<8>(products, 0, tx, ty, held);
      take_kernels<8>(rows, place, offset, gaussian, 0, tx, ty, held);
    }
    for (std::int32_t group = 0; group < splits.groups; ++group) {
      const std::int8_t* const of_group =
          splits.signs + static_cast<std::int64_t>(group) * rows.panels * kTile * kTile;
      float sums[8][8] = {};  // of columns (tx) and splits (ty)
#pragma unroll 1
      for (int quarter = 0; quarter < kTile / kSignRows; ++quarter) {
        __syncthreads();  // nobody reads what is written next
        if (kHeld != kTile && ty / 8 == quarter % 2) {
          float* const whole = held - quarter * kSignRows * kTile;
          hold_rows<4>(products, quarter / 2 * 4, tx, ty, whole);
          take_kernels<4>(rows, place, offset, gaussian, quarter / 2 * 4, tx, ty, whole);
        }
        {
          // 16 signs a thread.
          const int i = static_cast<int>(threadIdx.x) * 16;
          const Bytes16 bytes = *reinterpret_cast<const Bytes16*>(
              of_group + (std::int64_t{first_row} + quarter * kSignRows) * kTile + i);
#pragma unroll
          for (int word = 0; word < 4; ++word) {
            Float4 four;
#pragma unroll
            for (int c = 0; c < 4; ++c) {
              four.v[c] = static_cast<float>(
                  static_cast<std::int8_t>(bytes.words[word] >> (8 * c) & 0xFFU));
            }
            *reinterpret_cast<Float4*>(signs + i + word * 4) = four;
          }
        }
        __syncthreads();
        const float* const quarter_rows =
            held + (kHeld == kTile ? quarter * kSignRows * kTile : 0) + tx * 4;
#pragma unroll 1
        for (int at = 0; at < kSignRows * kTile; at += kSlice) {
          multiply<kDepth>(quarter_rows + at, signs + at + ty * 4, sums);
        }
      }
      // Split 0 has the sums of columns.
      if (ty == 0) {
#pragma unroll
        for (int c = 0; c < 8; ++c) column_sums[place_of(tx, c)] = sums[c][0];
      }
      __syncthreads();
      // By halves, which leaves registers enough.
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int first_split = half * kTile / 2 + ty * 4;
        float forms[4] = {};   // s' K s
        float linear[4] = {};  // s' K 1
#pragma unroll
        for (int c = 0; c < 8; ++c) {
          const int column = place_of(tx, c);
          const float column_sum = diagonal ? 0.0F : column_sums[column];
          const std::uint32_t four = *reinterpret_cast<const std::uint32_t*>(
              of_group + (std::int64_t{first_column} + column) * kTile + first_split);
#pragma unroll
          for (int q = 0; q < 4; ++q) {
            const auto sign = static_cast<float>(static_cast<std::int8_t>(four >> (8 * q) & 0xFFU));
            const float sum = sums[c][half * 4 + q];
            forms[q] = fmaf(sign, sum, forms[q]);
            // Below the diagonal rows and columns change places.
            linear[q] = fmaf(sign, column_sum, linear[q] + sum);
          }
        }
        double* const into =
            partial + ((static_cast<std::int64_t>(blockIdx.x) * splits.groups + group) * kTile +
                       first_split) *
                          2;
#pragma unroll
        for (int q = 0; q < 4; ++q) {
          const double form = sum_of_lanes(static_cast<double>(forms[q]), 16);
          const double line = sum_of_lanes(static_cast<double>(linear[q]), 16);
          if (tx == 0) {
            into[2 * q] += diagonal ? form : 2.0 * form;
            into[2 * q + 1] += line;
          }
        }
      }
    }
    __syncthreads();  // the next tile's slices go where this one's signs are
  }
}

/// forms[group][split] = the sum of the blocks' pairs, in their order. A warp for each number.
[[maybe_unused]] static __global__ void sum_partials_kernel(const double* partial,
                                                            std::int64_t blocks,
                                                            std::int64_t numbers, double* sums) {
  const std::int64_t number =
      (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp;
  double sum = 0.0;
  if (number < numbers) {
    for (std::int64_t b = threadIdx.x % kWarp; b < blocks; b += kWarp) {
      sum += partial[b * numbers + number];
    }
  }
  sum = sum_of_lanes(sum, kWarp);
  if (number < numbers && threadIdx.x % kWarp == 0) sums[number] = sum;
}

}  // namespace inlay::cuda
