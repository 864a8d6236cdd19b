#include "summary/coupon_kernels.hpp"
#include "summary/kernels.hpp"

namespace inlay::detail {

const CouponKernels& coupon_kernels() noexcept {
#if defined(__x86_64__)
  const SummaryKernels* chosen = &summary_kernels();
  if (chosen == &kSummaryKernelsAvx512) return kCouponKernelsAvx512;
  if (chosen == &kSummaryKernelsAvx2) return kCouponKernelsAvx2;
#endif
  return kCouponKernelsScalar;
}

}  // namespace inlay::detail
