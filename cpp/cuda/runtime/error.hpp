#pragma once

#include <cuda_runtime_api.h>

#include <inlay/error.hpp>
#include <string>

namespace inlay::cuda {

/// A call of the CUDA runtime failed.
class CudaError : public Error {
 public:
  CudaError(cudaError_t code, const std::string& doing);
  cudaError_t code() const noexcept { return code_; }

 private:
  cudaError_t code_;
};

/// @throws CudaError that says what was being done and what CUDA says of it.
void check(cudaError_t code, const char* doing);

}  // namespace inlay::cuda
