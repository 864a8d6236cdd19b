#include "summary/coupon_kernels.hpp"
#include "summary/murmur3.hpp"

namespace inlay::detail {
namespace {

std::size_t coupons_of_words(const std::uint64_t* words, std::size_t size, unsigned floor,
                             std::uint32_t* out) noexcept {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const Hash128 hash = murmur_of_word(words[i]);
    // Written in any case: whether it stays is hard to predict, and a store is cheap.
    out[kept] = coupon_of(hash);
    kept += exceeds(hash, floor) ? 1U : 0U;
  }
  return kept;
}

}  // namespace

constinit const CouponKernels kCouponKernelsScalar = {"scalar", &coupons_of_words};

}  // namespace inlay::detail
