#pragma once

#include "runtime/tensor.hpp"

namespace inlay::cuda {

/// The elements of a tensor in no order: what counting needs. Without dims they lie side by side.
struct Elements {
  Element element;
  const void* data;
  std::uint64_t size;
  int dims;
  std::uint64_t shape[Tensor::kMaxDims];
  std::int64_t strides[Tensor::kMaxDims];
};

/// Drops the order of a tensor's elements, and joins dimensions that lie in memory as one.
inline Elements elements_of(const Tensor& tensor) noexcept {
  Elements out{tensor.element, tensor.data, static_cast<std::uint64_t>(tensor.size()), 0, {}, {}};
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

/// Calls f.template operator()<Bits>() with an unsigned integer of an element's size: what a kernel
/// reads it as, before value_of_bits().
template <class F>
void with_element_bits(Element element, F&& f) {
  switch (size_of(element)) {
    case 8:
      return f.template operator()<std::uint64_t>();
    case 4:
      return f.template operator()<std::uint32_t>();
    case 2:
      return f.template operator()<std::uint16_t>();
    default:
      return f.template operator()<std::uint8_t>();
  }
}

}  // namespace inlay::cuda
