#pragma once

#include "runtime/tensor.hpp"

namespace inlay::cuda {

/// The elements of a tensor in no order: what counting needs. Without dims they lie side by side.
struct Elements {
  const void* data;
  std::uint64_t size;
  int dims;
  std::uint64_t shape[Tensor::kMaxDims];
  std::int64_t strides[Tensor::kMaxDims];
};

/// Drops the order of a tensor's elements, and joins dimensions that lie in memory as one.
inline Elements elements_of(const Tensor& tensor) noexcept {
  Elements out{tensor.data, static_cast<std::uint64_t>(tensor.size()), 0, {}, {}};
  if (out.size == 0) return out;
  const auto* from = static_cast<const unsigned char*>(tensor.data);
  for (int d = 0; d < tensor.dims; ++d) {
    if (tensor.shape[d] == 1) continue;
    std::int64_t stride = tensor.strides[d];
    if (stride < 0) {  // read from its other end
      from += (tensor.shape[d] - 1) * stride * static_cast<std::int64_t>(size_of(tensor.element));
      stride = -stride;
    }
    int at = out.dims++;
    for (; at > 0 && out.strides[at - 1] < stride; --at) {
      out.shape[at] = out.shape[at - 1];
      out.strides[at] = out.strides[at - 1];
    }
    out.shape[at] = static_cast<std::uint64_t>(tensor.shape[d]);
    out.strides[at] = stride;
  }
  out.data = from;
  int kept = 0;
  for (int d = 1; d < out.dims; ++d) {
    if (out.strides[kept] == out.strides[d] * static_cast<std::int64_t>(out.shape[d])) {
      out.shape[kept] *= out.shape[d];
      out.strides[kept] = out.strides[d];
    } else {
      ++kept;
      out.shape[kept] = out.shape[d];
      out.strides[kept] = out.strides[d];
    }
  }
  out.dims = out.dims == 0 ? 0 : kept + 1;
  if (out.dims == 1 && out.strides[0] == 1) out.dims = 0;
  return out;
}

/// A boolean as it lies in memory: any byte but 0 is true.
struct BoolByte {
  std::uint8_t byte;
};

/// The type in which a kernel reads elements: bool of a foreign byte would be undefined.
template <class T>
struct StoredAs {
  using type = T;
};
template <>
struct StoredAs<bool> {
  using type = BoolByte;
};

/// Calls f(value) for each element, shared out among all threads of the launch.
template <class T, class F>
__device__ __forceinline__ void for_each_element(const Elements& elements, F&& f) {
  const std::uint64_t threads = std::uint64_t{gridDim.x} * blockDim.x;
  const std::uint64_t me = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const T* const data = static_cast<const T*>(elements.data);
  if (elements.dims == 0) {
    constexpr unsigned kPer = 16 / sizeof(T);
    const auto address = reinterpret_cast<std::uintptr_t>(data);
    const std::uint64_t ahead = (16 - address % 16) % 16 / sizeof(T);
    const std::uint64_t head = ahead < elements.size ? ahead : elements.size;
    const std::uint64_t bodies = (elements.size - head) / kPer;
    const T* const body = data + head;
    const auto take = [&](const Bytes16& bytes) {
      T values[kPer];
      memcpy(values, &bytes, sizeof(values));
      for (unsigned i = 0; i < kPer; ++i) f(values[i]);
    };
    constexpr unsigned kAhead = 4;  // loads in flight
    std::uint64_t at = me;
    for (; at + (kAhead - 1) * threads < bodies; at += kAhead * threads) {
      Bytes16 loaded[kAhead];
      for (unsigned i = 0; i < kAhead; ++i)
        loaded[i] = load_bytes16(body + (at + i * threads) * kPer);
      for (unsigned i = 0; i < kAhead; ++i) take(loaded[i]);
    }
    for (; at < bodies; at += threads) take(load_bytes16(body + at * kPer));
    const std::uint64_t rest = elements.size - bodies * kPer;  // at both ends, below 2 kPer
    for (std::uint64_t i = me; i < rest; i += threads) {
      f(data[i < head ? i : i + bodies * kPer]);
    }
    return;
  }
  for (std::uint64_t i = me; i < elements.size; i += threads) {
    std::int64_t offset = 0;
    if (elements.size >> 32 == 0) {
      auto rest = static_cast<std::uint32_t>(i);
      for (int d = elements.dims - 1; d > 0; --d) {
        const auto extent = static_cast<std::uint32_t>(elements.shape[d]);
        const std::uint32_t up = rest / extent;
        offset += static_cast<std::int64_t>(rest - up * extent) * elements.strides[d];
        rest = up;
      }
      offset += static_cast<std::int64_t>(rest) * elements.strides[0];
    } else {
      std::uint64_t rest = i;
      for (int d = elements.dims - 1; d > 0; --d) {
        const std::uint64_t up = rest / elements.shape[d];
        offset += static_cast<std::int64_t>(rest - up * elements.shape[d]) * elements.strides[d];
        rest = up;
      }
      offset += static_cast<std::int64_t>(rest) * elements.strides[0];
    }
    f(data[offset]);
  }
}

/// Adds up a warp's numbers into one of device memory. All 32 lanes call it.
__device__ __forceinline__ void add_of_warp(unsigned long long* to, unsigned long long value) {
  for (int by = 16; by > 0; by /= 2) value += __shfl_xor_sync(kAllLanes, value, by);
  if (threadIdx.x % kWarp == 0 && value != 0) atomicAdd(to, value);
}

}  // namespace inlay::cuda
