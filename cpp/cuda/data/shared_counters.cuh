#pragma once

// `#pragma unroll 1` keeps code small where it takes little of the time.

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
    const unsigned words =
        plan_.counters == 0 ? 2 * CounterPlan::kEntries : plan_.counters * plan_.copies;
#pragma unroll 1
    for (unsigned i = threadIdx.x; i < words; i += blockDim.x) shared_[i] = 0;
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
    if (plan_.counters == 0) {
#pragma unroll 1
      for (unsigned i = threadIdx.x; i < CounterPlan::kEntries; i += blockDim.x) {
        if (shared_[i] == 0) continue;
        atomicAdd(&counts_[shared_[i] - 1],
                  static_cast<unsigned long long>(shared_[CounterPlan::kEntries + i]));
      }
      return;
    }
#pragma unroll 1
    for (unsigned i = threadIdx.x; i < plan_.counters; i += blockDim.x) {
      unsigned long long sum = 0;
      // Each lane begins with a copy of its own, so that they read different banks.
#pragma unroll 1
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
    } else if (plan_.counters != 0 || !count_in_entry()) {
      atomicAdd(&counts_[last_], static_cast<unsigned long long>(run_));
    }
    run_ = 0;
  }
  // An entry's number is one more than its counter's; 0 is free, and who is first has it.
  __device__ bool count_in_entry() {
    const unsigned own = last_ + 1;
    const unsigned at = (own * 0x9E3779B1U) >> (32 - CounterPlan::kLgEntries);
    unsigned found = *static_cast<const volatile unsigned*>(shared_ + at);
    if (found == 0) found = atomicCAS(shared_ + at, 0U, own);
    if (found != 0 && found != own) return false;
    atomicAdd(&shared_[CounterPlan::kEntries + at], run_);
    return true;
  }

  const CounterPlan& plan_;
  unsigned* shared_;
  unsigned long long* counts_;
  unsigned copy_;
  unsigned last_ = 0;
  unsigned run_ = 0;
};

}  // namespace inlay::cuda
