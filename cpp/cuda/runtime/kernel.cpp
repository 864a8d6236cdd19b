#include "runtime/kernel.hpp"

#include "runtime/error.hpp"

namespace inlay::cuda {

void load_kernel_at(const void* kernel, int shared_bytes) {
  cudaFuncAttributes attributes;
  check(cudaFuncGetAttributes(&attributes, kernel), "loading a kernel");
  if (shared_bytes > 48 * 1024) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes),
          "giving a kernel its shared memory");
  }
}

}  // namespace inlay::cuda
