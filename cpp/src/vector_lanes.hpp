// A vector register of doubles, and the 16 lanes in which every sum of floats runs: what the loops
// of the kernels are written in. No include guard: each kernel unit includes it once, after
// defining INLAY_KERNEL_WIDTH (doubles in a register), and is compiled for its instruction set.
// Everything here has internal linkage, so that no function compiled for a newer machine can stand
// in for the baseline's when the linker merges duplicates.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of its own header, whose "undefined" vectors start as copies of themselves.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#endif

namespace inlay::detail {
namespace {

constexpr std::size_t kLanes = 16;
constexpr std::size_t kWidth = INLAY_KERNEL_WIDTH;
static_assert(kLanes % kWidth == 0);
constexpr double kInfinity = std::numeric_limits<double>::infinity();

using Vector = double __attribute__((vector_size(kWidth * sizeof(double))));
using Integers = std::int64_t __attribute__((vector_size(kWidth * sizeof(std::int64_t))));

inline Vector load(const double* from) noexcept {
  Vector out;
  std::memcpy(&out, from, sizeof(out));
  return out;
}

inline Vector load(const float* from) noexcept {
  // The compiler would widen one by one.
#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 2
  return Vector(_mm_cvtps_pd(_mm_castsi128_ps(_mm_loadu_si64(from))));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 4
  return Vector(_mm256_cvtps_pd(_mm_loadu_ps(from)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 8
  return Vector(_mm512_cvtps_pd(_mm256_loadu_ps(from)));
#else
  using Floats = float __attribute__((vector_size(kWidth * sizeof(float))));
  Floats narrow;
  std::memcpy(&narrow, from, sizeof(narrow));
  return __builtin_convertvector(narrow, Vector);
#endif
}

inline void store(double* to, Vector from) noexcept { std::memcpy(to, &from, sizeof(from)); }

// The compiler makes compare and blend of the plain form, since it may not assume that zeros have
// one sign; the machine's own instruction takes the second operand when the two are equal. It also
// overwrites the first, so the accumulator stands there.
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

}  // namespace
}  // namespace inlay::detail
