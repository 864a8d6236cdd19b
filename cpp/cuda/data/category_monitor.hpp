#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "data/category_counts.hpp"
#include "runtime/monitor.hpp"
#include "runtime/tensor.hpp"

namespace inlay::cuda {

/// Counts integer codes of a fixed list on a device; what is in no list is counted together.
///
/// Integers are codes, and so are floats that are whole and below 1e16 in magnitude, as Categories
/// names them; booleans are counted apart. Exact.
class CategoryMonitor : public Monitor {
 public:
  static constexpr std::size_t kMaxCodes = 1'000'000;

  struct Counts {
    std::vector<std::uint64_t> codes;  // in the order of the list
    std::uint64_t other = 0;
    std::uint64_t nan = 0;
    std::uint64_t falses = 0;
    std::uint64_t trues = 0;
  };

  /// @param codes up to kMaxCodes different ones, in any order
  /// @throws InvalidArgument if there are too many or two equal ones; CudaError.
  CategoryMonitor(int device, std::vector<std::int64_t> codes,
                  std::shared_ptr<Allocator> allocator = nullptr);
  ~CategoryMonitor() override;

  /// Enqueues the count of all elements on `stream`.
  void update(const Tensor& tensor, cudaStream_t stream);
  /// What arrived since the last call.
  Counts take();

 private:
  void launch_extract(const Launch& launch, unsigned closed, void* result,
                      cudaStream_t stream) override;
  void arrived(const void* result) override;

  CategoryLayout layout_;
  CodeList list_{};
  CounterPlan plan_{};
  unsigned blocks_;
  std::vector<unsigned> order_;  // the place in the caller's list of each code, ascending
  DeviceMemory codes_;
  Counts counts_;
};

}  // namespace inlay::cuda
