// The bodies of SummaryKernels. No include guard: each kernels_<isa>.cpp includes this once, after
// defining INLAY_KERNEL_WIDTH (doubles in a vector register), and is compiled for its instruction
// set. Everything here has internal linkage, so that no function compiled for a newer machine can
// stand in for the baseline's when the linker merges duplicates.

#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "summary/bucket_index.hpp"
#include "summary/count_width.hpp"
#include "summary/kernels.hpp"
#include "vector_lanes.hpp"

namespace inlay::detail {
namespace {

// A few lanes at a time over all rows, so that the accumulators stay in registers.
template <class T>
inline void sums(const T* values, std::size_t size, double origin, BlockSums& out) noexcept {
  alignas(64) double power1[kLanes], power2[kLanes], power3[kLanes], power4[kLanes];
  alignas(64) double min[kLanes], max[kLanes];
  const std::size_t rows = size / kLanes;
  const Vector center = Vector{} + origin;
  for (std::size_t lane = 0; lane < kLanes; lane += kWidth) {
    Vector sum1{}, sum2{}, sum3{}, sum4{};
    Vector low = Vector{} + kInfinity;
    Vector high = Vector{} - kInfinity;
    const T* at = values + lane;
    for (std::size_t row = 0; row < rows; ++row, at += kLanes) {
      const Vector value = load(at);
      low = lower_of(low, value);
      high = higher_of(high, value);
      const Vector distance = value - center;
      const Vector square = distance * distance;
      sum1 += distance;
      sum2 += square;
      sum3 += square * distance;
      sum4 += square * square;
    }
    store(power1 + lane, sum1);
    store(power2 + lane, sum2);
    store(power3 + lane, sum3);
    store(power4 + lane, sum4);
    store(min + lane, low);
    store(max + lane, high);
  }
  for (std::size_t i = rows * kLanes; i < size; ++i) {
    const std::size_t lane = i % kLanes;
    const double value = values[i];
    min[lane] = min[lane] < value ? min[lane] : value;
    max[lane] = max[lane] > value ? max[lane] : value;
    const double distance = value - origin;
    const double square = distance * distance;
    power1[lane] += distance;
    power2[lane] += square;
    power3[lane] += square * distance;
    power4[lane] += square * square;
  }
  out.power1 = tree_sum(power1);
  out.power2 = tree_sum(power2);
  out.power3 = tree_sum(power3);
  out.power4 = tree_sum(power4);
  out.min = lowest(min);
  out.max = highest(max);
}

template <class T>
inline void extent(const T* values, std::size_t size, BlockSums& out) noexcept {
  alignas(64) double min[kLanes], max[kLanes], check[kLanes];
  const std::size_t rows = size / kLanes;
  for (std::size_t lane = 0; lane < kLanes; lane += kWidth) {
    Vector low = Vector{} + kInfinity;
    Vector high = Vector{} - kInfinity;
    Vector nothing{};
    const T* at = values + lane;
    for (std::size_t row = 0; row < rows; ++row, at += kLanes) {
      const Vector value = load(at);
      low = lower_of(low, value);
      high = higher_of(high, value);
      nothing += value * 0.0;  // NaN for what is not finite
    }
    store(min + lane, low);
    store(max + lane, high);
    store(check + lane, nothing);
  }
  for (std::size_t i = rows * kLanes; i < size; ++i) {
    const std::size_t lane = i % kLanes;
    const double value = values[i];
    min[lane] = min[lane] < value ? min[lane] : value;
    max[lane] = max[lane] > value ? max[lane] : value;
    check[lane] += value * 0.0;
  }
  out.power1 = out.power2 = out.power3 = 0;
  out.power4 = tree_sum(check);
  out.min = lowest(min);
  out.max = highest(max);
}

template <class T>
inline std::size_t near_zero(const T* values, std::size_t size, double& smallest) noexcept {
  const Vector infinity = Vector{} + kInfinity;
  const Integers magnitude_bits = Integers{} + static_cast<std::int64_t>(kMagnitudeF64);
  Vector least = infinity;
  Integers found{};
  std::size_t i = 0;
  for (; i + kWidth <= size; i += kWidth) {
    const Vector magnitude = Vector(Integers(load(values + i)) & magnitude_bits);
    const Integers zero = magnitude == Vector{};  // all ones where it holds
    found -= zero;
    // Setting the bits of infinity in a zero makes it infinite.
    least = lower_of(least, Vector(Integers(magnitude) | (zero & Integers(infinity))));
  }
  double lanes[kWidth];
  store(lanes, least);
  double out = kInfinity;
  std::size_t zeros = 0;
  for (std::size_t lane = 0; lane < kWidth; ++lane) {
    out = lanes[lane] < out ? lanes[lane] : out;
    zeros += static_cast<std::size_t>(found[lane]);
  }
  for (; i < size; ++i) {
    const double magnitude = values[i] < 0 ? -values[i] : values[i];
    zeros += magnitude == 0 ? 1U : 0U;
    out = magnitude != 0 && magnitude < out ? magnitude : out;
  }
  smallest = out;
  return zeros;
}

inline std::uint64_t bits_of(double value) noexcept { return std::bit_cast<std::uint64_t>(value); }
inline std::uint32_t bits_of(float value) noexcept { return std::bit_cast<std::uint32_t>(value); }
inline std::uint64_t magnitude_of(std::uint64_t bits) noexcept { return bits & kMagnitudeF64; }
inline std::uint32_t magnitude_of(std::uint32_t bits) noexcept { return bits & kMagnitudeF32; }
inline const std::uint64_t* cells_of(const double*) noexcept { return kCellsF64.data(); }
inline const std::uint32_t* cells_of(const float*) noexcept { return kCellsF32.data(); }

// The address that index 0 would have. Kept as a number: no such object may exist.
template <class Count>
inline std::uintptr_t origin_of(BucketRun run) noexcept {
  return reinterpret_cast<std::uintptr_t>(run.counts) -
         static_cast<std::uintptr_t>(std::intptr_t{run.first}) * sizeof(Count);
}

template <class Count>
inline std::uintptr_t address_of(std::uintptr_t origin, std::int64_t index) noexcept {
  return origin + static_cast<std::uintptr_t>(index) * sizeof(Count);
}

// In two steps, here and below: were counts written between reads of the table, processors that
// guess by the low bits of an address whether a read depends on a write would guess wrong.
template <bool kMinus, class T>
inline void find_buckets(const T* values, std::size_t size, int shift, std::int32_t first,
                         std::int32_t* at) noexcept {
  const auto* cells = cells_of(values);
  for (std::size_t i = 0; i < size; ++i) {
    const auto bits = bits_of(values[i]);
    const auto magnitude = kMinus ? magnitude_of(bits) : bits;
    at[i] = static_cast<std::int32_t>(table_index(magnitude, cells, shift)) - first;
  }
}

template <class T>
inline void scatter_one_side(const T* values, std::size_t size, int shift, BucketRun to, bool minus,
                             unsigned width) noexcept {
  std::int32_t at[kBlockSize];
  if (minus) {
    find_buckets<true>(values, size, shift, to.first, at);
  } else {
    find_buckets<false>(values, size, shift, to.first, at);
  }
  with_counts(to.counts, width, [&](auto* counts) {
    for (std::size_t i = 0; i < size; ++i) ++counts[at[i]];
  });
}

// Zeros of either sign go to a count nobody reads. By arithmetic, as the compiler makes a branch of
// a choice, and one that misses half the time on data that is half zeros.
template <bool kZeros, class Count, class T>
inline void scatter(const T* values, std::size_t size, int shift,
                    const BucketRun* to_side) noexcept {
  const auto* cells = cells_of(values);
  const std::uintptr_t origin[2] = {origin_of<Count>(to_side[0]), origin_of<Count>(to_side[1])};
  Count ignored = 0;
  const auto nowhere = reinterpret_cast<std::uintptr_t>(&ignored);
  std::uintptr_t found[kBlockSize];
  for (std::size_t i = 0; i < size; ++i) {
    const auto bits = bits_of(values[i]);
    const auto magnitude = magnitude_of(bits);
    std::uintptr_t at = address_of<Count>(origin[bits >> (8 * sizeof(bits) - 1)],
                                          table_index(magnitude, cells, shift));
    if constexpr (kZeros) {
      const std::uintptr_t zero = std::uintptr_t{0} - static_cast<std::uintptr_t>(magnitude == 0);
      at ^= (at ^ nowhere) & zero;
    }
    found[i] = at;
  }
  for (std::size_t i = 0; i < size; ++i) ++*reinterpret_cast<Count*>(found[i]);
}

template <class T>
inline void scatter(const T* values, std::size_t size, int shift, const BucketRun* to_side,
                    bool zeros, unsigned width) noexcept {
  with_counts(nullptr, width, [&](auto* counts) {
    using Count = std::remove_pointer_t<decltype(counts)>;
    if (zeros) {
      scatter<true, Count>(values, size, shift, to_side);
    } else {
      scatter<false, Count>(values, size, shift, to_side);
    }
  });
}

void sums_f64(const double* values, std::size_t size, double origin, BlockSums& out) noexcept {
  sums(values, size, origin, out);
}

void sums_f32(const float* values, std::size_t size, double origin, BlockSums& out) noexcept {
  sums(values, size, origin, out);
}

void extent_f64(const double* values, std::size_t size, BlockSums& out) noexcept {
  extent(values, size, out);
}

void extent_f32(const float* values, std::size_t size, BlockSums& out) noexcept {
  extent(values, size, out);
}

std::size_t near_zero_f64(const double* values, std::size_t size, double& smallest) noexcept {
  return near_zero(values, size, smallest);
}

std::size_t near_zero_f32(const float* values, std::size_t size, double& smallest) noexcept {
  return near_zero(values, size, smallest);
}

void scatter_f64(const double* values, std::size_t size, int shift, const BucketRun* to_side,
                 bool zeros, unsigned width) noexcept {
  scatter(values, size, shift, to_side, zeros, width);
}

void scatter_f32(const float* values, std::size_t size, int shift, const BucketRun* to_side,
                 bool zeros, unsigned width) noexcept {
  scatter(values, size, shift, to_side, zeros, width);
}

void scatter_one_side_f64(const double* values, std::size_t size, int shift, BucketRun to,
                          bool minus, unsigned width) noexcept {
  scatter_one_side(values, size, shift, to, minus, width);
}

void scatter_one_side_f32(const float* values, std::size_t size, int shift, BucketRun to,
                          bool minus, unsigned width) noexcept {
  scatter_one_side(values, size, shift, to, minus, width);
}

constexpr SummaryKernels make_kernels(const char* name) noexcept {
  return {name,
          sums_f64,
          sums_f32,
          extent_f64,
          extent_f32,
          near_zero_f64,
          near_zero_f32,
          scatter_f64,
          scatter_f32,
          scatter_one_side_f64,
          scatter_one_side_f32};
}

}  // namespace
}  // namespace inlay::detail
