#pragma once

// `#pragma unroll 1` keeps code small where it takes little of the time.

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

/// Takes one value, whatever it is.
__device__ __forceinline__ void take_list_value(double value, ListSums& sums) {
  const std::uint64_t magnitude = bits_of(value) & RealBits<double>::kMagnitude;
  if (magnitude > RealBits<double>::kInfinity) {
    ++sums.nan;
  } else if (magnitude == RealBits<double>::kInfinity) {
    if (value > 0) {
      ++sums.pos_inf;
    } else {
      ++sums.neg_inf;
    }
  } else {
    const double size = real_of_bits(magnitude);
    sums.zero += magnitude == 0 ? 1U : 0U;
    sums.squares += size * size;
    sums.largest = size > sums.largest ? size : sums.largest;
  }
}

/// Takes the values of 16 bytes. False, and nothing is taken, where one is not finite or a float
/// does not hold the squares with all their digits.
template <class T>
__device__ __forceinline__ bool take_list_values(const Bytes16& loaded, ListSums& sums) {
  using R = Real<T>;
  using K = RealBits<R>;
  constexpr int kV = static_cast<int>(16 / sizeof(T));
  T values[kV];
  memcpy(values, &loaded, 16);
  typename K::Bits most = 0;
  R squares = 0;
  unsigned zeros = 0;
#pragma unroll
  for (int i = 0; i < kV; ++i) {
    const R value = to_real(values[i]);
    const typename K::Bits magnitude = bits_of(value) & K::kMagnitude;
    most = magnitude > most ? magnitude : most;
    squares += value * value;
    zeros += magnitude == 0 ? 1U : 0U;
  }
  const bool tame = sizeof(R) == 8 ? most < K::kInfinity
                                   : most < bits_of(static_cast<R>(0x1p56F)) &&
                                         (most == 0 || most > bits_of(static_cast<R>(0x1p-50F)));
  if (!tame) return false;
  const double largest = static_cast<double>(real_of_bits(most));
  sums.zero += zeros;
  sums.squares += static_cast<double>(squares);
  sums.largest = largest > sums.largest ? largest : sums.largest;
  return true;
}

/// Values [begin, end) of one tensor, by all threads of the block.
template <class T>
__device__ void take_list_segment(const T* data, unsigned long long begin, unsigned long long end,
                                  ListSums& sums) {
  constexpr unsigned kV = 16 / sizeof(T);
  constexpr unsigned kLoads = 4;
  const T* const from = data + begin;
  const unsigned long long size = end - begin;
  const auto misplaced =
      static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(from) % 16 / sizeof(T));
  unsigned long long head = misplaced == 0 ? 0 : kV - misplaced;
  if (head > size) head = size;
  const unsigned long long vectors = (size - head) / kV;
#pragma unroll 1
  for (unsigned long long i = threadIdx.x; i < vectors; i += kLoads * kListThreads) {
    Bytes16 loaded[kLoads];
#pragma unroll
    for (unsigned u = 0; u < kLoads; ++u) {
      const unsigned long long at = i + u * kListThreads;
      loaded[u] = load_bytes16(from + head + (at < vectors ? at : i) * kV);
    }
    unsigned odd = 0;  // bits of those to be taken one by one
#pragma unroll
    for (unsigned u = 0; u < kLoads; ++u) {
      if (i + u * kListThreads < vectors && !take_list_values<T>(loaded[u], sums)) odd |= 1U << u;
    }
#pragma unroll 1
    for (unsigned u = 0; odd >> u != 0; ++u) {
      if ((odd >> u & 1U) == 0) continue;
      const T* const values = from + head + (i + u * kListThreads) * kV;
#pragma unroll 1
      for (unsigned k = 0; k < kV; ++k) take_list_value(to_real(values[k]), sums);
    }
  }
  // What lies before the first vector and behind the last.
  const unsigned long long i = threadIdx.x;
  if (i < size - vectors * kV)
    take_list_value(to_real(from[i < head ? i : i + vectors * kV]), sums);
}

/// The same of the elements that are rarer: one by one, each thread 16 bytes in a row.
__device__ inline void take_rare_segment(Element element, const void* data,
                                         unsigned long long begin, unsigned long long end,
                                         ListSums& sums) {
  const unsigned run = 16 / static_cast<unsigned>(size_of(element));
#pragma unroll 1
  for (auto i = begin + threadIdx.x * run; i < end; i += kListThreads * run) {
#pragma unroll 1
    for (unsigned k = 0; k < run && i + k < end; ++k) {
      take_list_value(element_at(data, element, static_cast<std::int64_t>(i + k)), sums);
    }
  }
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
    default:
      return take_rare_segment(element, data, begin, end, sums);
  }
}

/// Adds up the records of a warp's lanes; all have the sum.
__device__ __forceinline__ void add_lanes(TensorRecord& record) {
#pragma unroll 1
  for (unsigned d = kWarp / 2; d > 0; d /= 2) {
    TensorRecord other;
    other.count = __shfl_xor_sync(kAllLanes, record.count, d);
    other.nan = __shfl_xor_sync(kAllLanes, record.nan, d);
    other.pos_inf = __shfl_xor_sync(kAllLanes, record.pos_inf, d);
    other.neg_inf = __shfl_xor_sync(kAllLanes, record.neg_inf, d);
    other.zero = __shfl_xor_sync(kAllLanes, record.zero, d);
    other.squares = __shfl_xor_sync(kAllLanes, record.squares, d);
    other.largest = __shfl_xor_sync(kAllLanes, record.largest, d);
    add_record(record, other);
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
#pragma unroll 1
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
    add_lanes(found);
    __syncthreads();  // the one before was read
    if (lane == 0) of_warp[warp] = found;
    __syncthreads();
    if (threadIdx.x == 0) {
#pragma unroll 1
      for (unsigned i = 1; i < kWarps; ++i) add_record(found, of_warp[i]);
      found.count = end - begin - found.nan - found.pos_inf - found.neg_inf;
      a.slots[blockIdx.x + tensor] = found;
    }
    chunk = to;
    ++tensor;
  }
  if (!is_last_block(a.control)) return;

  // A warp a tensor, the slots of a tensor spread over the lanes.
#pragma unroll 1
  for (std::uint32_t t = warp; t < a.count; t += kWarps) {
    const std::uint32_t first = a.first_chunk[t];
    const std::uint32_t last = a.first_chunk[t + 1];
    if (first == last) continue;
    // The blocks that had some of it: those of its first chunk up to that of its last one.
    const auto block_of = [&](std::uint32_t c) {
      auto block = static_cast<unsigned>(static_cast<unsigned long long>(c) * gridDim.x / a.chunks);
#pragma unroll 1
      while (begins(block + 1) <= c) ++block;
      return block;
    };
    const unsigned from = block_of(first);
    const unsigned to = block_of(last - 1);
    TensorRecord sum{};
#pragma unroll 1
    for (unsigned block = from + lane; block <= to; block += kWarp) {
      // Blocks of a small launch may have no chunk at all.
      if (begins(block) < begins(block + 1)) add_record(sum, a.slots[block + t]);
    }
    add_lanes(sum);
    if (lane == 0) add_record(a.states[chosen][t], sum);
  }
  leave_window(a.control, chosen);
}

}  // namespace inlay::cuda
