#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "detect/device_rows.hpp"
#include "runtime/allocator.hpp"

namespace inlay::cuda {

/// Splits of a group: of 128, the first takes all rows.
inline constexpr std::int32_t kSplitsOfGroup = 127;
/// Rows that a median distance is taken from, at most.
inline constexpr std::int32_t kMostChosen = 512;

struct KernelProblem {
  DeviceRows x;  // the reference
  DeviceRows y;
  bool gaussian = true;    // exp(-|a - b|^2 / (2 sigma^2)), else -|a - b| in units of the median
  double bandwidth = 0.0;  // sigma; 0 for the median distance
  // In host memory: which pooled rows the median is taken from, ascending; and
  // signs[rows][splits], 1 where a split takes a row for the reference, else -1.
  const std::int32_t* chosen = nullptr;
  std::int32_t chosen_count = 0;
  const std::int8_t* signs = nullptr;
  std::int32_t splits = 0;
};

struct KernelForms {
  std::vector<double> forms;   // of each split s' K s, K less the offset
  std::vector<double> linear;  // s' K 1
  double total = 0.0;          // 1' K 1
  double median = 0.0;
  double scale = 0.0;
  double offset = 0.0;
  OddRows odd;
  std::size_t bytes = 0;  // of device memory taken
};

/// Computes the forms of a kernel matrix for many splits, in tiles that are not kept.
///
/// O((n + m)^2 (d + splits)) in float32, sums in doubles; the same every time, on any device of one
/// architecture. Takes 4 bytes a value, 128 bytes a row for each group of splits and 5 MiB.
/// Enqueues on `stream`, waits for it once.
/// @throws InvalidArgument if the shapes differ or the stream captures; CudaError.
KernelForms kernel_forms(const KernelProblem& problem, cudaStream_t stream,
                         std::shared_ptr<Allocator> allocator = nullptr);

struct MedianDistance {
  double median = 0.0;
  OddRows odd;
};
/// The median distance between chosen rows, and which rows of all are odd.
MedianDistance median_distance(const DeviceRows& rows, const std::int32_t* chosen,
                               std::int32_t chosen_count, cudaStream_t stream,
                               std::shared_ptr<Allocator> allocator = nullptr);

}  // namespace inlay::cuda
