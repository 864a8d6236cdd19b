#pragma once

#include "runtime/device_code.cuh"
#include "summary/column_layout.hpp"

namespace inlay::cuda {

inline constexpr std::uint32_t kNoPage = 0xFFFFFFFFU;

/// The slot of a page, taken if it is new; kNoPage when the pool is as good as used up.
__device__ inline std::uint32_t find_page(Count* keys, std::uint32_t pages, Count key) {
  constexpr unsigned kProbes = 64;
  Count hash = key * 0x9E3779B97F4A7C15ULL;
  hash ^= hash >> 32;
  std::uint32_t slot = static_cast<std::uint32_t>(hash) & (pages - 1);
  for (unsigned i = 0; i < kProbes; ++i) {
    Count found = keys[slot];
    if (found == 0) found = atomicCAS(&keys[slot], Count{0}, key);
    if (found == 0 || found == key) return slot;
    slot = (slot + 1) & (pages - 1);
  }
  return kNoPage;
}

/// Counts `n` values of one bucket.
__device__ inline void count_bucket(const ColumnState& state, std::uint32_t pages,
                                    std::uint32_t column, unsigned side, int bucket, Count n) {
  const std::uint32_t slot = find_page(state.keys, pages, page_key(column, side, bucket >> 5));
  if (slot == kNoPage) {
    atomicAdd(&state.records[column].lost, n);
  } else {
    atomicAdd(&state.counts[std::size_t{slot} * kPageBuckets + (bucket & (kPageBuckets - 1))], n);
  }
}

/// Moves what a state holds into `result`, whose header says 0 pages, and leaves the state as new.
__device__ inline void extract_columns(unsigned char* bytes, const ColumnLayout& layout,
                                       unsigned char* result) {
  auto* const header = reinterpret_cast<ColumnResultHeader*>(result);
  unsigned char* const out = result + sizeof(ColumnResultHeader);
  const std::size_t threads = std::size_t{gridDim.x} * blockDim.x;
  const std::size_t thread = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  // Records and cells.
  auto* const words = reinterpret_cast<Count*>(bytes);
  auto* const to = reinterpret_cast<Count*>(out);
#pragma unroll 1
  for (std::size_t i = thread; i < layout.keys_at() / sizeof(Count); i += threads) {
    to[i] = words[i];
    words[i] = 0;
  }
  const ColumnState state(bytes, layout);
  auto* const keys = reinterpret_cast<Count*>(out + layout.keys_at());
  auto* const counts = reinterpret_cast<Count*>(out + layout.counts_at());
  const unsigned lane = threadIdx.x % kWarp;
  for (std::size_t page = thread / kWarp; page < layout.pages; page += threads / kWarp) {
    const Count key = state.keys[page];
    if (key == 0) continue;  // the same for all lanes
    std::uint32_t at = 0;
    if (lane == 0) {
      at = atomicAdd(&header->pages, 1U);
      keys[at] = key;
    }
    at = __shfl_sync(kAllLanes, at, 0);
    Count* const from = &state.counts[page * kPageBuckets + lane];
    counts[std::size_t{at} * kPageBuckets + lane] = *from;
    *from = 0;
    __syncwarp();
    if (lane == 0) state.keys[page] = 0;
  }
}

}  // namespace inlay::cuda
