#pragma once

// Entropy, largest probabilities, log-probability and rank of the chosen token of rows of logits.
//
// | reads            | accumulates                    | launch                     | determinism  |
// |------------------|--------------------------------|----------------------------|--------------|
// | f32 f64 f16 bf16 | f32 terms a thread and a row,  | 256 threads, and a row has | counts and   |
// | once, 16 bytes a | integers; f64 sums of finished | `parts` blocks or a share  | ranks exact; |
// | load             | values                         | of one                     | sums vary    |
//
// Doubles, and rows whose entries or mask lie apart, are read entry by entry.
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
  unsigned columns;  // fewer than 2^30
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
  unsigned parts;           // blocks a row; 1: one block for several rows
  unsigned vectors_a_part;  // loads of 16 bytes, or single entries where they cannot be
  void* partials;           // LogitsPart<R>, one a block, where a row has several
};

/// A row whose entries are adjacent, and so is its mask, if it has one: loads of 16 bytes from the
/// first entry that is aligned to them.
template <class T>
struct AdjacentEntries {
  using Value = Real<T>;
  using Vector = Bytes16;
  static constexpr unsigned kWide = 16 / static_cast<unsigned>(sizeof(T));
  // Vectors that a thread loads at once. 32 entries of two bytes would not fit its registers.
  static constexpr unsigned kLoads = 16 / kWide;

  const T* entries;
  const std::uint8_t* mask;  // 0 where an entry is masked; or null
  unsigned head;             // entries before the first vector
  unsigned vectors;

  __device__ __forceinline__ AdjacentEntries(const LogitsArgs& args, std::int64_t row)
      : entries(static_cast<const T*>(args.data) + row * args.row_stride),
        mask(args.mask == nullptr ? nullptr : args.mask + row * args.mask_row_stride) {
    const auto misplaced =
        static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(entries) % 16 / sizeof(T));
    head = (kWide - misplaced) % kWide;
    head = head < args.columns ? head : args.columns;
    vectors = (args.columns - head) / kWide;
  }

  /// 16 bytes of -infinities.
  __device__ static __forceinline__ Vector none() {
    constexpr bool kHalf = std::is_same_v<T, Half>;
    constexpr std::uint32_t kWord = sizeof(T) == 4 ? 0xFF800000U
                                    : kHalf        ? 0xFC00FC00U
                                                   : 0xFF80FF80U;
    return {{kWord, kWord, kWord, kWord}};
  }
  __device__ __forceinline__ Vector load(unsigned vector) const {
    return load_bytes16(entries + head + vector * kWide);
  }
  __device__ static __forceinline__ void unpack(const Vector& vector, Value* to) {
    T stored[kWide];
    memcpy(stored, &vector, sizeof(stored));
#pragma unroll
    for (unsigned i = 0; i < kWide; ++i) to[i] = widened(stored[i]);
  }
  __device__ __forceinline__ bool keeps(unsigned at) const { return mask[at] != 0; }
  __device__ __forceinline__ Value operator[](unsigned at) const { return widened(entries[at]); }
};

/// Any other row, entry by entry, of any element whose Real is R.
template <class R>
struct AnyEntries {
  using Value = R;
  using Vector = R;
  static constexpr unsigned kWide = 1;
  static constexpr unsigned kLoads = 4;  // 8 doubles would not fit the registers
  static constexpr unsigned head = 0;

  const LogitsArgs& args;
  const std::uint8_t* mask;
  std::int64_t first;
  unsigned vectors;

  __device__ __forceinline__ AnyEntries(const LogitsArgs& given, std::int64_t row)
      : args(given),
        mask(given.mask == nullptr ? nullptr : given.mask + row * given.mask_row_stride),
        first(row * given.row_stride),
        vectors(given.columns) {}

  __device__ static __forceinline__ Vector none() { return minus_infinity(R{}); }
  __device__ __forceinline__ Vector load(unsigned at) const { return (*this)[at]; }
  __device__ static __forceinline__ void unpack(const Vector& vector, R* to) { *to = vector; }
  __device__ __forceinline__ bool keeps(unsigned at) const {
    return mask[at * args.mask_column_stride] != 0;
  }
  __device__ __forceinline__ R operator[](unsigned at) const {
    const std::int64_t place = first + at * args.column_stride;
    if constexpr (sizeof(R) == 8) {
      return static_cast<const double*>(args.data)[place];
    } else if (args.element == Element::kF32) {
      return static_cast<const float*>(args.data)[place];
    }
    const std::uint16_t bits = static_cast<const std::uint16_t*>(args.data)[place];
    return args.element == Element::kF16 ? widened(Half{bits}) : widened(BFloat16{bits});
  }
};

/// Looks up a row's chosen token: its kind and entry.
template <class Row>
__device__ inline void find_chosen(const LogitsArgs& args, const Row& entries, std::int64_t row,
                                   LogitsPart<typename Row::Value>& out) {
  if (args.chosen == nullptr) return;
  const std::int64_t at = row * args.chosen_stride;
  const std::int64_t id = args.chosen_bytes == 8
                              ? static_cast<const std::int64_t*>(args.chosen)[at]
                              : static_cast<const std::int32_t*>(args.chosen)[at];
  if (id < 0) return;
  out.kind = id < args.columns ? 1U : 2U;
  if (out.kind == 2) return;
  const auto entry = static_cast<unsigned>(id);
  if (args.mask == nullptr || entries.keeps(entry)) out.chosen = entries[entry];
}

/// Reads part `part` of a row; thread 0 has all of it then.
template <class Row>
__device__ __forceinline__ LogitsPart<typename Row::Value> read_part(const LogitsArgs& args,
                                                                     std::int64_t row,
                                                                     unsigned part) {
  using R = typename Row::Value;
  constexpr unsigned kWide = Row::kWide;
  constexpr unsigned kLoads = Row::kLoads;
  const Row entries(args, row);
  const unsigned begin = part * args.vectors_a_part;
  unsigned end = begin + args.vectors_a_part;
  end = end < entries.vectors ? end : entries.vectors;

  constexpr unsigned kStep = kLogitsThreads * kLoads;
  typename Row::Vector next[kLoads];
  const auto load = [&](unsigned base) {
#pragma unroll
    for (unsigned u = 0; u < kLoads; ++u) {
      const unsigned v = base + u * kLogitsThreads + threadIdx.x;
      next[u] = Row::none();
      if (v < end) next[u] = entries.load(v);
    }
  };
  load(begin);
  LogitsPart<R> out = no_part<R>();
  find_chosen(args, entries, row, out);  // meanwhile
  const bool has_chosen = out.kind == 1;
  for (unsigned base = begin; base < end; base += kStep) {
    R x[kLoads * kWide];
    unsigned padding = 0;
#pragma unroll
    for (unsigned u = 0; u < kLoads; ++u) {
      const unsigned v = base + u * kLogitsThreads + threadIdx.x;
      padding += v < end ? 0U : kWide;
      Row::unpack(next[u], &x[u * kWide]);
    }
    if (args.mask != nullptr) {
#pragma unroll
      for (unsigned u = 0; u < kLoads; ++u) {
        const unsigned v = base + u * kLogitsThreads + threadIdx.x;
#pragma unroll
        for (unsigned i = 0; i < kWide; ++i) {
          if (v < end && !entries.keeps(entries.head + v * kWide + i)) {
            x[u * kWide + i] = minus_infinity(R{});
          }
        }
      }
    }
    load(base + kStep);
    add_tile(out.terms, out.counts, x, out.chosen, has_chosen, padding);
  }

  if constexpr (kWide > 1) {
    // What lies before the first and after the last vector, fewer than 16 entries each.
    const unsigned loose = part == 0 ? args.columns - entries.vectors * kWide : 0;
    if (threadIdx.x < loose) {
      const bool before = threadIdx.x < entries.head;
      const unsigned at = threadIdx.x + (before ? 0 : entries.vectors * kWide);
      const bool keep = args.mask == nullptr || entries.keeps(at);
      add_entry(out, keep ? entries[at] : minus_infinity(R{}));
    }
  }
  merge_block(out);
  return out;
}

/// Several blocks a row: block 0 chooses the state, the others read, the last one finishes.
template <class Row>
__device__ __forceinline__ void logits_by_parts(const LogitsArgs& args, WindowControl* control,
                                                LogitsState* state0, LogitsState* state1) {
  using R = typename Row::Value;
  __shared__ LogitsRows<R> rows;
  auto* const partials = static_cast<LogitsPart<R>*>(args.partials);
  if (blockIdx.x == 0) {
    // Apart from those that read: its answers take a while, and nobody needs them before the end.
    enter_window(control);
  } else {
    const unsigned number = blockIdx.x - 1;
    const std::int64_t row = number / args.parts;
    const LogitsPart<R> part = read_part<Row>(args, row, number % args.parts);
    if (threadIdx.x == 0) partials[number] = part;
  }
  if (!is_last_block(control)) return;
  const auto count = static_cast<unsigned>(args.rows);
  unsigned lanes = kWarp;
#pragma unroll 1
  while (lanes > 1 && lanes * count > kLogitsThreads) lanes /= 2;
  const unsigned at_a_time = kLogitsThreads / lanes;
  __shared__ unsigned chosen;
#pragma unroll 1
  for (unsigned first = 0; first < count; first += at_a_time) {
    const unsigned left = count - first;
    const unsigned size = left < at_a_time ? left : at_a_time;
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
template <class Row>
__device__ __forceinline__ void logits_by_rows(const LogitsArgs& args, WindowControl* control,
                                               LogitsState* state0, LogitsState* state1) {
  using R = typename Row::Value;
  __shared__ LogitsRows<R> rows;
  unsigned held = 0;
  std::int64_t first = blockIdx.x;
  unsigned chosen = 2;  // not chosen yet
  for (std::int64_t row = blockIdx.x; row < args.rows || held != 0; row += gridDim.x) {
    if (row < args.rows) {
      const LogitsPart<R> part = read_part<Row>(args, row, 0);
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
