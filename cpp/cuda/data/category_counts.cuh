#pragma once

// Counts of integer codes.
//
// | input                          | counters                       | launch                    |
// |--------------------------------|--------------------------------|---------------------------|
// | integers, bools                | uint32 a block, uint64 a state | 512 threads, a grid of    |
// | floats (whole ones are codes)  | the same                       | what the device holds     |
//
// Deterministic: integers alone. One read of the input.

#include "data/category_counts.hpp"
#include "data/shared_counters.cuh"
#include "runtime/window.cuh"

namespace inlay::cuda {

__device__ __forceinline__ unsigned counter_of(const CodeList& list, std::int64_t code) {
  if (list.dense) {
    const std::uint64_t at =
        static_cast<std::uint64_t>(code) - static_cast<std::uint64_t>(list.first);
    return at < list.size ? static_cast<unsigned>(at) : list.size;
  }
  unsigned low = 0;
  unsigned high = list.size;
#pragma unroll 1
  while (low < high) {
    const unsigned middle = (low + high) / 2;
    if (list.codes[middle] < code) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < list.size && list.codes[low] == code ? low : list.size;
}

/// A float is counted as the integer that it is; else it has another name, or none if it is NaN.
__device__ __forceinline__ unsigned counter_of_real(const CodeList& list, double value) {
  if (value != value) return CategoryLayout{list.size}.nan();
  // From here on names have an exponent, and are none of an integer.
  if (!(value < 1e16 && value > -1e16)) return list.size;
  const auto code = static_cast<std::int64_t>(value);
  return static_cast<double>(code) == value ? counter_of(list, code) : list.size;
}

template <class Bits>
__device__ __forceinline__ unsigned counter_of_bits(const CodeList& list, Element element,
                                                    Bits bits) {
  return value_of_bits(
      element, bits, [&](std::int64_t v) { return counter_of(list, v); },
      [&](double v) { return counter_of_real(list, v); },
      [&](bool v) { return CategoryLayout{list.size}.truth() + (v ? 1 : 0); });
}

template <class Bits>
__global__ void __launch_bounds__(512, 2)
    count_codes_kernel(Elements elements, CodeList list, CounterPlan plan, WindowControl* control,
                       unsigned long long* state0, unsigned long long* state1) {
  INLAY_DYNAMIC_SHARED(memory);
  const unsigned state = enter_window(control);
  RunCounter counter(plan, reinterpret_cast<unsigned*>(memory), state == 0 ? state0 : state1);
  counter.begin();
  for_each_element<Bits>(
      elements, [&](Bits bits) { counter.count(counter_of_bits(list, elements.element, bits)); });
  counter.end();
  if (is_last_block(control)) leave_window(control, state);
}

/// Copies a closed state out and clears it. One block.
__device__ inline void take_counts(unsigned long long* state, unsigned counters,
                                   unsigned long long* result) {
  for (unsigned i = threadIdx.x; i < counters; i += blockDim.x) {
    result[i] = state[i];
    state[i] = 0;
  }
}

}  // namespace inlay::cuda
