#include "prometheus/bucket_totals.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace inlay::prometheus {
namespace {

/// More values than anything can have recorded; leaves room to add such histograms up.
constexpr std::int64_t kMaxTotal = std::int64_t{1} << 56;

/// Part of `run` that holds something: a row may carry empty buckets at its ends.
BucketRun without_empty_ends(BucketRun run) {
  while (run.size > 0 && run.counts[0] == 0) {
    ++run.counts;
    ++run.offset;
    --run.size;
  }
  while (run.size > 0 && run.counts[run.size - 1] == 0) --run.size;
  return run;
}

/// Buckets spanned by two runs together at a scale lower by `shift_a` and `shift_b`.
std::size_t joint_span(const BucketRun& a, int shift_a, const BucketRun& b, int shift_b) {
  const auto first = [](const BucketRun& run, int shift) {
    return static_cast<std::int64_t>(run.offset) >> shift;
  };
  const auto last = [](const BucketRun& run, int shift) {
    return (run.offset + static_cast<std::int64_t>(run.size) - 1) >> shift;
  };
  if (a.size == 0 && b.size == 0) return 0;
  if (a.size == 0) return static_cast<std::size_t>(last(b, shift_b) - first(b, shift_b) + 1);
  if (b.size == 0) return static_cast<std::size_t>(last(a, shift_a) - first(a, shift_a) + 1);
  return static_cast<std::size_t>(std::max(last(a, shift_a), last(b, shift_b)) -
                                  std::min(first(a, shift_a), first(b, shift_b)) + 1);
}

std::int64_t bucket_index_of_exponent(std::int64_t exponent, int scale) {
  return scale >= 0 ? exponent * (std::int64_t{1} << scale) : exponent >> -scale;
}

BucketRun run_of(const BucketSide& side) {
  return {side.offset(), side.counts().data(), side.counts().size()};
}

}  // namespace

double bucket_edge(std::int64_t index, int scale) {
  if (scale <= 0) {
    const auto exponent = static_cast<double>(index) * std::ldexp(1.0, -scale);
    return std::ldexp(1.0, static_cast<int>(std::clamp(exponent, -2000.0, 2000.0)));
  }
  // Split off whole octaves, which are exact, so that only the fraction is rounded.
  const std::int64_t octave = index >> scale;
  const std::int64_t rest = index - (octave << scale);
  return std::ldexp(std::exp2(std::ldexp(static_cast<double>(rest), -scale)),
                    static_cast<int>(octave));
}

std::int64_t BucketSide::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
}

void BucketSide::trim() {
  const auto filled = [](std::int64_t count) { return count != 0; };
  const auto last = std::find_if(counts_.rbegin(), counts_.rend(), filled).base();
  counts_.erase(last, counts_.end());
  const auto first = std::find_if(counts_.begin(), counts_.end(), filled);
  offset_ += static_cast<std::int32_t>(first - counts_.begin());
  counts_.erase(counts_.begin(), first);
}

void BucketSide::add(const BucketRun& raw, int shift) {
  const BucketRun run = without_empty_ends(raw);
  if (run.size == 0) return;
  const std::int32_t first = run.offset >> shift;
  const auto last =
      static_cast<std::int32_t>((run.offset + static_cast<std::int64_t>(run.size) - 1) >> shift);
  if (counts_.empty()) {
    offset_ = first;
    counts_.assign(static_cast<std::size_t>(last - first) + 1, 0);
  } else {
    const auto old_last =
        static_cast<std::int32_t>(offset_ + static_cast<std::int64_t>(counts_.size()) - 1);
    if (first < offset_) {
      counts_.insert(counts_.begin(), static_cast<std::size_t>(offset_ - first), 0);
      offset_ = first;
    }
    if (last > old_last) counts_.resize(static_cast<std::size_t>(last - offset_) + 1, 0);
  }
  if (shift == 0) {
    std::int64_t* out = counts_.data() + (first - offset_);
    for (std::size_t i = 0; i < run.size; ++i) out[i] += run.counts[i];
    return;
  }
  for (std::size_t i = 0; i < run.size; ++i) {
    const std::int64_t index = (run.offset + static_cast<std::int64_t>(i)) >> shift;
    counts_[static_cast<std::size_t>(index - offset_)] += run.counts[i];
  }
}

void BucketSide::downscale(int shift) {
  if (shift <= 0 || counts_.empty()) return;
  BucketSide coarser;
  coarser.add({offset_, counts_.data(), counts_.size()}, shift);
  *this = std::move(coarser);
}

bool BucketSide::holds(std::int64_t index) const {
  const std::int64_t position = index - offset_;
  return position >= 0 && position < static_cast<std::int64_t>(counts_.size()) &&
         counts_[static_cast<std::size_t>(position)] != 0;
}

std::int64_t BucketSide::take_below(std::int64_t end) {
  std::int64_t taken = 0;
  const std::int64_t number =
      std::clamp<std::int64_t>(end - offset_, 0, static_cast<std::int64_t>(counts_.size()));
  for (std::int64_t i = 0; i < number; ++i) taken += counts_[static_cast<std::size_t>(i)];
  counts_.erase(counts_.begin(), counts_.begin() + number);
  offset_ += static_cast<std::int32_t>(number);
  trim();
  return taken;
}

void BucketTotals::lower_scale(int scale) {
  if (scale >= scale_) return;
  const int shift = std::min(scale_ - scale, 31);
  positive_.downscale(shift);
  negative_.downscale(shift);
  scale_ = scale;
}

void BucketTotals::widen_zero(double threshold) {
  if (!(threshold > zero_threshold_)) return;
  // The first edge at or above the threshold; the logarithm may be off by one.
  auto end = static_cast<std::int64_t>(std::floor(std::log2(threshold) * std::ldexp(1.0, scale_)));
  while (bucket_edge(end, scale_) < threshold) ++end;
  // A bucket that the threshold cuts joins the zero bucket whole, which then ends where it ended.
  const auto cuts = [&](const BucketSide& side) {
    return bucket_edge(end, scale_) > threshold && side.holds(end - 1);
  };
  if (cuts(positive_) || cuts(negative_)) threshold = bucket_edge(end, scale_);
  zero_count_ += positive_.take_below(end) + negative_.take_below(end);
  zero_threshold_ = threshold;
}

void BucketTotals::add(const BucketsView& view) {
  const BucketRun positive = without_empty_ends(view.positive);
  const BucketRun negative = without_empty_ends(view.negative);
  int scale = std::min(scale_, view.scale);
  const std::size_t limit = max_buckets_;
  for (; scale > kMinSchema; --scale) {
    const int own = scale_ - scale;
    const int theirs = view.scale - scale;
    if (joint_span(run_of(positive_), own, positive, theirs) <= limit &&
        joint_span(run_of(negative_), own, negative, theirs) <= limit) {
      break;
    }
  }
  lower_scale(scale);
  const int shift = std::min(view.scale - scale, 31);
  positive_.add(positive, shift);
  negative_.add(negative, shift);
  zero_count_ += view.zero_count;
  widen_zero(view.zero_threshold);
  // Everything below our narrowest zero bucket belongs to it.
  const std::int64_t end = bucket_index_of_exponent(kZeroThresholdLog2, scale_);
  if ((!positive_.empty() && positive_.offset() < end) ||
      (!negative_.empty() && negative_.offset() < end)) {
    zero_count_ += positive_.take_below(end) + negative_.take_below(end);
  }
}

BucketsView BucketTotals::view() const {
  return {scale_, zero_count_, zero_threshold_, run_of(positive_), run_of(negative_)};
}

std::int64_t BucketTotals::count() const {
  return positive_.total() + negative_.total() + zero_count_;
}

bool BucketTotals::is_edge(std::int64_t index, int resolution) const {
  if (resolution <= scale_) return true;
  const std::int64_t step = std::int64_t{1} << std::min(resolution - scale_, 62);
  return index % step == 0;
}

bool plausible(const BucketsView& view) {
  if (view.scale < kMinInputScale || view.scale > kMaxInputScale) return false;
  if (view.zero_count < 0 || !(view.zero_threshold >= 0) || std::isinf(view.zero_threshold)) {
    return false;
  }
  // The exponents a double can have, at this scale, with one bucket to spare on either side.
  const std::int64_t low = bucket_index_of_exponent(-1075, view.scale) - 1;
  const std::int64_t high = bucket_index_of_exponent(1025, view.scale) + 1;
  std::int64_t total = view.zero_count;
  for (const BucketRun& side : {view.positive, view.negative}) {
    const BucketRun run = without_empty_ends(side);
    if (run.size > 0 &&
        (run.offset < low || run.offset + static_cast<std::int64_t>(run.size) > high)) {
      return false;
    }
    for (std::size_t i = 0; i < run.size; ++i) {
      if (run.counts[i] < 0 || __builtin_add_overflow(total, run.counts[i], &total)) return false;
    }
  }
  return total <= kMaxTotal;
}

CumulativeCounts::CumulativeCounts(const BucketTotals& totals)
    : totals_(totals), below_(totals.negative().total() + totals.zero_count()) {}

std::int64_t CumulativeCounts::at_most(std::int64_t index, int resolution) {
  const int scale = totals_.scale();
  const std::int64_t end = resolution <= scale ? index * (std::int64_t{1} << (scale - resolution))
                                               : index >> std::min(resolution - scale, 62);
  const auto& counts = totals_.positive().counts();
  const auto number = static_cast<std::size_t>(std::clamp<std::int64_t>(
      end - totals_.positive().offset(), 0, static_cast<std::int64_t>(counts.size())));
  for (; next_ < number; ++next_) below_ += counts[next_];
  return below_;
}

}  // namespace inlay::prometheus
