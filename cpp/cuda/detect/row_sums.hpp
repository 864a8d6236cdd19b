#pragma once

// For .cu files: the launches of row_sums.cuh, which has one copy of its kernels this way.

#include <cuda_runtime_api.h>

#include "detect/rows.cuh"

namespace inlay::cuda {

/// Loads the kernels of all of these into the current device.
void load_row_sum_kernels();

/// Marks the rows with a value that is not finite, and counts them: *marked must be 0.
void enqueue_marks(const Rows& rows, std::uint8_t* bad, unsigned long long* marked,
                   cudaStream_t stream);

/// mean[dims] of the rows that are not marked, from the sums of as many parts as part_rows makes.
void enqueue_means(const RowsSummed& summed, std::int64_t part_rows,
                   const unsigned long long* marked, double* sums, double* mean,
                   cudaStream_t stream);

/// What the outer products of each part of the rows add up to, as scatter_kernel has it.
/// @returns how many parts there are
std::int32_t enqueue_scatter(const RowsSummed& summed, const double* mean, std::int64_t part_rows,
                             double* parts, cudaStream_t stream);

/// The same of squares alone, as column_squares_kernel has it.
std::int32_t enqueue_squares(const RowsSummed& summed, const double* mean, std::int64_t part_rows,
                             double* parts, cudaStream_t stream);

}  // namespace inlay::cuda
