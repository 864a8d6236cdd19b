// The bodies of ScanKernels. No include guard: each scan_kernels_<isa>.cpp includes this once,
// after defining INLAY_KERNEL_WIDTH (doubles in a vector register), and is compiled for its
// instruction set. Everything here has internal linkage, so that no function compiled for a newer
// machine can stand in for the baseline's when the linker merges duplicates.

#include <cstring>
#include <limits>
#include <type_traits>

#include "data/scan_kernels.hpp"
#include "vector_lanes.hpp"

namespace inlay::detail {
namespace {

constexpr std::size_t kParts = kLanes / kWidth;
// Sums have an accumulator a lane; extremes, where order does not matter, two registers.
constexpr std::size_t kExtremes = 2;
static_assert(kLanes % kWidth == 0 && kParts % kExtremes == 0);
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kExponent = 0x7FF0000000000000;

using Naturals = std::uint64_t __attribute__((vector_size(kWidth * sizeof(std::uint64_t))));
using Narrow = std::int32_t __attribute__((vector_size(kWidth * sizeof(std::int64_t))));

inline Integers load(const std::int64_t* from) noexcept {
  Integers out;
  std::memcpy(&out, from, sizeof(out));
  return out;
}

inline Integers load(const std::int32_t* from) noexcept {
#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 2
  return Integers(_mm_cvtepi32_epi64(_mm_loadu_si64(from)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 4
  return Integers(_mm256_cvtepi32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from))));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 8
  return Integers(
      _mm512_cvtepi32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(from))));
#else
  using Half = std::int32_t __attribute__((vector_size(kWidth * sizeof(std::int32_t))));
  Half narrow;
  std::memcpy(&narrow, from, sizeof(narrow));
  return __builtin_convertvector(narrow, Integers);
#endif
}

inline Narrow load_narrow(const std::int32_t* from) noexcept {
  Narrow out;
  std::memcpy(&out, from, sizeof(out));
  return out;
}

inline Narrow lower_of(Narrow a, Narrow b) noexcept { return a < b ? a : b; }
inline Narrow higher_of(Narrow a, Narrow b) noexcept { return a > b ? a : b; }
inline Integers lower_of(Integers a, Integers b) noexcept { return a < b ? a : b; }
inline Integers higher_of(Integers a, Integers b) noexcept { return a > b ? a : b; }

// A bit a lane whose mask is all ones.
inline std::uint64_t bits_of(Integers mask) noexcept {
#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 2
  return static_cast<std::uint64_t>(_mm_movemask_pd(__m128d(mask)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 4
  return static_cast<std::uint64_t>(_mm256_movemask_pd(__m256d(mask)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 8
  return _mm512_movepi64_mask(__m512i(mask));
#else
  std::uint64_t bits = 0;
  for (std::size_t lane = 0; lane < kWidth; ++lane) {
    bits |= static_cast<std::uint64_t>(mask[lane] & 1) << lane;
  }
  return bits;
#endif
}

constexpr Integers lane_bits(std::size_t first) noexcept {
  Integers out{};
  for (std::size_t lane = 0; lane < kWidth; ++lane) out[lane] = std::int64_t{1} << (first + lane);
  return out;
}

// All ones in the lanes whose bit is set; `first` is the bit of the first lane.
inline Integers mask_of(std::uint64_t bits, Integers lanes) noexcept {
  return ((Integers{} + static_cast<std::int64_t>(bits)) & lanes) == lanes;
}

// Which of two zeros comes out of a minimum depends on the order; neither has a sign.
inline void finish(double* lanes, const Vector* low, const Vector* high, RealScan& out) noexcept {
  double min = out.min;
  double max = out.max;
  for (std::size_t part = 0; part < kExtremes; ++part) {
    for (std::size_t lane = 0; lane < kWidth; ++lane) {
      min = low[part][lane] < min ? low[part][lane] : min;
      max = high[part][lane] > max ? high[part][lane] : max;
    }
  }
  out.min = min + 0.0;
  out.max = max + 0.0;
  out.sum = tree_sum(lanes);
}

// Whether all values are finite and their sum is: only then is `out` right. An infinity or a NaN
// leaves the sum either or the other, so nothing else needs to look for them.
template <class T>
inline bool scan_clean(const T* values, std::size_t size, RealScan& out) noexcept {
  Vector sum[kParts] = {};
  Vector low[kExtremes], high[kExtremes];
  for (std::size_t part = 0; part < kExtremes; ++part) {
    low[part] = Vector{} + kInfinity;
    high[part] = Vector{} - kInfinity;
  }
  const std::size_t whole = size / kLanes * kLanes;
  for (std::size_t row = 0; row < whole; row += kLanes) {
    for (std::size_t part = 0; part < kParts; ++part) {
      const Vector value = load(values + row + part * kWidth);
      low[part % kExtremes] = lower_of(low[part % kExtremes], value);
      high[part % kExtremes] = higher_of(high[part % kExtremes], value);
      sum[part] += value;
    }
  }
  double lanes[kLanes];
  std::memcpy(lanes, sum, sizeof(lanes));
  out = {0, kInfinity, -kInfinity, 0, 0, 0};
  for (std::size_t i = whole; i < size; ++i) {
    const double value = values[i];
    lanes[i - whole] += value;
    out.min = value < out.min ? value : out.min;
    out.max = value > out.max ? value : out.max;
  }
  finish(lanes, low, high, out);
  return out.sum - out.sum == 0;
}

inline void add_value(double value, double& lane, RealScan& out) noexcept {
  if (value != value) {
    ++out.nans;
  } else if (value == kInfinity) {
    ++out.pos_infs;
  } else if (value == -kInfinity) {
    ++out.neg_infs;
  } else {
    lane += value;
    out.min = value < out.min ? value : out.min;
    out.max = value > out.max ? value : out.max;
  }
}

// Adds 0 to the lane of a value that is missing or not finite.
template <class T>
inline void scan_any(const T* values, std::size_t size, const std::uint64_t* valid,
                     RealScan& out) noexcept {
  Vector sum[kParts] = {};
  Vector low[kExtremes], high[kExtremes];
  Integers nans{}, pos_infs{}, neg_infs{};
  const Integers exponent = Integers{} + kExponent;
  const Vector infinity = Vector{} + kInfinity;
  for (std::size_t part = 0; part < kExtremes; ++part) {
    low[part] = infinity;
    high[part] = -infinity;
  }
  const std::size_t whole = size / kLanes * kLanes;
  for (std::size_t row = 0; row < whole; row += kLanes) {
    const std::uint64_t bits = valid == nullptr ? ~std::uint64_t{0} : valid[row / 64] >> (row % 64);
    for (std::size_t part = 0; part < kParts; ++part) {
      const Vector value = load(values + row + part * kWidth);
      const Integers there = mask_of(bits, lane_bits(part * kWidth));
      const Integers finite = there & ((Integers(value) & exponent) != exponent);
      const Integers kept = Integers(value) & finite;
      sum[part] += Vector(kept);
      low[part % kExtremes] =
          lower_of(low[part % kExtremes], Vector(kept | (Integers(infinity) & ~finite)));
      high[part % kExtremes] =
          higher_of(high[part % kExtremes], Vector(kept | (Integers(-infinity) & ~finite)));
      nans -= there & (value != value);
      pos_infs -= there & (value == infinity);
      neg_infs -= there & (value == -infinity);
    }
  }
  double lanes[kLanes];
  std::memcpy(lanes, sum, sizeof(lanes));
  out = {0, kInfinity, -kInfinity, 0, 0, 0};
  for (std::size_t lane = 0; lane < kWidth; ++lane) {
    out.nans += static_cast<std::uint32_t>(nans[lane]);
    out.pos_infs += static_cast<std::uint32_t>(pos_infs[lane]);
    out.neg_infs += static_cast<std::uint32_t>(neg_infs[lane]);
  }
  for (std::size_t i = whole; i < size; ++i) {
    if (valid != nullptr && (valid[i / 64] >> (i % 64) & 1) == 0) continue;
    add_value(values[i], lanes[i - whole], out);
  }
  finish(lanes, low, high, out);
}

template <class T>
inline void scan(const T* values, std::size_t size, const std::uint64_t* valid,
                 RealScan& out) noexcept {
  if (valid == nullptr && scan_clean(values, size, out)) return;
  scan_any(values, size, valid, out);
}

// The halves of 32 bits apart, so that neither sum can overflow.
inline Wide sum_in_halves(const std::int64_t* values, std::size_t size, const std::uint64_t* valid,
                          std::uint64_t flip) noexcept {
  std::uint64_t low = 0;
  std::int64_t high = 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (valid != nullptr && (valid[i / 64] >> (i % 64) & 1) == 0) continue;
    const auto value = static_cast<std::int64_t>(static_cast<std::uint64_t>(values[i]) ^ flip);
    low += static_cast<std::uint32_t>(value);
    high += value >> 32;
  }
  return (static_cast<Wide>(high) << 32) + low;
}

template <bool kNulls>
inline void scan_whole(const std::int64_t* values, std::size_t size, const std::uint64_t* valid,
                       std::uint64_t flip, WholeScan& out) noexcept {
  Naturals sum[kExtremes] = {};
  Integers low[kExtremes], high[kExtremes];
  for (std::size_t part = 0; part < kExtremes; ++part) {
    low[part] = Integers{} + kMost;
    high[part] = Integers{} + kLeast;
  }
  const Integers flips = Integers{} + static_cast<std::int64_t>(flip);
  const std::size_t whole = size / kLanes * kLanes;
  for (std::size_t row = 0; row < whole; row += kLanes) {
    const std::uint64_t bits = kNulls ? valid[row / 64] >> (row % 64) : 0;
    for (std::size_t part = 0; part < kParts; ++part) {
      const Integers value = load(values + row + part * kWidth) ^ flips;
      const std::size_t to = part % kExtremes;
      if constexpr (kNulls) {
        const Integers there = mask_of(bits, lane_bits(part * kWidth));
        low[to] = lower_of(low[to], (value & there) | (kMost & ~there));
        high[to] = higher_of(high[to], (value & there) | (kLeast & ~there));
        sum[to] += Naturals(value & there);
      } else {
        low[to] = lower_of(low[to], value);
        high[to] = higher_of(high[to], value);
        sum[to] += Naturals(value);
      }
    }
  }
  std::uint64_t total = 0;
  std::int64_t min = kMost;
  std::int64_t max = kLeast;
  for (std::size_t part = 0; part < kExtremes; ++part) {
    for (std::size_t lane = 0; lane < kWidth; ++lane) {
      total += sum[part][lane];
      min = low[part][lane] < min ? low[part][lane] : min;
      max = high[part][lane] > max ? high[part][lane] : max;
    }
  }
  for (std::size_t i = whole; i < size; ++i) {
    if (kNulls && (valid[i / 64] >> (i % 64) & 1) == 0) continue;
    const auto value = static_cast<std::int64_t>(static_cast<std::uint64_t>(values[i]) ^ flip);
    total += static_cast<std::uint64_t>(value);
    min = value < min ? value : min;
    max = value > max ? value : max;
  }
  // kScanBlock values of 53 bits cannot carry out of 63.
  constexpr std::int64_t kSafe = kMost / static_cast<std::int64_t>(kScanBlock);
  const bool safe = min >= -kSafe && max <= kSafe;
  out.sum = safe ? static_cast<Wide>(static_cast<std::int64_t>(total))
                 : sum_in_halves(values, size, kNulls ? valid : nullptr, flip);
  out.min = min;
  out.max = max;
}

template <bool kNulls>
inline void scan_whole(const std::int32_t* values, std::size_t size, const std::uint64_t* valid,
                       WholeScan& out) noexcept {
  constexpr std::int32_t least = std::numeric_limits<std::int32_t>::min();
  constexpr std::int32_t most = std::numeric_limits<std::int32_t>::max();
  constexpr std::size_t kNarrow = 2 * kWidth;
  Integers sum[kExtremes] = {};
  Narrow low = Narrow{} + most;
  Narrow high = Narrow{} + least;
  Narrow lanes{};
  for (std::size_t lane = 0; lane < kNarrow; ++lane) lanes[lane] = std::int32_t{1} << lane;
  const std::size_t whole = size / kNarrow * kNarrow;
  std::int64_t missing = 0;
  for (std::size_t row = 0; row < whole; row += kNarrow) {
    Narrow value = load_narrow(values + row);
    if constexpr (kNulls) {
      const auto bits = static_cast<std::int32_t>(valid[row / 64] >> (row % 64) & 0xFFFF);
      const Narrow there = ((Narrow{} + bits) & lanes) == lanes;
      low = lower_of(low, (value & there) | (most & ~there));
      high = higher_of(high, (value & there) | (least & ~there));
      value &= there;
    } else {
      low = lower_of(low, value);
      high = higher_of(high, value);
    }
    // Both halves of each word as if unsigned, 2^31 too high.
    const Naturals raised = Naturals(value) ^ 0x8000000080000000U;
    sum[0] += Integers(raised & 0xFFFFFFFFU);
    sum[1] += Integers(raised >> 32);
    missing += kNarrow;
  }
  std::int64_t total = -missing * (std::int64_t{1} << 31);
  std::int32_t min = most;
  std::int32_t max = least;
  for (std::size_t part = 0; part < kExtremes; ++part) {
    for (std::size_t lane = 0; lane < kWidth; ++lane) total += sum[part][lane];
  }
  for (std::size_t lane = 0; lane < kNarrow; ++lane) {
    min = low[lane] < min ? low[lane] : min;
    max = high[lane] > max ? high[lane] : max;
  }
  for (std::size_t i = whole; i < size; ++i) {
    if (kNulls && (valid[i / 64] >> (i % 64) & 1) == 0) continue;
    total += values[i];
    min = values[i] < min ? values[i] : min;
    max = values[i] > max ? values[i] : max;
  }
  out = {total, min, max};
  if (min > max) {
    out.min = kMost;
    out.max = kLeast;
  }
}

// Writes a bit a row from f(vector of rows) and, for the last few, g(row).
template <class F, class G>
inline void write_bits(std::size_t size, std::uint64_t* out, F&& f, G&& g) noexcept {
  std::size_t i = 0;
  for (; i + 64 <= size; i += 64) {
    std::uint64_t word = 0;
    for (std::size_t at = 0; at < 64; at += kWidth) word |= bits_of(f(i + at)) << at;
    out[i / 64] = word;
  }
  if (i == size) return;
  std::uint64_t word = 0;
  for (std::size_t at = 0; i + at < size; ++at) word |= std::uint64_t{g(i + at)} << at;
  out[i / 64] = word;
}

template <class T>
inline void outside(const T* values, std::size_t size, double low, double high,
                    std::uint64_t* out) noexcept {
  const Vector lows = Vector{} + low;
  const Vector highs = Vector{} + high;
  write_bits(
      size, out,
      [&](std::size_t at) {
        const Vector value = load(values + at);
        return ~((value >= lows) & (value <= highs));
      },
      [&](std::size_t at) { return !(values[at] >= low && values[at] <= high); });
}

template <class T>
inline void outside(const T* values, std::size_t size, std::uint64_t flip, std::int64_t low,
                    std::int64_t high, std::uint64_t* out) noexcept {
  const Integers flips = Integers{} + static_cast<std::int64_t>(flip);
  const Integers lows = Integers{} + low;
  const Integers highs = Integers{} + high;
  write_bits(
      size, out,
      [&](std::size_t at) {
        const Integers value = load(values + at) ^ flips;
        return (value < lows) | (value > highs);
      },
      [&](std::size_t at) {
        const auto value =
            static_cast<std::int64_t>(static_cast<std::uint64_t>(std::int64_t{values[at]}) ^ flip);
        return value < low || value > high;
      });
}

template <class T, class M>
inline void absent(const T* values, std::size_t size, const M* members, std::size_t num_members,
                   std::uint64_t* out) noexcept {
  write_bits(
      size, out,
      [&](std::size_t at) {
        const auto value = load(values + at);
        Integers found{};
        for (std::size_t m = 0; m < num_members; ++m) {
          found |= value == (decltype(load(values)){} + members[m]);
        }
        return ~found;
      },
      [&](std::size_t at) {
        for (std::size_t m = 0; m < num_members; ++m) {
          if (values[at] == members[m]) return false;
        }
        return true;
      });
}

void scan_f64(const double* values, std::size_t size, const std::uint64_t* valid,
              RealScan& out) noexcept {
  scan(values, size, valid, out);
}

void scan_f32(const float* values, std::size_t size, const std::uint64_t* valid,
              RealScan& out) noexcept {
  scan(values, size, valid, out);
}

void scan_i64(const std::int64_t* values, std::size_t size, const std::uint64_t* valid,
              std::uint64_t flip, WholeScan& out) noexcept {
  if (valid == nullptr) {
    scan_whole<false>(values, size, valid, flip, out);
  } else {
    scan_whole<true>(values, size, valid, flip, out);
  }
}

void scan_i32(const std::int32_t* values, std::size_t size, const std::uint64_t* valid,
              WholeScan& out) noexcept {
  if (valid == nullptr) {
    scan_whole<false>(values, size, valid, out);
  } else {
    scan_whole<true>(values, size, valid, out);
  }
}

void outside_f64(const double* values, std::size_t size, double low, double high,
                 std::uint64_t* out) noexcept {
  outside(values, size, low, high, out);
}

void outside_f32(const float* values, std::size_t size, double low, double high,
                 std::uint64_t* out) noexcept {
  outside(values, size, low, high, out);
}

void outside_i64(const std::int64_t* values, std::size_t size, std::uint64_t flip, std::int64_t low,
                 std::int64_t high, std::uint64_t* out) noexcept {
  outside(values, size, flip, low, high, out);
}

void outside_i32(const std::int32_t* values, std::size_t size, std::int32_t low, std::int32_t high,
                 std::uint64_t* out) noexcept {
  outside(values, size, 0, low, high, out);
}

void absent_f64(const double* values, std::size_t size, const double* members,
                std::size_t num_members, std::uint64_t* out) noexcept {
  absent(values, size, members, num_members, out);
}

void absent_f32(const float* values, std::size_t size, const double* members,
                std::size_t num_members, std::uint64_t* out) noexcept {
  absent(values, size, members, num_members, out);
}

void absent_i64(const std::int64_t* values, std::size_t size, const std::int64_t* members,
                std::size_t num_members, std::uint64_t* out) noexcept {
  absent(values, size, members, num_members, out);
}

void absent_i32(const std::int32_t* values, std::size_t size, const std::int32_t* members,
                std::size_t num_members, std::uint64_t* out) noexcept {
  absent(values, size, members, num_members, out);
}

constexpr ScanKernels make_scan_kernels() noexcept {
  return {scan_f64,    scan_f32,    scan_i64,   scan_i32,   outside_f64, outside_f32,
          outside_i64, outside_i32, absent_f64, absent_f32, absent_i64,  absent_i32};
}

}  // namespace
}  // namespace inlay::detail
