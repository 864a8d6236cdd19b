#pragma once

#include "runtime/device_code.cuh"
#include "runtime/element.cuh"
#include "runtime/window.cuh"
#include "summary/bucket_index.cuh"

// One launch over many tensors: of each, how many values are finite, NaN, infinite and zero, the
// sum of squares and the largest magnitude. Their places travel in the kernel's parameters, so
// nothing is copied and the launch can be captured.
//
// The tensors' values, one tensor behind the other, are cut into chunks, and each block takes a run
// of chunks. Block b leaves what it found of tensor t in slot b + t: runs ascend, so no two share
// one, and the last block adds them up in that order.

namespace inlay::cuda {

inline constexpr unsigned kListThreads = 256;
inline constexpr std::uint32_t kListTensors = 1024;  // of one launch
inline constexpr std::uint32_t kListChunk = 16384;   // values
inline constexpr std::uint32_t kListBlocksPerProcessor = 6;

struct TensorRecord {
  unsigned long long count;  // finite values
  unsigned long long nan;
  unsigned long long pos_inf;
  unsigned long long neg_inf;
  unsigned long long zero;
  double squares;
  double largest;  // magnitude of a finite value
};

INLAY_HOST_DEVICE inline void add_record(TensorRecord& to, const TensorRecord& from) {
  to.count += from.count;
  to.nan += from.nan;
  to.pos_inf += from.pos_inf;
  to.neg_inf += from.neg_inf;
  to.zero += from.zero;
  to.squares += from.squares;
  to.largest = from.largest > to.largest ? from.largest : to.largest;
}

struct TensorListArgs {
  WindowControl* control = nullptr;
  TensorRecord* states[2] = {nullptr, nullptr};  // from the first tensor of this launch on
  TensorRecord* slots = nullptr;                 // scratch: blocks + tensors
  std::uint32_t count = 0;
  std::uint32_t chunks = 0;
  std::uint32_t first_chunk[kListTensors + 1];  // ascending; the last is `chunks`
  std::uint8_t elements[kListTensors];
  const void* data[kListTensors];
  unsigned long long sizes[kListTensors];
};
static_assert(sizeof(TensorListArgs) < 32764);

/// Which tensor a chunk belongs to.
INLAY_HOST_DEVICE inline std::uint32_t tensor_of_chunk(const TensorListArgs& a,
                                                       std::uint32_t chunk) {
  std::uint32_t low = 0;
  std::uint32_t high = a.count;
  while (high - low > 1) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (a.first_chunk[middle] <= chunk) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

/// A lane's share of what is found.
struct ListSums {
  double squares = 0;
  double largest = 0;
  unsigned long long zero = 0;
  unsigned nan = 0;
  unsigned pos_inf = 0;
  unsigned neg_inf = 0;
};

/// Takes values that are in registers.
template <class T, int kN>
__device__ __forceinline__ void take_list_values(const T* values, ListSums& sums) {
  using R = Real<T>;
  using K = RealBits<R>;
  typename K::Bits most = 0;
  R squares = 0;
  unsigned zeros = 0;
#pragma unroll
  for (int i = 0; i < kN; ++i) {
    const R value = to_real(values[i]);
    const typename K::Bits magnitude = bits_of(value) & K::kMagnitude;
    most = magnitude > most ? magnitude : most;
    squares += value * value;
    zeros += magnitude == 0 ? 1U : 0U;
  }
  sums.zero += zeros;
  // Squares that a float holds with all their digits are between these.
  const bool tame = sizeof(R) == 8 ? most < K::kInfinity
                                   : most < bits_of(static_cast<R>(0x1p56F)) &&
                                         (most == 0 || most > bits_of(static_cast<R>(0x1p-50F)));
  if (tame) {
    sums.squares += static_cast<double>(squares);
    const double largest = static_cast<double>(real_of_bits(most));
    sums.largest = largest > sums.largest ? largest : sums.largest;
    return;
  }
#pragma unroll 1
  for (int i = 0; i < kN; ++i) {
    const R value = to_real(values[i]);
    const typename K::Bits bits = bits_of(value);
    const typename K::Bits magnitude = bits & K::kMagnitude;
    if (magnitude > K::kInfinity) {
      ++sums.nan;
    } else if (magnitude == K::kInfinity) {
      if (bits == magnitude) {
        ++sums.pos_inf;
      } else {
        ++sums.neg_inf;
      }
    } else {
      const double size = static_cast<double>(real_of_bits(magnitude));
      sums.squares += size * size;
      sums.largest = size > sums.largest ? size : sums.largest;
    }
  }
}

/// Values [begin, end) of one tensor, by all threads of the block.
template <class T>
__device__ void take_list_segment(const T* data, unsigned long long begin, unsigned long long end,
                                  ListSums& sums) {
  constexpr unsigned kV = 16 / sizeof(T);
  constexpr int kLoads = 4;
  const T* from = data + begin;
  unsigned long long size = end - begin;
  const auto misplaced =
      static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(from) % 16 / sizeof(T));
  unsigned long long head = misplaced == 0 ? 0 : kV - misplaced;
  if (head > size) head = size;
  if (threadIdx.x < head) take_list_values<T, 1>(from + threadIdx.x, sums);
  from += head;
  size -= head;
  const unsigned long long vectors = size / kV;
  unsigned long long i = threadIdx.x;
  for (; i + (kLoads - 1) * kListThreads < vectors; i += kLoads * kListThreads) {
    Bytes16 loaded[kLoads];
#pragma unroll
    for (int u = 0; u < kLoads; ++u) loaded[u] = load_bytes16(from + (i + u * kListThreads) * kV);
    T values[kLoads][kV];
#pragma unroll
    for (int u = 0; u < kLoads; ++u) memcpy(values[u], &loaded[u], 16);
#pragma unroll
    for (int u = 0; u < kLoads; ++u) take_list_values<T, static_cast<int>(kV)>(values[u], sums);
  }
  for (; i < vectors; i += kListThreads) {
    const Bytes16 loaded = load_bytes16(from + i * kV);
    T values[kV];
    memcpy(values, &loaded, 16);
    take_list_values<T, static_cast<int>(kV)>(values, sums);
  }
  const unsigned long long done = vectors * kV;
  if (threadIdx.x < size - done) take_list_values<T, 1>(from + done + threadIdx.x, sums);
}

__device__ inline void take_list_elements(Element element, const void* data,
                                          unsigned long long begin, unsigned long long end,
                                          ListSums& sums) {
  switch (element) {
    case Element::kF64:
      return take_list_segment(static_cast<const double*>(data), begin, end, sums);
    case Element::kF32:
      return take_list_segment(static_cast<const float*>(data), begin, end, sums);
    case Element::kF16:
      return take_list_segment(static_cast<const Half*>(data), begin, end, sums);
    case Element::kBF16:
      return take_list_segment(static_cast<const BFloat16*>(data), begin, end, sums);
    case Element::kF8E4M3:
      return take_list_segment(static_cast<const Float8E4M3*>(data), begin, end, sums);
    case Element::kF8E5M2:
      return take_list_segment(static_cast<const Float8E5M2*>(data), begin, end, sums);
    case Element::kI64:
      return take_list_segment(static_cast<const std::int64_t*>(data), begin, end, sums);
    case Element::kI32:
      return take_list_segment(static_cast<const std::int32_t*>(data), begin, end, sums);
    case Element::kI16:
      return take_list_segment(static_cast<const std::int16_t*>(data), begin, end, sums);
    case Element::kI8:
      return take_list_segment(static_cast<const std::int8_t*>(data), begin, end, sums);
    default:  // a bool is a byte of 0 or 1
      return take_list_segment(static_cast<const std::uint8_t*>(data), begin, end, sums);
  }
}

/// The kernel's body.
__device__ __forceinline__ void count_tensor_list(const TensorListArgs& a) {
  constexpr unsigned kWarps = kListThreads / kWarp;
  __shared__ TensorRecord of_warp[kWarps];
  const unsigned chosen = enter_window(a.control);
  const unsigned lane = threadIdx.x % kWarp;
  const unsigned warp = threadIdx.x / kWarp;
  // The first of this block's chunks, and of the next block's.
  const auto begins = [&](unsigned block) {
    return static_cast<std::uint32_t>(static_cast<unsigned long long>(a.chunks) * block /
                                      gridDim.x);
  };
  const std::uint32_t chunk_end = begins(blockIdx.x + 1);
  std::uint32_t chunk = begins(blockIdx.x);
  std::uint32_t tensor = chunk < chunk_end ? tensor_of_chunk(a, chunk) : 0;
  while (chunk < chunk_end) {
    if (a.first_chunk[tensor + 1] <= chunk) {
      ++tensor;
      continue;
    }
    const std::uint32_t to =
        a.first_chunk[tensor + 1] < chunk_end ? a.first_chunk[tensor + 1] : chunk_end;
    const auto begin = static_cast<unsigned long long>(chunk - a.first_chunk[tensor]) * kListChunk;
    auto end = static_cast<unsigned long long>(to - a.first_chunk[tensor]) * kListChunk;
    if (end > a.sizes[tensor]) end = a.sizes[tensor];
    ListSums sums;
    take_list_elements(static_cast<Element>(a.elements[tensor]), a.data[tensor], begin, end, sums);

    TensorRecord found;
    found.nan = sums.nan;
    found.pos_inf = sums.pos_inf;
    found.neg_inf = sums.neg_inf;
    found.zero = sums.zero;
    found.squares = sums.squares;
    found.largest = sums.largest;
    found.count = 0;
#pragma unroll
    for (int d = 16; d > 0; d /= 2) {
      TensorRecord other;
      other.count = 0;
      other.nan = __shfl_xor_sync(kAllLanes, found.nan, d);
      other.pos_inf = __shfl_xor_sync(kAllLanes, found.pos_inf, d);
      other.neg_inf = __shfl_xor_sync(kAllLanes, found.neg_inf, d);
      other.zero = __shfl_xor_sync(kAllLanes, found.zero, d);
      other.squares = __shfl_xor_sync(kAllLanes, found.squares, d);
      other.largest = __shfl_xor_sync(kAllLanes, found.largest, d);
      add_record(found, other);
    }
    __syncthreads();  // the one before was read
    if (lane == 0) of_warp[warp] = found;
    __syncthreads();
    if (threadIdx.x == 0) {
      for (unsigned i = 1; i < kWarps; ++i) add_record(found, of_warp[i]);
      found.count = end - begin - found.nan - found.pos_inf - found.neg_inf;
      a.slots[blockIdx.x + tensor] = found;
    }
    chunk = to;
    ++tensor;
  }
  if (!is_last_block(a.control)) return;

  // A warp a tensor, the slots of a tensor spread over the lanes.
  for (std::uint32_t t = warp; t < a.count; t += kWarps) {
    const std::uint32_t first = a.first_chunk[t];
    const std::uint32_t last = a.first_chunk[t + 1];
    if (first == last) continue;
    // The blocks that had some of it: those of its first chunk up to that of its last one.
    const auto block_of = [&](std::uint32_t c) {
      auto block = static_cast<unsigned>(static_cast<unsigned long long>(c) * gridDim.x / a.chunks);
      while (begins(block + 1) <= c) ++block;
      return block;
    };
    const unsigned from = block_of(first);
    const unsigned to = block_of(last - 1);
    TensorRecord sum{};
    for (unsigned block = from + lane; block <= to; block += kWarp) {
      // Blocks of a small launch may have no chunk at all.
      if (begins(block) < begins(block + 1)) add_record(sum, a.slots[block + t]);
    }
#pragma unroll
    for (int d = 16; d > 0; d /= 2) {
      TensorRecord other;
      other.count = __shfl_xor_sync(kAllLanes, sum.count, d);
      other.nan = __shfl_xor_sync(kAllLanes, sum.nan, d);
      other.pos_inf = __shfl_xor_sync(kAllLanes, sum.pos_inf, d);
      other.neg_inf = __shfl_xor_sync(kAllLanes, sum.neg_inf, d);
      other.zero = __shfl_xor_sync(kAllLanes, sum.zero, d);
      other.squares = __shfl_xor_sync(kAllLanes, sum.squares, d);
      other.largest = __shfl_xor_sync(kAllLanes, sum.largest, d);
      add_record(sum, other);
    }
    if (lane == 0) add_record(a.states[chosen][t], sum);
  }
  leave_window(a.control, chosen);
}

}  // namespace inlay::cuda
