#include "column_input.hpp"

#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include <inlay/half_float.hpp>

namespace inlay::python {

template <class T>
void ColumnInput::widen(const char* data, std::ptrdiff_t stride, std::size_t size,
                        double* out) const noexcept {
  std::size_t inexact = 0;
  for (std::size_t i = 0; i < size; ++i) {
    T value;  // perhaps not aligned
    std::memcpy(&value, data + static_cast<std::ptrdiff_t>(i) * stride, sizeof(value));
    out[i] = static_cast<double>(value);
    if constexpr (std::is_integral_v<T> && sizeof(T) == 8) {
      constexpr T kExact = T{1} << 53;
      // Beyond 53 bits a double holds it only if the digits it lacks are zeros.
      const bool beyond = value > kExact || (std::is_signed_v<T> && value < T{0} - kExact);
      if (beyond) [[unlikely]] {
        const auto low = std::countr_zero(static_cast<std::uint64_t>(value));
        const auto magnitude = static_cast<std::uint64_t>(value < T{0} ? T{0} - value : value);
        inexact += std::bit_width(magnitude) - low > 53 ? 1U : 0U;
      }
    } else if constexpr (std::is_same_v<T, long double>) {
      inexact += static_cast<long double>(out[i]) != value && value == value ? 1U : 0U;
    }
  }
  rounded_ += inexact;
}

void ColumnInput::convert_all(const Run& run, std::size_t at, std::size_t size,
                              double* out) const noexcept {
  const char* data = run.data + static_cast<std::ptrdiff_t>(at) * run.stride;
  switch (run.element) {
    case Element::kF64:
      return widen<double>(data, run.stride, size, out);
    case Element::kF32:
      return widen<float>(data, run.stride, size, out);
    case Element::kLongDouble:
      return widen<long double>(data, run.stride, size, out);
    case Element::kI8:
      return widen<std::int8_t>(data, run.stride, size, out);
    case Element::kI16:
      return widen<std::int16_t>(data, run.stride, size, out);
    case Element::kI32:
      return widen<std::int32_t>(data, run.stride, size, out);
    case Element::kI64:
      return widen<std::int64_t>(data, run.stride, size, out);
    case Element::kBool:
    case Element::kU8:
      return widen<std::uint8_t>(data, run.stride, size, out);
    case Element::kU16:
      return widen<std::uint16_t>(data, run.stride, size, out);
    case Element::kU32:
      return widen<std::uint32_t>(data, run.stride, size, out);
    case Element::kU64:
      return widen<std::uint64_t>(data, run.stride, size, out);
    case Element::kF16:
      for (std::size_t i = 0; i < size; ++i) {
        std::uint16_t half;
        std::memcpy(&half, data + static_cast<std::ptrdiff_t>(i) * run.stride, sizeof(half));
        out[i] = detail::from_half(half);
      }
      return;
    case Element::kBits:
      for (std::size_t i = 0; i < size; ++i) {
        out[i] = bit_at(reinterpret_cast<const std::uint8_t*>(run.data), run.bit_offset + at + i)
                     ? 1.0
                     : 0.0;
      }
      return;
    default:  // no other element is a number
      return;
  }
}

std::size_t ColumnInput::convert(const Run& run, std::size_t at, std::size_t size,
                                 double* out) const noexcept {
  if (run.element == Element::kNull) return 0;
  std::size_t kept = 0;
  if (run.dictionary != nullptr) {
    const Run& values = *run.dictionary;
    for (std::size_t i = at; i < at + size; ++i) {
      if (!is_valid(run, i)) continue;
      const std::size_t index = index_at(run, i);
      if (index >= values.size || values.element == Element::kNull || !is_valid(values, index)) {
        continue;
      }
      convert_all(values, index, 1, out + kept++);
    }
    return kept;
  }
  convert_all(run, at, size, out);
  if (run.validity == nullptr) return size;
  for (std::size_t i = 0; i < size; ++i) {
    out[kept] = out[i];
    kept += is_valid(run, at + i) ? 1U : 0U;
  }
  return kept;
}

void ColumnInput::convert_in_place(const Run& run, std::size_t at, std::size_t size,
                                   double* out) const noexcept {
  if (run.validity == nullptr && run.dictionary == nullptr && run.element != Element::kNull) {
    convert_all(run, at, size, out);
    return;
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (convert(run, at + i, 1, out + i) == 0) out[i] = std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace inlay::python
