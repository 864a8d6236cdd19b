#pragma once

#include <cstddef>
#include <cstdint>

namespace inlay::detail {

/// The loop that hashes words, one for each instruction set, all with the same coupons.
///
/// | loop             | reads | writes                                | order       |
/// |------------------|-------|---------------------------------------|-------------|
/// | coupons_of_words | u64   | u32 coupons of values above the floor | as the words |
struct CouponKernels {
  const char* name;
  /// Writes the coupons of words whose value exceeds `floor` and returns how many they are. `out`
  /// has room for `size`.
  std::size_t (*coupons_of_words)(const std::uint64_t* words, std::size_t size, unsigned floor,
                                  std::uint32_t* out) noexcept;
};

extern const CouponKernels kCouponKernelsScalar;
#if defined(__x86_64__)
extern const CouponKernels kCouponKernelsAvx2;
extern const CouponKernels kCouponKernelsAvx512;
#endif

/// The set that belongs to summary_kernels(), so that one choice serves all summaries.
const CouponKernels& coupon_kernels() noexcept;

}  // namespace inlay::detail
