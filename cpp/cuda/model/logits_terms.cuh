#pragma once

// One thread's share of a row of logits, and how shares are put together.
//
// Loops over a tile are unrolled, so that its arrays can be registers. Those that run once a row or
// less are not (`unroll 1`), or they would be most of the code.

#include "model/softmax_terms.hpp"
#include "runtime/device_code.cuh"
#include "runtime/element.cuh"

namespace inlay::cuda {

/// Threads of a block, and blocks that a multiprocessor is to hold.
inline constexpr unsigned kLogitsThreads = 256;
inline constexpr unsigned kLogitsWarps = kLogitsThreads / kWarp;

/// This thread's warp. Asked of a lane: the compiler then knows that a warp's lanes agree on it,
/// and makes no other way for shuffles within a branch on it. Whole warps call it.
__device__ __forceinline__ unsigned warp_number() {
  return __shfl_sync(kAllLanes, threadIdx.x / kWarp, 0);
}

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
#pragma unroll
  for (unsigned i = 1; i < kSize; ++i) {
    high = larger(high, x[i]);
    low = smaller(low, x[i]);
    infinite = infinite || !(x[i] <= Finite<R>::kMost);
  }
  if (has_chosen) {
#pragma unroll
    for (unsigned i = 0; i < kSize; ++i) counts.above += x[i] > chosen ? 1U : 0U;
  }
  if (infinite || low == lowest) {
    high = lowest;
    unsigned masked = 0;
#pragma unroll
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
#pragma unroll
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
#pragma unroll
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
#pragma unroll
  for (unsigned i = 0; i < kSize; ++i) {
    const float y = octaves_below(x[i], reference);
    const float term = exp2_quick(y);
    rest[i % 2] += term;
    weighted[i % 2] += term * y;
  }
  terms.rest += rest[0] + rest[1];
  terms.weighted += weighted[0] + weighted[1];
}

/// A row, or a block's part of one, with what it needs to be finished.
template <class R>
struct alignas(16) LogitsPart {
  Terms<R> terms;
  R chosen;  // the chosen token's entry
  EntryCounts counts;
  unsigned kind;  // of the chosen token: 0 none, 1 given, 2 out of range
};

template <class R>
__device__ __forceinline__ LogitsPart<R> no_part() {
  return {no_terms<R>(), minus_infinity(R{}), {0, 0, 0}, 0};
}

/// Takes in a single entry.
template <class R>
__device__ inline void add_entry(LogitsPart<R>& part, R x) {
  if (!(x <= Finite<R>::kMost)) {
    ++part.counts.nonfinite;
  } else if (x == minus_infinity(R{})) {
    ++part.counts.masked;
  } else {
    if (part.kind == 1 && x > part.chosen) ++part.counts.above;
    part.terms = merged(part.terms, {x, minus_infinity(R{}), 0.0F, 0.0F});
  }
}

template <class R>
__device__ inline void add_part(LogitsPart<R>& to, const LogitsPart<R>& part) {
  to.terms = merged(to.terms, part.terms);
  to.counts.above += part.counts.above;
  to.counts.masked += part.counts.masked;
  to.counts.nonfinite += part.counts.nonfinite;
}

/// Adds up the parts of `lanes` neighbouring lanes (a power of two, at most a warp); the first of
/// them has the sum then. The whole warp calls it.
template <class R>
__device__ inline void merge_lanes(LogitsPart<R>& part, unsigned lanes) {
#pragma unroll 1
  for (unsigned by = lanes / 2; by > 0; by /= 2) {
    LogitsPart<R> other = part;
    other.terms = {__shfl_down_sync(kAllLanes, part.terms.top, by),
                   __shfl_down_sync(kAllLanes, part.terms.second, by),
                   __shfl_down_sync(kAllLanes, part.terms.rest, by),
                   __shfl_down_sync(kAllLanes, part.terms.weighted, by)};
    other.counts = {__shfl_down_sync(kAllLanes, part.counts.above, by),
                    __shfl_down_sync(kAllLanes, part.counts.masked, by),
                    __shfl_down_sync(kAllLanes, part.counts.nonfinite, by)};
    add_part(part, other);
  }
}

/// Adds up the threads' parts; thread 0 has the block's then. Every thread calls it.
template <class R>
__device__ inline void merge_block(LogitsPart<R>& part) {
  __shared__ LogitsPart<R> of_warps[kLogitsWarps];
  const unsigned lane = threadIdx.x % kWarp;
  const unsigned warp = warp_number();
  // First the lanes of each warp, then the warps.
#pragma unroll 1
  for (unsigned lanes = kWarp;; lanes = kLogitsWarps) {
    merge_lanes(part, lanes);
    if (lanes == kLogitsWarps) break;
    if (lane == 0) of_warps[warp] = part;
    __syncthreads();
    if (lane < kLogitsWarps) part = of_warps[lane];
    __syncthreads();
  }
}

/// Puts the `size` parts of a row together, by `lanes` neighbouring threads (a power of two, at
/// most a warp); the first of them has the row then. Whole warps call it, with no parts where no
/// row is.
template <class R>
__device__ inline LogitsPart<R> merge_parts(const LogitsPart<R>* parts, unsigned size,
                                            unsigned lanes) {
  LogitsPart<R> out = no_part<R>();
  LogitsPart<R> next = out;
  unsigned p = threadIdx.x % lanes;
  if (p < size) next = parts[p];
  out.chosen = next.chosen;  // the same in all
  out.kind = next.kind;
#pragma unroll 1
  for (; p < size; p += lanes) {
    const LogitsPart<R> part = next;
    if (p + lanes < size) next = parts[p + lanes];  // meanwhile
    add_part(out, part);
  }
  merge_lanes(out, lanes);
  return out;
}

}  // namespace inlay::cuda
