#include "detect/row_sums.hpp"

#include "detect/grid.hpp"
#include "detect/row_sums.cuh"
#include "runtime/error.hpp"
#include "runtime/kernel.hpp"

namespace inlay::cuda {

void load_row_sum_kernels() {
  load_kernel(mark_rows_kernel);
  load_kernel(column_sums_kernel);
  load_kernel(column_means_kernel);
  load_kernel(scatter_kernel);
  load_kernel(column_squares_kernel);
}

void enqueue_marks(const Rows& rows, std::uint8_t* bad, unsigned long long* marked,
                   cudaStream_t stream) {
  constexpr unsigned kThreads = 256;
  const unsigned blocks = std::min(blocks_for(rows.count, kThreads / kWarp), 4096U);
  mark_rows_kernel<<<blocks, kThreads, 0, stream>>>(rows, bad, marked);
  check(cudaGetLastError(), "looking for odd rows");
}

void enqueue_means(const RowsSummed& summed, std::int64_t part_rows,
                   const unsigned long long* marked, double* sums, double* mean,
                   cudaStream_t stream) {
  const std::int64_t dims = summed.rows.dims;
  const unsigned parts = blocks_for(summed.rows.count, part_rows);
  column_sums_kernel<<<dim3(blocks_for(dims, kSumWidth), parts), kSumWidth * kSumLines, 0,
                       stream>>>(summed, part_rows, sums);
  column_means_kernel<<<blocks_for(dims, 128), 128, 0, stream>>>(
      sums, static_cast<std::int32_t>(parts), dims, summed.rows.count, marked, mean);
  check(cudaGetLastError(), "taking means");
}

std::int32_t enqueue_scatter(const RowsSummed& summed, const double* mean, std::int64_t part_rows,
                             double* parts, cudaStream_t stream) {
  const unsigned count = blocks_for(summed.rows.count, part_rows);
  const dim3 grid(static_cast<unsigned>(triangle_tiles(summed.rows.dims)), count);
  scatter_kernel<<<grid, kDoubleThreads, 0, stream>>>(summed, mean, part_rows, parts);
  check(cudaGetLastError(), "taking covariances");
  return static_cast<std::int32_t>(count);
}

std::int32_t enqueue_squares(const RowsSummed& summed, const double* mean, std::int64_t part_rows,
                             double* parts, cudaStream_t stream) {
  const unsigned count = blocks_for(summed.rows.count, part_rows);
  const dim3 grid(blocks_for(summed.rows.dims, kSumWidth), count);
  column_squares_kernel<<<grid, kSumWidth * kSumLines, 0, stream>>>(summed, mean, part_rows, parts);
  check(cudaGetLastError(), "taking variances");
  return static_cast<std::int32_t>(count);
}

}  // namespace inlay::cuda
