#pragma once

#include "data/counter_plan.hpp"
#include "data/elements.cuh"

namespace inlay::cuda {

/// Counts by number for one thread. Equal numbers in a row are one addition: constant input would
/// otherwise be additions to one word, one after the other.
class RunCounter {
 public:
  /// `shared` has plan.shared_bytes(), `counts` one number a counter.
  __device__ RunCounter(const CounterPlan& plan, unsigned* shared, unsigned long long* counts)
      : plan_(plan), shared_(shared), counts_(counts), copy_(threadIdx.x & (plan.copies - 1)) {}

  /// All threads of the block, before the first.
  __device__ void begin() {
    for (unsigned i = threadIdx.x; i < plan_.counters * plan_.copies; i += blockDim.x) {
      shared_[i] = 0;
    }
    __syncthreads();
  }
  __device__ void count(unsigned number) {
    if (number == last_) {
      ++run_;
      return;
    }
    flush();
    last_ = number;
    run_ = 1;
  }
  /// All threads of the block, after the last.
  __device__ void end() {
    flush();
    __syncthreads();
    for (unsigned i = threadIdx.x; i < plan_.counters; i += blockDim.x) {
      unsigned long long sum = 0;
      // Each lane begins with a copy of its own, so that they read different banks.
      for (unsigned c = 0; c < plan_.copies; ++c) {
        sum += shared_[i * plan_.copies + ((c + threadIdx.x) & (plan_.copies - 1))];
      }
      if (sum != 0) atomicAdd(&counts_[i], sum);
    }
  }

 private:
  __device__ void flush() {
    if (run_ == 0) return;
    if (last_ < plan_.counters) {
      atomicAdd(&shared_[last_ * plan_.copies + copy_], run_);
    } else {
      atomicAdd(&counts_[last_], static_cast<unsigned long long>(run_));
    }
    run_ = 0;
  }

  const CounterPlan& plan_;
  unsigned* shared_;
  unsigned long long* counts_;
  unsigned copy_;
  unsigned last_ = 0;
  unsigned run_ = 0;
};

}  // namespace inlay::cuda
