#pragma once

#include <type_traits>

#include "runtime/device_code.cuh"
#include "runtime/element.cuh"
#include "runtime/window.cuh"
#include "summary/bucket_index.cuh"
#include "summary/column_args.hpp"
#include "summary/column_frame.cuh"
#include "summary/column_state.cuh"

// One read of [N, D] values: moments, counts of what is missing or not finite, an exponential
// histogram and the cells between edges, of each column.
//
// A block takes a group of 32 columns and a slice of the rows; a lane has a column to itself, a
// warp a row at a time. Buckets are counted in shared memory, in a window of the indices that a
// sample suggests, and the words of a lane lie in its own bank, so that warps never wait for
// conflicts whatever the values are; what lies outside goes to device memory at once. Distances
// from an origin are summed in the element's Real, and every 32 added up in doubles. Origin and
// unit of a column come from the sample, which every block draws alike, so the sums of all blocks
// simply add up, in a fixed order.

namespace inlay::cuda {

/// Values of a lane whose distances are summed in Real.
inline constexpr int kFoldValues = 32;

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

/// Values of a vector, and loads of a lane in flight.
template <class T, Walk kWalk>
inline constexpr int kVectorOf = kWalk == Walk::kRun ? 16 / static_cast<int>(sizeof(T)) : 1;
template <class T, Walk kWalk>
inline constexpr int kLoadsOf =
    kWalk == Walk::kRun ? (kVectorOf<T, kWalk> >= 16 ? 1 : 16 / kVectorOf<T, kWalk>) : 8;

/// Threads of a block, at most: where a lane keeps more, there are fewer.
template <class T, Walk kWalk, bool kEdges>
inline constexpr std::uint32_t kThreadsOf =
    sizeof(Real<T>) == 8 || kWalk == Walk::kGeneral || (kWalk == Walk::kRun && kEdges) ? 512 : 768;

/// The rows of a block, counted from the first that is whole. Values of a run before and behind
/// those are the left-over ones, the first slice's.
struct RowRange {
  std::int64_t rows;   // whole ones of the group
  std::int64_t begin;  // of this block
  std::int64_t end;
  std::int64_t head;
  std::int64_t left_over;
};

/// The kernel's body. kLoads: vectors of a lane in flight.
template <class T, Walk kWalk, bool kEdges, int kLoads = kLoadsOf<T, kWalk>>
__device__ __forceinline__ void count_columns(const ColumnArgs& a) {
  using R = Real<T>;
  using K = RealBits<R>;
  using Bits = typename K::Bits;
  constexpr int kV = kVectorOf<T, kWalk>;
  constexpr bool kFloat = sizeof(R) == 4;
  constexpr int kTableBits = kFloat ? 11 : 10;  // log2 of the entries with their copies
  constexpr int kValues = kV * kLoads;
  static_assert(kValues <= 32);

  const unsigned chosen = enter_window(a.control);
  const ColumnWalk& w = a.walk;
  const ColumnState state(a.states[chosen], a.layout);
  const std::uint32_t group = blockIdx.x % w.groups;
  const std::uint32_t slice = blockIdx.x / w.groups;
  const unsigned lane = threadIdx.x % kWarp;
  const unsigned warp = threadIdx.x / kWarp;
  const unsigned warps = blockDim.x / kWarp;

  INLAY_DYNAMIC_SHARED(shared);
  const bool edges_here = kEdges && a.edges_shared && a.edge_steps != 0;
  const ColumnShared at = column_shared(a.block, a.edge_steps, edges_here, sizeof(R));
  Bits* const table = reinterpret_cast<Bits*>(shared + at.table);
  std::uint32_t* const tallies = reinterpret_cast<std::uint32_t*>(shared + at.tallies);
  ColumnOrigin* const origins = reinterpret_cast<ColumnOrigin*>(shared + at.origins);
  std::uint32_t* const page_slots = reinterpret_cast<std::uint32_t*>(shared + at.pages);
  std::uint32_t* const counters = reinterpret_cast<std::uint32_t*>(shared + at.counters);
  R* const block_edges = reinterpret_cast<R*>(shared + at.edges);
  std::uint32_t* const edge_counts = reinterpret_cast<std::uint32_t*>(shared + at.edge_counts);
  const auto* const cells = static_cast<const Bits*>(a.bucket_cells);
  const std::uint32_t num_edges = kEdges ? (1U << a.edge_steps) - 1 : 0;
  // The real column of a lane's.
  const auto column_of = [&](unsigned c) {
    return group * w.per_group + (w.flat ? c % w.per_group : c);
  };
  const bool active = w.flat ? lane < w.width : column_of(lane) < a.layout.columns;

  // ---- before the first row
  choose_origins<T>(a, group, reinterpret_cast<double*>(shared + at.counters), origins);
  for (unsigned i = threadIdx.x; i < kTallies * kBlockColumns; i += blockDim.x) tallies[i] = 0;
  const unsigned copies = 1U << (kTableBits - 1 - a.table_scale);
  for (unsigned i = threadIdx.x; i < (1U << kTableBits); i += blockDim.x)
    table[i] = cells[i / copies];
  for (unsigned i = threadIdx.x; i < (2 * a.block.window + 1) * kBlockColumns; i += blockDim.x)
    counters[i] = 0;
  if constexpr (kEdges) {
    if (edges_here) {
      for (unsigned i = threadIdx.x; i < num_edges * kBlockColumns; i += blockDim.x) {
        const unsigned column = column_of(i % kBlockColumns);
        block_edges[i] =
            column < a.layout.columns
                ? static_cast<const R*>(
                      a.edges)[static_cast<std::size_t>(column) * num_edges + i / kBlockColumns]
                : R(0);
      }
      for (unsigned i = threadIdx.x; i < (num_edges + 2) * kBlockColumns; i += blockDim.x)
        edge_counts[i] = 0;
    }
  }
  // In shared memory for the sake of registers.
  __shared__ RowRange range;
  if (threadIdx.x == 0) {
    std::int64_t rows = w.rows;  // those that may be walked without looking
    std::int64_t all = rows;
    range.head = range.left_over = 0;
    if constexpr (kWalk == Walk::kRun) {
      constexpr std::int64_t kRowValues = std::int64_t{kV} * kBlockColumns;
      const T* const base = static_cast<const T*>(w.data) + group * w.group_stride;
      const auto misplaced = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(base) %
                                                       (sizeof(T) * kV) / sizeof(T));
      const std::int64_t head = misplaced == 0 ? 0 : kV - misplaced;
      range.head = head < w.rows ? head : w.rows;
      rows = all = (w.rows - range.head) / kRowValues;
      if (slice == 0) range.left_over = w.rows - rows * kRowValues;
    } else if (w.flat) {
      rows = w.rows / w.width;
      all = (w.rows + w.width - 1) / w.width;
    }
    const std::int64_t begin = slice * w.rows_per_slice;
    range.rows = rows;
    range.begin = begin < all ? begin : all;
    range.end = begin + w.rows_per_slice < all ? begin + w.rows_per_slice : all;
  }
  __syncthreads();

  // ---- what a lane keeps of its column
  R power1 = 0, power2 = 0, power3 = 0, power4 = 0;
  double sums[4] = {};
  R lowest = real_of_bits(K::kInfinity);
  R highest = -real_of_bits(K::kInfinity);
  const R inverse = static_cast<R>(origins[lane].inverse);
  const R shifted = static_cast<R>(origins[lane].origin) * inverse;
  const int first = origins[lane].first;
  unsigned taken = 0;

  // Where value `j` of this lane in its row `step` is, kNowhere if there is none; of the left-over
  // ones if step is -1.
  constexpr std::int64_t kNowhere = INT64_MIN;
  const auto element = [&](int step, int j) -> std::int64_t {
    const std::int64_t base = group * w.group_stride;
    const std::int64_t row = range.begin + warp + static_cast<std::int64_t>(step) * warps;
    if constexpr (kWalk == Walk::kRun) {
      if (step < 0) {
        const auto i = static_cast<std::int64_t>(lane + kWarp * static_cast<unsigned>(j));
        if (warp != 0 || i >= range.left_over) return kNowhere;
        return base + (i < range.head ? i : range.rows * (std::int64_t{kV} * kBlockColumns) + i);
      }
      if (row >= range.end) return kNowhere;
      return base + range.head + (row * kBlockColumns + lane) * kV + j;
    } else {
      if (row >= range.end || !active) return kNowhere;
      if (w.flat) {
        const std::int64_t i = row * w.width + lane;
        if (i >= w.rows) return kNowhere;
        return base + (kWalk == Walk::kRows ? i : place_of(w, i));
      }
      return base + lane * w.column_stride +
             (kWalk == Walk::kRows ? row * w.row_stride : place_of(w, row));
    }
  };

  const unsigned bank = lane & (copies - 1);
  const Bits table_mask = ((Bits{1} << kTableBits) - 1) & ~static_cast<Bits>(copies - 1);
  const auto window = static_cast<unsigned>(a.window);
  const unsigned side_stride = a.block.window;
  const int index_shift = K::kMantissa - a.scale;
  std::uint32_t* const my_counters = counters + lane;

  // What is not finite, or has its bucket outside the window.
  const auto rare = [&](R value) {
    const Bits bits = bits_of(value);
    const Bits magnitude = bits & K::kMagnitude;
    atomicAdd(&tallies[kTallyRare * kBlockColumns + lane], 1U);
    if (magnitude >= K::kInfinity) {
      const std::uint32_t which = magnitude > K::kInfinity ? kTallyNan
                                  : bits == magnitude      ? kTallyPosInf
                                                           : kTallyNegInf;
      atomicAdd(&tallies[which * kBlockColumns + lane], 1U);
      return;
    }
    if (!active) return;
    const int bucket = bucket_of<R>(magnitude, cells, a.table_scale) >> (a.table_scale - a.scale);
    count_bucket(state, a.layout.pages, column_of(lane), bits == magnitude ? 0 : 1, bucket, 1);
  };
  // Edges that do not fit shared memory.
  const auto take_far_edges = [&](R value) {
    if (!active || (bits_of(value) & K::kMagnitude) >= K::kInfinity) return;
    const unsigned column = column_of(lane);
    const R* const edges =
        static_cast<const R*>(a.edges) + static_cast<std::size_t>(column) * num_edges;
    unsigned below = 0;
    for (unsigned step = (num_edges + 1) / 2; step != 0; step /= 2)
      below += edges[below + step - 1] < value ? step : 0;
    atomicAdd(&state.cells[static_cast<std::size_t>(column) * a.layout.cells + below], Count{1});
  };
  // Takes kN values; a bit for each that rare() must have too.
  const auto take = [&]<int kN>(const R* values) -> std::uint32_t {
    Bits entries[kN];  // all before the first count
#pragma unroll
    for (int i = 0; i < kN; ++i) {
      const Bits magnitude = bits_of(values[i]) & K::kMagnitude;
      entries[i] = table[(magnitude >> (K::kMantissa - kTableBits) & table_mask) | bank];
    }
    std::uint32_t rares = 0;
#pragma unroll
    for (int i = 0; i < kN; ++i) {
      const R value = values[i];
      const Bits bits = bits_of(value);
      const Bits magnitude = bits & K::kMagnitude;
      const bool finite = magnitude < K::kInfinity;
      const int bucket =
          static_cast<int>(static_cast<typename K::Index>(magnitude + entries[i]) >> index_shift);
      const auto place = static_cast<unsigned>(bucket - first);
      const bool counted = place < window;
      const unsigned side = bits == magnitude ? 0 : side_stride;
      // What is not counted goes to a word behind them, rather than around a branch; most of it is
      // zeros.
      count_shared(my_counters + (counted ? place + side : 2 * side_stride) * kBlockColumns);
      rares |= !counted && magnitude != 0 ? 1U << i : 0U;

      const R distance = finite ? value * inverse - shifted : R(0);
      const R square = distance * distance;
      power1 += distance;
      power2 += square;
      power3 += square * distance;
      power4 += square * square;
      lowest = finite ? lower_of(lowest, value) : lowest;
      highest = finite ? higher_of(highest, value) : highest;
    }
    if constexpr (kEdges) {
      if (edges_here) {
        unsigned below[kN];
#pragma unroll
        for (int i = 0; i < kN; ++i) below[i] = 0;
        for (unsigned step = (num_edges + 1) / 2; step != 0; step /= 2) {
#pragma unroll
          for (int i = 0; i < kN; ++i) {
            below[i] +=
                block_edges[(below[i] + step - 1) * kBlockColumns + lane] < values[i] ? step : 0;
          }
        }
#pragma unroll
        for (int i = 0; i < kN; ++i) {
          const bool finite = (bits_of(values[i]) & K::kMagnitude) < K::kInfinity;
          count_shared(edge_counts + (finite ? below[i] : num_edges + 1) * kBlockColumns + lane);
        }
      }
    }
    return rares;
  };

  // Adds up what a lane summed of rows [begin, end).
  const auto fold = [&](int begin, int end) {
    if constexpr (!kFloat) {
      return;  // doubles all the way
    } else {
      // Beyond what floats hold, or so small that fourth powers vanish.
      const bool again = !(power4 < 0x1p120F) || (power4 < 0x1p-90F && power2 != 0) ||
                         (power2 == 0 && power1 != 0);
      if (!again) {
        sums[0] += static_cast<double>(power1);
        sums[1] += static_cast<double>(power2);
        sums[2] += static_cast<double>(power3);
        sums[3] += static_cast<double>(power4);
      } else if (active) {
        const ColumnOrigin& o = origins[lane];
        for (int step = begin; step < end; ++step) {
#pragma unroll 1
          for (int j = 0; j < (step < 0 ? kV + 1 : kV); ++j) {
            const std::int64_t place = element(step, j);
            if (place == kNowhere) continue;
            const double value = static_cast<double>(value_at<T>(w, place));
            if (!detail::formulas::is_finite(value)) continue;
            const double distance = (value - o.origin) * o.inverse;
            const double square = distance * distance;
            sums[0] += distance;
            sums[1] += square;
            sums[2] += square * distance;
            sums[3] += square * square;
          }
        }
      }
      power1 = power2 = power3 = power4 = 0;
    }
  };

  const auto take_guarded = [&](int step, int j) {
    const std::int64_t place = element(step, j);
    if (place == kNowhere) return;
    const R value = value_at<T>(w, place);
    ++taken;
    if (take.template operator()<1>(&value) != 0) rare(value);
    if (kEdges && !edges_here && num_edges != 0) take_far_edges(value);
  };

  // ---- the rows
  int step = 0;
  int folded = 0;
  if constexpr (kWalk != Walk::kGeneral) {
    const std::int64_t whole_end = range.end < range.rows ? range.end : range.rows;
    const int whole_steps = static_cast<int>((whole_end - range.begin) / warps);
    const std::int64_t row_stride = kWalk == Walk::kRun ? std::int64_t{kV} * kBlockColumns
                                    : w.flat            ? std::int64_t{w.width}
                                                        : w.row_stride;
    // A lane without a column reads that of the first lane, and nobody looks at what it counts.
    const std::int64_t in_row = kWalk == Walk::kRun ? std::int64_t{lane} * kV
                                : !active           ? 0
                                : w.flat            ? std::int64_t{lane}
                                                    : lane * w.column_stride;
    const T* from = static_cast<const T*>(w.data) + group * w.group_stride + range.head +
                    (range.begin + warp) * row_stride + in_row;
    const std::int64_t step_stride = row_stride * warps;
    for (; step + kLoads <= whole_steps; step += kLoads) {
      ElementVector<T, kV> loaded[kLoads];
#pragma unroll
      for (int u = 0; u < kLoads; ++u) loaded[u] = load_elements<T, kV>(from + u * step_stride);
      // By eights: enough to hide the look-ups, few enough for the registers.
      constexpr int kN = kValues < 8 ? kValues : 8;
#pragma unroll
      for (int part = 0; part < kValues / kN; ++part) {
        R values[kN];
#pragma unroll
        for (int i = 0; i < kN; ++i) {
          const int n = part * kN + i;
          values[i] = to_real(loaded[n / kV].values[n % kV]);
        }
        std::uint32_t rares = take.template operator()<kN>(values);
        while (rares != 0) {
          const int n = part * kN + __ffs(static_cast<int>(rares)) - 1;
          rares &= rares - 1;
          rare(to_real(from[n / kV * step_stride + n % kV]));
        }
      }
      if constexpr (kEdges) {
        if (!edges_here && num_edges != 0) {
#pragma unroll 1
          for (int n = 0; n < kValues; ++n)
            take_far_edges(to_real(from[n / kV * step_stride + n % kV]));
        }
      }
      from += kLoads * step_stride;
      taken += kValues;
      if ((step + kLoads - folded) * kV >= kFoldValues) {
        fold(folded, step + kLoads);
        folded = step + kLoads;
      }
    }
  }
  // The rows that are not whole, and at last a run's left-over values, as row -1.
  const int steps = static_cast<int>((range.end - range.begin + warps - 1) / warps);
  for (; step <= steps; ++step) {
    const bool left_over = step == steps;
    if (left_over || (step - folded) * kV >= kFoldValues) {
      fold(folded, step);
      folded = step;
    }
    if (left_over && kWalk != Walk::kRun) break;
    const int row = left_over ? -1 : step;
#pragma unroll 1
    for (int j = 0; j < (left_over ? kV + 1 : kV); ++j) take_guarded(row, j);
  }
  if constexpr (kWalk == Walk::kRun) fold(-1, 0);
  if constexpr (!kFloat) {
    sums[0] = power1;
    sums[1] = power2;
    sums[2] = power3;
    sums[3] = power4;
  }
  atomicAdd(&tallies[kTallyCount * kBlockColumns + lane], taken);
  __syncthreads();

  // ---- the block's buckets and cells
  const unsigned turns = w.flat ? w.per_group : kBlockColumns;  // columns that differ
  const unsigned width = w.flat ? w.width : kBlockColumns;
  if (warp == 0) {
    tallies[kTallyZero * kBlockColumns + lane] = counters[2 * side_stride * kBlockColumns + lane] -
                                                 tallies[kTallyRare * kBlockColumns + lane];
  }
  if (window != 0) {
    if (turns < kBlockColumns) {
      for (unsigned row = warp; row < 2 * side_stride; row += warps) {
        std::uint32_t n = lane < width ? my_counters[row * kBlockColumns] : 0;
        if (turns == 1) {
#pragma unroll
          for (int d = 16; d > 0; d /= 2) n += __shfl_xor_sync(kAllLanes, n, d);
        } else {
          for (unsigned c = turns; c < width; c += turns) {
            const std::uint32_t other = __shfl_down_sync(kAllLanes, n, c);
            __syncwarp();
            if (lane < turns && lane + c < width) my_counters[row * kBlockColumns] += other;
          }
          continue;
        }
        if (lane < turns) my_counters[row * kBlockColumns] = n;
      }
      __syncthreads();
    }
    // All pages are looked up at once, each by a thread: what one waits for, all wait for.
    const unsigned pages = side_stride / kPageBuckets;
    for (unsigned i = threadIdx.x; i < 2 * pages * kBlockColumns; i += blockDim.x) {
      const unsigned c = i % kBlockColumns;
      const unsigned side = i / kBlockColumns / pages;
      const unsigned page = i / kBlockColumns % pages;
      const unsigned column = column_of(c);
      std::uint32_t slot = kNoPage;
      if (c < turns && column < a.layout.columns && page * kPageBuckets < window) {
        const std::uint32_t* const from =
            counters + (side * side_stride + page * kPageBuckets) * kBlockColumns + c;
        std::uint32_t any = 0;
        for (unsigned k = 0; k < kPageBuckets; ++k) any |= from[k * kBlockColumns];
        if (any != 0) {
          const int number = origins[c].first / kPageBuckets + static_cast<int>(page);
          slot = find_page(state.keys, a.layout.pages, page_key(column, side, number));
          if (slot == kNoPage) {
            Count lost = 0;
            for (unsigned k = 0; k < kPageBuckets; ++k) lost += from[k * kBlockColumns];
            atomicAdd(&state.records[column].lost, lost);
          }
        }
      }
      page_slots[i] = slot;
    }
    __syncthreads();
    // Four columns and eight buckets at a time: a balance of bank conflicts and scattered
    // addresses.
    const unsigned quads = (turns + 3) / 4;
    for (unsigned i = warp; i < 2 * pages * quads; i += warps) {
      const unsigned row = i / quads;  // side and page
      const unsigned c = i % quads * 4 + lane / 8;
      const std::uint32_t slot = page_slots[row * kBlockColumns + c];
      if (slot == kNoPage) continue;
#pragma unroll
      for (unsigned k = 0; k < kPageBuckets; k += 8) {
        const unsigned bucket = k + lane % 8;
        const std::uint32_t n = counters[(row * kPageBuckets + bucket) * kBlockColumns + c];
        if (n != 0) {
          atomicAdd(&state.counts[static_cast<std::size_t>(slot) * kPageBuckets + bucket],
                    Count{n});
        }
      }
    }
  }
  if constexpr (kEdges) {
    if (edges_here) {
      for (unsigned i = threadIdx.x; i < (num_edges + 1) * kBlockColumns; i += blockDim.x) {
        const unsigned c = i % kBlockColumns;
        const unsigned column = column_of(c);
        const std::uint32_t n = edge_counts[i];
        if (n != 0 && c < width && column < a.layout.columns) {
          atomicAdd(
              &state.cells[static_cast<std::size_t>(column) * a.layout.cells + i / kBlockColumns],
              Count{n});
        }
      }
    }
  }
  __syncthreads();

  // ---- the block's sums, where the counters were
  {
    double* const rows = reinterpret_cast<double*>(counters);  // warp, figure, column
    double* const figures = rows + warps * 6 * kBlockColumns;
#pragma unroll
    for (int k = 0; k < 4; ++k) rows[(warp * 6 + k) * kBlockColumns + lane] = sums[k];
    rows[(warp * 6 + 4) * kBlockColumns + lane] = static_cast<double>(lowest);
    rows[(warp * 6 + 5) * kBlockColumns + lane] = static_cast<double>(highest);
    __syncthreads();
    for (unsigned figure = warp; figure < 6; figure += warps) {
      double sum = rows[figure * kBlockColumns + lane];
#pragma unroll 1
      for (unsigned i = 1; i < warps; ++i) {
        const double other = rows[(i * 6 + figure) * kBlockColumns + lane];
        sum = figure < 4 ? sum + other : figure == 4 ? lower_of(sum, other) : higher_of(sum, other);
      }
      figures[figure * kBlockColumns + lane] = sum;
      __syncwarp();
      // Lanes that share a column.
      for (unsigned c = lane + turns; lane < turns && c < width; c += turns) {
        const double other = figures[figure * kBlockColumns + c];
        sum = figure < 4 ? sum + other : figure == 4 ? lower_of(sum, other) : higher_of(sum, other);
      }
      __syncwarp();
      if (lane < turns) figures[figure * kBlockColumns + lane] = sum;
    }
    for (unsigned t = warp; t < kTallies; t += warps) {
      std::uint32_t sum = tallies[t * kBlockColumns + lane];
      for (unsigned c = lane + turns; lane < turns && c < width; c += turns)
        sum += tallies[t * kBlockColumns + c];
      __syncwarp();
      if (lane < turns) tallies[t * kBlockColumns + lane] = sum;
    }
    __syncthreads();
    if (threadIdx.x < turns && column_of(threadIdx.x) < a.layout.columns) {
      const unsigned c = threadIdx.x;
      ColumnPart part;
      part.nan = tallies[kTallyNan * kBlockColumns + c];
      part.pos_inf = tallies[kTallyPosInf * kBlockColumns + c];
      part.neg_inf = tallies[kTallyNegInf * kBlockColumns + c];
      part.zero = tallies[kTallyZero * kBlockColumns + c];
      part.count =
          tallies[kTallyCount * kBlockColumns + c] - part.nan - part.pos_inf - part.neg_inf;
#pragma unroll
      for (int k = 0; k < 4; ++k) part.powers[k] = figures[k * kBlockColumns + c];
      part.lowest = figures[4 * kBlockColumns + c];
      part.highest = figures[5 * kBlockColumns + c];
      a.parts[(static_cast<std::size_t>(group) * w.slices + slice) * w.per_group + c] = part;
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
