// Eight words in a register: x86-64-v4.
#define INLAY_KERNEL_WIDTH 8
#include "summary/coupon_kernels_loops.hpp"

namespace inlay::detail {

constinit const CouponKernels kCouponKernelsAvx512 = {"avx512", &coupons_of_words};

}  // namespace inlay::detail
