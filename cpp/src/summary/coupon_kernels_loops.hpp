// The body of CouponKernels for x86-64's wider vectors. No include guard: each
// coupon_kernels_<isa>.cpp includes this once, after defining INLAY_KERNEL_WIDTH (words in a
// register). Everything here has internal linkage, so that no function compiled for a newer machine
// can stand in for the baseline's when the linker merges duplicates; murmur3.hpp gives constants
// alone for that reason.

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of its own header, whose "undefined" vectors start as copies of themselves.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include "summary/coupon_kernels.hpp"
#include "summary/murmur3.hpp"

namespace inlay::detail {
namespace {

constexpr std::size_t kWidth = INLAY_KERNEL_WIDTH;
using Words = std::uint64_t __attribute__((vector_size(kWidth * sizeof(std::uint64_t))));

inline Words load(const std::uint64_t* from) noexcept {
  Words out;
  std::memcpy(&out, from, sizeof(out));
  return out;
}

// The low 64 bits of products with a constant.
inline Words times(Words a, std::uint64_t by) noexcept {
#if INLAY_KERNEL_WIDTH == 8
  return Words(_mm512_mullo_epi64(__m512i(a), _mm512_set1_epi64(static_cast<long long>(by))));
#else
  // Of the four products of halves, high by high lies beyond 64 bits.
  const __m256i low = _mm256_set1_epi64x(static_cast<long long>(by));
  const __m256i high = _mm256_set1_epi64x(static_cast<long long>(by >> 32));
  const Words crossed =
      Words(_mm256_mul_epu32(__m256i(a), high)) + Words(_mm256_mul_epu32(__m256i(a >> 32), low));
  return Words(_mm256_mul_epu32(__m256i(a), low)) + (crossed << 32);
#endif
}

inline Words final_mix(Words h) noexcept {
  h = times(h ^ (h >> 33), kMurmurFinal1);
  h = times(h ^ (h >> 33), kMurmurFinal2);
  return h ^ (h >> 33);
}

inline void hash(Words words, Words& low, Words& high) noexcept {
  constexpr std::uint64_t kStart = kMurmurSeed ^ sizeof(std::uint64_t);
  const Words first = times(words, kMurmur1);
  low = (times(first << 31 | first >> 33, kMurmur2) ^ kStart) + kStart;
  high = final_mix(low + kStart);
  low = final_mix(low) + high;
  high += low;
}

#if INLAY_KERNEL_WIDTH == 4
// For each set of lanes the byte shuffle that moves them to the front.
struct ToFront {
  alignas(16) std::uint8_t bytes[16][16] = {};
  constexpr ToFront() {
    for (unsigned set = 0; set < 16; ++set) {
      unsigned to = 0;
      for (unsigned lane = 0; lane < 4; ++lane) {
        if ((set >> lane & 1U) == 0) continue;
        for (unsigned k = 0; k < 4; ++k) {
          bytes[set][to++] = static_cast<std::uint8_t>(4 * lane + k);
        }
      }
    }
  }
};
constexpr ToFront kToFront;
#endif

// Writes the coupons of those lanes that exceed the floor and returns where the next one goes.
inline std::uint32_t* keep(Words low, Words high, __m128i floor, std::uint32_t* out) noexcept {
#if INLAY_KERNEL_WIDTH == 8
  // A shift by 64, which floor 0 asks for, leaves 0 here.
  const __m512i too_low = _mm512_srl_epi64(__m512i(high), floor);
  const __mmask8 kept = _mm512_testn_epi64_mask(too_low, too_low);
  if (kept == 0) return out;
  const __m512i zeros = _mm512_min_epu64(_mm512_lzcnt_epi64(__m512i(high)), _mm512_set1_epi64(62));
  const __m512i value = _mm512_slli_epi64(_mm512_add_epi64(zeros, _mm512_set1_epi64(1)), kSlotBits);
  const __m512i slot = _mm512_and_si512(__m512i(low), _mm512_set1_epi64(kSlotMask));
  const __m256i coupons = _mm512_cvtepi64_epi32(_mm512_or_si512(slot, value));
  // To a register, then all of it to memory: a compressing store takes far longer on some machines.
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_maskz_compress_epi32(kept, coupons));
  return out + static_cast<unsigned>(__builtin_popcount(kept));
#else
  const __m256i too_low = _mm256_srl_epi64(__m256i(high), floor);
  const __m256i kept = _mm256_cmpeq_epi64(too_low, _mm256_setzero_si256());
  const auto lanes = static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(kept)));
  if (lanes == 0) return out;
  // All four are written and those kept move down: which ones they are cannot be foreseen.
  alignas(16) std::uint32_t coupons[4];
  for (std::size_t lane = 0; lane < 4; ++lane) {
    const auto zeros = static_cast<std::uint32_t>(__builtin_clzll(high[lane] | 2));
    coupons[lane] = (static_cast<std::uint32_t>(low[lane]) & kSlotMask) | (zeros + 1) << kSlotBits;
  }
  const __m128i packed =
      _mm_shuffle_epi8(_mm_load_si128(reinterpret_cast<const __m128i*>(coupons)),
                       _mm_load_si128(reinterpret_cast<const __m128i*>(kToFront.bytes[lanes])));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), packed);
  return out + static_cast<unsigned>(__builtin_popcount(lanes));
#endif
}

std::size_t coupons_of_words(const std::uint64_t* words, std::size_t size, unsigned floor,
                             std::uint32_t* out) noexcept {
  const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(64 - floor));
  std::uint32_t* end = out;
  std::size_t at = 0;
  // Two registers at once, since a hash is one long chain.
  for (; at + 2 * kWidth <= size; at += 2 * kWidth) {
    Words low[2];
    Words high[2];
    hash(load(words + at), low[0], high[0]);
    hash(load(words + at + kWidth), low[1], high[1]);
    end = keep(low[0], high[0], shift, end);
    end = keep(low[1], high[1], shift, end);
  }
  const auto kept = static_cast<std::size_t>(end - out);
  return kept + kCouponKernelsScalar.coupons_of_words(words + at, size - at, floor, end);
}

}  // namespace
}  // namespace inlay::detail
