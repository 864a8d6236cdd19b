#pragma once

// The registers of an HLL sketch, and the coupons of a small one, as the CPU has them.
//
// | input                   | hashed as            | state                     | launch       |
// |-------------------------|----------------------|---------------------------|--------------|
// | integers, bools         | int64                | uint32 a register, uint32 | 512 threads, |
// | floats (NaN, inf apart) | double with one zero | a coupon, uint64 a count  | what fits    |
//
// Deterministic: a function of the set of items. One read of the input.
//
// `#pragma unroll 1` keeps code small where it takes little of the time.

#include "data/distinct_state.hpp"
#include "data/elements.cuh"
#include "runtime/window.cuh"
#include "summary/murmur3.hpp"

namespace inlay::cuda {

/// The 64 bits of an item, or that it is none.
struct ItemWord {
  std::uint64_t word;
  unsigned kind;  // DistinctLayout::Count
};
__device__ __forceinline__ ItemWord word_of_real(double value) {
  const std::uint64_t bits = bits_of(value);
  constexpr std::uint64_t kInf = std::uint64_t{0x7FF} << 52;
  const std::uint64_t magnitude = bits << 1 >> 1;
  if (magnitude >= kInf) {
    const bool nan = magnitude > kInf;
    return {0, nan               ? DistinctLayout::kNans
               : bits >> 63 != 0 ? DistinctLayout::kNegInfs
                                 : DistinctLayout::kPosInfs};
  }
  return {magnitude == 0 ? 0 : bits, DistinctLayout::kItems};
}
template <class Bits>
__device__ __forceinline__ ItemWord item_word(Element element, Bits bits) {
  return value_of_bits(
      element, bits,
      [](std::int64_t v) {
        return ItemWord{static_cast<std::uint64_t>(v), DistinctLayout::kItems};
      },
      [](double v) { return word_of_real(v); },
      [](bool v) { return ItemWord{v ? 1ULL : 0ULL, DistinctLayout::kItems}; });
}

__device__ __forceinline__ unsigned seen_now(const unsigned* at) {
  return *static_cast<const volatile unsigned*>(at);
}

constexpr unsigned kLgSeen = 11;
constexpr unsigned kSeenProbes = 8;

/// Keeps a coupon while the sketch is small; false once it is not. `seen` are coupons that this
/// block has met: few different items would otherwise all go to the same words of device memory.
__device__ inline bool keep_coupon(const DistinctLayout& layout, void* state, unsigned coupon,
                                   unsigned* seen) {
  const unsigned mixed = coupon * 0x9E3779B1U;
  constexpr unsigned kSeenMask = (1U << kLgSeen) - 1;
  unsigned* free = nullptr;
  unsigned place = mixed >> (32 - kLgSeen);
#pragma unroll 1
  for (unsigned probe = 0; probe < kSeenProbes; ++probe, place = (place + 1) & kSeenMask) {
    const unsigned found = seen_now(seen + place);
    if (found == coupon) return true;
    if (found != 0) continue;
    free = seen + place;
    break;
  }
  unsigned long long* const number = layout.counts(state) + DistinctLayout::kCoupons;
  const unsigned most = detail::most_coupons(layout.lg_k);
  if (*static_cast<volatile unsigned long long*>(number) > most) return false;
  unsigned* const table = layout.coupons_of(state);
  const unsigned mask = layout.table() - 1;
  unsigned at = mixed >> (32 - layout.lg_table);
#pragma unroll 1
  for (unsigned probes = 0; probes <= mask; ++probes, at = (at + 1) & mask) {
    unsigned found = seen_now(table + at);
    if (found == 0) found = atomicCAS(table + at, 0U, coupon);
    if (found != 0 && found != coupon) continue;
    // If two threads take the same place one of them is forgotten, and looked for again.
    if (free != nullptr) *static_cast<volatile unsigned*>(free) = coupon;
    return found == coupon || atomicAdd(number, 1ULL) < most;
  }
  return false;  // as many coupons as entries: more than a small sketch has
}

__device__ __forceinline__ void raise(unsigned* reg, unsigned height) {
  if (*reg < height) atomicMax(reg, height);
}

/// With `shared`, layout.registers() words of shared memory are the block's registers, merged at
/// its end; else all go to device memory.
template <class Bits>
__global__ void __launch_bounds__(512, 2)
    distinct_kernel(Elements elements, DistinctLayout layout, bool shared, WindowControl* control,
                    void* state0, void* state1) {
  INLAY_DYNAMIC_SHARED(memory);
  __shared__ unsigned seen[1U << kLgSeen];
  const unsigned chosen = enter_window(control);
  void* const state = chosen == 0 ? state0 : state1;
  unsigned* const all = layout.registers_of(state);
  unsigned* const own = reinterpret_cast<unsigned*>(memory);
  const unsigned mask = layout.registers() - 1;
#pragma unroll 1
  for (unsigned i = threadIdx.x; i < 1U << kLgSeen; i += blockDim.x) seen[i] = 0;
  if (shared) {
    // What earlier launches found, so that little is left to raise.
    for (unsigned i = threadIdx.x; i <= mask; i += blockDim.x) own[i] = all[i];
  }
  __syncthreads();

  unsigned long long counts[4] = {};
  bool small = true;
  std::uint64_t last = 0;
  bool first = true;
  for_each_element<Bits>(elements, [&](Bits bits) {
    const ItemWord item = item_word(elements.element, bits);
    if (item.kind != DistinctLayout::kItems) {
      counts[1] += item.kind == DistinctLayout::kNans;
      counts[2] += item.kind == DistinctLayout::kPosInfs;
      counts[3] += item.kind == DistinctLayout::kNegInfs;
      return;
    }
    ++counts[0];
    if (item.word == last && !first) return;  // zeros and constants are hashed once
    last = item.word;
    first = false;
    const unsigned coupon = detail::coupon_of(detail::murmur_of_word(item.word));
    if (small) small = keep_coupon(layout, state, coupon, seen);
    const unsigned height = coupon >> detail::kSlotBits;
    if (shared) {
      raise(own + (coupon & mask), height);
    } else {
      raise(all + (coupon & mask), height);
    }
  });
  for (unsigned i = 0; i < 4; ++i) add_of_warp(layout.counts(state) + i, counts[i]);
  if (shared) {
    __syncthreads();
    for (unsigned i = threadIdx.x; i <= mask; i += blockDim.x) {
      raise(all + i, own[i]);
    }
  }
  if (is_last_block(control)) leave_window(control, chosen);
}

/// Copies a closed state out and clears it. One block.
__device__ inline void take_distinct(const DistinctLayout& layout, void* state, void* result) {
  unsigned long long* const counts = layout.counts(state);
  unsigned long long* const out = static_cast<unsigned long long*>(result);
  const bool small = counts[DistinctLayout::kCoupons] <= detail::most_coupons(layout.lg_k);
  __syncthreads();
  for (unsigned i = threadIdx.x; i < DistinctLayout::kCounts; i += blockDim.x) {
    out[i] = counts[i];
    counts[i] = 0;
  }
  unsigned* const words = reinterpret_cast<unsigned*>(out + DistinctLayout::kCounts);
  unsigned* const coupons = layout.coupons_of(state);
  for (unsigned i = threadIdx.x; i < layout.table(); i += blockDim.x) {
    if (small) words[i] = coupons[i];
    coupons[i] = 0;
  }
  unsigned* const registers = layout.registers_of(state);
  for (unsigned i = threadIdx.x; i < layout.registers() / 4; i += blockDim.x) {
    unsigned packed = 0;
    for (unsigned b = 0; b < 4; ++b) {
      packed |= registers[4 * i + b] << (8 * b);
      registers[4 * i + b] = 0;
    }
    if (!small) words[i] = packed;
  }
}

}  // namespace inlay::cuda
