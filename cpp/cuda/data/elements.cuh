#pragma once

// `#pragma unroll 1` keeps code small where it takes little of the time.

#include "data/elements.hpp"
#include "runtime/device_code.cuh"

namespace inlay::cuda {

/// Calls `integer` with an int64, `real` with a double or `truth` with a bool: what the bits of an
/// element mean. All threads of a launch go the same way, so that a kernel serves all elements of
/// one size.
template <class Bits, class Integer, class Real, class Truth>
__device__ __forceinline__ auto value_of_bits(Element element, Bits bits, Integer&& integer,
                                              Real&& real, Truth&& truth) {
  if constexpr (sizeof(Bits) == 8) {
    if (element == Element::kF64) return real(double_of_bits(bits));
    return integer(static_cast<std::int64_t>(bits));
  } else if constexpr (sizeof(Bits) == 4) {
    if (element == Element::kF32) return real(static_cast<double>(float_of_bits(bits)));
    return integer(std::int64_t{static_cast<std::int32_t>(bits)});
  } else if constexpr (sizeof(Bits) == 2) {
    if (!is_float(element)) return integer(std::int64_t{static_cast<std::int16_t>(bits)});
    return real(static_cast<double>(element == Element::kF16 ? to_real(Half{bits})
                                                             : to_real(BFloat16{bits})));
  } else {
    if (element == Element::kBool) return truth(bits != 0);
    if (is_float(element)) {
      return real(static_cast<double>(element == Element::kF8E4M3 ? to_real(Float8E4M3{bits})
                                                                  : to_real(Float8E5M2{bits})));
    }
    const auto low = static_cast<std::int8_t>(bits);
    return integer(element == Element::kI8 ? std::int64_t{low} : std::int64_t{bits});
  }
}

/// Four elements, or two of eight bytes: what a thread loads at once. Sixteen of one byte would be
/// sixteen copies of what is done with each.
template <class T>
struct alignas(sizeof(T) == 8 ? 16 : 4 * sizeof(T)) Chunk {
  static constexpr unsigned kSize = sizeof(T) == 8 ? 2 : 4;
  T values[kSize];
};

/// Reads a chunk that no kernel in flight writes.
template <class T>
__device__ __forceinline__ Chunk<T> load_chunk(const T* from) {
#ifdef __CUDA_ARCH__
  Chunk<T> chunk;
  if constexpr (sizeof(chunk) == 16) {
    const Bytes16 bytes = load_bytes16(from);
    memcpy(&chunk, &bytes, sizeof(chunk));
  } else if constexpr (sizeof(chunk) == 8) {
    const uint2 bytes = __ldcs(reinterpret_cast<const uint2*>(from));
    memcpy(&chunk, &bytes, sizeof(chunk));
  } else {
    const unsigned bytes = __ldcs(reinterpret_cast<const unsigned*>(from));
    memcpy(&chunk, &bytes, sizeof(chunk));
  }
  return chunk;
#else
  return *reinterpret_cast<const Chunk<T>*>(from);
#endif
}

/// Where element i of one whose elements lie apart is.
__device__ __forceinline__ std::int64_t offset_of(const Elements& elements, std::uint64_t i) {
  std::int64_t offset = 0;
  if (elements.size >> 32 == 0) {
    auto rest = static_cast<std::uint32_t>(i);
#pragma unroll 1
    for (int d = elements.dims - 1; d > 0; --d) {
      const auto extent = static_cast<std::uint32_t>(elements.shape[d]);
      const std::uint32_t up = rest / extent;
      offset += static_cast<std::int64_t>(rest - up * extent) * elements.strides[d];
      rest = up;
    }
    return offset + static_cast<std::int64_t>(rest) * elements.strides[0];
  }
#pragma unroll 1
  for (int d = elements.dims - 1; d > 0; --d) {
    const std::uint64_t up = i / elements.shape[d];
    offset += static_cast<std::int64_t>(i - up * elements.shape[d]) * elements.strides[d];
    i = up;
  }
  return offset + static_cast<std::int64_t>(i) * elements.strides[0];
}

/// Calls f(value) for each element, shared out among all threads of the launch. The body of f is
/// there for each element of a chunk, and one time more.
template <class T, class F>
__device__ __forceinline__ void for_each_element(const Elements& elements, F&& f) {
  constexpr unsigned kPer = Chunk<T>::kSize;
  constexpr std::size_t kBytes = sizeof(Chunk<T>);
  constexpr unsigned kAhead = 2;  // loads in flight
  const std::uint64_t threads = std::uint64_t{gridDim.x} * blockDim.x;
  const std::uint64_t me = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const T* const data = static_cast<const T*>(elements.data);
  std::uint64_t head = 0;  // elements before the first whole chunk
  std::uint64_t bodies = 0;
  if (elements.dims == 0) {
    const auto address = reinterpret_cast<std::uintptr_t>(data);
    const std::uint64_t ahead = (kBytes - address % kBytes) % kBytes / sizeof(T);
    head = ahead < elements.size ? ahead : elements.size;
    bodies = (elements.size - head) / kPer;
#pragma unroll 1
    for (std::uint64_t at = me; at < bodies;) {
      Chunk<T> loaded[kAhead];
#pragma unroll
      for (unsigned i = 0; i < kAhead; ++i) {
        const std::uint64_t chunk = at + i * threads;
        loaded[i] = load_chunk(data + head + (chunk < bodies ? chunk : at) * kPer);
      }
#pragma unroll 1
      for (unsigned i = 0; i < kAhead && at < bodies; ++i, at += threads) {
#pragma unroll
        for (unsigned k = 0; k < kPer; ++k) f(loaded[0].values[k]);
#pragma unroll
        for (unsigned next = 1; next < kAhead; ++next) loaded[next - 1] = loaded[next];
      }
    }
  }
  const std::uint64_t singles = elements.size - bodies * kPer;
#pragma unroll 1
  for (std::uint64_t i = me; i < singles; i += threads) {
    f(data[elements.dims != 0 ? offset_of(elements, i)
                              : static_cast<std::int64_t>(i < head ? i : i + bodies * kPer)]);
  }
}

/// Adds up a warp's numbers into one of device memory. All 32 lanes call it.
__device__ __forceinline__ void add_of_warp(unsigned long long* to, unsigned long long value) {
#pragma unroll 1
  for (int by = 16; by > 0; by /= 2) value += __shfl_xor_sync(kAllLanes, value, by);
  if (threadIdx.x % kWarp == 0 && value != 0) atomicAdd(to, value);
}

}  // namespace inlay::cuda
