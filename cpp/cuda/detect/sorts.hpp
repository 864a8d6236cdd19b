#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace inlay::cuda {

/// Temporary memory that sort_keys() takes for as many.
/// @throws CudaError
std::size_t sort_keys_bytes(std::int64_t count);

/// Enqueues: `to` is `from`, ascending. They may not overlap. The bits of doubles that are not
/// negative are such keys, for others see sample_key().
/// @param bytes of `temporary`, at least sort_keys_bytes(count)
/// @throws CudaError
void sort_keys(void* temporary, std::size_t bytes, const std::uint64_t* from, std::uint64_t* to,
               std::int64_t count, cudaStream_t stream);

/// Keys and the side that each is of, in two buffers that change places.
template <class Key>
struct SidedKeys {
  Key* keys;
  std::uint8_t* sides;
  Key* other_keys;
  std::uint8_t* other_sides;
};

/// Temporary memory that sort_sided_keys() takes for as many. Keys are uint32 or uint64.
/// @throws CudaError
template <class Key>
std::size_t sort_sided_keys_bytes(std::int64_t count);

/// Enqueues: keys and sides are ascending by key; the buffers may have changed places.
/// @param bytes of `temporary`, at least sort_sided_keys_bytes(count)
/// @throws CudaError
template <class Key>
void sort_sided_keys(void* temporary, std::size_t bytes, SidedKeys<Key>& sided, std::int64_t count,
                     cudaStream_t stream);

}  // namespace inlay::cuda
