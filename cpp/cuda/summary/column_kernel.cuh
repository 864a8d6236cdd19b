#pragma once

#include "runtime/device_code.cuh"
#include "runtime/element.cuh"
#include "runtime/window.cuh"
#include "summary/bucket_index.cuh"
#include "summary/column_args.hpp"
#include "summary/column_state.cuh"
#include "summary/moments_formulas.hpp"

// One read of [N, D] values: moments, counts of what is missing or not finite, an exponential
// histogram and the cells between edges, of each column.
//
// A block takes a group of V * L columns and a slice of the rows: a lane loads V neighbouring
// columns, L lanes a row. Distances from an origin are summed in the element's Real, and every 32
// rows added up over the warp into doubles. Origin and unit of a column come from a sample that
// every block draws alike, so the sums of all blocks simply add up, in a fixed order. Buckets are
// counted in shared memory, in a window of the indices that the sample suggests; what lies outside
// goes to device memory at once.

namespace inlay::cuda {

#ifdef __CUDACC__
#define INLAY_NOINLINE __noinline__
#else
#define INLAY_NOINLINE inline
#endif

/// Rows of a lane whose distances are summed in Real.
inline constexpr int kFoldRows = 32;

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

/// V elements as they are loaded at once.
template <class T, int V>
struct alignas(sizeof(T) * V) ElementVector {
  T values[V];
};

template <class T, int V>
__device__ __forceinline__ ElementVector<T, V> load_elements(const T* from) {
#ifdef __CUDA_ARCH__
  ElementVector<T, V> out;
  constexpr int kBytes = static_cast<int>(sizeof(T)) * V;
  if constexpr (kBytes == 16) {
    const uint4 v = __ldcs(reinterpret_cast<const uint4*>(from));
    memcpy(&out, &v, 16);
  } else if constexpr (kBytes == 8) {
    const uint2 v = __ldcs(reinterpret_cast<const uint2*>(from));
    memcpy(&out, &v, 8);
  } else if constexpr (kBytes == 4) {
    const unsigned v = __ldcs(reinterpret_cast<const unsigned*>(from));
    memcpy(&out, &v, 4);
  } else {
    out = *reinterpret_cast<const ElementVector<T, V>*>(from);
  }
  return out;
#else
  return *reinterpret_cast<const ElementVector<T, V>*>(from);
#endif
}

/// Place of the i-th row (or value) of a walk that is not by vectors.
INLAY_HOST_DEVICE inline std::int64_t place_of(const ColumnWalk& walk, std::int64_t i) {
  if (walk.dims == 1) return i * walk.strides[0];
  std::int64_t place = 0;
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

/// Sums of `v` over the lanes that differ in the bits from L on; each lane ends with the first
/// kLeft entries, those of the returned number on.
template <int kCount, int L, class R>
struct LaneSums {
  static constexpr int kLeft = kCount * L / 32 > 1 ? kCount * L / 32 : 1;

  template <int kN, int kDistance>
  __device__ static int step(R* v, unsigned lane) {
    if constexpr (kDistance < 32) {
      if constexpr (kN > 1) {
        constexpr int kHalf = kN / 2;
        const bool upper = (lane & kDistance) != 0;
#pragma unroll
        for (int i = 0; i < kHalf; ++i) {
          const R mine = upper ? v[i + kHalf] : v[i];
          const R other = upper ? v[i] : v[i + kHalf];
          v[i] = mine + __shfl_xor_sync(kAllLanes, other, kDistance);
        }
        return (upper ? kHalf : 0) + step<kHalf, kDistance * 2>(v, lane);
      } else {
        v[0] = v[0] + __shfl_xor_sync(kAllLanes, v[0], kDistance);
        return step<1, kDistance * 2>(v, lane);
      }
    } else {
      return 0;
    }
  }
  __device__ static int run(R* v, unsigned lane) { return step<kCount, L>(v, lane); }
};

/// Adds 1 to a counter in shared memory, without keeping later loads from there behind it: nobody
/// reads counters before a barrier.
__device__ __forceinline__ void count_shared(std::uint32_t* counter) {
#ifdef __CUDA_ARCH__
  asm volatile("red.shared.add.u32 [%0], 1;"
               :
               : "r"(static_cast<unsigned>(__cvta_generic_to_shared(counter))));
#else
  atomicAdd(counter, 1U);
#endif
}

enum class Counted { kMoments, kBuckets, kBucketsAndEdges };

/// Finds origin, unit and window of each column of the group from rows that lie evenly.
template <class T, unsigned kColumns>
__device__ INLAY_NOINLINE void choose_origins(const ColumnArgs& a, const T* base,
                                              std::uint32_t group, double* samples,
                                              ColumnOrigin* origins) {
  using R = Real<T>;
  using K = RealBits<R>;
  const ColumnWalk& w = a.walk;
  const std::int64_t rows =
      w.flat ? (w.rows + kColumns - 1) / static_cast<std::int64_t>(kColumns) : w.rows;
  const auto taken = static_cast<std::uint32_t>(rows < kSamples ? rows : kSamples);
  const double missing = real_of_bits(~std::uint64_t{0} >> 1);
  for (std::uint32_t at = threadIdx.x; at < kSamples * kColumns; at += kColumnThreads) {
    const std::uint32_t column = at % kColumns;
    const std::uint32_t sample = at / kColumns;
    double value = missing;
    if (sample < taken) {
      const std::int64_t row = rows * sample / taken;
      std::int64_t place = 0;
      bool inside = false;
      if (w.flat) {
        const std::int64_t i = row * kColumns + column;
        inside = i < w.rows;
        place = w.vector ? i : inside ? place_of(w, i) : 0;
      } else {
        inside = group * w.per_group + column < a.layout.columns;
        place = (w.vector ? row * w.row_stride : place_of(w, row)) + column * w.column_stride;
      }
      if (inside) value = static_cast<double>(to_real(base[place]));
    }
    samples[at] = detail::formulas::is_finite(value) ? value : missing;
  }
  __syncthreads();
  for (std::uint32_t column = threadIdx.x; column < kColumns; column += kColumnThreads) {
    origins[column] = ColumnOrigin{0, 0, 0, 0, 0};
  }
  __syncthreads();
  // By ranks: the median is the origin, the seventh eighth of the magnitudes places the window.
  for (std::uint32_t at = threadIdx.x; at < kSamples * kColumns; at += kColumnThreads) {
    const std::uint32_t column = at % kColumns;
    const double value = samples[at];
    if (!(value == value)) continue;
    std::uint32_t finite = 0;
    std::uint32_t rank = 0;
    std::uint32_t rank_of_size = 0;
    const double size = detail::formulas::magnitude(value);
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
      const int above = (kBlockWindow >> a.scale) * 3 / 16;
      int first = (((exponent + 1 + above) << a.scale) & -kPageBuckets) - a.window;
      if (first > top - a.window) first = top - a.window;
      if (first < bottom) first = bottom;
      origins[column].first = first;
    }
  }
  __syncthreads();
  // The third quartile of the distances is the unit, or the largest one.
  for (std::uint32_t at = threadIdx.x; at < kSamples * kColumns; at += kColumnThreads) {
    const std::uint32_t column = at % kColumns;
    const double value = samples[at];
    if (!(value == value)) continue;
    const double origin = origins[column].origin;
    const double distance = detail::formulas::magnitude(value * 0.5 - origin * 0.5);
    std::uint32_t finite = 0;
    std::uint32_t rank = 0;
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
  for (std::uint32_t column = threadIdx.x; column < kColumns; column += kColumnThreads) {
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
    for (std::uint32_t column = threadIdx.x; column < kColumns; column += kColumnThreads) {
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
__device__ inline INLAY_NOINLINE void merge_parts(const ColumnArgs& a, std::uint32_t group,
                                           const ColumnOrigin* origins, ColumnPart* tree,
                                           ColumnRecord* records) {
  const ColumnWalk& w = a.walk;
  __threadfence();
  unsigned helpers = kColumnThreads;
  while (helpers * w.per_group > kColumnThreads) helpers /= 2;
  const unsigned c = threadIdx.x / helpers;
  const unsigned i = threadIdx.x % helpers;
  const std::uint32_t column = group * w.per_group + c;
  const bool used = c < w.per_group && column < a.layout.columns;
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

/// The rows of a block, counted from the first that is whole. Values of a flat walk before and
/// behind those are the left-over row of the first slice.
struct RowRange {
  std::int64_t rows;
  std::int64_t begin;
  std::int64_t end;
  std::int64_t head;
  std::int64_t left_over;
};

/// The kernel's body. kVector: whole vectors of V elements; else V is 1 and any place is possible.
/// kUnroll: loads of a lane in flight.
template <class T, int V, int L, bool kVector, Counted kCounted, int kUnroll>
__device__ __forceinline__ void count_columns(const ColumnArgs& a) {
  using R = Real<T>;
  using K = RealBits<R>;
  using Bits = typename K::Bits;
  constexpr unsigned kColumns = V * L;
  constexpr unsigned kWarps = kColumnThreads / kWarp;
  constexpr unsigned kLaneRows = kWarp / L;           // rows of a warp's load
  constexpr unsigned kStepRows = kLaneRows * kWarps;  // of a block's
  constexpr bool kHistogram = kCounted != Counted::kMoments;
  constexpr bool kEdges = kCounted == Counted::kBucketsAndEdges;
  constexpr int kTableBits = sizeof(R) == 4 ? 11 : 10;  // log2 of the entries with their copies
  static_assert(kVector || V == 1);

  const unsigned chosen = enter_window(a.control);
  const ColumnWalk& w = a.walk;
  const ColumnState state(a.states[chosen], a.layout);
  const std::uint32_t group = blockIdx.x % w.groups;
  const std::uint32_t slice = blockIdx.x / w.groups;
  const unsigned lane = threadIdx.x % kWarp;
  const unsigned warp = threadIdx.x / kWarp;
  const T* base = static_cast<const T*>(w.data) + group * w.group_stride;

  INLAY_DYNAMIC_SHARED(shared);
  const ColumnShared at = column_shared(kColumns, kHistogram, kBlockWindow, a.edge_steps,
                                        kEdges && a.edges_shared && a.edge_steps != 0, sizeof(R));
  Bits* const table = reinterpret_cast<Bits*>(shared + at.table);
  double* const sums = reinterpret_cast<double*>(shared + at.sums);
  double* const extremes = reinterpret_cast<double*>(shared + at.extremes);
  std::uint32_t* const tallies = reinterpret_cast<std::uint32_t*>(shared + at.tallies);
  ColumnOrigin* const origins = reinterpret_cast<ColumnOrigin*>(shared + at.origins);
  std::uint32_t* const page_slots = reinterpret_cast<std::uint32_t*>(shared + at.pages);
  std::uint32_t* const counters = reinterpret_cast<std::uint32_t*>(shared + at.counters);
  R* const block_edges = reinterpret_cast<R*>(shared + at.edges);
  std::uint32_t* const edge_counts = reinterpret_cast<std::uint32_t*>(shared + at.edge_counts);
  const auto* const cells = static_cast<const Bits*>(a.bucket_cells);
  const std::uint32_t num_edges = kEdges ? (1U << a.edge_steps) - 1 : 0;
  const bool edges_here = kEdges && a.edges_shared && num_edges != 0;
  // The real column of one of the block's.
  const auto column_of = [&](unsigned c) {
    return group * w.per_group + (w.flat ? c % w.per_group : c);
  };

  // ---- before the first row
  for (unsigned i = threadIdx.x; i < kTallies * kColumns; i += kColumnThreads) tallies[i] = 0;
  for (unsigned i = threadIdx.x; i < kWarps * 4 * kColumns; i += kColumnThreads) sums[i] = 0;
  const unsigned copies = 1U << (kTableBits - 1 - a.table_scale);
  if constexpr (kHistogram) {
    for (unsigned i = threadIdx.x; i < (1U << kTableBits); i += kColumnThreads)
      table[i] = cells[i / copies];
    for (unsigned i = threadIdx.x; i < kColumns * kColumnWords; i += kColumnThreads)
      counters[i] = 0;
  }
  if constexpr (kEdges) {
    if (edges_here) {
      for (unsigned i = threadIdx.x; i < kColumns * num_edges; i += kColumnThreads) {
        const unsigned column = column_of(i / num_edges);
        block_edges[i] = column < a.layout.columns
                             ? static_cast<const R*>(a.edges)[column * num_edges + i % num_edges]
                             : R(0);
      }
      for (unsigned i = threadIdx.x; i < kColumns * (num_edges + 2); i += kColumnThreads)
        edge_counts[i] = 0;
    }
  }
  choose_origins<T, kColumns>(a, base, group, reinterpret_cast<double*>(shared + at.samples),
                              origins);

  // ---- what a lane keeps of its V columns
  const unsigned first_column = lane % L * V;
  R power1[V], power2[V], power3[V], power4[V], lowest[V], highest[V], inverse[V], shifted[V];
  int first[V];
  unsigned zeros[V];  // without a histogram
  unsigned whole_rows = 0;
#pragma unroll
  for (int j = 0; j < V; ++j) {
    const ColumnOrigin& o = origins[first_column + j];
    power1[j] = power2[j] = power3[j] = power4[j] = 0;
    lowest[j] = real_of_bits(K::kInfinity);
    highest[j] = -real_of_bits(K::kInfinity);
    inverse[j] = static_cast<R>(o.inverse);
    shifted[j] = static_cast<R>(o.origin) * static_cast<R>(o.inverse);
    first[j] = o.first;
    zeros[j] = 0;
  }
  constexpr int kOwned = LaneSums<4 * V, L, R>::kLeft;
  // Where the i-th sum that a lane owns after LaneSums lies.
  const auto owned_sum = [&](int i) -> double& {
    int n = 4 * V;
#pragma unroll
    for (int d = L; d < 32 && n > 1; d *= 2) {
      n /= 2;
      if ((lane & d) != 0) i += n;
    }
    return sums[(warp * 4 + i / V) * kColumns + first_column + i % V];
  };
  // Of several lanes with the same sum, one has it.
  const bool owner = lane / L < 4 * V;
  const bool active = !kVector || w.flat || column_of(first_column) < a.layout.columns;

  // The rows of this block, in shared memory for the sake of registers.
  __shared__ RowRange range;
  if (threadIdx.x == 0) {
    std::int64_t rows = w.rows;
    range.head = range.left_over = 0;
    if (w.flat) {
      if constexpr (kVector) {
        const auto misplaced = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(base) %
                                                         (sizeof(T) * V) / sizeof(T));
        const std::int64_t head = misplaced == 0 ? 0 : V - misplaced;
        range.head = head < w.rows ? head : w.rows;
        rows = (w.rows - range.head) / static_cast<std::int64_t>(kColumns);
        if (slice == 0) range.left_over = w.rows - rows * static_cast<std::int64_t>(kColumns);
      } else {
        rows = (w.rows + kColumns - 1) / static_cast<std::int64_t>(kColumns);
      }
    }
    const std::int64_t begin = slice * w.rows_per_slice;
    range.rows = rows;
    range.begin = begin < rows ? begin : rows;
    range.end = begin + w.rows_per_slice < rows ? begin + w.rows_per_slice : rows;
  }
  __syncthreads();

  // Element `j` of row `step` (of this lane), or of the left-over row (step -1), if there is one.
  const auto element = [&](int step, int j) -> const T* {
    const T* const first_element = static_cast<const T*>(w.data) + group * w.group_stride;
    const std::int64_t row =
        range.begin + warp * kLaneRows + lane / L + static_cast<std::int64_t>(step) * kStepRows;
    if constexpr (kVector) {
      if (step < 0) {
        const auto i = static_cast<std::int64_t>(lane * V + j);
        if (warp != 0 || i >= range.left_over) return nullptr;
        return first_element +
               (i < range.head ? i : range.rows * static_cast<std::int64_t>(kColumns) + i);
      }
      if (row >= range.end || !active) return nullptr;
      return first_element + range.head +
             row * (w.flat ? static_cast<std::int64_t>(kColumns) : w.row_stride) + first_column + j;
    } else {
      if (row >= range.end) return nullptr;
      if (w.flat) {
        const std::int64_t i = row * kColumns + first_column;
        return i < w.rows ? first_element + place_of(w, i) : nullptr;
      }
      if (column_of(first_column) >= a.layout.columns) return nullptr;
      return first_element + place_of(w, row) + first_column * w.column_stride;
    }
  };

  const unsigned bank = lane & (copies - 1);
  const Bits table_mask = ((Bits{1} << kTableBits) - 1) & ~static_cast<Bits>(copies - 1);
  const auto window = static_cast<unsigned>(a.window);
  const int index_shift = K::kMantissa - a.scale;
  constexpr unsigned kSideBits = sizeof(int) * 8 - 1 - __builtin_clz(kSideStride);
  std::uint32_t* const my_counters = counters + first_column * kColumnWords;

  // The table's entry for a value.
  const auto look_up = [&](R value) -> Bits {
    if constexpr (kHistogram) {
      const Bits magnitude = bits_of(value) & K::kMagnitude;
      return table[(magnitude >> (K::kMantissa - kTableBits) & table_mask) | bank];
    } else {
      return 0;
    }
  };
  // Takes one value; true if rare() must have it too.
  const auto take = [&](int j, R value, Bits entry) -> bool {
    const Bits bits = bits_of(value);
    const Bits magnitude = bits & K::kMagnitude;
    const bool finite = magnitude < K::kInfinity;
    const bool zero = magnitude == 0;
    bool counted = false;
    if constexpr (kHistogram) {
      const int bucket =
          static_cast<int>(static_cast<typename K::Index>(magnitude + entry) >> index_shift);
      const unsigned place = static_cast<unsigned>(bucket - first[j]);
      counted = place < window;
      const unsigned side =
          static_cast<unsigned>(bits >> (sizeof(Bits) * 8 - 1 - kSideBits)) & kSideStride;
      // What is not counted goes to the word that pads the column, rather than around a branch;
      // most of it is zeros.
      count_shared(my_counters + j * kColumnWords + (counted ? place | side : 2 * kSideStride));
    }
    const R distance = finite ? value * inverse[j] - shifted[j] : R(0);
    const R square = distance * distance;
    power1[j] += distance;
    power2[j] += square;
    power3[j] += square * distance;
    power4[j] += square * square;
    lowest[j] = finite ? lower_of(lowest[j], value) : lowest[j];
    highest[j] = finite ? higher_of(highest[j], value) : highest[j];
    if constexpr (!kHistogram) zeros[j] += zero ? 1U : 0U;
    if constexpr (kEdges) {
      if (edges_here) {
        const R* const edges = block_edges + (first_column + j) * num_edges;
        unsigned below = 0;
        for (unsigned step = (num_edges + 1) / 2; step != 0; step /= 2)
          below += edges[below + step - 1] < value ? step : 0;
        if (!finite) below = num_edges + 1;  // likewise
        count_shared(&edge_counts[(first_column + j) * (num_edges + 2) + below]);
      }
    }
    return kHistogram ? !counted && !zero : !finite;
  };

  // What is not finite, or has its bucket outside the window.
  const auto rare = [&](unsigned c, R value) {
    const Bits bits = bits_of(value);
    const Bits magnitude = bits & K::kMagnitude;
    atomicAdd(&tallies[c * kTallies + kTallyRare], 1U);
    if (magnitude >= K::kInfinity) {
      const std::uint32_t which = magnitude > K::kInfinity ? kTallyNan
                                  : bits == magnitude      ? kTallyPosInf
                                                           : kTallyNegInf;
      atomicAdd(&tallies[c * kTallies + which], 1U);
      return;
    }
    if constexpr (kHistogram) {
      const unsigned column = column_of(c);
      if (column >= a.layout.columns) return;
      const int bucket = bucket_of<R>(magnitude, cells, a.table_scale) >> (a.table_scale - a.scale);
      count_bucket(state, a.layout.pages, column, bits == magnitude ? 0 : 1, bucket, 1);
    }
  };
  // Edges that do not fit shared memory.
  const auto take_far_edges = [&](unsigned c, R value) {
    if constexpr (kEdges) {
      const unsigned column = column_of(c);
      if (edges_here || num_edges == 0 || column >= a.layout.columns) return;
      if ((bits_of(value) & K::kMagnitude) >= K::kInfinity) return;
      const R* const edges =
          static_cast<const R*>(a.edges) + static_cast<std::size_t>(column) * num_edges;
      unsigned below = 0;
      for (unsigned step = (num_edges + 1) / 2; step != 0; step /= 2)
        below += edges[below + step - 1] < value ? step : 0;
      atomicAdd(&state.cells[static_cast<std::size_t>(column) * a.layout.cells + below], Count{1});
    }
  };

  // Adds up the warp's sums of rows [begin, end) and clears them.
  const auto fold = [&](int begin, int end) {
    R v[4 * V];
    bool again = false;
#pragma unroll
    for (int j = 0; j < V; ++j) {
      if constexpr (sizeof(R) == 4) {
        // Beyond what floats hold, or so small that fourth powers vanish.
        again = again || !(power4[j] < 0x1p120F) || (power4[j] < 0x1p-90F && power2[j] != 0) ||
                (power2[j] == 0 && power1[j] != 0);
      }
      v[j] = power1[j];
      v[V + j] = power2[j];
      v[2 * V + j] = power3[j];
      v[3 * V + j] = power4[j];
      power1[j] = power2[j] = power3[j] = power4[j] = 0;
    }
    if (sizeof(R) == 8 || __any_sync(kAllLanes, again && active) == 0) {
      LaneSums<4 * V, L, R>::run(v, lane);
#pragma unroll
      for (int i = 0; i < kOwned; ++i) {
        if (owner) owned_sum(i) += static_cast<double>(v[i]);
      }
      return;
    }
    // Once more in doubles, a column at a time.
    __syncwarp();
    for (int j = 0; j < V; ++j) {
      const ColumnOrigin& o = origins[first_column + j];
      double sum[4] = {};
      for (int step = begin; step < end; ++step) {
        const T* const from = element(step, j);
        if (from == nullptr) continue;
        const double value = static_cast<double>(to_real(*from));
        if (!detail::formulas::is_finite(value)) continue;
        const double distance = (value - o.origin) * o.inverse;
        const double square = distance * distance;
        sum[0] += distance;
        sum[1] += square;
        sum[2] += square * distance;
        sum[3] += square * square;
      }
#pragma unroll
      for (int k = 0; k < 4; ++k) {
#pragma unroll
        for (int d = L; d < 32; d *= 2) sum[k] += __shfl_xor_sync(kAllLanes, sum[k], d);
      }
      if (lane < L) {
#pragma unroll
        for (int k = 0; k < 4; ++k) sums[(warp * 4 + k) * kColumns + first_column + j] += sum[k];
      }
      __syncwarp();
    }
  };

  // One row of which not all need be there.
  const auto take_guarded = [&](int step) {
    bool all = true;
#pragma unroll
    for (int j = 0; j < V; ++j) all = all && element(step, j) != nullptr;
    if (all) ++whole_rows;
#pragma unroll
    for (int j = 0; j < V; ++j) {
      const T* const from = element(step, j);
      if (from == nullptr) continue;
      const R value = to_real(*from);
      if (!all) atomicAdd(&tallies[(first_column + j) * kTallies + kTallyCount], 1U);
      if (take(j, value, look_up(value))) rare(first_column + j, value);
      take_far_edges(first_column + j, value);
    }
  };

  // ---- the rows
  const std::int64_t in_slice = range.end - range.begin;
  int step = 0;
  int folded = 0;
  if constexpr (kVector) {
    const int whole_steps = static_cast<int>(in_slice / kStepRows);
    // Lanes without columns read those of the first lane, and nobody looks at what they count.
    const std::int64_t row_stride = w.flat ? static_cast<std::int64_t>(kColumns) : w.row_stride;
    const T* from = base + range.head + (range.begin + warp * kLaneRows + lane / L) * row_stride +
                    (active ? first_column : 0);
    const std::int64_t step_stride = row_stride * kStepRows;
    for (; step + kUnroll <= whole_steps; step += kUnroll) {
      ElementVector<T, V> loaded[kUnroll];
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) loaded[u] = load_elements<T, V>(from + u * step_stride);
      std::uint32_t rares = 0;
      static_assert(kUnroll * V <= 32);
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        Bits entries[V];  // all before the first count: that is a wait for each other less
#pragma unroll
        for (int j = 0; j < V; ++j) entries[j] = look_up(to_real(loaded[u].values[j]));
#pragma unroll
        for (int j = 0; j < V; ++j) {
          const bool is_rare = take(j, to_real(loaded[u].values[j]), entries[j]);
          rares |= is_rare ? 1U << (u * V + j) : 0U;
        }
      }
      while (rares != 0) {
        const int i = __ffs(static_cast<int>(rares)) - 1;
        rares &= rares - 1;
        rare(first_column + i % V, to_real(from[i / V * step_stride + i % V]));
      }
      if constexpr (kEdges) {
        if (!edges_here) {
          for (int i = 0; i < kUnroll * V; ++i)
            take_far_edges(first_column + i % V, to_real(from[i / V * step_stride + i % V]));
        }
      }
      from += kUnroll * step_stride;
      whole_rows += kUnroll;
      if (step + kUnroll - folded >= kFoldRows) {
        fold(folded, step + kUnroll);
        folded = step + kUnroll;
      }
    }
  }
  const int steps = static_cast<int>((range.end - range.begin + kStepRows - 1) / kStepRows);
  for (; step < steps; ++step) {
    take_guarded(step);
    if (step + 1 - folded >= kFoldRows) {
      fold(folded, step + 1);
      folded = step + 1;
    }
  }
  fold(folded, steps);
  if (kVector && w.flat) {
    take_guarded(-1);
    fold(-1, 0);
  }

  // ---- the block's sums
  {
#pragma unroll
    for (int j = 0; j < V; ++j) {
      R low = lowest[j];
      R high = highest[j];
      unsigned zero = kHistogram ? 0 : zeros[j];
#pragma unroll
      for (int d = L; d < 32; d *= 2) {
        low = lower_of(low, __shfl_xor_sync(kAllLanes, low, d));
        high = higher_of(high, __shfl_xor_sync(kAllLanes, high, d));
        if constexpr (!kHistogram) zero += __shfl_xor_sync(kAllLanes, zero, d);
      }
      if (lane < L) {
        extremes[(warp * 2) * kColumns + first_column + j] = static_cast<double>(low);
        extremes[(warp * 2 + 1) * kColumns + first_column + j] = static_cast<double>(high);
        if constexpr (!kHistogram)
          atomicAdd(&tallies[(first_column + j) * kTallies + kTallyZero], zero);
      }
      atomicAdd(&tallies[(first_column + j) * kTallies + kTallyCount], whole_rows);
    }
  }
  __syncthreads();
  if (threadIdx.x < 4 * kColumns) {
    double sum = 0;
    for (unsigned i = 0; i < kWarps; ++i) sum += sums[i * 4 * kColumns + threadIdx.x];
    sums[threadIdx.x] = sum;
  } else if (threadIdx.x < 5 * kColumns) {
    const unsigned c = threadIdx.x - 4 * kColumns;
    double low = extremes[c];
    double high = extremes[kColumns + c];
    for (unsigned i = 1; i < kWarps; ++i) {
      low = lower_of(low, extremes[i * 2 * kColumns + c]);
      high = higher_of(high, extremes[(i * 2 + 1) * kColumns + c]);
    }
    extremes[c] = low;
    extremes[kColumns + c] = high;
  }
  static_assert(5 * kColumns <= kColumnThreads);
  __syncthreads();
  const unsigned turns = w.flat ? w.per_group : kColumns;  // columns that differ
  if (threadIdx.x < turns && column_of(threadIdx.x) < a.layout.columns) {
    ColumnPart part;
    for (unsigned c = threadIdx.x; c < kColumns; c += turns) {
      const std::uint32_t* const tally = tallies + c * kTallies;
      ColumnPart one;
      one.nan = tally[kTallyNan];
      one.pos_inf = tally[kTallyPosInf];
      one.neg_inf = tally[kTallyNegInf];
      one.zero = kHistogram ? counters[c * kColumnWords + 2 * kSideStride] - tally[kTallyRare]
                            : tally[kTallyZero];
      one.count = tally[kTallyCount] - one.nan - one.pos_inf - one.neg_inf;
      for (unsigned k = 0; k < 4; ++k) one.powers[k] = sums[k * kColumns + c];
      one.lowest = extremes[c];
      one.highest = extremes[kColumns + c];
      add_parts(part, one);
    }
    a.parts[(static_cast<std::size_t>(group) * w.slices + slice) * w.per_group + threadIdx.x] =
        part;
  }

  // ---- the block's buckets and cells
  if constexpr (kHistogram) {
    if (a.window != 0) {
      constexpr unsigned kPages = kBlockWindow / kPageBuckets;
      const auto pages = window / kPageBuckets;
      if (turns < kColumns) {
        for (unsigned i = threadIdx.x; i < 2 * kSideStride; i += kColumnThreads) {
          for (unsigned c = turns; c < kColumns; ++c)
            counters[c % turns * kColumnWords + i] += counters[c * kColumnWords + i];
        }
        __syncthreads();
      }
      // All pages are looked up at once, each by a thread: what one waits for, all wait for.
      for (unsigned i = threadIdx.x; i < turns * 2 * kPages; i += kColumnThreads) {
        const unsigned c = i / (2 * kPages);
        const unsigned side = i / kPages % 2;
        const unsigned page = i % kPages;
        const unsigned column = column_of(c);
        std::uint32_t slot = kNoPage;
        if (page < pages && column < a.layout.columns) {
          const std::uint32_t* const from =
              counters + c * kColumnWords + side * kSideStride + page * kPageBuckets;
          std::uint32_t any = 0;
          for (unsigned k = 0; k < kPageBuckets; ++k) any |= from[(k + lane) % kPageBuckets];
          if (any != 0) {
            const int number = origins[c].first / kPageBuckets + static_cast<int>(page);
            slot = find_page(state.keys, a.layout.pages, page_key(column, side, number));
            if (slot == kNoPage) {
              Count lost = 0;
              for (unsigned k = 0; k < kPageBuckets; ++k) lost += from[k];
              atomicAdd(&state.records[column].lost, lost);
            }
          }
        }
        page_slots[i] = slot;
      }
      __syncthreads();
      for (unsigned i = warp; i < turns * 2 * kPages; i += kWarps) {
        const std::uint32_t slot = page_slots[i];
        if (slot == kNoPage) continue;
        const std::uint32_t n =
            counters[i / (2 * kPages) * kColumnWords + i / kPages % 2 * kSideStride +
                     i % kPages * kPageBuckets + lane];
        if (n != 0)
          atomicAdd(&state.counts[static_cast<std::size_t>(slot) * kPageBuckets + lane], Count{n});
      }
    }
  }
  if constexpr (kEdges) {
    if (edges_here) {
      for (unsigned i = threadIdx.x; i < kColumns * (num_edges + 1); i += kColumnThreads) {
        const unsigned c = i / (num_edges + 1);
        const unsigned cell = i % (num_edges + 1);
        const unsigned column = column_of(c);
        const std::uint32_t n = edge_counts[c * (num_edges + 2) + cell];
        if (n != 0 && column < a.layout.columns) {
          atomicAdd(&state.cells[static_cast<std::size_t>(column) * a.layout.cells + cell],
                    Count{n});
        }
      }
    }
  }

  // ---- the last block of a group adds up what all its blocks left
  __shared__ bool last_of_group;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last_of_group = atomicAdd(&a.arrived[group], 1U) == w.slices - 1;
    if (last_of_group) a.arrived[group] = 0;
  }
  __syncthreads();
  if (last_of_group) {
    merge_parts(a, group, origins, reinterpret_cast<ColumnPart*>(shared + at.counters),
                state.records);
  }
  if (is_last_block(a.control)) leave_window(a.control, chosen);
}

}  // namespace inlay::cuda
