#include "runtime/error.hpp"
#include "runtime/kernel.hpp"
#include "runtime/window.cuh"
#include "summary/column_launch.hpp"
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

}  // namespace

void launch_extract_columns(const WindowControl* control, unsigned closed, unsigned char* state,
                            const ColumnLayout& layout, unsigned char* result,
                            cudaStream_t stream) {
  check(cudaMemsetAsync(result, 0, sizeof(ColumnResultHeader), stream), "clearing a result");
  extract_kernel<<<128, kExtractThreads, 0, stream>>>(control, closed, state, layout, result);
  check(cudaGetLastError(), "reading a window of columns");
}

void load_extract_columns() { load_kernel(extract_kernel); }

}  // namespace inlay::cuda
