#include "runtime/error.hpp"

namespace inlay::cuda {

CudaError::CudaError(cudaError_t code, const std::string& doing)
    : Error(doing + ": " + cudaGetErrorString(code) + " (" + cudaGetErrorName(code) + ")"),
      code_(code) {}

void check(cudaError_t code, const char* doing) {
  if (code != cudaSuccess) throw CudaError(code, doing);
}

}  // namespace inlay::cuda
