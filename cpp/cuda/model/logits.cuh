#pragma once

// Entropy, largest probabilities, log-probability and rank of the chosen token of rows of logits.
//
// | reads            | accumulates                    | launch                     | determinism  |
// |------------------|--------------------------------|----------------------------|--------------|
// | f32 f64 f16 bf16 | f32 terms a thread and a row,  | 256 threads, and a row has | counts and   |
// | once, 16 bytes a | integers; f64 sums of finished | `parts` blocks or a share  | ranks exact; |
// | load             | values                         | of one                     | sums vary    |
//
// The sums of finished values are added in the order in which blocks end; buckets are integers of
// values that depend on the launch shape alone.

#include <type_traits>

#include "model/logits_count.cuh"
#include "runtime/window.cuh"

namespace inlay::cuda {

struct LogitsArgs {
  const void* data;
  Element element;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t row_stride;
  std::int64_t column_stride;
  const void* chosen;  // or null
  int chosen_bytes;    // 4 or 8
  std::int64_t chosen_stride;
  const std::uint8_t* mask;  // 0 where an entry is masked; or null
  std::int64_t mask_row_stride;
  std::int64_t mask_column_stride;
  float* out;  // or null
  int scale;
  unsigned parts;               // blocks a row; 1: one block for several rows
  std::int64_t vectors_a_part;  // loads of 16 bytes, or single entries where they cannot be
  void* partials;               // LogitsPart<R>, one a block, where a row has several
};

/// Entries of a row from the first that is aligned to 16 bytes.
template <class T>
struct RowLayout {
  static constexpr std::int64_t kWide = 16 / static_cast<std::int64_t>(sizeof(T));
  std::int64_t head;     // entries before
  std::int64_t vectors;  // whole loads
};
template <class T>
__device__ inline RowLayout<T> layout_of(const T* row, std::int64_t columns) {
  constexpr std::int64_t kWide = RowLayout<T>::kWide;
  const auto misplaced =
      static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(row) % 16 / sizeof(T));
  std::int64_t head = misplaced == 0 ? 0 : kWide - misplaced;
  head = head < columns ? head : columns;
  return {head, (columns - head) / kWide};
}

/// 16 bytes of -infinities.
template <class T>
__device__ __forceinline__ Bytes16 minus_infinities() {
  constexpr bool kHalf = sizeof(T) == 2 && !std::is_same_v<T, BFloat16>;
  constexpr std::uint32_t kWord = sizeof(T) == 8   ? 0xFFF00000U
                                  : sizeof(T) == 4 ? 0xFF800000U
                                  : kHalf          ? 0xFC00FC00U
                                                   : 0xFF80FF80U;
  constexpr std::uint32_t kLow = sizeof(T) == 8 ? 0U : kWord;
  return {{kLow, kWord, kLow, kWord}};
}

/// One row's chosen token: its kind and entry.
template <class R>
__device__ inline void find_chosen(const LogitsArgs& args, std::int64_t row, R& entry,
                                   unsigned& kind) {
  kind = 0;
  entry = minus_infinity(R{});
  if (args.chosen == nullptr) return;
  const std::int64_t at = row * args.chosen_stride;
  const std::int64_t id = args.chosen_bytes == 8
                              ? static_cast<const std::int64_t*>(args.chosen)[at]
                              : static_cast<const std::int32_t*>(args.chosen)[at];
  if (id < 0) return;
  kind = id < args.columns ? 1U : 2U;
  if (kind == 2) return;
  if (args.mask != nullptr &&
      args.mask[row * args.mask_row_stride + id * args.mask_column_stride] == 0) {
    return;
  }
  entry = static_cast<R>(
      element_at(args.data, args.element, row * args.row_stride + id * args.column_stride));
}

/// A thread's share of part `part` of a row whose entries are adjacent.
template <class T, unsigned kLoads, bool kMasked>
__device__ __forceinline__ void read_vectors(const LogitsArgs& args, std::int64_t row,
                                             unsigned part, LogitsPart<Real<T>>& out) {
  using R = Real<T>;
  constexpr unsigned kWide = static_cast<unsigned>(RowLayout<T>::kWide);
  const T* const entries = static_cast<const T*>(args.data) + row * args.row_stride;
  const std::uint8_t* const mask = kMasked ? args.mask + row * args.mask_row_stride : nullptr;
  const RowLayout<T> layout = layout_of(entries, args.columns);
  const std::int64_t begin = static_cast<std::int64_t>(part) * args.vectors_a_part;
  std::int64_t end = begin + args.vectors_a_part;
  end = end < layout.vectors ? end : layout.vectors;
  const T* const from = entries + layout.head;

  constexpr std::int64_t kStep = std::int64_t{kLogitsThreads} * kLoads;
  Bytes16 next[kLoads];
  const auto load = [&](std::int64_t base) {
    INLAY_UNROLL
    for (unsigned u = 0; u < kLoads; ++u) {
      const std::int64_t v = base + u * kLogitsThreads + threadIdx.x;
      next[u] = minus_infinities<T>();
      if (v < end) next[u] = load_bytes16(from + v * kWide);
    }
  };
  load(begin);
  find_chosen(args, row, out.chosen, out.kind);  // meanwhile
  const bool has_chosen = out.kind == 1;
  for (std::int64_t base = begin; base < end; base += kStep) {
    R x[kLoads * kWide];
    unsigned padding = 0;
    INLAY_UNROLL
    for (unsigned u = 0; u < kLoads; ++u) {
      T stored[kWide];
      memcpy(stored, &next[u], sizeof(stored));
      const std::int64_t v = base + u * kLogitsThreads + threadIdx.x;
      padding += v < end ? 0U : kWide;
      INLAY_UNROLL
      for (unsigned i = 0; i < kWide; ++i) {
        x[u * kWide + i] = widened(stored[i]);
        if (kMasked && v < end && mask[layout.head + v * kWide + i] == 0) {
          x[u * kWide + i] = minus_infinity(R{});
        }
      }
    }
    load(base + kStep);
    add_tile(out.terms, out.counts, x, out.chosen, has_chosen, padding);
  }

  // What lies before the first and after the last whole load, fewer than 16 entries each.
  const std::int64_t tail = layout.head + layout.vectors * kWide;
  const std::int64_t loose = part == 0 ? layout.head + (args.columns - tail) : 0;
  if (threadIdx.x < loose) {
    const std::int64_t at =
        threadIdx.x < layout.head ? threadIdx.x : tail + (threadIdx.x - layout.head);
    const bool keep = !kMasked || mask[at] != 0;
    R x[1] = {keep ? widened(entries[at]) : minus_infinity(R{})};
    add_tile(out.terms, out.counts, x, out.chosen, has_chosen, 0);
  }
}

/// The same of a row whose entries, or whose mask's, lie apart; of any element.
template <class R>
__device__ inline void read_entries(const LogitsArgs& args, std::int64_t row, unsigned part,
                                    LogitsPart<R>& out) {
  find_chosen(args, row, out.chosen, out.kind);
  const std::int64_t first = row * args.row_stride;
  const std::uint8_t* const mask =
      args.mask == nullptr ? nullptr : args.mask + row * args.mask_row_stride;
  const std::int64_t begin = static_cast<std::int64_t>(part) * args.vectors_a_part;
  std::int64_t end = begin + args.vectors_a_part;
  end = end < args.columns ? end : args.columns;
  for (std::int64_t at = begin + threadIdx.x; at < end; at += kLogitsThreads) {
    const bool keep = mask == nullptr || mask[at * args.mask_column_stride] != 0;
    R x[1] = {
        keep ? static_cast<R>(element_at(args.data, args.element, first + at * args.column_stride))
             : minus_infinity(R{})};
    add_tile(out.terms, out.counts, x, out.chosen, out.kind == 1, 0);
  }
}

/// How a row is read: adjacent entries, the same with adjacent mask, or anything.
enum class LogitsReading { kPlain, kMasked, kApart };

/// Reads part `part` of a row; thread 0 has all of it then.
template <class T, unsigned kLoads, LogitsReading kReading>
__device__ __forceinline__ LogitsPart<Real<T>> read_part(const LogitsArgs& args, std::int64_t row,
                                                         unsigned part) {
  LogitsPart<Real<T>> out;
  out.terms = no_terms<Real<T>>();
  out.counts = {0, 0, 0};
  if constexpr (kReading == LogitsReading::kApart) {
    read_entries(args, row, part, out);
  } else {
    read_vectors<T, kLoads, kReading == LogitsReading::kMasked>(args, row, part, out);
  }
  merge_block(out.terms, out.counts);
  return out;
}

template <class R>
__device__ inline void add_part(LogitsPart<R>& to, const LogitsPart<R>& part) {
  to.terms = merged(to.terms, part.terms);
  to.counts.above += part.counts.above;
  to.counts.masked += part.counts.masked;
  to.counts.nonfinite += part.counts.nonfinite;
}

/// Puts the `size` parts of a row together, by `lanes` neighbouring threads (a power of two, at
/// most a warp); the first of them has the row then. Whole warps call it, with no parts where no
/// row is.
template <class R>
__device__ inline LogitsPart<R> merge_parts(const LogitsPart<R>* parts, unsigned size,
                                            unsigned lanes) {
  LogitsPart<R> out = {no_terms<R>(), R{0}, {0, 0, 0}, 0};
  LogitsPart<R> next = out;
  // Two loads at a time are all that most launches have.
  unsigned p = threadIdx.x % lanes;
  if (p < size) out = parts[p];
  if (p + lanes < size) next = parts[p + lanes];
  add_part(out, next);
  for (p += 2 * lanes; p < size; p += lanes) add_part(out, parts[p]);
  for (unsigned by = lanes / 2; by > 0; by /= 2) {
    LogitsPart<R> other = out;
    other.terms = {__shfl_down_sync(kAllLanes, out.terms.top, by),
                   __shfl_down_sync(kAllLanes, out.terms.second, by),
                   __shfl_down_sync(kAllLanes, out.terms.rest, by),
                   __shfl_down_sync(kAllLanes, out.terms.weighted, by)};
    other.counts = {__shfl_down_sync(kAllLanes, out.counts.above, by),
                    __shfl_down_sync(kAllLanes, out.counts.masked, by),
                    __shfl_down_sync(kAllLanes, out.counts.nonfinite, by)};
    add_part(out, other);
  }
  return out;
}

/// Several blocks a row: block 0 chooses the state, the others read, the last one finishes.
template <class T, unsigned kLoads, LogitsReading kReading>
__device__ __forceinline__ void logits_by_parts(const LogitsArgs& args, WindowControl* control,
                                                LogitsState* state0, LogitsState* state1) {
  using R = Real<T>;
  __shared__ LogitsRows<R> rows;
  auto* const partials = static_cast<LogitsPart<R>*>(args.partials);
  if (blockIdx.x == 0) {
    // Apart from those that read: its answers take a while, and nobody needs them before the end.
    enter_window(control);
  } else {
    const unsigned number = blockIdx.x - 1;
    const std::int64_t row = number / args.parts;
    const LogitsPart<R> part = read_part<T, kLoads, kReading>(args, row, number % args.parts);
    if (threadIdx.x == 0) partials[number] = part;
  }
  if (!is_last_block(control)) return;
  unsigned lanes = kWarp;
  while (lanes > 1 && lanes * args.rows > kLogitsThreads) lanes /= 2;
  const unsigned at_a_time = kLogitsThreads / lanes;
  __shared__ unsigned chosen;
  for (std::int64_t first = 0; first < args.rows; first += at_a_time) {
    const std::int64_t left = args.rows - first;
    const auto size = static_cast<unsigned>(left < at_a_time ? left : at_a_time);
    const unsigned i = threadIdx.x / lanes;
    const LogitsPart<R> part =
        merge_parts(partials + (first + i) * args.parts, i < size ? args.parts : 0, lanes);
    if (i < size && threadIdx.x % lanes == 0) rows.parts[i] = part;
    if (threadIdx.x == kLogitsThreads - 1) chosen = atomicAdd(&control->chosen, 0U) - 1;
    __syncthreads();
    finish_rows(rows, size, args.columns, args.scale, chosen == 0 ? state0 : state1, args.out,
                first, 1);
  }
  leave_window(control, chosen);
}

/// One block for each row, and for several if there are more rows than blocks.
template <class T, unsigned kLoads, LogitsReading kReading>
__device__ __forceinline__ void logits_by_rows(const LogitsArgs& args, WindowControl* control,
                                               LogitsState* state0, LogitsState* state1) {
  using R = Real<T>;
  __shared__ LogitsRows<R> rows;
  unsigned held = 0;
  std::int64_t first = blockIdx.x;
  unsigned chosen = 2;  // not chosen yet
  for (std::int64_t row = blockIdx.x; row < args.rows || held != 0; row += gridDim.x) {
    if (row < args.rows) {
      const LogitsPart<R> part = read_part<T, kLoads, kReading>(args, row, 0);
      if (threadIdx.x == 0) rows.parts[held] = part;
      ++held;
    }
    if (held == kLogitsChunk || row + gridDim.x >= args.rows) {
      if (chosen == 2) chosen = enter_window(control);
      __syncthreads();
      finish_rows(rows, held, args.columns, args.scale, chosen == 0 ? state0 : state1, args.out,
                  first, gridDim.x);
      first = row + gridDim.x;
      held = 0;
    }
  }
  if (is_last_block(control)) leave_window(control, chosen);
}

/// Moves a closed state to `result` and leaves it empty.
__device__ inline void extract_logits(const WindowControl* control, unsigned closed,
                                      unsigned long long* state, unsigned long long* result,
                                      std::size_t words) {
  if (!window_is_quiet(control, closed)) return;
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < words;
       i += step) {
    result[i] = state[i];
    state[i] = 0;
  }
}

}  // namespace inlay::cuda
