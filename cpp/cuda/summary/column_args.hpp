#pragma once

#include <cstdint>

#include "runtime/tensor.hpp"
#include "summary/column_layout.hpp"

namespace inlay::cuda {

struct WindowControl;

/// Threads of a block, and how many blocks a launch has for each processor.
inline constexpr unsigned kColumnThreads = 256;
inline constexpr std::uint32_t kColumnBlocksPerProcessor = 2;
/// Buckets of a side that a block counts in shared memory; fewer where it has but 64 KiB.
inline constexpr int kWindowBuckets = 512;
inline constexpr int kSmallWindowBuckets = 256;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
inline constexpr int kBlockWindow = kSmallWindowBuckets;
#else
inline constexpr int kBlockWindow = kWindowBuckets;
#endif

/// Power sums of one column's distances from the launch's origin, of the rows of one block.
struct ColumnPart {
  Count count = 0;
  Count nan = 0;
  Count pos_inf = 0;
  Count neg_inf = 0;
  Count zero = 0;
  double powers[4] = {};
  double lowest = 0;  // meaningful if count is not 0
  double highest = 0;
};

/// How a tensor is walked. A block handles one group of columns and one slice of the rows.
///
/// A group of a *flat* walk is a run of values (of one column, or of few that take turns) laid out
/// as rows of as many values as a block has columns, so that one body serves both.
struct ColumnWalk {
  const void* data = nullptr;
  Element element = Element::kF32;
  bool vector = false;  // rows are contiguous and aligned: whole vectors are loaded
  bool flat = false;
  std::uint32_t groups = 1;
  std::uint32_t slices = 1;
  std::uint32_t per_group = 1;      // columns of a group
  std::int64_t rows = 0;            // of the tensor; of a flat walk, values of a group
  std::int64_t rows_per_slice = 0;  // of a flat walk, rows of a block's width
  std::int64_t group_stride = 0;    // in elements, as all strides
  std::int64_t column_stride = 0;   // of a flat walk: unused
  std::int64_t row_stride = 0;      // of a vector walk that is not flat
  // Of a walk that is not by vectors: the place of row i (flat: of value i) by mixed radix, the
  // last dimension the quickest.
  int dims = 0;
  std::int64_t sizes[Tensor::kMaxDims] = {};
  std::int64_t strides[Tensor::kMaxDims] = {};
};

/// All that the kernel is given.
struct ColumnArgs {
  WindowControl* control = nullptr;
  unsigned char* states[2] = {nullptr, nullptr};
  ColumnLayout layout;
  ColumnPart* parts = nullptr;         // scratch: one per column and slice
  std::uint32_t* arrived = nullptr;    // scratch, zero between launches: blocks done, per group
  const void* bucket_cells = nullptr;  // of the element's Real, for table_scale
  int scale = 5;                       // 0 to 8
  int table_scale = 5;                 // max(scale, 5)
  int block_window = kWindowBuckets;   // kBlockWindow of the device
  int window = kWindowBuckets;         // buckets of it in use; 0: none
  // Edges of each column, padded with infinities to 2^k - 1, as the element's Real.
  const void* edges = nullptr;
  std::uint32_t edge_steps = 0;  // k
  bool edges_shared = false;     // whether they and their counts fit shared memory
  ColumnWalk walk;
};

/// Parts of dynamic shared memory, in bytes from its start.
struct ColumnShared {
  std::uint32_t table, sums, extremes, tallies, samples, origins, pages, edges, edge_counts;
  std::uint32_t counters;  // also the parts that the last block of a group adds up
  std::uint32_t bytes;
};
inline constexpr std::uint32_t kTableBytes = 8192;
inline constexpr std::uint32_t kSideStride = kBlockWindow;
/// Words of the counters of a column; odd, so that columns lie in different banks.
inline constexpr std::uint32_t kColumnWords = 2 * kSideStride + 1;
inline constexpr std::uint32_t kSamples = 16;
/// Tallies of a column in shared memory.
enum : std::uint32_t {
  kTallyCount,
  kTallyNan,
  kTallyPosInf,
  kTallyNegInf,
  kTallyZero,
  kTallyRare,
  kTallies
};

struct ColumnOrigin {
  double origin;
  double unit;         // power of two; distances are divided by it
  double inverse;      // of it
  std::int32_t first;  // bucket that the window begins with
  std::uint32_t reserved;
};

/// @param window buckets of a side, as many as a block of the device has room for
INLAY_HOST_DEVICE inline ColumnShared column_shared(std::uint32_t columns, bool histogram,
                                                    int window, std::uint32_t edge_steps,
                                                    bool edges_shared, std::uint32_t real_bytes) {
  constexpr std::uint32_t kWarps = kColumnThreads / 32;
  ColumnShared s{};
  std::uint32_t at = 0;
  const auto take = [&at](std::uint32_t bytes) {
    const std::uint32_t begin = at;
    at = (at + bytes + 15) & ~15U;
    return begin;
  };
  s.table = take(histogram ? kTableBytes : 0);
  s.sums = take(kWarps * 4 * columns * sizeof(double));
  s.extremes = take(kWarps * 2 * columns * sizeof(double));
  s.tallies = take(kTallies * columns * sizeof(std::uint32_t));
  s.samples = take(kSamples * columns * sizeof(double));
  s.origins = take(columns * sizeof(ColumnOrigin));
  s.pages =
      take(histogram ? columns * 2 * (static_cast<std::uint32_t>(window) / kPageBuckets) * 4 : 0);
  const std::uint32_t edges = edges_shared ? (1U << edge_steps) - 1 : 0;
  s.edges = take(edges_shared ? columns * edges * real_bytes : 0);
  s.edge_counts = take(edges_shared ? columns * (edges + 2) * 4 : 0);
  s.counters = at;
  const std::uint32_t counters =
      histogram ? columns * (2 * static_cast<std::uint32_t>(window) + 1) * 4 : 0;
  const std::uint32_t parts = kColumnThreads * sizeof(ColumnPart);
  take(counters > parts ? counters : parts);
  s.bytes = at;
  return s;
}

}  // namespace inlay::cuda
