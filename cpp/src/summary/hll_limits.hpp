#pragma once

#include <cstdint>
#include <inlay/host_device.hpp>

namespace inlay::detail {

/// The most coupons a sketch keeps before it turns to registers: where DataSketches does, so that
/// each of the two reads the other's sketch in the same form.
INLAY_HOST_DEVICE constexpr std::uint32_t most_coupons(int lg_k) {
  return lg_k < 8 ? 7 : (std::uint32_t{3} << (lg_k - 3)) / 4;
}

}  // namespace inlay::detail
