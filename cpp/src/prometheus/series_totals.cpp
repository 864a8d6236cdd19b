#include "prometheus/series_totals.hpp"

#include <algorithm>
#include <cmath>

namespace inlay::prometheus {
namespace {

// Beyond this a double no longer tells neighbouring whole numbers apart.
constexpr double kExactWhole = 0x1p53;

std::int64_t saturated_sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;  // neither is below zero
}

}  // namespace

void Excluded::add(const Excluded& other) {
  nan = saturated_sum(nan, other.nan);
  pos_inf = saturated_sum(pos_inf, other.pos_inf);
  neg_inf = saturated_sum(neg_inf, other.neg_inf);
  null = saturated_sum(null, other.null);
}

void RunningSum::add_part(double value) {
  const double sum = part_ + value;
  correction_ += std::abs(part_) >= std::abs(value) ? (part_ - sum) + value : (value - sum) + part_;
  part_ = sum;
}

void RunningSum::add(double value) {
  if (std::abs(value) <= kExactWhole && value == std::trunc(value)) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(whole_, static_cast<std::int64_t>(value), &sum)) {
      whole_ = sum;
      return;
    }
  }
  add_part(value);
}

void RunningSum::add(const RunningSum& other) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(whole_, other.whole_, &sum)) {
    add_part(static_cast<double>(other.whole_));
  } else {
    whole_ = sum;
  }
  if (other.part_ != 0) add_part(other.part_);
  if (other.correction_ != 0) add_part(other.correction_);
}

double RunningSum::value() const {
  if (is_whole()) return static_cast<double>(whole_);
  // An overflowed sum makes the correction NaN; the sum itself is then the honest answer.
  const double sum = part_ + correction_;
  return static_cast<double>(whole_) + (std::isnan(sum) ? part_ : sum);
}

RunningSum RunningSum::from_parts(std::int64_t whole, double part, double correction) {
  RunningSum sum;
  sum.whole_ = whole;
  sum.part_ = part;
  sum.correction_ = correction;
  return sum;
}

SeriesTotals::OwnedBuckets& SeriesTotals::OwnedBuckets::operator=(const OwnedBuckets& other) {
  if (this == &other) return *this;
  if (!other.buckets_) {
    buckets_.reset();
  } else if (buckets_) {
    *buckets_ = *other.buckets_;  // keeps the memory of a scratch series
  } else {
    buckets_ = std::make_unique<BucketTotals>(*other.buckets_);
  }
  return *this;
}

SeriesTotals::SeriesTotals(Kind kind, std::size_t max_buckets) : kind_(kind) {
  if (kind == Kind::kHistogram) buckets_ = OwnedBuckets(max_buckets);
}

void SeriesTotals::restore_times(std::int64_t created_us, std::int64_t updated_us) {
  created_us_ = created_us;
  updated_us_ = updated_us;
}

void SeriesTotals::restore_gauge(double value, bool has_value) {
  gauge_ = value;
  has_value_ = has_value;
}

void SeriesTotals::add(const PointDelta& delta) {
  if (updated_us_ == 0) {
    created_us_ = delta.start_us;
  } else {
    created_us_ = std::min(created_us_, delta.start_us);
  }
  excluded_.add(delta.excluded);
  switch (kind_) {
    case Kind::kCounter:
      sum_.add(delta.value);
      has_value_ = true;
      break;
    case Kind::kGauge:
      // A row that comes late must not undo a younger one, and one with nothing but excluded values
      // says nothing about the last.
      if (delta.time_us >= updated_us_ && (delta.has_value || !delta.ok)) {
        has_value_ = delta.ok && delta.has_value;
        gauge_ = delta.value;
      }
      break;
    case Kind::kHistogram:
      sum_.add(delta.sum);
      buckets_->add(delta.buckets);
      has_value_ = true;
      break;
  }
  updated_us_ = std::max(updated_us_, delta.time_us);
}

void SeriesTotals::merge(const SeriesTotals& other, GaugeMerge gauges) {
  excluded_.add(other.excluded_);
  if (other.created_us_ != 0) {
    created_us_ = created_us_ == 0 ? other.created_us_ : std::min(created_us_, other.created_us_);
  }
  switch (kind_) {
    case Kind::kCounter:
      sum_.add(other.sum_);
      has_value_ = has_value_ || other.has_value_;
      break;
    case Kind::kGauge:
      if (!other.has_value_) break;
      if (!has_value_) {
        gauge_ = other.gauge_;
      } else {
        switch (gauges) {
          case GaugeMerge::kSum:
            gauge_ += other.gauge_;
            break;
          case GaugeMerge::kMin:
            gauge_ = std::fmin(gauge_, other.gauge_);
            break;
          case GaugeMerge::kMax:
            gauge_ = std::fmax(gauge_, other.gauge_);
            break;
          case GaugeMerge::kPid:
          case GaugeMerge::kLast:
            if (other.updated_us_ >= updated_us_) gauge_ = other.gauge_;
            break;
        }
      }
      has_value_ = true;
      break;
    case Kind::kHistogram:
      sum_.add(other.sum_);
      buckets_->add(*other.buckets_);
      has_value_ = has_value_ || other.has_value_;
      break;
  }
  updated_us_ = std::max(updated_us_, other.updated_us_);
}

void SeriesTotals::add_exemplar(const Exemplar& exemplar, std::size_t limit) {
  if (limit == 0) return;
  if (std::find(exemplars_.begin(), exemplars_.end(), exemplar) != exemplars_.end()) return;
  const auto place =
      std::upper_bound(exemplars_.begin(), exemplars_.end(), exemplar,
                       [](const Exemplar& a, const Exemplar& b) { return a.time_us < b.time_us; });
  exemplars_.insert(place, exemplar);
  if (exemplars_.size() > limit) exemplars_.erase(exemplars_.begin());
}

}  // namespace inlay::prometheus
