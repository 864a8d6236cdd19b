#include "summary/column_launch.hpp"

#include <type_traits>

namespace inlay::cuda {
namespace {

// A bool is a byte of 0 or 1.
template <class T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;

}  // namespace

void load_columns(const ColumnArgs& args) {
  for (const Element element : {Element::kF64, Element::kF32, Element::kF16, Element::kBF16,
                                Element::kF8E4M3, Element::kF8E5M2, Element::kI64, Element::kI32,
                                Element::kI16, Element::kI8, Element::kU8}) {
    with_element(element, [&]<class T>() { load_columns_of<Stored<T>>(args); });
  }
}

void launch_columns(const ColumnArgs& args, cudaStream_t stream) {
  with_element(args.walk.element, [&]<class T>() { launch_columns_of<Stored<T>>(args, stream); });
}

}  // namespace inlay::cuda
