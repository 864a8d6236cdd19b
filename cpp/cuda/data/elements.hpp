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

}  // namespace inlay::cuda
