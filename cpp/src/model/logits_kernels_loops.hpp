// The bodies of LogitsKernels. No include guard: each logits_kernels_<isa>.cpp includes this once,
// after defining INLAY_KERNEL_WIDTH (doubles in a vector register), and is compiled for its
// instruction set. Everything here has internal linkage, so that no function compiled for a newer
// machine can stand in for the baseline's when the linker merges duplicates.

#include <type_traits>

#include "model/logits_kernels.hpp"
#include "model/softmax_terms.hpp"
#include "vector_lanes.hpp"

namespace inlay::detail {
namespace {

constexpr std::size_t kFloatWidth = 2 * kWidth;
static_assert(kLogitsLanes == kLanes && kLanes % kFloatWidth == 0);
constexpr std::size_t kParts = kLanes / kFloatWidth;

using Floats = float __attribute__((vector_size(kFloatWidth * sizeof(float))));
using Words = std::int32_t __attribute__((vector_size(kFloatWidth * sizeof(std::int32_t))));

inline Floats load_floats(const float* from) noexcept {
  Floats out;
  std::memcpy(&out, from, sizeof(out));
  return out;
}
inline void store(float* to, Floats from) noexcept { std::memcpy(to, &from, sizeof(from)); }

// As lower_of and higher_of of doubles: the second operand where the two are equal or unordered.
inline Floats lower_of(Floats a, Floats b) noexcept {
#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 2
  return Floats(_mm_min_ps(__m128(a), __m128(b)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 4
  return Floats(_mm256_min_ps(__m256(a), __m256(b)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 8
  return Floats(_mm512_min_ps(__m512(a), __m512(b)));
#else
  return a < b ? a : b;
#endif
}
inline Floats higher_of(Floats a, Floats b) noexcept {
#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 2
  return Floats(_mm_max_ps(__m128(a), __m128(b)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 4
  return Floats(_mm256_max_ps(__m256(a), __m256(b)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 8
  return Floats(_mm512_max_ps(__m512(a), __m512(b)));
#else
  return a > b ? a : b;
#endif
}

// One element type's vector and the integers that its comparisons give.
template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using type = Floats;
  using Counts = Words;
  static Floats load(const float* from) noexcept { return load_floats(from); }
};
template <>
struct VectorOf<double> {
  using type = Vector;
  using Counts = Integers;
  static Vector load(const double* from) noexcept { return detail::load(from); }
};

template <bool kChosen, class T>
inline void scan_entries(const T* entries, std::size_t size, T chosen,
                         LogitsScan<T>& out) noexcept {
  using V = typename VectorOf<T>::type;
  using Counts = typename VectorOf<T>::Counts;
  constexpr std::size_t kEntries = sizeof(V) / sizeof(T);
  constexpr T kInf = std::numeric_limits<T>::infinity();
  V top = V{} - kInf;
  V second = V{} - kInf;
  V lowest = V{} + kInf;
  Counts above{};
  const V limit = V{} + chosen;
  for (std::size_t i = 0; i < size; i += kEntries) {
    const V entry = VectorOf<T>::load(entries + i);
    second = higher_of(second, lower_of(top, entry));
    top = higher_of(top, entry);
    lowest = lower_of(lowest, entry);
    if constexpr (kChosen) above -= entry > limit;  // all ones where it holds
  }
  T tops[kEntries], seconds[kEntries], lows[kEntries];
  std::memcpy(tops, &top, sizeof(top));
  std::memcpy(seconds, &second, sizeof(second));
  std::memcpy(lows, &lowest, sizeof(lowest));
  out = {-kInf, -kInf, kInf, 0};
  for (std::size_t lane = 0; lane < kEntries; ++lane) {
    if (tops[lane] > out.top) {
      out.second = out.top > seconds[lane] ? out.top : seconds[lane];
      out.top = tops[lane];
    } else if (tops[lane] > out.second) {
      out.second = tops[lane];
    }
    out.lowest = lows[lane] < out.lowest ? lows[lane] : out.lowest;
    out.above += static_cast<std::uint64_t>(above[lane]);
  }
}

template <class T>
inline void scan(const T* entries, std::size_t size, T chosen, LogitsScan<T>& out) noexcept {
  if (chosen == std::numeric_limits<T>::infinity()) {
    scan_entries<false>(entries, size, chosen, out);
  } else {
    scan_entries<true>(entries, size, chosen, out);
  }
}

// exp2_float() of a vector, operation by operation; y comes back as it was limited.
inline Floats exp2_floats(Floats& y) noexcept {
  y = higher_of(Floats{} + kExp2Lowest, y);  // this way round, a NaN stays one
  const Floats shifted = y + kExp2Magic;
  const Floats f = y - (shifted - kExp2Magic);
  Floats p = Floats{} + kExp2[4];
  p = p * f + kExp2[3];
  p = p * f + kExp2[2];
  p = p * f + kExp2[1];
  p = p * f + kExp2[0];
  p = p * f + 1.0F;
  return p * Floats(Words(shifted) << 23);
}

inline double sum_of_lanes(const Floats* parts) noexcept {
  float lanes[kLanes];
  for (std::size_t part = 0; part < kParts; ++part) store(lanes + part * kFloatWidth, parts[part]);
  double wide[kLanes];
  for (std::size_t lane = 0; lane < kLanes; ++lane) wide[lane] = lanes[lane];
  return tree_sum(wide);
}

template <bool kAhead>
inline void sum_entries(const float* entries, std::size_t size, float top, const float* ahead,
                        double& rest, double& weighted) noexcept {
  Floats sums[kParts] = {};
  Floats weights[kParts] = {};
  const Floats high = Floats{} + top;
  constexpr auto kScale = static_cast<float>(kLog2E);
  for (std::size_t i = 0; i < size; i += kLanes) {
    if constexpr (kAhead) __builtin_prefetch(ahead + i);
    for (std::size_t part = 0; part < kParts; ++part) {
      Floats y = (load_floats(entries + i + part * kFloatWidth) - high) * kScale;
      const Floats term = exp2_floats(y);
      sums[part] += term;
      weights[part] += term * y;
    }
  }
  rest = sum_of_lanes(sums);
  weighted = sum_of_lanes(weights);
}

void sum(const float* entries, std::size_t size, float top, const float* ahead, double& rest,
         double& weighted) noexcept {
  if (ahead != nullptr) {
    sum_entries<true>(entries, size, top, ahead, rest, weighted);
  } else {
    sum_entries<false>(entries, size, top, ahead, rest, weighted);
  }
}

template <class T>
inline void count(const T* entries, std::size_t size, LogitsEntries& out) noexcept {
  using V = typename VectorOf<T>::type;
  using Counts = typename VectorOf<T>::Counts;
  constexpr std::size_t kEntries = sizeof(V) / sizeof(T);
  const V high = V{} + std::numeric_limits<T>::infinity();
  Counts nan{}, pos_inf{}, neg_inf{};
  for (std::size_t i = 0; i < size; i += kEntries) {
    const V entry = VectorOf<T>::load(entries + i);
    nan -= entry != entry;
    pos_inf -= entry == high;
    neg_inf -= entry == -high;
  }
  out = {};
  for (std::size_t lane = 0; lane < kEntries; ++lane) {
    out.nan += static_cast<std::uint64_t>(nan[lane]);
    out.pos_inf += static_cast<std::uint64_t>(pos_inf[lane]);
    out.neg_inf += static_cast<std::uint64_t>(neg_inf[lane]);
  }
}

void scan_f32(const float* entries, std::size_t size, float chosen,
              LogitsScan<float>& out) noexcept {
  scan(entries, size, chosen, out);
}
void scan_f64(const double* entries, std::size_t size, double chosen,
              LogitsScan<double>& out) noexcept {
  scan(entries, size, chosen, out);
}
void count_f32(const float* entries, std::size_t size, LogitsEntries& out) noexcept {
  count(entries, size, out);
}
void count_f64(const double* entries, std::size_t size, LogitsEntries& out) noexcept {
  count(entries, size, out);
}

void widen_f16(const std::uint16_t* entries, std::size_t size, float* out) noexcept {
  for (std::size_t i = 0; i < size; i += kFloatWidth) {
#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 4
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(entries + i));
    store(out + i, Floats(_mm256_cvtph_ps(bits)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 8
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(entries + i));
    store(out + i, Floats(_mm512_cvtph_ps(bits)));
#else
    Words half;
    for (std::size_t lane = 0; lane < kFloatWidth; ++lane) half[lane] = entries[i + lane];
    const Words magnitude = half & 0x7FFF;
    const Words sign = (half & 0x8000) << 16;
    // Placed 112 octaves too low, subnormal ones included; the product is exact.
    const Floats finite = Floats(magnitude << 13) * 0x1p112F;
    const Words special = magnitude >= 0x7C00;
    const Words all = (special & (0x7F800000 | (magnitude << 13))) | (~special & Words(finite));
    store(out + i, Floats(sign | all));
#endif
  }
}

void widen_bf16(const std::uint16_t* entries, std::size_t size, float* out) noexcept {
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint32_t bits = static_cast<std::uint32_t>(entries[i]) << 16;
    std::memcpy(out + i, &bits, sizeof(bits));
  }
}

void below(const double* entries, std::size_t size, double top, float* out) noexcept {
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<float>(entries[i] - top);
}

constexpr LogitsKernels make_logits_kernels() noexcept {
  return {scan_f32, scan_f64, sum, count_f32, count_f64, widen_f16, widen_bf16, below};
}

}  // namespace
}  // namespace inlay::detail
