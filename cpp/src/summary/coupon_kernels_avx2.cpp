// Four words in a register: x86-64-v3.
#define INLAY_KERNEL_WIDTH 4
#include "summary/coupon_kernels_loops.hpp"

namespace inlay::detail {

constinit const CouponKernels kCouponKernelsAvx2 = {"avx2", &coupons_of_words};

}  // namespace inlay::detail
