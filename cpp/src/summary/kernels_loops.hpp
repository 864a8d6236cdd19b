// The bodies of SummaryKernels. No include guard: each kernels_<isa>.cpp includes this once, after
// defining INLAY_KERNEL_WIDTH (doubles in a vector register), and is compiled for its instruction
// set. Everything here has internal linkage, so that no function compiled for a newer machine can
// stand in for the baseline's when the linker merges duplicates.

#include <bit>
#include <cstring>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "summary/bucket_index.hpp"
#include "summary/kernels.hpp"

namespace inlay::detail {
namespace {

constexpr std::size_t kLanes = 16;
constexpr std::size_t kWidth = INLAY_KERNEL_WIDTH;
static_assert(kLanes % kWidth == 0);
constexpr double kInfinity = std::numeric_limits<double>::infinity();

using Vector = double __attribute__((vector_size(kWidth * sizeof(double))));
using Floats = float __attribute__((vector_size(kWidth * sizeof(float))));

inline Vector load(const double* from) noexcept {
  Vector out;
  std::memcpy(&out, from, sizeof(out));
  return out;
}

inline Vector load(const float* from) noexcept {
  Floats narrow;
  std::memcpy(&narrow, from, sizeof(narrow));
  return __builtin_convertvector(narrow, Vector);
}

inline void store(double* to, Vector from) noexcept { std::memcpy(to, &from, sizeof(from)); }

// The compiler makes compare and blend of the plain form, since it may not assume that zeros have
// one sign; the machine's own instruction takes the second operand when both are equal.
inline Vector lower_of(Vector a, Vector b) noexcept {
#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 2
  return Vector(_mm_min_pd(__m128d(a), __m128d(b)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 4
  return Vector(_mm256_min_pd(__m256d(a), __m256d(b)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 8
  return Vector(_mm512_min_pd(__m512d(a), __m512d(b)));
#else
  return a < b ? a : b;
#endif
}

inline Vector higher_of(Vector a, Vector b) noexcept {
#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 2
  return Vector(_mm_max_pd(__m128d(a), __m128d(b)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 4
  return Vector(_mm256_max_pd(__m256d(a), __m256d(b)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 8
  return Vector(_mm512_max_pd(__m512d(a), __m512d(b)));
#else
  return a > b ? a : b;
#endif
}

inline double tree_sum(double* lanes) noexcept {
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

inline double lowest(const double* lanes) noexcept {
  double out = lanes[0];
  for (std::size_t lane = 1; lane < kLanes; ++lane) out = lanes[lane] < out ? lanes[lane] : out;
  return out;
}

inline double highest(const double* lanes) noexcept {
  double out = lanes[0];
  for (std::size_t lane = 1; lane < kLanes; ++lane) out = lanes[lane] > out ? lanes[lane] : out;
  return out;
}

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
      low = lower_of(value, low);
      high = higher_of(value, high);
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
    min[lane] = value < min[lane] ? value : min[lane];
    max[lane] = value > max[lane] ? value : max[lane];
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
      low = lower_of(value, low);
      high = higher_of(value, high);
      nothing += value * 0.0;  // NaN for what is not finite
    }
    store(min + lane, low);
    store(max + lane, high);
    store(check + lane, nothing);
  }
  for (std::size_t i = rows * kLanes; i < size; ++i) {
    const std::size_t lane = i % kLanes;
    const double value = values[i];
    min[lane] = value < min[lane] ? value : min[lane];
    max[lane] = value > max[lane] ? value : max[lane];
    check[lane] += value * 0.0;
  }
  out.power1 = out.power2 = out.power3 = 0;
  out.power4 = tree_sum(check);
  out.min = lowest(min);
  out.max = highest(max);
}

template <class T>
inline std::size_t zeros(const T* values, std::size_t size) noexcept {
  std::size_t found = 0;
  for (std::size_t i = 0; i < size; ++i) found += values[i] == T{0} ? 1U : 0U;
  return found;
}

inline std::int32_t biased_index(double value, const std::uint64_t* cells) noexcept {
  return biased_index_f64((std::bit_cast<std::uint64_t>(value) & kMagnitudeF64) - 1, cells);
}

inline std::int32_t biased_index(float value, const std::uint32_t* cells) noexcept {
  return biased_index_f32((std::bit_cast<std::uint32_t>(value) & kMagnitudeF32) - 1, cells);
}

template <class T, class Cell, class Count>
inline void scatter(const T* values, std::size_t size, const Cell* cells, int shift,
                    std::int32_t first, Count* counts) noexcept {
  for (std::size_t i = 0; i < size; ++i) {
    ++counts[(biased_index(values[i], cells) >> shift) - first];
  }
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

std::size_t zeros_f64(const double* values, std::size_t size) noexcept {
  return zeros(values, size);
}

std::size_t zeros_f32(const float* values, std::size_t size) noexcept {
  return zeros(values, size);
}

// Every index is written to both outputs and kept in at most one: signs that alternate at random
// would make a branch miss every other time.
void split(const double* values, std::size_t size, std::int32_t* positive,
           std::size_t& num_positive, std::int32_t* negative, std::size_t& num_negative) noexcept {
  const std::uint64_t* cells = kCellsF64.data();
  std::size_t num[2] = {0, 0};
  for (std::size_t i = 0; i < size; ++i) {
    const auto bits = std::bit_cast<std::uint64_t>(values[i]);
    const std::uint64_t below = (bits & kMagnitudeF64) - 1;
    // Zero wraps round and fails too.
    const std::size_t normal = below - kMinNormalF64 < kInfinityF64 - kMinNormalF64 ? 1 : 0;
    const std::size_t minus = bits >> 63;
    const std::int32_t index = biased_index_f64(below, cells);
    positive[num[0]] = index;
    negative[num[1]] = index;
    num[0] += normal & ~minus;
    num[1] += normal & minus;
  }
  num_positive = num[0];
  num_negative = num[1];
}

void scatter_indices(const std::int32_t* indices, std::size_t size, int shift, std::int32_t first,
                     void* counts, bool wide) noexcept {
  if (wide) {
    auto* out = static_cast<std::uint64_t*>(counts);
    for (std::size_t i = 0; i < size; ++i) ++out[(indices[i] >> shift) - first];
  } else {
    auto* out = static_cast<std::uint32_t*>(counts);
    for (std::size_t i = 0; i < size; ++i) ++out[(indices[i] >> shift) - first];
  }
}

void scatter_f64(const double* values, std::size_t size, int shift, std::int32_t first,
                 void* counts, bool wide) noexcept {
  const std::uint64_t* cells = kCellsF64.data();
  if (wide) {
    scatter(values, size, cells, shift, first, static_cast<std::uint64_t*>(counts));
  } else {
    scatter(values, size, cells, shift, first, static_cast<std::uint32_t*>(counts));
  }
}

void scatter_f32(const float* values, std::size_t size, int shift, std::int32_t first, void* counts,
                 bool wide) noexcept {
  const std::uint32_t* cells = kCellsF32.data();
  if (wide) {
    scatter(values, size, cells, shift, first, static_cast<std::uint64_t*>(counts));
  } else {
    scatter(values, size, cells, shift, first, static_cast<std::uint32_t*>(counts));
  }
}

constexpr SummaryKernels make_kernels(const char* name) noexcept {
  return {name,      sums_f64, sums_f32,        extent_f64,  extent_f32, zeros_f64,
          zeros_f32, split,    scatter_indices, scatter_f64, scatter_f32};
}

}  // namespace
}  // namespace inlay::detail
