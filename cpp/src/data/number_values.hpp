#pragma once

// The numbers of a chunk of a leaf, whatever their width.

#include <cstddef>
#include <cstdint>
#include <inlay/data/exact_integer.hpp>
#include <inlay/half_float.hpp>
#include <type_traits>

#include "data/leaf_view.hpp"
#include "data/value_positions.hpp"

namespace inlay::detail {

struct Half {
  std::uint16_t bits;
};

template <class Out, class In>
Out converted(In value) noexcept {
  if constexpr (std::is_same_v<In, Half>) {
    return static_cast<Out>(from_half(value.bits));
  } else {
    return static_cast<Out>(value);
  }
}

/// The chunk's values as Out: where they lie if they can be read there, else in `room`.
template <class Out, class In>
const Out* values_of(const LeafView& view, const ValuePositions::Chunk& chunk, Out* room) noexcept {
  if (chunk.list == nullptr) {
    if constexpr (std::is_integral_v<In> == std::is_integral_v<Out> && sizeof(In) == sizeof(Out) &&
                  !std::is_same_v<In, Half>) {
      const auto* first = static_cast<const char*>(view.values) +
                          chunk.begin * static_cast<std::int64_t>(sizeof(In));
      if (reinterpret_cast<std::uintptr_t>(first) % alignof(Out) == 0) {
        return reinterpret_cast<const Out*>(first);
      }
    }
    for (std::size_t i = 0; i < chunk.size; ++i) {
      room[i] =
          converted<Out>(element_at<In>(view.values, chunk.begin + static_cast<std::int64_t>(i)));
    }
    return room;
  }
  for (std::size_t i = 0; i < chunk.size; ++i) {
    room[i] = converted<Out>(element_at<In>(view.values, chunk.list[i]));
  }
  return room;
}

template <class Float>
const Float* floats_of(const LeafView& view, const ValuePositions::Chunk& chunk,
                       Float* room) noexcept {
  switch (view.type->width) {
    case 2:
      return values_of<Float, Half>(view, chunk, room);
    case 4:
      return values_of<Float, float>(view, chunk, room);
    default:
      return values_of<Float, double>(view, chunk, room);
  }
}

inline const std::int64_t* signed_of(const LeafView& view, const ValuePositions::Chunk& chunk,
                                     std::int64_t* room) noexcept {
  switch (view.type->width) {
    case 1:
      return values_of<std::int64_t, std::int8_t>(view, chunk, room);
    case 2:
      return values_of<std::int64_t, std::int16_t>(view, chunk, room);
    case 4:
      return values_of<std::int64_t, std::int32_t>(view, chunk, room);
    default:
      return values_of<std::int64_t, std::int64_t>(view, chunk, room);
  }
}

inline const std::uint64_t* unsigned_of(const LeafView& view, const ValuePositions::Chunk& chunk,
                                        std::uint64_t* room) noexcept {
  switch (view.type->width) {
    case 1:
      return values_of<std::uint64_t, std::uint8_t>(view, chunk, room);
    case 2:
      return values_of<std::uint64_t, std::uint16_t>(view, chunk, room);
    case 4:
      return values_of<std::uint64_t, std::uint32_t>(view, chunk, room);
    default:
      return values_of<std::uint64_t, std::uint64_t>(view, chunk, room);
  }
}

/// The unscaled value of a decimal.
inline ExactInteger decimal_at(const LeafView& view, std::int64_t position) noexcept {
  switch (view.type->width) {
    case 4:
      return ExactInteger::of(element_at<std::int32_t>(view.values, position));
    case 8:
      return ExactInteger::of(element_at<std::int64_t>(view.values, position));
    case 16: {
      const auto low = element_at<std::uint64_t>(view.values, 2 * position);
      const auto high = element_at<std::uint64_t>(view.values, 2 * position + 1);
      const std::uint64_t sign = (high >> 63) != 0 ? ~std::uint64_t{0} : 0;
      return ExactInteger::of_limbs(low, high, sign, sign);
    }
    default:
      return ExactInteger::of_limbs(element_at<std::uint64_t>(view.values, 4 * position),
                                    element_at<std::uint64_t>(view.values, 4 * position + 1),
                                    element_at<std::uint64_t>(view.values, 4 * position + 2),
                                    element_at<std::uint64_t>(view.values, 4 * position + 3));
  }
}

}  // namespace inlay::detail
