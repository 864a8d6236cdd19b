#include "tensor_fields.hpp"

#include <inlay/error.hpp>

namespace inlay::python {
namespace {

// Addresses of a device fit 48 bits today; this leaves room and keeps kernels' sums of strides
// far from overflow.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 56;

std::int64_t magnitude(std::int64_t v) { return v < 0 ? (v == INT64_MIN ? INT64_MAX : -v) : v; }

}  // namespace

void finish_tensor(cuda::Tensor& tensor, bool row_major) {
  const auto item = static_cast<std::int64_t>(size_of(tensor.element));
  bool empty = false;
  for (int i = 0; i < tensor.dims; ++i) {
    if (tensor.shape[i] < 0)
      detail::fail<InvalidArgument>("a tensor of a negative size", tensor.shape[i]);
    empty = empty || tensor.shape[i] == 0;
  }
  // Also of an empty tensor, whose other sizes are free to be anything.
  if (row_major) {
    std::int64_t stride = 1;
    for (int i = tensor.dims - 1; i >= 0; --i) {
      tensor.strides[i] = stride;
      if (!empty && __builtin_mul_overflow(stride, tensor.shape[i], &stride))
        detail::fail<InvalidArgument>("a tensor larger than memory, of size", tensor.shape[i]);
    }
  }
  if (empty) return;

  // How far apart the first and the last byte lie, and how many elements there are: a stride of
  // zero or overlapping rows make the second larger than the first.
  std::int64_t reach = item;
  std::int64_t count = 1;
  for (int i = 0; i < tensor.dims; ++i) {
    std::int64_t step = 0;
    if (__builtin_mul_overflow(count, tensor.shape[i], &count) || count > kMostBytes)
      detail::fail<InvalidArgument>("a tensor larger than memory, of size", tensor.shape[i]);
    if (tensor.shape[i] == 1) continue;
    if (__builtin_mul_overflow(magnitude(tensor.strides[i]), tensor.shape[i] - 1, &step) ||
        __builtin_mul_overflow(step, item, &step) || __builtin_add_overflow(reach, step, &reach) ||
        reach > kMostBytes)
      detail::fail<InvalidArgument>("a tensor larger than memory, of stride", tensor.strides[i]);
  }
  if (tensor.data == nullptr)
    detail::fail<InvalidArgument>("a tensor without memory, of elements", count);
  const auto address = reinterpret_cast<std::uintptr_t>(tensor.data);
  if (address % static_cast<std::uintptr_t>(item) != 0)
    detail::fail<InvalidArgument>(
        "a tensor whose memory is not aligned to its elements, at an address that leaves",
        static_cast<unsigned long long>(address % static_cast<std::uintptr_t>(item)));
}

const char* name_of(cuda::Element element) {
  using cuda::Element;
  switch (element) {
    case Element::kF64:
      return "float64";
    case Element::kF32:
      return "float32";
    case Element::kF16:
      return "float16";
    case Element::kBF16:
      return "bfloat16";
    case Element::kF8E4M3:
      return "float8_e4m3fn";
    case Element::kF8E5M2:
      return "float8_e5m2";
    case Element::kI64:
      return "int64";
    case Element::kI32:
      return "int32";
    case Element::kI16:
      return "int16";
    case Element::kI8:
      return "int8";
    case Element::kU8:
      return "uint8";
    case Element::kBool:
      return "bool";
  }
  return "unknown";
}

}  // namespace inlay::python
