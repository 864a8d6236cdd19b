#include <bit>
#include <cmath>
#include <inlay/summary/moments.hpp>

#include "summary/fused.hpp"
#include "summary/moments_part.hpp"

namespace inlay {

using detail::MomentsPart;

MomentsPart Moments::part() const noexcept {
  const MomentsPart folded = {count_, {sum_high_, sum_low_, sum_scaled_}, m2_, m3_, m4_};
  if (pending_ == 0) return folded;
  return merged(folded, detail::part_of_powers(pending_, origin_, powers_[0], powers_[1],
                                               powers_[2], powers_[3]));
}

void Moments::set_part(const MomentsPart& part) noexcept {
  count_ = part.count;
  sum_high_ = part.sum.high;
  sum_low_ = part.sum.low;
  sum_scaled_ = part.sum.scaled;
  m2_ = part.m2;
  m3_ = part.m3;
  m4_ = part.m4;
}

void Moments::merge_part(const MomentsPart& other) noexcept {
  const MomentsPart folded = {count_, {sum_high_, sum_low_, sum_scaled_}, m2_, m3_, m4_};
  set_part(merged(folded, other));
}

void Moments::fold_pending() noexcept {
  set_part(part());
  pending_ = 0;
}

// Where the distances of the next pending values are measured from: a value that occurred, so that
// values on a grid (integers above all) have distances on the grid and exact sums; of two such the
// one nearer to the mean, so that an outlier is not kept.
double Moments::next_origin(double value) const noexcept {
  const MomentsPart folded = {count_, {sum_high_, sum_low_, sum_scaled_}, m2_, m3_, m4_};
  const double mean = mean_of(folded).high;
  return std::fabs(value - mean) <= std::fabs(origin_ - mean) ? value : origin_;
}

void Moments::update_slow(double value) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const std::uint64_t magnitude = bits & detail::kMagnitudeF64;
  if (magnitude >= detail::kInfinityF64) {
    if (magnitude > detail::kInfinityF64) {
      ++nan_count_;
    } else {
      ++(bits >> 63 ? neg_inf_count_ : pos_inf_count_);
    }
    return;
  }
  if (magnitude == 0) {
    value = 0;  // one zero, so that min and max do not depend on the order of 0 and -0
    ++zero_count_;
  }
  // On its own: the powers of a huge value would overflow; and the very first value may be an
  // outlier, which as an origin would cost the others their digits.
  if (magnitude > detail::kTameF64 || (count_ == 0 && pending_ == 0)) {
    fold_pending();
    min_ = value < min_ ? value : min_;
    max_ = value > max_ ? value : max_;
    MomentsPart one;
    one.count = 1;
    one.sum = one.sum + detail::WideSum{value, 0, false};
    merge_part(one);
    return;
  }
  if (pending_ == detail::kPendingLimit) fold_pending();
  if (pending_ == 0) {
    origin_ = next_origin(value);
    for (double& power : powers_) power = 0;
  }
  detail::SummaryAccess::moments_add(*this, value);
}

void Moments::merge(const Moments& other) noexcept {
  const MomentsPart added = other.part();  // first, since other may be this
  fold_pending();
  merge_part(added);
  null_count_ += other.null_count_;
  nan_count_ += other.nan_count_;
  pos_inf_count_ += other.pos_inf_count_;
  neg_inf_count_ += other.neg_inf_count_;
  zero_count_ += other.zero_count_;
  min_ = other.min_ < min_ ? other.min_ : min_;
  max_ = other.max_ > max_ ? other.max_ : max_;
}

std::optional<double> Moments::min() const noexcept {
  return count() == 0 ? std::nullopt : std::optional<double>(min_);
}

std::optional<double> Moments::max() const noexcept {
  return count() == 0 ? std::nullopt : std::optional<double>(max_);
}

Moments::Values Moments::values() const noexcept {
  const MomentsPart all = part();
  Values out{};
  out.count = all.count;
  if (all.count == 0) return out;
  const auto defined = [](double moment) {
    return std::isfinite(moment) ? std::optional<double>(moment) : std::nullopt;
  };
  out.sum = all.sum.value();
  out.min = min_;
  out.max = max_;
  const double mean = mean_of(all).high;
  out.mean = mean < min_ ? min_ : mean > max_ ? max_ : mean;  // rounding may step outside
  out.m2 = defined(all.m2);
  out.m3 = defined(all.m3);
  out.m4 = defined(all.m4);
  out.overflowed = !out.m2 || !out.m3 || !out.m4;
  return out;
}

std::optional<double> Moments::variance(unsigned ddof) const noexcept {
  const Values v = values();
  if (v.count <= ddof || !v.m2) return std::nullopt;
  return *v.m2 / static_cast<double>(v.count - ddof);
}

std::optional<double> Moments::std(unsigned ddof) const noexcept {
  const std::optional<double> square = variance(ddof);
  if (!square) return std::nullopt;
  return std::sqrt(*square);
}

// Scaled by the standard deviation step by step: m2^1.5 and m2^2 overflow long before the ratio.
std::optional<double> Moments::skewness() const noexcept {
  const Values v = values();
  if (!v.m2 || !v.m3 || !(*v.m2 > 0)) return std::nullopt;
  const double n = static_cast<double>(v.count);
  const double deviation = std::sqrt(*v.m2 / n);
  const double skewness = *v.m3 / *v.m2 / deviation;
  return std::isfinite(skewness) ? std::optional<double>(skewness) : std::nullopt;
}

std::optional<double> Moments::kurtosis() const noexcept {
  const Values v = values();
  if (!v.m2 || !v.m4 || !(*v.m2 > 0)) return std::nullopt;
  const double kurtosis = *v.m4 / *v.m2 / (*v.m2 / static_cast<double>(v.count)) - 3;
  return std::isfinite(kurtosis) ? std::optional<double>(kurtosis) : std::nullopt;
}

bool operator==(const Moments& a, const Moments& b) noexcept {
  const MomentsPart left = a.part();
  const MomentsPart right = b.part();
  return a.null_count_ == b.null_count_ && a.nan_count_ == b.nan_count_ &&
         a.pos_inf_count_ == b.pos_inf_count_ && a.neg_inf_count_ == b.neg_inf_count_ &&
         a.zero_count_ == b.zero_count_ && a.min_ == b.min_ && a.max_ == b.max_ &&
         left.count == right.count && left.sum.high == right.sum.high &&
         left.sum.low == right.sum.low && left.sum.scaled == right.sum.scaled &&
         left.m2 == right.m2 && left.m3 == right.m3 && left.m4 == right.m4;
}

}  // namespace inlay
