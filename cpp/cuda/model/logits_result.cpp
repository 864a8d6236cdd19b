#include "model/logits_result.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace inlay::cuda {
namespace {

double value_of_key(unsigned key) { return std::bit_cast<float>(bits_of_key(key)); }

Moments moments_of(const LogitsSums& sums) {
  Moments::Fields fields{};
  fields.neg_inf_count = sums.neg_infs;
  fields.zero_count = sums.zeros;
  Moments::Values& values = fields.values;
  values.count = sums.count;
  if (sums.count == 0) return Moments::from_fields(fields);
  const auto n = static_cast<double>(sums.count);
  const double origin = std::bit_cast<float>(static_cast<std::uint32_t>(sums.origin));
  const double* const p = sums.powers;
  const double mean = p[0] / n;  // from the origin
  values.min = value_of_key(~sums.lowest);
  values.max = value_of_key(sums.highest);
  values.sum = n * origin + p[0];
  values.mean = std::clamp(origin + mean, *values.min, *values.max);
  const double square = mean * mean;
  values.m2 = std::max(0.0, p[1] - p[0] * mean);
  values.m3 = p[2] - 3 * mean * p[1] + 2 * square * p[0];
  values.m4 = std::max(0.0, p[3] - 4 * mean * p[2] + 6 * square * p[1] - 3 * square * mean * p[0]);
  if (*values.min == *values.max) values.m2 = values.m3 = values.m4 = 0;  // but for rounding
  return Moments::from_fields(fields);
}

ExpHistogram histogram_of(const LogitsSums& sums, const unsigned long long* buckets, int scale,
                          bool negative) {
  ExpHistogram::Fields fields;
  fields.scale = scale;
  fields.zero_count = sums.zeros;
  fields.neg_inf_count = sums.neg_infs;
  ExpHistogram::Fields::Run& run = negative ? fields.negative : fields.positive;
  const unsigned long long* const end = buckets + bucket_count(scale);
  const auto filled = [](unsigned long long count) { return count != 0; };
  const unsigned long long* const first = std::find_if(buckets, end, filled);
  if (first == end) return ExpHistogram::from_fields(fields);
  const unsigned long long* last = end;
  while (last[-1] == 0) --last;
  run.offset = first_bucket(scale) + static_cast<std::int32_t>(first - buckets);
  run.counts.assign(first, last);
  return ExpHistogram::from_fields(fields);
}

}  // namespace

Logits logits_of(const LogitsState& state, int scale) {
  Logits::Fields fields;
  fields.scale = scale;
  fields.rows = state.rows;
  fields.masked_rows = state.masked_rows;
  fields.nonfinite_rows = state.nonfinite_rows;
  fields.entries = state.entries;
  fields.nonfinite_count = state.nonfinite_count;
  fields.masked_count = state.masked_count;
  fields.chosen_rows = state.chosen_rows;
  fields.out_of_range_rows = state.out_of_range_rows;
  const auto* const buckets = reinterpret_cast<const unsigned long long*>(&state + 1);
  for (unsigned s = 0; s < kLogitsStatistics; ++s) {
    fields.moments[s] = moments_of(state.sums[s]);
    fields.histograms[s] = histogram_of(
        state.sums[s], buckets + std::size_t{s} * bucket_count(scale), scale, s == kLogitsLogProb);
  }
  return Logits::from_fields(std::move(fields));
}

}  // namespace inlay::cuda
