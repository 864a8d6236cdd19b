#pragma once

#include <cstdint>
#include <inlay/host_device.hpp>
#include <vector>

namespace inlay::cuda {

/// What the state of an embedding is made of.
struct EmbeddingShape {
  std::int64_t dims;
  std::int64_t frequencies;
  bool full;  // a covariance, else the variances alone

  INLAY_HOST_DEVICE std::int64_t scatter_size() const { return full ? dims * dims : dims; }
  /// Doubles behind the counts: mean, scatter, mean cosines, mean sines.
  INLAY_HOST_DEVICE std::int64_t numbers() const { return dims + scatter_size() + 2 * frequencies; }
};

/// The head of a state.
struct EmbeddingHead {
  unsigned long long count;
  unsigned long long left_out;
};

/// Adds a state's counts and numbers to others, by Chan's formulas; `into` is empty without rows.
void add_embedding(const EmbeddingShape& shape, const EmbeddingHead& head, const double* numbers,
                   EmbeddingHead& into_head, std::vector<double>& into);

}  // namespace inlay::cuda
