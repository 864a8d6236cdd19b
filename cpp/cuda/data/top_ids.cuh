#pragma once

// Exact counts of integer ids, and the largest of them when a window closes.
//
// | input           | counters                                    | launch                        |
// |-----------------|---------------------------------------------|-------------------------------|
// | integers, bools | uint64, one an id of the vocabulary; others | 512 threads, what fits        |
// |                 | in a table of open addressing               |                               |
//
// Deterministic while the table has room: integers alone. One read of the input.

#include "data/shared_counters.cuh"
#include "data/top_ids_state.hpp"
#include "runtime/window.cuh"

namespace inlay::cuda {

__device__ __forceinline__ std::uint64_t mix_of_id(std::uint64_t id) {
  id = (id ^ (id >> 32)) * 0x9E3779B97F4A7C15ULL;
  return id ^ (id >> 29);
}

/// The number of an id's counter; one beyond all counters if it shares one.
__device__ inline unsigned counter_of_id(const TopIdsLayout& layout, void* state, std::int64_t id) {
  const auto bits = static_cast<std::uint64_t>(id);
  if (bits < layout.vocabulary) return static_cast<unsigned>(bits);
  if (bits == 0) return layout.zero();
  unsigned long long* const keys = layout.keys(state);
  const unsigned mask = layout.table - 1;
  const std::uint64_t mixed = mix_of_id(bits);
  unsigned at = static_cast<unsigned>(mixed >> 32) & mask;
#pragma unroll 1
  for (unsigned probes = 0; probes <= mask; ++probes, at = (at + 1) & mask) {
    unsigned long long found = *static_cast<const volatile unsigned long long*>(keys + at);
    if (found == 0) found = atomicCAS(keys + at, 0ULL, static_cast<unsigned long long>(bits));
    if (found == 0 || found == bits) return layout.vocabulary + at;
    // A full table is not searched to its end for each id: what is not found by then never is.
    if (probes == 127) break;
  }
  return layout.counters() + layout.table +
         (static_cast<unsigned>(mixed) & (TopIdsLayout::kShared - 1));
}

/// `plan` has the vocabulary's counters, or no copies. Elements are integers or bools.
template <class Bits>
__global__ void __launch_bounds__(512, 2)
    count_ids_kernel(Elements elements, TopIdsLayout layout, CounterPlan plan,
                     WindowControl* control, void* state0, void* state1) {
  INLAY_DYNAMIC_SHARED(memory);
  const unsigned chosen = enter_window(control);
  void* const state = chosen == 0 ? state0 : state1;
  unsigned long long* const counts = layout.counts(state);
  RunCounter counter(plan, reinterpret_cast<unsigned*>(memory), counts);
  counter.begin();
  for_each_element<Bits>(elements, [&](Bits bits) {
    counter.count(value_of_bits(
        elements.element, bits, [&](std::int64_t id) { return counter_of_id(layout, state, id); },
        [&](double) { return layout.zero(); },  // none comes here
        [&](bool v) { return layout.truth() + (v ? 1 : 0); }));
  });
  counter.end();
  if (is_last_block(control)) leave_window(control, chosen);
}

/// Writes the largest counts of a closed state and clears it: all that are above the one of rank
/// capacity + 1, so that which ones of equal counts stay is no matter of chance. One block of at
/// least 256 threads.
__device__ inline void take_top_ids(const TopIdsLayout& layout, void* state, void* result) {
  using Word = unsigned long long;
  __shared__ unsigned histogram[256];
  __shared__ Word total;
  __shared__ Word largest;
  __shared__ Word largest_shared;
  __shared__ unsigned distinct;
  __shared__ unsigned size;
  __shared__ unsigned truths;
  __shared__ Word prefix;
  __shared__ unsigned rank;
  Word* const counts = layout.counts(state);
  Word* const keys = layout.keys(state);
  Word* const shared = layout.shared(state);
  const unsigned counters = layout.counters();
  if (threadIdx.x == 0) {
    total = largest = largest_shared = prefix = 0;
    distinct = size = truths = 0;
    rank = layout.capacity + 1;
  }
  __syncthreads();

  Word sum = 0;
  Word most = 0;
  unsigned used = 0;
  for (unsigned i = threadIdx.x; i < counters; i += blockDim.x) {
    const Word count = counts[i];
    sum += count;
    most = most < count ? count : most;
    used += count != 0;
  }
  if (most != 0) {
    atomicMax(&largest, most);
    atomicAdd(&distinct, used);
  }
  most = 0;
  for (unsigned i = threadIdx.x; i < TopIdsLayout::kShared; i += blockDim.x) {
    sum += shared[i];
    most = most < shared[i] ? shared[i] : most;
    shared[i] = 0;
  }
  if (most != 0) atomicMax(&largest_shared, most);
  if (sum != 0) atomicAdd(&total, sum);
  __syncthreads();

  // The count of rank capacity + 1, byte by byte from the highest that any count has.
  if (distinct > layout.capacity) {
    int shift = 0;
    while (shift < 56 && largest >> shift >> 8 != 0) shift += 8;
    for (; shift >= 0; shift -= 8) {
      for (unsigned i = threadIdx.x; i < 256; i += blockDim.x) histogram[i] = 0;
      __syncthreads();
      const Word above = prefix;
      for (unsigned i = threadIdx.x; i < counters; i += blockDim.x) {
        const Word count = counts[i];
        if (count != 0 && count >> shift >> 8 == above)
          atomicAdd(&histogram[count >> shift & 255], 1U);
      }
      __syncthreads();
      if (threadIdx.x == 0) {
        unsigned left = rank;
        unsigned byte = 255;
        while (byte > 0 && histogram[byte] < left) left -= histogram[byte--];
        rank = left;
        prefix = above << 8 | byte;
      }
      __syncthreads();
    }
  }
  const Word floor = prefix < largest_shared ? largest_shared : prefix;

  auto* const head = static_cast<TopIdsLayout::Head*>(result);
  Word* const ids = reinterpret_cast<Word*>(head + 1);
  Word* const weights = ids + layout.capacity + 2;
  for (unsigned i = threadIdx.x; i < counters; i += blockDim.x) {
    const Word count = counts[i];
    counts[i] = 0;
    const bool in_table = i >= layout.vocabulary && i < layout.zero();
    const Word key = in_table ? keys[i - layout.vocabulary] : i == layout.zero() ? 0 : i;
    if (in_table) keys[i - layout.vocabulary] = 0;
    if (count <= floor) continue;
    if (i >= layout.truth()) {  // after all others, in their order
      atomicOr(&truths, 1U << (i - layout.truth()));
      weights[layout.capacity + (i - layout.truth())] = count;
      continue;
    }
    const unsigned at = atomicAdd(&size, 1U);
    ids[at] = key;
    weights[at] = count;
  }
  __syncthreads();
  if (threadIdx.x == 0) *head = {total, floor, size, truths};
}

}  // namespace inlay::cuda
