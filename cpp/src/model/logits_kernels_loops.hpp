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

// Two of each, taken in turn: a processor starts an instruction more often than it ends one.
template <bool kChosen, class T>
inline void scan_entries(const T* entries, std::size_t size, T chosen,
                         LogitsScan<T>& out) noexcept {
  using V = typename VectorOf<T>::type;
  using Counts = typename VectorOf<T>::Counts;
  constexpr std::size_t kEntries = sizeof(V) / sizeof(T);
  constexpr T kInf = std::numeric_limits<T>::infinity();
  V top[2] = {V{} - kInf, V{} - kInf};
  V second[2] = {top[0], top[0]};
  V lowest[2] = {V{} + kInf, V{} + kInf};
  Counts above[2] = {};
  const V limit = V{} + chosen;
  const auto take = [&](std::size_t i, std::size_t turn) {
    const V entry = VectorOf<T>::load(entries + i);
    second[turn] = higher_of(second[turn], lower_of(top[turn], entry));
    top[turn] = higher_of(top[turn], entry);
    lowest[turn] = lower_of(lowest[turn], entry);
    if constexpr (kChosen) above[turn] -= entry > limit;  // all ones where it holds
  };
  std::size_t i = 0;
  for (; i + 2 * kEntries <= size; i += 2 * kEntries) {
    take(i, 0);
    take(i + kEntries, 1);
  }
  if (i < size) take(i, 0);
  T tops[2 * kEntries], seconds[2 * kEntries], lows[2 * kEntries];
  std::memcpy(tops, top, sizeof(top));
  std::memcpy(seconds, second, sizeof(second));
  std::memcpy(lows, lowest, sizeof(lowest));
  out = {-kInf, -kInf, kInf, 0};
  for (std::size_t lane = 0; lane < 2 * kEntries; ++lane) {
    if (tops[lane] > out.top) {
      out.second = out.top > seconds[lane] ? out.top : seconds[lane];
      out.top = tops[lane];
    } else if (tops[lane] > out.second) {
      out.second = tops[lane];
    }
    out.lowest = lows[lane] < out.lowest ? lows[lane] : out.lowest;
    out.above += static_cast<std::uint64_t>(above[lane / kEntries][lane % kEntries]);
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

// Keeps the compiler from moving what makes a value behind what comes next.
inline Floats pinned(Floats value) noexcept {
#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 8
  asm volatile("" : "+v"(value));
#elif defined(__x86_64__)
  asm volatile("" : "+x"(value));
#endif
  return value;
}

// Vectors that go through exp2 side by side. One after the other, the twenty instructions of each
// would wait for one another, and a processor does not look far enough ahead to find others.
constexpr std::size_t kGroup = kFloatWidth == 16 ? 4 : kParts;

// Adds a group's terms: exp2_float(), operation by operation.
template <std::size_t kSize>
inline void add_terms(const float* entries, Floats high, Floats* sums, Floats* weights) noexcept {
  constexpr auto kScale = static_cast<float>(kLog2E);
  Floats y[kSize], f[kSize], p[kSize], power[kSize];
  const auto each = [](auto&& step) {
    for (std::size_t v = 0; v < kSize; ++v) step(v);
  };
  each([&](std::size_t v) {
    const Floats below = (load_floats(entries + v * kFloatWidth) - high) * kScale;
    y[v] = pinned(higher_of(Floats{} + kExp2Lowest, below));  // this way round, a NaN stays one
  });
  each([&](std::size_t v) {
    power[v] = y[v] + kExp2Magic;
    f[v] = pinned(y[v] - (power[v] - kExp2Magic));
  });
  each([&](std::size_t v) { p[v] = pinned(f[v] * kExp2[4] + kExp2[3]); });
  each([&](std::size_t v) { p[v] = pinned(p[v] * f[v] + kExp2[2]); });
  each([&](std::size_t v) { p[v] = pinned(p[v] * f[v] + kExp2[1]); });
  each([&](std::size_t v) { p[v] = pinned(p[v] * f[v] + kExp2[0]); });
  each([&](std::size_t v) { p[v] = pinned(p[v] * f[v] + 1.0F); });
  each([&](std::size_t v) { p[v] = pinned(p[v] * Floats(Words(power[v]) << 23)); });
  each([&](std::size_t v) {
    sums[v % kParts] += p[v];
    weights[v % kParts] += p[v] * y[v];
  });
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
  constexpr std::size_t kStep = kGroup * kFloatWidth;
  std::size_t i = 0;
  for (; i + kStep <= size; i += kStep) {
    if constexpr (kAhead) {
      for (std::size_t line = 0; line < kStep; line += 16) __builtin_prefetch(ahead + i + line);
    }
    add_terms<kGroup>(entries + i, high, sums, weights);
  }
  for (; i < size; i += kLanes) add_terms<kParts>(entries + i, high, sums, weights);
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
