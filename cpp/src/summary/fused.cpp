#include "summary/fused.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <type_traits>

#include "summary/moments_part.hpp"

namespace inlay {
namespace detail {
namespace {

// Below this a block is not worth its set-up.
constexpr std::size_t kFewValues = 16;

const SummaryKernels& kernels() noexcept { return summary_kernels(); }

void sums(const double* values, std::size_t size, double origin, BlockSums& out) noexcept {
  kernels().sums_f64(values, size, origin, out);
}
void sums(const float* values, std::size_t size, double origin, BlockSums& out) noexcept {
  kernels().sums_f32(values, size, origin, out);
}
void extent(const double* values, std::size_t size, BlockSums& out) noexcept {
  kernels().extent_f64(values, size, out);
}
void extent(const float* values, std::size_t size, BlockSums& out) noexcept {
  kernels().extent_f32(values, size, out);
}
std::size_t count_zeros(const double* values, std::size_t size) noexcept {
  return kernels().zeros_f64(values, size);
}
std::size_t count_zeros(const float* values, std::size_t size) noexcept {
  return kernels().zeros_f32(values, size);
}
void scatter(const double* values, std::size_t size, int shift, std::int32_t first, void* counts,
             bool wide) noexcept {
  kernels().scatter_f64(values, size, shift, first + (kBiasF64 >> shift), counts, wide);
}
void scatter(const float* values, std::size_t size, int shift, std::int32_t first, void* counts,
             bool wide) noexcept {
  kernels().scatter_f32(values, size, shift, first + (kBiasF32 >> shift), counts, wide);
}

std::uint64_t magnitude_bits(double value) noexcept {
  return std::bit_cast<std::uint64_t>(value) & kMagnitudeF64;
}

}  // namespace

// Raises the count, widening the buckets if it has to; the buckets must be raised next.
bool SummaryAccess::raise_count(ExpHistogram& h, std::size_t by) noexcept {
  if (!h.wide() && ((h.count_ + by) >> 32) != 0 && !h.widen()) return false;
  h.count_ += by;
  return true;
}

template <class T>
bool SummaryAccess::count_one_sided(ExpHistogram& h, const T* values, std::size_t size, double min,
                                    double max) noexcept {
  const bool minus = max < 0;
  ExpHistogram::Side& side = h.sides_[minus ? 1 : 0];
  const std::int32_t low = finest_index(magnitude_bits(minus ? max : min));
  const std::int32_t high = finest_index(magnitude_bits(minus ? min : max));
  if (!h.reserve(side, low, high) || !raise_count(h, size)) return false;
  scatter(values, size, h.shift_, side.first, side.counts, h.wide());
  return true;
}

template <class T>
bool SummaryAccess::count_two_sided(ExpHistogram& h, const T* values, std::size_t size,
                                    std::size_t zeros) noexcept {
  // One more than can be used: split() writes before it decides.
  std::int32_t indices[2][kBlockSize + 1];
  std::size_t num[2];
  if constexpr (std::is_same_v<T, float>) {
    double widened[kBlockSize];
    for (std::size_t i = 0; i < size; ++i) widened[i] = values[i];
    kernels().split(widened, size, indices[0], num[0], indices[1], num[1]);
  } else {
    kernels().split(values, size, indices[0], num[0], indices[1], num[1]);
  }
  if (num[0] + num[1] + zeros < size) {
    for (std::size_t i = 0; i < size; ++i) {
      const double value = values[i];
      const std::uint64_t magnitude = magnitude_bits(value);
      if (magnitude == 0 || magnitude > kMinNormalF64) continue;
      const std::size_t minus = value < 0 ? 1 : 0;
      indices[minus][num[minus]++] = finest_index(magnitude) + kBiasF64;
    }
  }
  for (int i = 0; i < 2; ++i) {
    if (num[i] == 0) continue;
    std::int32_t low = indices[i][0];
    std::int32_t high = low;
    for (std::size_t k = 1; k < num[i]; ++k) {
      low = std::min(low, indices[i][k]);
      high = std::max(high, indices[i][k]);
    }
    if (!h.reserve(h.sides_[i], low - kBiasF64, high - kBiasF64)) return false;
  }
  if (!raise_count(h, size)) return false;
  h.zero_count_ += zeros;
  for (int i = 0; i < 2; ++i) {
    kernels().scatter_indices(indices[i], num[i], h.shift_,
                              h.sides_[i].first + (kBiasF64 >> h.shift_), h.sides_[i].counts,
                              h.wide());
  }
  return true;
}

template <class T>
bool SummaryAccess::count_block(ExpHistogram& h, const T* values, std::size_t size, double min,
                                double max, std::size_t zeros) noexcept {
  constexpr double kSmallest = std::is_same_v<T, float> ? double{FLT_MIN} : DBL_MIN;
  if (min > kSmallest || max < -kSmallest) return count_one_sided(h, values, size, min, max);
  return count_two_sided(h, values, size, zeros);
}

void SummaryAccess::add_sums(Moments& m, const BlockSums& sums, std::size_t size, double origin,
                             std::size_t zeros) noexcept {
  m.merge_part(part_of_powers(static_cast<std::uint32_t>(size), origin, sums.power1, sums.power2,
                              sums.power3, sums.power4));
  // Adding zero makes -0 into 0.
  m.min_ = std::min(m.min_, sums.min + 0.0);
  m.max_ = std::max(m.max_, sums.max + 0.0);
  m.zero_count_ += zeros;
}

// Values so large that their powers overflow: one at a time, merged by means that cannot.
void SummaryAccess::add_wild(Moments& m, const double* values, std::size_t size) noexcept {
  for (std::size_t i = 0; i < size; ++i) update(m, values[i]);
}

template <class T>
bool SummaryAccess::update_block(Moments* m, ExpHistogram* h, const T* values,
                                 std::size_t size) noexcept {
  BlockSums block;
  double origin = 0;
  if (m != nullptr) {
    origin = m->next_origin(values[0]);
    sums(values, size, origin, block);
  } else {
    extent(values, size, block);
  }
  if (!std::isfinite(block.power4)) return update_mixed_block(m, h, values, size);
  const std::size_t zeros =
      block.min <= 0 && block.max >= 0 ? count_zeros(values, size) : std::size_t{0};
  if (h != nullptr && !count_block(*h, values, size, block.min, block.max, zeros)) return false;
  if (m != nullptr) add_sums(*m, block, size, origin, zeros);
  return true;
}

// A block with NaN, infinities or huge values: the finite ones are set apart first.
template <class T>
bool SummaryAccess::update_mixed_block(Moments* m, ExpHistogram* h, const T* values,
                                       std::size_t size) noexcept {
  double finite[kBlockSize];
  std::size_t num = 0;
  std::uint64_t nan = 0;
  std::uint64_t pos_inf = 0;
  std::uint64_t neg_inf = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const double value = values[i];
    const std::uint64_t magnitude = magnitude_bits(value);
    finite[num] = value;
    num += magnitude < kInfinityF64 ? 1U : 0U;
    nan += magnitude > kInfinityF64 ? 1U : 0U;
    pos_inf += magnitude == kInfinityF64 && value > 0 ? 1U : 0U;
    neg_inf += magnitude == kInfinityF64 && value < 0 ? 1U : 0U;
  }
  if (num != 0) {
    BlockSums block;
    const double origin = m != nullptr ? m->next_origin(finite[0]) : 0;
    if (m != nullptr) {
      sums(finite, num, origin, block);
    } else {
      extent(finite, num, block);
    }
    const std::size_t zeros = count_zeros(finite, num);
    if (h != nullptr && !count_block(*h, finite, num, block.min, block.max, zeros)) return false;
    if (m != nullptr && std::isfinite(block.power4)) add_sums(*m, block, num, origin, zeros);
    if (m != nullptr && !std::isfinite(block.power4)) add_wild(*m, finite, num);
  }
  if (m != nullptr) {
    m->nan_count_ += nan;
    m->pos_inf_count_ += pos_inf;
    m->neg_inf_count_ += neg_inf;
  }
  if (h != nullptr) {
    h->nan_count_ += nan;
    h->pos_inf_count_ += pos_inf;
    h->neg_inf_count_ += neg_inf;
  }
  return true;
}

template <class T>
std::size_t SummaryAccess::update_many(Moments* m, ExpHistogram* h, const T* values,
                                       std::size_t size) noexcept {
  std::size_t done = 0;
  while (size - done >= kFewValues) {
    const std::size_t block = std::min(size - done, kBlockSize);
    if (!update_block(m, h, values + done, block)) return done;
    done += block;
  }
  for (; done < size; ++done) {
    const double value = values[done];
    if (h != nullptr && !update(*h, value)) return done;
    if (m != nullptr) update(*m, value);
  }
  return done;
}

template std::size_t SummaryAccess::update_many(Moments*, ExpHistogram*, const double*,
                                                std::size_t) noexcept;
template std::size_t SummaryAccess::update_many(Moments*, ExpHistogram*, const float*,
                                                std::size_t) noexcept;

}  // namespace detail

using detail::SummaryAccess;

bool ExpHistogram::update(double value) noexcept { return SummaryAccess::update(*this, value); }

std::size_t ExpHistogram::update(const double* values, std::size_t size) noexcept {
  return SummaryAccess::update_many(nullptr, this, values, size);
}

std::size_t ExpHistogram::update(const float* values, std::size_t size) noexcept {
  return SummaryAccess::update_many(nullptr, this, values, size);
}

void Moments::update(double value) noexcept { SummaryAccess::update(*this, value); }

void Moments::update(const double* values, std::size_t size) noexcept {
  SummaryAccess::update_many(this, nullptr, values, size);
}

void Moments::update(const float* values, std::size_t size) noexcept {
  SummaryAccess::update_many(this, nullptr, values, size);
}

bool update(Moments& moments, ExpHistogram& histogram, double value) noexcept {
  return SummaryAccess::update(moments, histogram, value);
}

std::size_t update(Moments& moments, ExpHistogram& histogram, const double* values,
                   std::size_t size) noexcept {
  return SummaryAccess::update_many(&moments, &histogram, values, size);
}

std::size_t update(Moments& moments, ExpHistogram& histogram, const float* values,
                   std::size_t size) noexcept {
  return SummaryAccess::update_many(&moments, &histogram, values, size);
}

}  // namespace inlay
