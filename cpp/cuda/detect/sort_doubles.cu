#include "detect/sort_doubles.hpp"

#include <cub/device/device_radix_sort.cuh>

#include "runtime/error.hpp"

// A file of its own: the sort takes long to compile, for each that has it.

namespace inlay::cuda {

std::size_t sort_doubles_bytes(std::int64_t count) {
  const double* from = nullptr;
  double* to = nullptr;
  std::size_t bytes = 0;
  check(cub::DeviceRadixSort::SortKeys(nullptr, bytes, from, to, count),
        "asking how much memory a sort takes");
  return bytes;
}

void sort_doubles(void* temporary, std::size_t bytes, const double* from, double* to,
                  std::int64_t count, cudaStream_t stream) {
  check(cub::DeviceRadixSort::SortKeys(temporary, bytes, from, to, count, 0, 64, stream),
        "sorting");
}

}  // namespace inlay::cuda
