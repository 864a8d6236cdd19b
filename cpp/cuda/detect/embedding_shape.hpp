#pragma once

#include <cstddef>
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
inline void add_embedding(const EmbeddingShape& shape, const EmbeddingHead& head,
                          const double* numbers, EmbeddingHead& into_head,
                          std::vector<double>& into) {
  into_head.left_out += head.left_out;
  if (head.count == 0) return;
  const auto size = static_cast<std::size_t>(shape.numbers());
  if (into_head.count == 0) {
    into.assign(numbers, numbers + size);
    into_head.count = head.count;
    return;
  }
  const auto dims = static_cast<std::size_t>(shape.dims);
  const auto n = static_cast<double>(into_head.count);
  const auto m = static_cast<double>(head.count);
  const double total = n + m;
  const double weight = n * m / total;
  const auto scatter_size = static_cast<std::size_t>(shape.scatter_size());
  for (std::size_t i = 0; i < scatter_size; ++i) {
    const std::size_t row = shape.full ? i / dims : i;
    const std::size_t column = shape.full ? i % dims : i;
    const double apart = (numbers[row] - into[row]) * (numbers[column] - into[column]);
    into[dims + i] += numbers[dims + i] + apart * weight;
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (i >= dims && i < dims + scatter_size) continue;
    into[i] = (n * into[i] + m * numbers[i]) / total;
  }
  into_head.count += head.count;
}

}  // namespace inlay::cuda
