#pragma once

#include "runtime/device_code.cuh"
#include "runtime/element.cuh"
#include "summary/bucket_index.cuh"
#include "summary/column_args.hpp"
#include "summary/column_state.cuh"
#include "summary/moments_formulas.hpp"

// What comes before and after the rows of a block, see column_kernel.cuh. Loops are kept rolled up
// where they are not hot, for the sake of the code's size.

namespace inlay::cuda {

template <class R>
INLAY_HOST_DEVICE inline R lower_of(R a, R b) {
  return b < a ? b : a;
}
template <class R>
INLAY_HOST_DEVICE inline R higher_of(R a, R b) {
  return b > a ? b : a;
}
#ifdef __CUDA_ARCH__
template <>
__device__ inline float lower_of(float a, float b) {
  return fminf(a, b);
}
template <>
__device__ inline float higher_of(float a, float b) {
  return fmaxf(a, b);
}
#endif

/// Place of the i-th row (or value) of a walk that is not by vectors.
__device__ inline std::int64_t place_of(const ColumnWalk& walk, std::int64_t i) {
  if (walk.dims == 1) return i * walk.strides[0];
  std::int64_t place = 0;
#pragma unroll 1
  for (int d = walk.dims - 1; d > 0; --d) {
    const std::int64_t size = walk.sizes[d];
    std::int64_t rest;
    if (((i | size) >> 31) == 0) {
      const std::uint32_t whole = static_cast<std::uint32_t>(i) / static_cast<std::uint32_t>(size);
      rest = i - static_cast<std::int64_t>(whole) * size;
      i = whole;
    } else {
      rest = i % size;
      i /= size;
    }
    place += rest * walk.strides[d];
  }
  return place + i * walk.strides[0];
}

/// An element, by its number from the first of the walk.
template <class T>
__device__ __forceinline__ Real<T> value_at(const ColumnWalk& walk, std::int64_t place) {
  if constexpr (kIsAny<T>) {
    return static_cast<Real<T>>(element_at(walk.data, walk.element, place));
  } else {
    return to_real(static_cast<const T*>(walk.data)[place]);
  }
}

/// Finds origin, unit and window of each column of the group from rows that lie evenly.
template <class T>
__device__ __noinline__ void choose_origins(const ColumnArgs& a, std::uint32_t group,
                                            double* samples, ColumnOrigin* origins) {
  constexpr std::uint32_t kColumns = kBlockColumns;
  using R = Real<T>;
  using K = RealBits<R>;
  const ColumnWalk& w = a.walk;
  const std::int64_t rows = w.flat ? (w.rows + w.width - 1) / w.width : w.rows;
  const auto taken = static_cast<std::uint32_t>(rows < kSamples ? rows : kSamples);
  const double missing = real_of_bits(~std::uint64_t{0} >> 1);
  for (std::uint32_t at = threadIdx.x; at < kSamples * kColumns; at += blockDim.x) {
    const std::uint32_t column = at % kColumns;
    const std::uint32_t sample = at / kColumns;
    double value = missing;
    if (sample < taken) {
      const std::int64_t row = taken == kSamples ? rows * sample / kSamples : sample;
      std::int64_t place = 0;
      bool inside = false;
      if (w.flat) {
        const std::int64_t i = row * w.width + column;
        inside = column < w.width && i < w.rows;
        place = w.kind != Walk::kGeneral ? i : inside ? place_of(w, i) : 0;
      } else {
        inside = group * w.per_group + column < a.layout.columns;
        place = (w.kind == Walk::kRows ? row * w.row_stride : place_of(w, row)) +
                column * w.column_stride;
      }
      if (inside) value = static_cast<double>(value_at<T>(w, group * w.group_stride + place));
    }
    samples[at] = detail::formulas::is_finite(value) ? value : missing;
  }
  __syncthreads();
  for (std::uint32_t column = threadIdx.x; column < kColumns; column += blockDim.x) {
    origins[column] = ColumnOrigin{0, 0, 0, 0, 0};
  }
  __syncthreads();
  // By ranks: the median is the origin, the seventh eighth of the magnitudes places the window.
  for (std::uint32_t at = threadIdx.x; at < kSamples * kColumns; at += blockDim.x) {
    const std::uint32_t column = at % kColumns;
    const double value = samples[at];
    if (!(value == value)) continue;
    std::uint32_t finite = 0;
    std::uint32_t rank = 0;
    std::uint32_t rank_of_size = 0;
    const double size = detail::formulas::magnitude(value);
#pragma unroll 1
    for (std::uint32_t i = column; i < kSamples * kColumns; i += kColumns) {
      const double other = samples[i];
      if (!(other == other)) continue;
      ++finite;
      const double other_size = detail::formulas::magnitude(other);
      rank += other < value || (other == value && i < at) ? 1U : 0U;
      rank_of_size += other_size < size || (other_size == size && i < at) ? 1U : 0U;
    }
    if (rank == finite / 2) origins[column].origin = value;
    if (rank_of_size == finite * 7 / 8) {
      // From some octaves above it downwards, in whole pages, where all are normal numbers.
      const int exponent = static_cast<int>(bits_of(size) >> 52 & 0x7FF) - 1023;
      const int bottom = (K::kMinExponent * (1 << a.scale) + kPageBuckets - 1) & -kPageBuckets;
      const int top = (K::kMaxExponent * (1 << a.scale) - 1) & -kPageBuckets;
      const int above = (static_cast<int>(a.block.window) >> a.scale) * 3 / 16;
      int first = (((exponent + 1 + above) << a.scale) & -kPageBuckets) - a.window;
      if (first > top - a.window) first = top - a.window;
      if (first < bottom) first = bottom;
      origins[column].first = first;
    }
  }
  __syncthreads();
  // The third quartile of the distances is the unit, or the largest one.
  for (std::uint32_t at = threadIdx.x; at < kSamples * kColumns; at += blockDim.x) {
    const std::uint32_t column = at % kColumns;
    const double value = samples[at];
    if (!(value == value)) continue;
    const double origin = origins[column].origin;
    const double distance = detail::formulas::magnitude(value * 0.5 - origin * 0.5);
    std::uint32_t finite = 0;
    std::uint32_t rank = 0;
#pragma unroll 1
    for (std::uint32_t i = column; i < kSamples * kColumns; i += kColumns) {
      const double other = samples[i];
      if (!(other == other)) continue;
      ++finite;
      const double far = detail::formulas::magnitude(other * 0.5 - origin * 0.5);
      rank += far < distance || (far == distance && i < at) ? 1U : 0U;
    }
    if (rank == finite * 3 / 4) origins[column].unit = distance;
    if (rank == finite - 1) origins[column].inverse = distance;
  }
  __syncthreads();
  for (std::uint32_t column = threadIdx.x; column < kColumns; column += blockDim.x) {
    ColumnOrigin& o = origins[column];
    const double distance = o.unit != 0 ? o.unit : o.inverse;
    int exponent = static_cast<int>(bits_of(distance) >> 52 & 0x7FF) - 1023 + 1;
    // Distances of doubles must stay doubles whatever comes; those of floats are taken again if
    // not.
    const int most = sizeof(R) == 4 ? 126 : 1000;
    const int least = sizeof(R) == 4                                     ? -126
                      : detail::formulas::magnitude(o.origin) < 0x1p1000 ? 0
                                                                         : 2;
    if (exponent > most) exponent = most;
    if (exponent < least) exponent = least;
    if (distance == 0) exponent = least > 0 ? least : 0;
    o.unit = real_of_bits(static_cast<std::uint64_t>(1023 + exponent) << 52);
    o.inverse = real_of_bits(static_cast<std::uint64_t>(1023 - exponent) << 52);
  }
  __syncthreads();
  // Columns that take turns in the rows of a flat walk are one column each.
  if (w.flat) {
    for (std::uint32_t column = threadIdx.x; column < kColumns; column += blockDim.x) {
      if (column >= w.per_group) origins[column] = origins[column % w.per_group];
    }
    __syncthreads();
  }
}

/// Adds what the launch found of a column to its record.
INLAY_HOST_DEVICE inline void add_part(const ColumnPart& part, const ColumnOrigin& o,
                                       ColumnRecord& record) {
  namespace f = detail::formulas;
  record.nan += part.nan;
  record.pos_inf += part.pos_inf;
  record.neg_inf += part.neg_inf;
  record.zero += part.zero;
  if (part.count == 0) return;
  const auto n = static_cast<double>(part.count);
  const double* p = part.powers;
  const double mean = p[0] / n;  // in units, from the origin
  const double square = mean * mean;
  const double m2 = f::not_negative(p[1] - p[0] * mean);
  const double m3 = p[2] - 3 * mean * p[1] + 2 * square * p[0];
  const double m4 =
      f::not_negative(p[3] - 4 * mean * p[2] + 6 * square * p[1] - 3 * square * mean * p[0]);
  detail::MomentsPart added;
  added.count = part.count;
  // Products are taken of numbers that cannot overflow.
  const bool large = f::magnitude(o.origin) > 0x1p800 || o.unit > 0x1p800 ||
                     f::magnitude(p[0] * (o.unit * 0x1p-64)) > 0x1p700;
  const double down = large ? 0x1p-64 : 1.0;
  const f::Pair all = f::two_product(o.origin * down, n);
  const f::Pair sum = f::two_sum(all.high, p[0] * (o.unit * down));
  const f::Pair rounded = f::two_sum(sum.high, sum.low + all.low);
  added.sum = f::normalised({rounded.high, rounded.low, large});
  added.m2 = f::or_overflow(m2 * o.unit * o.unit);
  added.m3 = f::or_overflow(m3 * o.unit * o.unit * o.unit);
  added.m4 = f::or_overflow(m4 * o.unit * o.unit * o.unit * o.unit);
  const double lowest = part.lowest + 0.0;  // one zero
  const double highest = part.highest + 0.0;
  if (record.count == 0) {
    record.lowest = lowest;
    record.highest = highest;
  } else {
    record.lowest = lower_of(record.lowest, lowest);
    record.highest = higher_of(record.highest, highest);
  }
  detail::MomentsPart held;
  held.count = record.count;
  held.sum = record.sum;
  held.m2 = record.m2;
  held.m3 = record.m3;
  held.m4 = record.m4;
  const detail::MomentsPart both = f::merged(held, added);
  record.count = both.count;
  record.sum = both.sum;
  record.m2 = both.m2;
  record.m3 = both.m3;
  record.m4 = both.m4;
}

INLAY_HOST_DEVICE inline void add_parts(ColumnPart& to, const ColumnPart& from) {
  if (from.count != 0) {
    to.lowest = to.count == 0 ? from.lowest : lower_of(to.lowest, from.lowest);
    to.highest = to.count == 0 ? from.highest : higher_of(to.highest, from.highest);
  }
  to.count += from.count;
  to.nan += from.nan;
  to.pos_inf += from.pos_inf;
  to.neg_inf += from.neg_inf;
  to.zero += from.zero;
  for (int k = 0; k < 4; ++k) to.powers[k] += from.powers[k];
}

/// Adds up what all blocks of a group left, in an order that only depends on how many they are.
__device__ inline __noinline__ void merge_parts(const ColumnArgs& a, std::uint32_t group,
                                                const ColumnOrigin* origins, ColumnPart* tree,
                                                ColumnRecord* records) {
  const ColumnWalk& w = a.walk;
  __threadfence();
  unsigned helpers = kMergers;
  while (helpers * w.per_group > kMergers) helpers /= 2;
  const unsigned c = threadIdx.x / helpers;
  const unsigned i = threadIdx.x % helpers;
  const std::uint32_t column = group * w.per_group + c;
  const bool used = threadIdx.x < kMergers && c < w.per_group && column < a.layout.columns;
  if (used) {
    ColumnPart sum;
    for (std::uint32_t s = i; s < w.slices; s += helpers)
      add_parts(sum, a.parts[(static_cast<std::size_t>(group) * w.slices + s) * w.per_group + c]);
    tree[threadIdx.x] = sum;
  }
  __syncthreads();
  for (unsigned half = helpers / 2; half != 0; half /= 2) {
    if (used && i < half) add_parts(tree[threadIdx.x], tree[threadIdx.x + half]);
    __syncthreads();
  }
  if (used && i == 0) add_part(tree[threadIdx.x], origins[c], records[column]);
}

}  // namespace inlay::cuda
