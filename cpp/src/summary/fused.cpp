#include "summary/fused.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <type_traits>

#include "summary/count_width.hpp"
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
std::size_t near_zero(const double* values, std::size_t size, double& smallest) noexcept {
  return kernels().near_zero_f64(values, size, smallest);
}
std::size_t near_zero(const float* values, std::size_t size, double& smallest) noexcept {
  return kernels().near_zero_f32(values, size, smallest);
}
void scatter(const double* values, std::size_t size, int shift, const BucketRun* to_side,
             bool zeros, unsigned width) noexcept {
  kernels().scatter_f64(values, size, shift, to_side, zeros, width);
}
void scatter(const float* values, std::size_t size, int shift, const BucketRun* to_side, bool zeros,
             unsigned width) noexcept {
  kernels().scatter_f32(values, size, shift, to_side, zeros, width);
}
void scatter_one_side(const double* values, std::size_t size, int shift, BucketRun to, bool minus,
                      unsigned width) noexcept {
  kernels().scatter_one_side_f64(values, size, shift, to, minus, width);
}
void scatter_one_side(const float* values, std::size_t size, int shift, BucketRun to, bool minus,
                      unsigned width) noexcept {
  kernels().scatter_one_side_f32(values, size, shift, to, minus, width);
}

std::uint64_t magnitude_bits(double value) noexcept {
  return std::bit_cast<std::uint64_t>(value) & kMagnitudeF64;
}

// What a block's distances are measured from: the middle one of three values. Not the mean so far,
// for which the block would have to wait and which an outlier may have carried off; and a value
// that occurs, as values on a grid (integers above all) then have distances on the grid and exact
// sums. A block's M2 is at least the square of what any of its values lies off the mean, so that
// the digits lost to a badly chosen one do not show.
template <class T>
double origin_of(const T* values, std::size_t size) noexcept {
  const double a = values[0];
  const double b = values[size / 2];
  const double c = values[size - 1];
  const double middle = std::max(std::min(a, b), std::min(std::max(a, b), c));
  return magnitude_bits(middle) <= kTameF64 ? middle : 0;
}

template <class T>
constexpr double kSmallestNormal = std::is_same_v<T, float> ? double{FLT_MIN} : DBL_MIN;

}  // namespace

bool SummaryAccess::update_slow(Moments& m, ExpHistogram& h, double value) noexcept {
  if (!update(h, value)) return false;
  update(m, value);
  return true;
}

// Counts values as long as update_slow() is not needed, and returns how many. Their buckets are
// found before any is counted, as in the loops over arrays.
template <class Count>
std::size_t SummaryAccess::update_quick(Moments& m, ExpHistogram& h, const double* values,
                                        std::size_t size) noexcept {
  Count* buckets[kFewValues];
  size = std::min<std::size_t>({size, kFewValues, kPendingLimit - m.pending_});
  PendingSums sums(m);
  const int shift = h.shift_;
  std::size_t done = 0;
  for (; done < size; ++done) {
    const auto bits = std::bit_cast<std::uint64_t>(values[done]);
    const std::uint64_t magnitude = bits & kMagnitudeF64;
    if (magnitude - kMinNormalF64 - 1 >= kTameF64 - kMinNormalF64) [[unlikely]]
      break;
    const ExpHistogram::Side& side = h.sides_[bits >> 63];
    const auto index = static_cast<std::uint32_t>(table_index(magnitude, kCellsF64.data(), shift));
    const std::uint32_t at = index - static_cast<std::uint32_t>(side.first);
    if (at >= side.capacity) [[unlikely]]
      break;
    buckets[done] = static_cast<Count*>(side.counts) + at;
    __builtin_prefetch(buckets[done], 1);
    sums.add(values[done]);
  }
  for (std::size_t i = 0; i < done; ++i) ++*buckets[i];
  sums.store(m);
  m.pending_ += static_cast<std::uint32_t>(done);
  h.count_ += done;
  return done;
}

std::size_t SummaryAccess::update_few(Moments& m, ExpHistogram& h, const double* values,
                                      std::size_t size) noexcept {
  for (std::size_t done = 0;; ++done) {
    const unsigned width = h.width();
    if (m.pending_ != 0 && ExpHistogram::width_for(h.count_ + size - done) == width) {
      done += with_counts(nullptr, width, [&](auto* counts) {
        return update_quick<std::remove_pointer_t<decltype(counts)>>(m, h, values + done,
                                                                     size - done);
      });
    }
    if (done == size || !update_slow(m, h, values[done])) return done;
  }
}

// Raises the count, widening the buckets if it has to; the buckets must be raised next.
bool SummaryAccess::raise_count(ExpHistogram& h, std::size_t by) noexcept {
  if (!h.widen_for(h.count_ + by)) return false;
  h.count_ += by;
  return true;
}

template <class T>
bool SummaryAccess::count_one_sided(ExpHistogram& h, const T* values, std::size_t size,
                                    double nearest, double farthest) noexcept {
  const bool minus = farthest < 0;
  ExpHistogram::Side& side = h.sides_[minus ? 1 : 0];
  const std::int32_t low = finest_index(magnitude_bits(nearest));
  const std::int32_t high = finest_index(magnitude_bits(farthest));
  if (!h.reserve(side, low, high) || !raise_count(h, size)) return false;
  scatter_one_side(values, size, h.shift_, {side.counts, side.first}, minus, h.width());
  return true;
}

// Room for values of both signs. The smallest magnitude of each side takes a slow pass, which is
// needed only when the runs do not reach down to the smaller of the two: reserving more than what
// is there could lower the scale.
template <class T>
bool SummaryAccess::reserve_both(ExpHistogram& h, const T* values, std::size_t size,
                                 const BlockSums& sums, double smallest) noexcept {
  const std::int32_t lowest = finest_index(magnitude_bits(smallest)) >> h.shift_;
  bool covered = true;
  for (const int minus : {0, 1}) {
    const double farthest = minus != 0 ? sums.min : sums.max;
    if (minus != 0 ? farthest >= 0 : farthest <= 0) continue;
    const ExpHistogram::Side& side = h.sides_[minus];
    const std::int32_t highest = finest_index(magnitude_bits(farthest)) >> h.shift_;
    covered = covered && lowest >= side.first &&
              highest < side.first + static_cast<std::int32_t>(side.capacity);
  }
  if (covered) return true;
  double nearest[2] = {HUGE_VAL, HUGE_VAL};
  for (std::size_t i = 0; i < size; ++i) {
    const double value = values[i];
    double& least = nearest[value < 0 ? 1 : 0];
    if (value != 0) least = std::min(least, std::fabs(value));
  }
  for (const int minus : {0, 1}) {
    if (nearest[minus] == HUGE_VAL) continue;
    const double farthest = minus != 0 ? sums.min : sums.max;
    if (!h.reserve(h.sides_[minus], finest_index(magnitude_bits(nearest[minus])),
                   finest_index(magnitude_bits(farthest)))) {
      return false;
    }
  }
  return true;
}

template <class T>
bool SummaryAccess::count_block(ExpHistogram& h, const T* values, std::size_t size,
                                const BlockSums& sums, std::size_t zeros,
                                double smallest) noexcept {
  if (sums.min > kSmallestNormal<T>) return count_one_sided(h, values, size, sums.min, sums.max);
  if (sums.max < -kSmallestNormal<T>) return count_one_sided(h, values, size, sums.max, sums.min);
  if constexpr (std::is_same_v<T, float>) {
    if (smallest <= kSmallestNormal<T>) {  // no float is that small as a double
      double widened[kBlockSize];
      for (std::size_t i = 0; i < size; ++i) widened[i] = values[i];
      return count_block(h, widened, size, sums, zeros, smallest);
    }
  }
  if (zeros < size && !reserve_both(h, values, size, sums, smallest)) return false;
  if (!raise_count(h, size)) return false;
  h.zero_count_ += zeros;
  const BucketRun runs[2] = {{h.sides_[0].counts, h.sides_[0].first},
                             {h.sides_[1].counts, h.sides_[1].first}};
  if (smallest > kSmallestNormal<T>) {
    scatter(values, size, h.shift_, runs, zeros != 0, h.width());
    return true;
  }
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(double{values[i]});
    if ((bits & kMagnitudeF64) == 0) continue;
    const BucketRun& run = runs[bits >> 63];
    const std::int32_t at = (finest_index(bits & kMagnitudeF64) >> h.shift_) - run.first;
    with_counts(run.counts, h.width(), [at](auto* counts) { ++counts[at]; });
  }
  return true;
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
    origin = origin_of(values, size);
    sums(values, size, origin, block);
  } else {
    extent(values, size, block);
  }
  if (!std::isfinite(block.power4)) return update_mixed_block(m, h, values, size);
  double smallest = 0;
  std::size_t zeros = 0;
  if (!(block.min > kSmallestNormal<T> || block.max < -kSmallestNormal<T>)) {
    zeros = near_zero(values, size, smallest);
  }
  if (h != nullptr && !count_block(*h, values, size, block, zeros, smallest)) return false;
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
    const double origin = origin_of(finite, num);
    if (m != nullptr) {
      sums(finite, num, origin, block);
    } else {
      extent(finite, num, block);
    }
    double smallest = 0;
    const std::size_t zeros = near_zero(finite, num, smallest);
    if (h != nullptr && !count_block(*h, finite, num, block, zeros, smallest)) return false;
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
  if constexpr (std::is_same_v<T, double>) {
    if (m != nullptr && h != nullptr) return done + update_few(*m, *h, values + done, size - done);
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
