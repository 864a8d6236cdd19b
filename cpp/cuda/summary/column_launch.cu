#include "summary/column_launch.hpp"

namespace inlay::cuda {

void load_columns(const ColumnArgs& args) {
  for (const Element element :
       {Element::kF64, Element::kF32, Element::kF16, Element::kBF16, Element::kI64, Element::kI8}) {
    with_element(element, [&]<class T>() { load_columns_of<Walked<T>>(args); });
  }
}

void launch_columns(const ColumnArgs& args, cudaStream_t stream) {
  with_element(args.walk.element, [&]<class T>() { launch_columns_of<Walked<T>>(args, stream); });
}

}  // namespace inlay::cuda
