#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/host_device.hpp>
#include <inlay/summary/hll.hpp>
#include <vector>

#include "summary/hll_limits.hpp"

namespace inlay::cuda {

/// Where things lie in a state, and in what is copied out of it.
struct DistinctLayout {
  enum Count : unsigned { kItems, kNans, kPosInfs, kNegInfs, kCoupons, kCounts };

  int lg_k;
  int lg_table;  // at most half full while the sketch is small

  INLAY_HOST_DEVICE static constexpr DistinctLayout of(int lg_k) {
    int lg_table = 4;
    while ((std::uint32_t{1} << lg_table) < 2 * (detail::most_coupons(lg_k) + 1)) ++lg_table;
    return {lg_k, lg_table};
  }
  INLAY_HOST_DEVICE std::uint32_t registers() const { return std::uint32_t{1} << lg_k; }
  INLAY_HOST_DEVICE std::uint32_t table() const { return std::uint32_t{1} << lg_table; }
  INLAY_HOST_DEVICE std::size_t state_bytes() const {
    return kCounts * sizeof(unsigned long long) + (registers() + std::size_t{table()}) * 4;
  }
  /// The counts, then the table of coupons or the registers as bytes.
  INLAY_HOST_DEVICE std::size_t result_bytes() const {
    const std::size_t coupons = std::size_t{table()} * 4;
    return kCounts * sizeof(unsigned long long) + (coupons > registers() ? coupons : registers());
  }
  INLAY_HOST_DEVICE unsigned long long* counts(void* state) const {
    return static_cast<unsigned long long*>(state);
  }
  INLAY_HOST_DEVICE unsigned* registers_of(void* state) const {
    return reinterpret_cast<unsigned*>(counts(state) + kCounts);
  }
  INLAY_HOST_DEVICE unsigned* coupons_of(void* state) const {
    return registers_of(state) + registers();
  }
};

/// The sketch of what left a state.
/// @throws std::bad_alloc
inline Hll hll_of_result(const DistinctLayout& layout, const void* result) {
  const auto* const counts = static_cast<const unsigned long long*>(result);
  Hll::Counts offered;
  offered.items = counts[DistinctLayout::kItems];
  offered.nans = counts[DistinctLayout::kNans];
  offered.pos_infs = counts[DistinctLayout::kPosInfs];
  offered.neg_infs = counts[DistinctLayout::kNegInfs];
  const void* const rest = counts + DistinctLayout::kCounts;
  if (counts[DistinctLayout::kCoupons] > detail::most_coupons(layout.lg_k)) {
    return Hll::from_registers(layout.lg_k, static_cast<const std::uint8_t*>(rest), offered);
  }
  std::vector<std::uint32_t> coupons;
  const auto* const table = static_cast<const std::uint32_t*>(rest);
  for (std::uint32_t i = 0; i < layout.table(); ++i) {
    if (table[i] != 0) coupons.push_back(table[i]);
  }
  return Hll::from_coupons(layout.lg_k, coupons.data(), coupons.size(), offered);
}

}  // namespace inlay::cuda
