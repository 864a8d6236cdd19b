#include <algorithm>
#include <cmath>
#include <inlay/model/score_histogram.hpp>
#include <limits>

#include "model/log_loss.hpp"

namespace inlay {
namespace {

using Bin = ScoreHistogram::Bin;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// The probability in the middle of a bin.
double middle_of(ScoreKind kind, const Bin& bin) {
  if (kind != ScoreKind::kLogit) return (bin.low + bin.high) / 2;
  const double far = std::isinf(bin.high) ? bin.low : bin.high;
  const double near = std::isinf(bin.low) ? bin.high : bin.low;
  return 1.0 / (1.0 + std::exp(-(near + far) / 2));
}

// The integral of (tp + x) / (rows + slope x) over x from a to b.
double precision_area(double tp, double rows, double slope, double a, double b) {
  if (rows + slope * a <= 0.0) return b - a;
  return (b - a) / slope +
         (tp - rows / slope) / slope * std::log1p(slope * (b - a) / (rows + slope * a));
}

// What `positives` and `negatives` in random order add to the sum of precisions at positives, after
// `tp` positives among `rows` rows: the k-th positive has k / (positives + 1) of the negatives
// before it.
double precisions(double tp, double rows, double positives, double negatives) {
  const double slope = 1.0 + negatives / (positives + 1.0);
  if (positives > 32.0) return precision_area(tp, rows, slope, 0.5, positives + 0.5);
  double sum = 0.0;
  for (double k = 1.0; k <= positives; ++k) sum += (tp + k) / (rows + slope * k);
  return sum;
}

}  // namespace

ScoreRanks ScoreHistogram::ranks() const {
  const std::vector<Bin> each = bins();
  double total[2] = {0.0, 0.0};
  for (const Bin& bin : each) {
    total[0] += bin.weights[0];
    total[1] += bin.weights[1];
  }
  const double negatives = total[0];
  const double positives = total[1];
  if (!(negatives > 0.0 && positives > 0.0)) {
    return {kNone, kNone, kNone, kNone, kNone, kNone, kNone};
  }
  ScoreRanks out;
  double ordered = 0.0;  // pairs, twice: a sum of integers without weights
  double mixed = 0.0;
  double below = 0.0;
  for (const Bin& bin : each) {
    ordered += bin.weights[1] * (2 * below + bin.weights[0]);
    mixed += bin.weights[1] * bin.weights[0];
    below += bin.weights[0];
  }
  const double pairs = negatives * positives;
  out.auroc = std::min(ordered / 2 / pairs, 1.0);
  out.auroc_bound = mixed / 2 / pairs;

  double negatives_below = 0.0;
  double positives_below = 0.0;
  for (const Bin& bin : each) {
    const double of_positive = (negatives_below + bin.weights[0] / 2) / negatives - out.auroc;
    const double of_negative =
        (positives - positives_below - bin.weights[1] / 2) / positives - out.auroc;
    out.positive_spread += bin.weights[1] * of_positive * of_positive;
    out.negative_spread += bin.weights[0] * of_negative * of_negative;
    negatives_below += bin.weights[0];
    positives_below += bin.weights[1];
  }

  double tp = 0.0;
  double rows = 0.0;
  for (auto bin = each.rbegin(); bin != each.rend(); ++bin) {
    const double p = bin->weights[1];
    const double q = bin->weights[0];
    if (p > 0.0) {
      // At best positives come first and tie, at worst they come last, one by one.
      const double high = p * (tp + p) / (rows + p);
      const double low = std::min(precision_area(tp, rows + q, 1.0, 0.0, p), high);
      // In units of a positive's mean weight.
      const auto count = static_cast<double>(bin->counts[1]);
      const double unit = p / count;
      const double between = unit * precisions(tp / unit, rows / unit, count, q / unit);
      out.average_precision += std::clamp(between, low, high);
      out.average_precision_low += low;
      out.average_precision_high += high;
    }
    tp += p;
    rows += p + q;
  }
  for (double* sum :
       {&out.average_precision, &out.average_precision_low, &out.average_precision_high}) {
    *sum = std::min(*sum / positives, 1.0);
  }
  return out;
}

ScoreSpreads ScoreHistogram::spreads(std::size_t groups) const {
  const std::vector<Bin> each = bins();
  double total = 0.0;
  for (const Bin& bin : each) total += bin.weights[0] + bin.weights[1];
  ScoreSpreads out;
  double before = 0.0;
  double gap = 0.0;
  double in_group[2] = {0.0, 0.0};
  std::size_t group = 0;
  const auto close_group = [&] {
    const double rows = in_group[0] + in_group[1];
    out.equal_mass_error += std::fabs(gap);
    if (rows > 0.0) out.equal_mass_spread += in_group[0] * in_group[1] / rows;
    gap = in_group[0] = in_group[1] = 0.0;
  };
  for (const Bin& bin : each) {
    const double score = middle_of(kind_, bin);
    const double weight = bin.weights[0] + bin.weights[1];
    for (const double label : {0.0, 1.0}) {
      const double count = bin.weights[label == 1.0];
      const double error = (score - label) * (score - label);
      const double loss =
          std::log(std::max(label == 1.0 ? score : 1.0 - score, detail::kLeastProbability));
      out.squared_errors_squared += count * error * error;
      out.log_losses_squared += count * loss * loss;
    }
    // A bin goes to the group in which its middle row lies.
    const double share = (before + weight / 2) / total;
    const bool known = share >= 0.0 && share <= 1.0;  // not of weights that are all 0
    const auto own = known ? static_cast<std::size_t>(share * static_cast<double>(groups)) : 0;
    if (own != group) close_group();
    group = own;
    gap += bin.weights[1] - weight * score;
    in_group[0] += bin.weights[0];
    in_group[1] += bin.weights[1];
    before += weight;
  }
  close_group();
  return out;
}

}  // namespace inlay
