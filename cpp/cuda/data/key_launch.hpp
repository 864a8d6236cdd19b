#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>

#include "data/elements.hpp"
#include "runtime/error.hpp"

namespace inlay::cuda {

inline constexpr unsigned kKeyThreads = 512;
/// What every device gives a block without asking, so that two of them share a multiprocessor.
inline constexpr std::size_t kKeySharedBytes = std::size_t{48} << 10;

/// As many blocks as the device holds at a time.
inline unsigned key_blocks(int device) {
  int multiprocessors = 0;
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
        "asking for the number of multiprocessors");
  return 2 * static_cast<unsigned>(multiprocessors);
}

/// Fewer for small tensors: a block begins and ends with work of its own.
inline unsigned key_blocks_for(std::uint64_t size, unsigned most) {
  constexpr std::uint64_t kLeast = 4096;
  return static_cast<unsigned>(std::clamp<std::uint64_t>((size + kLeast - 1) / kLeast, 1, most));
}

/// Calls f with each type that with_element_bits() may call it with.
template <class F>
void with_each_element_bits(F&& f) {
  for (const Element element : {Element::kI64, Element::kI32, Element::kI16, Element::kI8}) {
    with_element_bits(element, f);
  }
}

}  // namespace inlay::cuda
