// What an update may call: this file's CUDA symbols are an allow-list in tests/cuda.

#include <algorithm>
#include <string>

#include "detect/device_rows.hpp"
#include "detect/embedding_monitor.hpp"
#include "detect/embedding_window.cuh"
#include "detect/grid.hpp"
#include "detect/row_sums.hpp"
#include "runtime/kernel.hpp"

namespace inlay::cuda {
namespace {

constexpr unsigned kThreads = 256;

unsigned grid_for(std::int64_t work) { return std::min(blocks_for(work, kThreads), 512U); }

}  // namespace

void load_embedding_kernels() {
  load_row_sum_kernels();
  load_kernel(phases_kernel);
  load_kernel(fold_embedding_kernel);
  load_kernel(extract_embedding_kernel);
}

EmbeddingMonitor::~EmbeddingMonitor() { finish(); }

void EmbeddingMonitor::update(const Tensor& rows, cudaStream_t stream) {
  check_sides(DeviceRows{rows}, DeviceRows{rows});
  const std::int64_t dims = rows.dims == 2 ? rows.shape[1] : 1;
  if (dims != shape_.dims) {
    throw InvalidArgument("rows must have " + std::to_string(shape_.dims) +
                          " columns: " + std::to_string(dims));
  }
  if (rows.device != device()) {
    throw InvalidArgument("the state is on device " + std::to_string(device()) +
                          "; the rows are on device " + std::to_string(rows.device));
  }
  if (rows.shape[0] == 0) return;
  enqueue(stream, [&](const Launch& launch) {
    void* const at = launch.states[0];
    const auto element_bytes = static_cast<std::int64_t>(size_of(rows.element));
    double* const mean = scratch_.mean.at(at);
    unsigned long long* const marked = scratch_.marked.at(at);
    std::uint8_t* const bad = scratch_.bad.at(at);
    for (std::int64_t first = 0; first < rows.shape[0]; first += kBatchRows) {
      Rows block;
      block.count = std::min(kBatchRows, rows.shape[0] - first);
      block.data =
          static_cast<const unsigned char*>(rows.data) + first * rows.strides[0] * element_bytes;
      block.element = rows.element;
      block.dims = dims;
      block.row_stride = rows.strides[0];
      block.dim_stride = rows.dims == 2 ? rows.strides[1] : 0;
      const RowsSummed summed{block, bad};
      enqueue_marks(block, bad, marked, launch.stream);
      enqueue_means(summed, kSumRows, marked, scratch_.sums.at(at), mean, launch.stream);

      EmbeddingBatch batch{};
      batch.marked = marked;
      batch.rows = block.count;
      batch.mean = mean;
      batch.scatter = scratch_.scatter.at(at);
      batch.cosines = scratch_.phases.at(at);
      if (shape_.full) {
        const std::int64_t part_rows = kBatchRows / EmbeddingScratch::scatter_parts(shape_);
        batch.scatter_parts =
            enqueue_scatter(summed, mean, part_rows, scratch_.scatter.at(at), launch.stream);
      } else {
        batch.scatter_parts =
            enqueue_squares(summed, mean, kSumRows, scratch_.scatter.at(at), launch.stream);
      }
      const unsigned phase_parts = blocks_for(block.count, kPhaseRows);
      phases_kernel<<<dim3(blocks_for(shape_.frequencies, kDoubleTile), phase_parts),
                      kDoubleThreads, 0, launch.stream>>>(
          summed, scratch_.directions.at(at), shape_.frequencies, scratch_.phases.at(at));
      batch.phase_parts = static_cast<std::int32_t>(phase_parts);
      fold_embedding_kernel<<<grid_for(shape_.scatter_size() + 2 * shape_.frequencies), kThreads, 0,
                              launch.stream>>>(launch.control, launch.states[0], launch.states[1],
                                               shape_, batch);
      check(cudaGetLastError(), "summarising embeddings");
    }
  });
}

void EmbeddingMonitor::launch_extract(const Launch& launch, unsigned closed, void* result,
                                      cudaStream_t stream) {
  const auto words =
      static_cast<std::int64_t>(EmbeddingScratch::state_bytes(shape_) / sizeof(unsigned long long));
  extract_embedding_kernel<<<grid_for(words), kThreads, 0, stream>>>(
      launch.control, closed, launch.states[closed], words, result);
  check(cudaGetLastError(), "copying a window of embeddings");
}

}  // namespace inlay::cuda
