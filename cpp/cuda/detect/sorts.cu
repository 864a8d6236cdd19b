#include "detect/sorts.hpp"

#include <cub/device/device_radix_sort.cuh>

#include "runtime/error.hpp"

// All sorts are here: what they share is compressed as one.

namespace inlay::cuda {

std::size_t sort_keys_bytes(std::int64_t count) {
  const std::uint64_t* from = nullptr;
  std::uint64_t* to = nullptr;
  std::size_t bytes = 0;
  check(cub::DeviceRadixSort::SortKeys(nullptr, bytes, from, to, count),
        "asking how much memory a sort takes");
  return bytes;
}

void sort_keys(void* temporary, std::size_t bytes, const std::uint64_t* from, std::uint64_t* to,
               std::int64_t count, cudaStream_t stream) {
  check(cub::DeviceRadixSort::SortKeys(temporary, bytes, from, to, count, 0, 64, stream),
        "sorting");
}

template <class Key>
std::size_t sort_sided_keys_bytes(std::int64_t count) {
  cub::DoubleBuffer<Key> keys;
  cub::DoubleBuffer<std::uint8_t> sides;
  std::size_t bytes = 0;
  check(cub::DeviceRadixSort::SortPairs(nullptr, bytes, keys, sides, count),
        "asking how much memory a sort takes");
  return bytes;
}

template <class Key>
void sort_sided_keys(void* temporary, std::size_t bytes, SidedKeys<Key>& sided, std::int64_t count,
                     cudaStream_t stream) {
  cub::DoubleBuffer<Key> keys(sided.keys, sided.other_keys);
  cub::DoubleBuffer<std::uint8_t> sides(sided.sides, sided.other_sides);
  check(cub::DeviceRadixSort::SortPairs(temporary, bytes, keys, sides, count, 0,
                                        static_cast<int>(8 * sizeof(Key)), stream),
        "sorting");
  sided = {keys.Current(), sides.Current(), keys.Alternate(), sides.Alternate()};
}

template std::size_t sort_sided_keys_bytes<std::uint32_t>(std::int64_t);
template std::size_t sort_sided_keys_bytes<std::uint64_t>(std::int64_t);
template void sort_sided_keys(void*, std::size_t, SidedKeys<std::uint32_t>&, std::int64_t,
                              cudaStream_t);
template void sort_sided_keys(void*, std::size_t, SidedKeys<std::uint64_t>&, std::int64_t,
                              cudaStream_t);

}  // namespace inlay::cuda
