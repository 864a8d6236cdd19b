#include "summary/column_launch.cuh"

namespace inlay::cuda {

// Each in a file of its own, columns_<element>.cu.
extern template struct ColumnKernels<double>;
extern template struct ColumnKernels<float>;
extern template struct ColumnKernels<Half>;
extern template struct ColumnKernels<BFloat16>;
extern template struct ColumnKernels<Float8E4M3>;
extern template struct ColumnKernels<Float8E5M2>;
extern template struct ColumnKernels<std::int64_t>;
extern template struct ColumnKernels<std::int32_t>;
extern template struct ColumnKernels<std::int16_t>;
extern template struct ColumnKernels<std::int8_t>;
extern template struct ColumnKernels<std::uint8_t>;

namespace {

__global__ void __launch_bounds__(kColumnThreads)
    extract_kernel(const WindowControl* control, unsigned closed, unsigned char* state,
                   ColumnLayout layout, unsigned char* result) {
  if (!window_is_quiet(control, closed)) return;
  extract_columns(state, layout, result);
}

template <class F>
void with_kernels(Element element, F&& f) {
  // A bool is a byte of 0 or 1.
  if (element == Element::kBool) element = Element::kU8;
  with_element(element, [&]<class T>() {
    if constexpr (!std::is_same_v<T, bool>) f.template operator()<ColumnKernels<T>>();
  });
}

}  // namespace

void load_columns(ColumnCounts counts, std::uint32_t edge_steps, int block_window) {
  for (const Element element :
       {Element::kF64, Element::kF32, Element::kF16, Element::kBF16, Element::kF8E4M3,
        Element::kF8E5M2, Element::kI64, Element::kI32, Element::kI16, Element::kI8,
        Element::kU8}) {
    with_kernels(element,
                 [&]<class Kernels>() { Kernels::load(counts, edge_steps, block_window); });
  }
}

void launch_columns(const ColumnArgs& args, ColumnCounts counts, cudaStream_t stream) {
  with_kernels(args.walk.element,
               [&]<class Kernels>() { Kernels::launch(args, counts, stream); });
}

void launch_extract_columns(const WindowControl* control, unsigned closed, unsigned char* state,
                            const ColumnLayout& layout, unsigned char* result,
                            cudaStream_t stream) {
  check(cudaMemsetAsync(result, 0, sizeof(ColumnResultHeader), stream), "clearing a result");
  extract_kernel<<<128, kColumnThreads, 0, stream>>>(control, closed, state, layout, result);
  check(cudaGetLastError(), "reading a window of columns");
}

void load_extract_columns() { load_kernel(extract_kernel); }

}  // namespace inlay::cuda
