#pragma once

// One thread's share of a row of logits, and how shares are put together.

#include "model/softmax_terms.hpp"
#include "runtime/device_code.cuh"
#include "runtime/element.cuh"

/// Before a loop: its body once for each turn, so that arrays can be registers.
#ifdef __CUDACC__
#define INLAY_UNROLL _Pragma("unroll")
#else
#define INLAY_UNROLL
#endif

namespace inlay::cuda {

/// Threads of a block, and blocks that a multiprocessor is to hold.
inline constexpr unsigned kLogitsThreads = 256;
inline constexpr unsigned kLogitsWarps = kLogitsThreads / kWarp;

__device__ __forceinline__ float minus_infinity(float) { return float_of_bits(0xFF800000U); }
__device__ __forceinline__ double minus_infinity(double) { return detail::lowest_double(); }

__device__ __forceinline__ float larger(float a, float b) { return fmaxf(a, b); }
__device__ __forceinline__ double larger(double a, double b) { return fmax(a, b); }
__device__ __forceinline__ float smaller(float a, float b) { return fminf(a, b); }
__device__ __forceinline__ double smaller(double a, double b) { return fmin(a, b); }

template <class R>
struct Finite;
template <>
struct Finite<float> {
  static constexpr float kMost = 3.4028234663852886e38F;
};
template <>
struct Finite<double> {
  static constexpr double kMost = 1.7976931348623157e308;
};

/// 2^y of y <= 0, to 2e-7 relative, 0 below 2^-126.
__device__ __forceinline__ float exp2_quick(float y) {
#ifdef __CUDA_ARCH__
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(y));
  return power;
#else
  return detail::exp2_float(y);
#endif
}

/// to_real(), by the processor's own instruction where it has one.
template <class T>
__device__ __forceinline__ Real<T> widened(T value) {
  return to_real(value);
}
#ifdef __CUDA_ARCH__
template <>
__device__ __forceinline__ float widened<Half>(Half value) {
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(value.bits));
  return wide;
}
#endif

/// As detail::SoftmaxTerms, in floats: the sums leave the largest entry itself out.
template <class R>
struct Terms {
  R top;
  R second;
  float rest;
  float weighted;
};

/// What is counted of a row besides.
struct EntryCounts {
  unsigned above;
  unsigned masked;
  unsigned nonfinite;
};

template <class R>
__device__ __forceinline__ Terms<R> no_terms() {
  return {minus_infinity(R{}), minus_infinity(R{}), 0.0F, 0.0F};
}

/// (x - top) / ln 2, no less than what 2^y still tells from 0.
template <class R>
__device__ __forceinline__ float octaves_below(R x, R top) {
  const float y = static_cast<float>(x - top) * static_cast<float>(detail::kLog2E);
  return fmaxf(y, detail::kExp2Lowest);
}

template <class R>
__device__ __forceinline__ Terms<R> merged(const Terms<R>& a, const Terms<R>& b) {
  const bool swap = b.top > a.top;
  Terms<R> high = swap ? b : a;
  const Terms<R> low = swap ? a : b;
  if (low.top == minus_infinity(R{})) return high;
  const float step = octaves_below(low.top, high.top);
  const float factor = exp2_quick(step);
  high.second = low.top > high.second ? low.top : high.second;
  high.rest += (low.rest + 1.0F) * factor;
  high.weighted += (low.weighted + step * (low.rest + 1.0F)) * factor;
  return high;
}

/// Takes in the entries of a tile, of which `padding` -infinities are none of the row's. They are
/// looked at twice, in registers: for the extremes, then for the sums.
template <unsigned kSize, class R>
__device__ __forceinline__ void add_tile(Terms<R>& terms, EntryCounts& counts, R (&x)[kSize],
                                         R chosen, bool has_chosen, unsigned padding) {
  const R lowest = minus_infinity(R{});
  R high = x[0];
  R low = x[0];
  bool infinite = !(x[0] <= Finite<R>::kMost);  // or NaN
  INLAY_UNROLL
  for (unsigned i = 1; i < kSize; ++i) {
    high = larger(high, x[i]);
    low = smaller(low, x[i]);
    infinite = infinite || !(x[i] <= Finite<R>::kMost);
  }
  if (has_chosen) {
    INLAY_UNROLL
    for (unsigned i = 0; i < kSize; ++i) counts.above += x[i] > chosen ? 1U : 0U;
  }
  if (infinite || low == lowest) {
    high = lowest;
    unsigned masked = 0;
    INLAY_UNROLL
    for (unsigned i = 0; i < kSize; ++i) {
      if (!(x[i] <= Finite<R>::kMost)) {
        ++counts.nonfinite;
        x[i] = lowest;
      } else if (x[i] == lowest) {
        ++masked;
      }
      high = larger(high, x[i]);
    }
    counts.masked += masked - padding;
  }
  if (high > terms.second) {
    R top = terms.top;
    INLAY_UNROLL
    for (unsigned i = 0; i < kSize; ++i) {
      terms.second = larger(terms.second, smaller(top, x[i]));
      top = larger(top, x[i]);
    }
    if (top > terms.top) {
      const float step = octaves_below(terms.top, top);
      const float factor = terms.top == lowest ? 0.0F : exp2_quick(step);
      terms.weighted = (terms.weighted + step * (terms.rest + 1.0F)) * factor;
      terms.rest = (terms.rest + 1.0F) * factor;
      terms.top = top;
      bool left_out = false;
      INLAY_UNROLL
      for (unsigned i = 0; i < kSize; ++i) {
        const bool leave_out = !left_out && x[i] == top;
        left_out = left_out || leave_out;
        x[i] = leave_out ? lowest : x[i];
      }
    }
  }
  const R reference = terms.top == lowest ? R{0} : terms.top;
  float rest[2] = {0.0F, 0.0F};
  float weighted[2] = {0.0F, 0.0F};
  INLAY_UNROLL
  for (unsigned i = 0; i < kSize; ++i) {
    const float y = octaves_below(x[i], reference);
    const float term = exp2_quick(y);
    rest[i % 2] += term;
    weighted[i % 2] += term * y;
  }
  terms.rest += rest[0] + rest[1];
  terms.weighted += weighted[0] + weighted[1];
}

/// The terms of a warp's lanes, from the lowest `lanes` of them (a power of two), in lane 0.
template <class R>
__device__ inline Terms<R> merge_lanes(Terms<R> terms, unsigned lanes) {
  for (unsigned by = lanes / 2; by > 0; by /= 2) {
    const Terms<R> other = {__shfl_down_sync(kAllLanes, terms.top, by),
                            __shfl_down_sync(kAllLanes, terms.second, by),
                            __shfl_down_sync(kAllLanes, terms.rest, by),
                            __shfl_down_sync(kAllLanes, terms.weighted, by)};
    terms = merged(terms, other);
  }
  return terms;
}

__device__ inline EntryCounts add_lanes(EntryCounts counts, unsigned lanes) {
  for (unsigned by = lanes / 2; by > 0; by /= 2) {
    counts.above += __shfl_down_sync(kAllLanes, counts.above, by);
    counts.masked += __shfl_down_sync(kAllLanes, counts.masked, by);
    counts.nonfinite += __shfl_down_sync(kAllLanes, counts.nonfinite, by);
  }
  return counts;
}

/// The block's terms and counts, in thread 0. Every thread calls it.
template <class R>
__device__ inline void merge_block(Terms<R>& terms, EntryCounts& counts) {
  __shared__ Terms<R> warp_terms[kLogitsWarps];
  __shared__ EntryCounts warp_counts[kLogitsWarps];
  const unsigned lane = threadIdx.x % kWarp;
  const unsigned warp = threadIdx.x / kWarp;
  terms = merge_lanes(terms, kWarp);
  counts = add_lanes(counts, kWarp);
  if (lane == 0) {
    warp_terms[warp] = terms;
    warp_counts[warp] = counts;
  }
  __syncthreads();
  if (warp == 0) {
    terms = lane < kLogitsWarps ? warp_terms[lane] : no_terms<R>();
    counts = lane < kLogitsWarps ? warp_counts[lane] : EntryCounts{0, 0, 0};
    terms = merge_lanes(terms, kLogitsWarps);
    counts = add_lanes(counts, kLogitsWarps);
  }
  __syncthreads();
}

}  // namespace inlay::cuda
