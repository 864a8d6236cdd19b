#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/element.cuh"

namespace inlay::cuda {

/// A tensor in device memory, as a producer lends it. Strides are in elements, may be zero or
/// negative, and mean nothing where the size is 1.
struct Tensor {
  static constexpr int kMaxDims = 8;

  const void* data = nullptr;
  Element element = Element::kF32;
  int device = 0;
  int dims = 0;
  std::int64_t shape[kMaxDims] = {};
  std::int64_t strides[kMaxDims] = {};

  std::int64_t size() const noexcept {
    // Of an empty tensor the other sizes may be anything, and their product overflow.
    for (int i = 0; i < dims; ++i) {
      if (shape[i] == 0) return 0;
    }
    std::int64_t n = 1;
    for (int i = 0; i < dims; ++i) n *= shape[i];
    return n;
  }
};

/// Calls f.template operator()<T>() with the storage type of an element.
template <class F>
decltype(auto) with_element(Element element, F&& f) {
  switch (element) {
    case Element::kF64:
      return f.template operator()<double>();
    case Element::kF32:
      return f.template operator()<float>();
    case Element::kF16:
      return f.template operator()<Half>();
    case Element::kBF16:
      return f.template operator()<BFloat16>();
    case Element::kF8E4M3:
      return f.template operator()<Float8E4M3>();
    case Element::kF8E5M2:
      return f.template operator()<Float8E5M2>();
    case Element::kI64:
      return f.template operator()<std::int64_t>();
    case Element::kI32:
      return f.template operator()<std::int32_t>();
    case Element::kI16:
      return f.template operator()<std::int16_t>();
    case Element::kI8:
      return f.template operator()<std::int8_t>();
    case Element::kU8:
      return f.template operator()<std::uint8_t>();
    default:
      return f.template operator()<bool>();
  }
}

}  // namespace inlay::cuda
