#include "detect/embedding_monitor.hpp"

#include <cstring>
#include <utility>

namespace inlay::cuda {

EmbeddingMonitor::EmbeddingMonitor(int device, EmbeddingShape shape, const double* directions,
                                   std::shared_ptr<Allocator> allocator)
    : Monitor(device, EmbeddingScratch(shape).layout.bytes(), EmbeddingScratch::state_bytes(shape),
              std::move(allocator)),
      shape_(shape),
      scratch_(shape) {
  const BesideCaptures beside;
  const DeviceGuard guard(device);
  load_embedding_kernels();
  const auto bytes = static_cast<std::size_t>(shape_.dims * shape_.frequencies) * sizeof(double);
  const bool enqueued = enqueue(own_stream(), [&](const Launch& launch) {
    check(cudaMemcpyAsync(scratch_.directions.at(launch.states[0]), directions, bytes,
                          cudaMemcpyHostToDevice, launch.stream),
          "copying directions");
    check(cudaStreamSynchronize(launch.stream), "copying directions");
  });
  if (!enqueued) throw CudaError(cudaErrorUnknown, status().error);
}

void EmbeddingMonitor::arrived(const void* result) {
  EmbeddingHead head;
  std::memcpy(&head, result, sizeof(head));
  const auto* const numbers =
      reinterpret_cast<const double*>(static_cast<const unsigned char*>(result) + sizeof(head));
  add_embedding(shape_, head, numbers, summed_.head, summed_.numbers);
}

EmbeddingMonitor::Summed EmbeddingMonitor::take() {
  const std::lock_guard lock(results_mutex());
  return std::exchange(summed_, Summed());
}

}  // namespace inlay::cuda
