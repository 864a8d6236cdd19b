#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

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

/// Calls f.template operator()<T>() with the type in which a kernel reads an element.
template <class F>
void with_stored_element(Element element, F&& f) {
  with_element(element, [&]<class T>() { f.template operator()<typename StoredAs<T>::type>(); });
}

/// Calls it with each of these types.
template <class F>
void with_each_stored_element(F&& f) {
  for (int element = 0; element <= static_cast<int>(Element::kBool); ++element) {
    with_stored_element(static_cast<Element>(element), f);
  }
}

/// Whether the elements of a type can be ids.
template <class T>
inline constexpr bool kIsId = std::is_integral_v<T> || std::is_same_v<T, BoolByte>;

}  // namespace inlay::cuda
