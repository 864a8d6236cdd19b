#include <algorithm>
#include <cmath>
#include <inlay/model/multiclass_states.hpp>

#include "model/row_faults.hpp"
#include "model/score_kernels.hpp"
#include "model/softmax_terms.hpp"

// Rows of scores: found, kept or left out, and counted, a block at a time.

namespace inlay {

// What counts of the rows that stay, closed up.
struct MulticlassState::ScoreBlock {
  std::int32_t labels[kScoreBlock];
  std::int32_t predicted[kScoreBlock];
  std::int32_t rank[kScoreBlock];
  double weights[kScoreBlock];
  double confidence[kScoreBlock];  // the largest probability
  double brier[kScoreBlock];
  // Of probabilities the true class's; of logits the sum of terms, and what the largest one has
  // above the true class's.
  double log_of[kScoreBlock];
  double above[kScoreBlock];
  double loss[kScoreBlock];
};

namespace {

constexpr std::size_t kScoreBlock = MulticlassState::kScoreBlock;

// What is found of a block's rows.
template <class T>
struct Found {
  T top[kScoreBlock];
  T low[kScoreBlock];
  T own[kScoreBlock];
  double sum[kScoreBlock];
  double squares[kScoreBlock];
  double terms[kScoreBlock];          // sums of exp(logit - top)
  double squared_terms[kScoreBlock];  // of their squares
  double own_terms[kScoreBlock];
  std::int32_t best[kScoreBlock];
  std::int32_t rank[kScoreBlock];
};

// Where bins begin: i / bins.
class BinEdges {
 public:
  explicit BinEdges(std::int32_t bins) : bins_(bins), last_(static_cast<std::size_t>(bins) - 1) {
    for (std::int32_t i = 0; i <= bins; ++i) edges_[i] = i / static_cast<double>(bins);
  }

  // [i / bins, (i + 1) / bins), compared with the ends themselves; 1 is in the last.
  std::size_t bin_of(double confidence) const noexcept {
    const auto near = static_cast<std::size_t>(confidence * bins_);
    std::size_t bin = std::min(near, last_);
    bin -= confidence < edges_[bin] ? 1U : 0U;
    bin += bin < last_ && confidence >= edges_[bin + 1] ? 1U : 0U;
    return bin;
  }

 private:
  double bins_;
  std::size_t last_;
  double edges_[MulticlassSettings::kMaxBins + 1];
};

void scan(const float* scores, const std::int32_t* labels, std::size_t rows, std::size_t columns,
          const detail::ScoreRows<float>& out) noexcept {
  detail::score_kernels().scan_f32(scores, labels, rows, columns, out);
}
void scan(const double* scores, const std::int32_t* labels, std::size_t rows, std::size_t columns,
          const detail::ScoreRows<double>& out) noexcept {
  detail::score_kernels().scan_f64(scores, labels, rows, columns, out);
}
void softmax(const float* scores, const Found<float>& found, std::size_t rows, std::size_t columns,
             const detail::SoftmaxRows& out) noexcept {
  detail::score_kernels().softmax_f32(scores, found.top, found.own, rows, columns, out);
}
void softmax(const double* scores, const Found<double>& found, std::size_t rows,
             std::size_t columns, const detail::SoftmaxRows& out) noexcept {
  detail::score_kernels().softmax_f64(scores, found.top, found.own, rows, columns, out);
}

// The block of probabilities if each of its rows stays, as nearly all blocks' do.
template <class T, class ScoreBlock>
bool keep_all(const Found<T>& found, const std::int32_t* labels, std::size_t rows, ScoreBlock& k,
              std::int64_t& unnormalised) noexcept {
  bool right = true;
  for (std::size_t i = 0; i < rows; ++i) {
    right &= found.low[i] >= 0 && found.top[i] <= 1 && found.sum[i] == found.sum[i];
    right &= k.labels[i] == labels[i];
  }
  if (!right) return false;
  std::int32_t others = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const auto own = static_cast<double>(found.own[i]);
    k.confidence[i] = static_cast<double>(found.top[i]);
    k.brier[i] = found.squares[i] - 2 * own + 1;
    k.log_of[i] = own;
    others += std::fabs(found.sum[i] - 1) > MulticlassState::kSumTolerance ? 1 : 0;
  }
  std::copy(found.best, found.best + rows, k.predicted);
  std::copy(found.rank, found.rank + rows, k.rank);
  unnormalised += others;
  return true;
}

}  // namespace

template <class T>
void MulticlassState::add_scores(const Settings& settings, const std::int32_t* labels,
                                 const T* scores, const double* weights, std::size_t size) {
  if (size == 0) return;
  const auto columns = static_cast<std::size_t>(settings.classes);
  const bool logits = settings.kind == ScoreKind::kLogit;
  const BinEdges edges(settings.bins);
  Found<T> f;
  ScoreBlock k;
  for (std::size_t at = 0; at < size; at += kScoreBlock) {
    const std::size_t rows = std::min(kScoreBlock, size - at);
    const T* const block = scores + at * columns;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::int32_t label = labels[at + i];
      k.labels[i] = label >= 0 && label < settings.classes ? label : 0;
    }
    scan(block, k.labels, rows, columns, {f.top, f.low, f.own, f.sum, f.squares, f.best, f.rank});
    std::size_t n = rows;
    if (logits) {
      softmax(block, f, rows, columns, {f.terms, f.squared_terms, f.own_terms});
      n = keep(f, settings, block, labels + at, weights == nullptr ? nullptr : weights + at, rows,
               k);
    } else if (weights != nullptr || !keep_all(f, labels + at, rows, k, unnormalised_)) {
      n = keep(f, settings, block, labels + at, weights == nullptr ? nullptr : weights + at, rows,
               k);
    } else if (weighted()) {
      std::fill(k.weights, k.weights + rows, 1.0);
    }
    if (n == 0) continue;
    if (weights != nullptr) weigh();
    if (logits) {
      detail::score_kernels().logs(k.log_of, n, k.loss);
      constexpr double kMostLoss = 53 * detail::kLn2;
      for (std::size_t i = 0; i < n; ++i) k.loss[i] = std::min(k.above[i] + k.loss[i], kMostLoss);
    } else {
      std::int32_t below = 0;
      for (std::size_t i = 0; i < n; ++i) {
        below += k.log_of[i] < kLeastProbability ? 1 : 0;
        k.log_of[i] = std::max(k.log_of[i], kLeastProbability);
      }
      clipped_ += below;
      detail::score_kernels().logs(k.log_of, n, k.loss);
      for (std::size_t i = 0; i < n; ++i) k.loss[i] = -k.loss[i];
    }
    for (std::size_t i = 0; i < n; ++i) k.brier[i] = std::max(0.0, k.brier[i]);
    if (weighted()) {
      count<true>(k, edges, n);
    } else {
      count<false>(k, edges, n);
    }
    cells_.update(k.labels, k.predicted, weighted() ? k.weights : nullptr, n);
    rows_ += static_cast<std::int64_t>(n);
  }
}

template <class Found, class T>
std::size_t MulticlassState::keep(const Found& f, const Settings& settings, const T* block,
                                  const std::int32_t* labels, const double* weights,
                                  std::size_t rows, ScoreBlock& k) {
  const bool logits = settings.kind == ScoreKind::kLogit;
  const auto columns = static_cast<std::size_t>(settings.classes);
  std::size_t n = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::int32_t label = labels[i];
    if (label < 0 || label >= settings.classes) {
      ++faults_.bad_label;
      continue;
    }
    // Infinities of both signs add up to NaN too, so that a NaN is looked for.
    const bool in_range = logits ? std::isfinite(f.top[i]) && std::isfinite(f.low[i])
                                 : f.low[i] >= 0 && f.top[i] <= 1;
    if (std::isnan(f.sum[i]) || !in_range) {
      const T* row = block + i * columns;
      const bool nan = std::any_of(row, row + columns, [](T score) { return std::isnan(score); });
      ++(nan ? faults_.nan_score : faults_.out_of_range);
      continue;
    }
    const double w = weights == nullptr ? 1.0 : weights[i];
    if (weights != nullptr && !detail::is_weight(w, faults_)) continue;
    const auto top = static_cast<double>(f.top[i]);
    const auto own = static_cast<double>(f.own[i]);
    if (logits) {
      const double probability = f.own_terms[i] / f.terms[i];
      clipped_ += probability < kLeastProbability ? 1 : 0;
      k.confidence[n] = 1 / f.terms[i];
      k.brier[n] = f.squared_terms[i] / (f.terms[i] * f.terms[i]) - 2 * probability + 1;
      k.log_of[n] = f.terms[i];
      k.above[n] = top - own;  // which may be more than a double's probability shows
    } else {
      k.confidence[n] = top;
      k.brier[n] = f.squares[i] - 2 * own + 1;
      k.log_of[n] = own;
      unnormalised_ += std::fabs(f.sum[i] - 1) > kSumTolerance ? 1 : 0;
    }
    k.labels[n] = label;
    k.predicted[n] = f.best[i];
    k.rank[n] = f.rank[i];
    k.weights[n] = w;
    ++n;
  }
  return n;
}

template <bool kWeighted, class Edges>
void MulticlassState::count(const ScoreBlock& k, const Edges& edges, std::size_t size) {
  Sums sums;
  for (std::size_t i = 0; i < size; ++i) {
    const double w = kWeighted ? k.weights[i] : 1.0;
    const double loss = k.loss[i];
    const double brier = k.brier[i];
    const bool hit = k.predicted[i] == k.labels[i];
    Tally& bin = bins_[edges.bin_of(k.confidence[i])];
    ++bin.rows;
    bin.hits += hit ? 1 : 0;
    bin.confidence += w * k.confidence[i];
    if constexpr (kWeighted) {
      bin.weight += w;
      bin.hit_weight += hit ? w : 0.0;
      sums.weight += w;
      sums.weight_squares += w * w;
    }
    sums.log_loss += w * loss;
    sums.log_loss_squares += w * (loss * loss);
    sums.brier += w * brier;
    sums.brier_squares += w * (brier * brier);
  }
  if constexpr (!kWeighted) sums.weight = sums.weight_squares = static_cast<double>(size);
  add(sums);
  if (ranks_.empty()) return;
  const auto last = static_cast<std::int32_t>(ranks_.size() - 1);
  for (std::size_t i = 0; i < size; ++i) {
    const auto rank = static_cast<std::size_t>(std::min(k.rank[i], last));
    ++ranks_[rank];
    if constexpr (kWeighted) rank_weights_[rank] += k.weights[i];
  }
}

void MulticlassState::update_scores(const Settings& settings, const std::int32_t* labels,
                                    const float* scores, const double* weights, std::size_t size) {
  add_scores(settings, labels, scores, weights, size);
}

void MulticlassState::update_scores(const Settings& settings, const std::int32_t* labels,
                                    const double* scores, const double* weights, std::size_t size) {
  add_scores(settings, labels, scores, weights, size);
}

}  // namespace inlay
