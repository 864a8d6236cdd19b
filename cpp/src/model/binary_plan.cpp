#include "model/binary_plan.hpp"

#include <algorithm>
#include <cmath>
#include <inlay/error.hpp>
#include <limits>
#include <string>
#include <utility>

namespace inlay::detail {
namespace {

BinarySettings checked(BinarySettings settings) {
  std::vector<double>& thresholds = settings.thresholds;
  for (double& threshold : thresholds) threshold += 0.0;  // 0 has one sign
  if (thresholds.empty() || thresholds.size() > BinarySettings::kMaxThresholds) {
    fail<InvalidArgument>(
        "there are 1 to " + std::to_string(BinarySettings::kMaxThresholds) + " thresholds, not",
        thresholds.size());
  }
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    if (!(thresholds[i] >= 0.0 && thresholds[i] <= 1.0)) {
      fail<InvalidArgument>("a threshold is a probability, 0 to 1, not", thresholds[i]);
    }
    if (i > 0 && !(thresholds[i] > thresholds[i - 1])) {
      fail<InvalidArgument>("thresholds rise; not above the one before it is", thresholds[i]);
    }
  }
  if (settings.bins < 1 || settings.bins > BinarySettings::kMaxBins) {
    fail<InvalidArgument>(
        "there are 1 to " + std::to_string(BinarySettings::kMaxBins) + " bins, not", settings.bins);
  }
  if (settings.kind == ScoreKind::kLabel) {
    if (settings.scores) {
      fail<InvalidArgument>("labels have no scores to keep: scores must be", false);
    }
    if (thresholds.size() != 1 || thresholds[0] != 0.5) {
      fail<InvalidArgument>("labels are told apart at the threshold 0.5 alone, not at",
                            thresholds.back());
    }
  }
  return settings;
}

template <class T>
BinaryPlan::Search<T> search_of(const std::vector<double>& cuts) {
  BinaryPlan::Search<T> out;
  for (const double cut : cuts) {
    const auto near = static_cast<T>(cut);
    out.cuts.push_back(near < cut ? std::nextafter(near, T{2}) : near);
  }
  out.cuts.push_back(std::numeric_limits<T>::infinity());
  // The last part is the score 1 alone.
  std::size_t cell = 0;
  for (std::size_t part = 0; part <= BinaryPlan::kGrid; ++part) {
    const T low = static_cast<T>(part) / T{BinaryPlan::kGrid};
    const T high = static_cast<T>(part + 1) / T{BinaryPlan::kGrid};
    while (out.cuts[cell] <= low) ++cell;
    out.begin.push_back(static_cast<std::uint8_t>(cell));
    int inside = 0;
    while (out.cuts[cell + static_cast<std::size_t>(inside)] < high) ++inside;
    out.steps = std::max(out.steps, inside);
  }
  return out;
}

}  // namespace

BinaryPlan::BinaryPlan(BinarySettings given) : settings(checked(std::move(given))) {
  cuts = settings.thresholds;
  const auto edge = [this](int i) { return static_cast<double>(i) / settings.bins; };
  if (settings.scores) {
    for (int i = 1; i < settings.bins; ++i) cuts.push_back(edge(i));
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  search_f32 = search_of<float>(cuts);
  search_f64 = search_of<double>(cuts);
  for (const double threshold : settings.thresholds) {
    const auto at = std::lower_bound(cuts.begin(), cuts.end(), threshold);
    first.push_back(static_cast<std::size_t>(at - cuts.begin()) + 1);
  }
  std::size_t own = 0;
  for (std::size_t cell = 0; cell < num_cells(); ++cell) {
    if (settings.scores && cell > 0) {
      const int next = static_cast<int>(own) + 1;
      if (next < settings.bins && cuts[cell - 1] >= edge(next)) ++own;
    }
    bin.push_back(own);
  }
}

bool BinaryPlan::same_as(const BinaryPlan& other) const noexcept {
  const BinarySettings& a = settings;
  const BinarySettings& b = other.settings;
  return a.thresholds == b.thresholds && a.kind == b.kind && a.bins == b.bins &&
         a.scores == b.scores;
}

}  // namespace inlay::detail
