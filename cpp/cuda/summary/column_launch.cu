#include "summary/column_launch.hpp"

#include <type_traits>

#include "runtime/error.hpp"
#include "runtime/kernel.hpp"
#include "runtime/window.cuh"
#include "summary/column_state.cuh"

namespace inlay::cuda {
namespace {

constexpr unsigned kExtractThreads = 256;

__global__ void __launch_bounds__(kExtractThreads)
    extract_kernel(const WindowControl* control, unsigned closed, unsigned char* state,
                   ColumnLayout layout, unsigned char* result) {
  if (!window_is_quiet(control, closed)) return;
  extract_columns(state, layout, result);
}

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

void launch_extract_columns(const WindowControl* control, unsigned closed, unsigned char* state,
                            const ColumnLayout& layout, unsigned char* result,
                            cudaStream_t stream) {
  check(cudaMemsetAsync(result, 0, sizeof(ColumnResultHeader), stream), "clearing a result");
  extract_kernel<<<128, kExtractThreads, 0, stream>>>(control, closed, state, layout, result);
  check(cudaGetLastError(), "reading a window of columns");
}

void load_extract_columns() { load_kernel(extract_kernel); }

}  // namespace inlay::cuda
