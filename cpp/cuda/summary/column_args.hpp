#pragma once

#include <cstdint>
#include <type_traits>

#include "runtime/tensor.hpp"
#include "summary/column_layout.hpp"

namespace inlay::cuda {

struct WindowControl;

/// Columns that a block works on at once: one a lane.
inline constexpr std::uint32_t kBlockColumns = 32;

/// How large a block a device has room for.
struct ColumnBlock {
  std::uint32_t threads = 768;
  std::uint32_t window = 512;  // buckets of a side in shared memory, a power of two
};
/// @param shared_bytes of a block at most
INLAY_HOST_DEVICE inline ColumnBlock column_block(std::uint32_t shared_bytes) {
  if (shared_bytes >= 160 * 1024) return {768, 512};
  if (shared_bytes >= 90 * 1024) return {768, 256};
  return {512, 128};
}

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

/// How a lane finds its values.
enum class Walk : std::uint8_t {
  kRows,     // one of a row at equal distances, rows at equal distances
  kRun,      // whole vectors of values that lie one behind the other, all of one column
  kGeneral,  // anything else
};

/// In place of a storage type: any element whose Real it is, looked up as the walk says.
struct AnyFloat {
  using Real = float;
};
struct AnyDouble {
  using Real = double;
};
template <class T>
inline constexpr bool kIsAny = std::is_same_v<T, AnyFloat> || std::is_same_v<T, AnyDouble>;

/// Storage types whose rows and runs have kernels of their own. Others are walked as anything else
/// is, and by one kernel for all: fewer to build, load and carry.
template <class T>
inline constexpr bool kHasFastWalks = std::is_same_v<T, float> || std::is_same_v<T, double> ||
                                      std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;
inline bool has_fast_walks(Element element) {
  return with_element(element, [&]<class T>() { return kHasFastWalks<T>; });
}

/// The type by whose kernels a storage type is walked.
template <class T>
using Walked = std::conditional_t<kHasFastWalks<T>, T,
                                  std::conditional_t<sizeof(Real<T>) == 4, AnyFloat, AnyDouble>>;

/// How a tensor is walked. A block handles one group of columns and one slice of the rows.
///
/// A group of a *flat* walk is a run of values, of one column or of few that take turns, laid out
/// as rows of `width`, so that one body serves both.
struct ColumnWalk {
  const void* data = nullptr;
  Element element = Element::kF32;
  Walk kind = Walk::kGeneral;
  bool flat = false;
  std::uint32_t groups = 1;
  std::uint32_t slices = 1;
  std::uint32_t per_group = 1;  // columns of a group
  std::uint32_t width = kBlockColumns;
  std::int64_t rows = 0;            // of the tensor; of a flat walk, values of a group
  std::int64_t rows_per_slice = 0;  // rows of the block's
  std::int64_t group_stride = 0;    // in elements, as all strides
  std::int64_t column_stride = 0;
  std::int64_t row_stride = 0;
  // Of a general walk: the place of row i (flat: of value i) by mixed radix, the last dimension the
  // quickest.
  int dims = 0;
  std::int64_t sizes[Tensor::kMaxDims] = {};
  std::int64_t strides[Tensor::kMaxDims] = {};
};

/// All that the kernel is given.
struct ColumnArgs {
  WindowControl* control = nullptr;
  unsigned char* states[2] = {nullptr, nullptr};
  ColumnLayout layout;
  ColumnBlock block;
  ColumnPart* parts = nullptr;         // scratch: one per column and slice
  std::uint32_t* arrived = nullptr;    // scratch, zero between launches: blocks done, per group
  const void* bucket_cells = nullptr;  // of the element's Real, for table_scale
  int scale = 5;                       // 0 to 8
  int table_scale = 5;                 // max(scale, 5)
  int window = 512;                    // buckets of block.window in use; 0: none
  // Edges of each column, padded with infinities to 2^k - 1, as the element's Real.
  const void* edges = nullptr;
  std::uint32_t edge_steps = 0;  // k
  bool edges_shared = false;     // whether they and their counts fit shared memory
  ColumnWalk walk;
};

inline constexpr std::uint32_t kTableBytes = 8192;
inline constexpr std::uint32_t kSamples = 16;
/// Threads that add up the parts of a group.
inline constexpr std::uint32_t kMergers = 256;
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

/// Parts of dynamic shared memory, in bytes from its start. Words of columns lie side by side, so
/// that a lane has a bank to itself.
struct ColumnShared {
  std::uint32_t table, tallies, origins, pages, edges, edge_counts;
  std::uint32_t counters;  // before and after the rows, whatever else needs room
  std::uint32_t bytes;
};

INLAY_HOST_DEVICE inline ColumnShared column_shared(ColumnBlock block, std::uint32_t edge_steps,
                                                    bool edges_shared, std::uint32_t real_bytes) {
  ColumnShared s{};
  std::uint32_t at = 0;
  const auto take = [&at](std::uint32_t bytes) {
    const std::uint32_t begin = at;
    at = (at + bytes + 15) & ~15U;
    return begin;
  };
  const auto most = [](std::uint32_t a, std::uint32_t b) { return a > b ? a : b; };
  s.table = take(kTableBytes);
  s.tallies = take(kTallies * kBlockColumns * 4);
  s.origins = take(kBlockColumns * sizeof(ColumnOrigin));
  s.pages = take(2 * block.window / kPageBuckets * kBlockColumns * 4);
  const std::uint32_t edges = edges_shared ? (1U << edge_steps) - 1 : 0;
  s.edges = take(edges * kBlockColumns * real_bytes);
  s.edge_counts = take(edges_shared ? (edges + 2) * kBlockColumns * 4 : 0);
  std::uint32_t counters = (2 * block.window + 1) * kBlockColumns * 4;
  counters = most(counters, kSamples * kBlockColumns * sizeof(double));
  counters = most(counters, (block.threads / 32 + 1) * 6 * kBlockColumns * sizeof(double));
  counters = most(counters, kMergers * sizeof(ColumnPart));
  s.counters = take(counters);
  s.bytes = at;
  return s;
}

}  // namespace inlay::cuda
