#pragma once

// Window state of an embedding: rows, mean, scatter and mean cosines and sines of random phases.
//
// A batch is taken in blocks of at most kBatchRows rows. Of a block, scratch memory gets the marks
// of rows to leave out, the mean, parts of the scatter and of the cosines; one last launch adds
// them to the window, by Chan's formulas as the CPU does, so that a window that turns meanwhile
// gets a block as a whole or not at all.
//
// `#pragma unroll 1` keeps code small where it takes little of the time.

#include <algorithm>

#include "detect/double_tile.cuh"
#include "detect/embedding_scratch.hpp"
#include "runtime/window.cuh"

namespace inlay::cuda {

/// One block of a batch, summed.
struct EmbeddingBatch {
  unsigned long long* marked;  // rows left out; 0 again once they are counted
  std::int64_t rows;           // with those
  const double* mean;
  const double* scatter;  // parts
  const double* cosines;  // parts[part][frequency][2]
  std::int32_t scatter_parts;
  std::int32_t phase_parts;
};

/// parts[part][frequency] = the sums of cosine and sine over the part's rows. A block of
/// kDoubleThreads for each 64 frequencies (x) and 64 rows (y). directions[dim][frequency].
[[maybe_unused]] static __global__ void __launch_bounds__(kDoubleThreads)
    phases_kernel(RowsSummed summed, const double* directions, std::int64_t frequencies,
                  double* parts) {
  __shared__ DoubleSlices slices;
  __shared__ double sums[2][16][kDoubleTile];
  const Rows& rows = summed.rows;
  const std::int64_t first_frequency = static_cast<std::int64_t>(blockIdx.x) * kDoubleTile;
  const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.y) * kPhaseRows;
  double phases[4][4] = {};
  multiply_doubles<true, false>(
      slices, 0, rows.dims,
      [&](int i, std::int64_t k) {
        const std::int64_t row = first_row + i;
        return row < rows.count && summed.bad[row] == 0 ? rows.at(row, k) : 0.0;
      },
      [&](int i, std::int64_t k) {
        const std::int64_t frequency = first_frequency + i;
        return frequency < frequencies ? directions[k * frequencies + frequency] : 0.0;
      },
      phases);
  const int tx = static_cast<int>(threadIdx.x) % 16;
  const int ty = static_cast<int>(threadIdx.x) / 16;
#pragma unroll 1
  for (int j = 0; j < 4; ++j) {
    double phase[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int at = 0; at < 4; ++at) phase[i] = at == j ? phases[i][at] : phase[i];
    }
    double cosines = 0.0;
    double sines = 0.0;
#pragma unroll 1
    for (int i = 0; i < 4; ++i) {
      const std::int64_t row = first_row + double_place(ty, i);
      if (row < rows.count && summed.bad[row] == 0) {
        double sine = 0.0;
        double cosine = 0.0;
        sincos(phase[0], &sine, &cosine);
        cosines += cosine;
        sines += sine;
      }
#pragma unroll
      for (int next = 0; next < 3; ++next) phase[next] = phase[next + 1];
    }
    sums[0][ty][double_place(tx, j)] = cosines;
    sums[1][ty][double_place(tx, j)] = sines;
  }
  __syncthreads();
#pragma unroll 1
  for (unsigned i = threadIdx.x; i < 2 * kDoubleTile; i += kDoubleThreads) {
    const unsigned which = i / kDoubleTile;
    const unsigned at = i % kDoubleTile;
    if (first_frequency + at >= frequencies) continue;
    double sum = 0.0;
#pragma unroll 1
    for (int line = 0; line < 16; ++line) sum += sums[which][line][at];
    parts[((static_cast<std::int64_t>(blockIdx.y) * frequencies) + first_frequency + at) * 2 +
          which] = sum;
  }
}

/// Adds a block of a batch to the window: head, then EmbeddingShape::numbers() doubles. Any grid of
/// one dimension.
[[maybe_unused]] static __global__ void fold_embedding_kernel(WindowControl* control, void* state_0,
                                                              void* state_1, EmbeddingShape shape,
                                                              EmbeddingBatch batch) {
  const unsigned chosen = enter_window(control);
  auto* const head = static_cast<EmbeddingHead*>(chosen == 0 ? state_0 : state_1);
  double* const mean = reinterpret_cast<double*>(head + 1);
  double* const scatter = mean + shape.dims;
  double* const phases = scatter + shape.scatter_size();
  const auto n = static_cast<double>(head->count);
  const std::int64_t added = batch.rows - static_cast<std::int64_t>(*batch.marked);
  const auto m = static_cast<double>(added);
  const double total = n + m;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  if (added > 0) {
    const double weight = n * m / total;
    const std::int64_t size = shape.scatter_size();
    const std::int64_t tile_numbers = kDoubleTile * kDoubleTile;
#pragma unroll 1
    for (std::int64_t i = first; i < size + 2 * shape.frequencies; i += step) {
      const bool is_phase = i >= size;
      const std::int64_t number = is_phase ? i - size : i;
      const std::int64_t width = is_phase ? shape.frequencies : shape.dims;
      const std::int64_t line = number / width;
      const std::int64_t place = number % width;
      const double* from = batch.scatter + i;
      std::int64_t part_numbers = shape.dims;
      std::int32_t parts = batch.scatter_parts;
      if (is_phase) {
        // Cosines and sines lie one behind the other in the state, in pairs in the parts.
        from = batch.cosines + place * 2 + line;
        part_numbers = shape.frequencies * 2;
        parts = batch.phase_parts;
      } else if (shape.full) {
        // The parts hold the upper triangle, tile by tile.
        const std::int64_t low = std::min(line, place);
        const std::int64_t high = std::max(line, place);
        const std::int64_t across = high / kDoubleTile;
        const std::int64_t tile = across * (across + 1) / 2 + low / kDoubleTile;
        from = batch.scatter + tile * tile_numbers + low % kDoubleTile * kDoubleTile +
               high % kDoubleTile;
        part_numbers = triangle_tiles(shape.dims) * tile_numbers;
      }
      double sum = 0.0;
#pragma unroll 4
      for (std::int32_t part = 0; part < parts; ++part) sum += from[part * part_numbers];
      if (is_phase) {
        phases[number] = (n * phases[number] + sum) / total;
      } else {
        const std::int64_t row = shape.full ? line : place;
        const double apart = (batch.mean[row] - mean[row]) * (batch.mean[place] - mean[place]);
        scatter[i] += n > 0.0 ? sum + apart * weight : sum;
      }
    }
  }
  // The others have read the mean and the count by now.
  if (!is_last_block(control)) return;
  if (added > 0) {
#pragma unroll 1
    for (std::int64_t i = threadIdx.x; i < shape.dims; i += blockDim.x) {
      mean[i] = (n * mean[i] + m * batch.mean[i]) / total;
    }
  }
  if (threadIdx.x == 0) {
    head->count += static_cast<unsigned long long>(added);
    head->left_out += *batch.marked;
    *batch.marked = 0;
  }
  leave_window(control, chosen);
}

/// Copies a closed state and clears it. Any grid of one dimension.
[[maybe_unused]] static __global__ void extract_embedding_kernel(const WindowControl* control,
                                                                 unsigned closed, void* state,
                                                                 std::int64_t words, void* result) {
  if (!window_is_quiet(control, closed)) return;
  auto* const from = static_cast<unsigned long long*>(state);
  auto* const to = static_cast<unsigned long long*>(result);
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
#pragma unroll 1
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < words;
       i += step) {
    to[i] = from[i];
    from[i] = 0;
  }
}

}  // namespace inlay::cuda
