#pragma once

#include <cstdint>

#include "data/leaf_view.hpp"

namespace inlay::detail {

/// The indices of a dictionary's column, by their type.
template <class Index>
struct IndexReader {
  const LeafView& view;
  /// Negative indices are huge here.
  std::uint64_t operator()(std::int64_t position) const noexcept {
    return static_cast<std::uint64_t>(element_at<Index>(view.values, position));
  }
};

/// Calls f(reader of indices) for the type of the view's indices.
template <class F>
auto with_indices(const LeafView& view, F&& f) noexcept {
  switch (view.type->index_width) {
    case 1:
      return view.type->signed_index ? f(IndexReader<std::int8_t>{view})
                                     : f(IndexReader<std::uint8_t>{view});
    case 2:
      return view.type->signed_index ? f(IndexReader<std::int16_t>{view})
                                     : f(IndexReader<std::uint16_t>{view});
    case 4:
      return view.type->signed_index ? f(IndexReader<std::int32_t>{view})
                                     : f(IndexReader<std::uint32_t>{view});
    default:
      return f(IndexReader<std::uint64_t>{view});
  }
}

}  // namespace inlay::detail
