#include "model/binary_state.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/log_loss.hpp"
#include "model/score_place.hpp"

namespace inlay::detail {
namespace {

constexpr std::uint64_t kUnits = (std::uint64_t{1} << 52) - 1;

struct Range {
  double low;
  double high;
};

// Of scores that count.
Range range_of(ScoreKind kind) {
  if (kind != ScoreKind::kLogit) return {0.0, 1.0};
  constexpr double kMost = std::numeric_limits<double>::max();
  return {-kMost, kMost};
}

// Whether no row has to be left out; may be false of labels where none has.
bool all_count(const BinaryPlan& plan, const BinaryBlockRows& rows) noexcept {
  const BinaryKernels& kernels = binary_kernels();
  const auto [low, high] = range_of(plan.settings.kind);
  if (plan.settings.kind == ScoreKind::kLabel) return false;
  if (rows.scores_f32 != nullptr) {
    constexpr double kMost = std::numeric_limits<float>::max();
    if (!kernels.within_f32(rows.scores_f32, rows.size, static_cast<float>(std::max(low, -kMost)),
                            static_cast<float>(std::min(high, kMost)))) {
      return false;
    }
  } else if (!kernels.within_f64(rows.scores_f64, rows.size, low, high)) {
    return false;
  }
  std::uint8_t labels = 0;
  for (std::size_t i = 0; i < rows.size; ++i) labels |= rows.labels[i];
  constexpr double kMost = std::numeric_limits<double>::max();
  return labels <= 1 &&
         (rows.weights == nullptr || kernels.within_f64(rows.weights, rows.size, 0.0, kMost));
}

// Twice a row's cell, which is the number of cuts not above its score, plus its label.
template <class T>
void find_cells(const BinaryPlan::Search<T>& search, const T* scores, const std::uint8_t* labels,
                std::size_t size, std::uint8_t* out) noexcept {
  const T* const cuts = search.cuts.data();
  const std::uint8_t* const begin = search.begin.data();
  const auto from = [begin](T score) {
    return std::size_t{begin[static_cast<int>(score * T{BinaryPlan::kGrid})]};
  };
  if (search.steps <= 1) {
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t first = from(scores[i]);
      const std::size_t cell = first + (scores[i] >= cuts[first] ? 1 : 0);
      out[i] = static_cast<std::uint8_t>(2 * cell + labels[i]);
    }
    return;
  }
  for (std::size_t i = 0; i < size; ++i) {
    std::size_t cell = from(scores[i]);
    while (scores[i] >= cuts[cell]) ++cell;
    out[i] = static_cast<std::uint8_t>(2 * cell + labels[i]);
  }
}

void find_cells(const BinaryPlan& plan, const BinaryBlockRows& rows, std::uint8_t* out) noexcept {
  if (rows.scores_f32 != nullptr) {
    find_cells(plan.search_f32, rows.scores_f32, rows.labels, rows.size, out);
  } else {
    find_cells(plan.search_f64, rows.scores_f64, rows.labels, rows.size, out);
  }
}

}  // namespace

// What the loops write, and what they read where rows were left out or converted.
struct BinaryState::Scratch {
  std::uint8_t cells[kBinaryBlock];
  std::uint16_t places[kBinaryBlock];
  std::uint64_t units[kBinaryBlock];
  float scores_f32[kBinaryBlock];
  double scores_f64[kBinaryBlock];
  double others[kBinaryBlock];
  std::uint8_t labels[kBinaryBlock];
  double weights[kBinaryBlock];
  double logits[kBinaryBlock];
};

BinaryState::BinaryState(const BinaryPlan& plan)
    : cells(2 * plan.num_cells()), histogram(plan.settings.kind) {}

void BinaryState::weigh() {
  if (weighted) return;
  histogram.weigh();
  Weighted made;
  made.cells.resize(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const double rows = static_cast<double>(cells[i].rows);
    made.cells[i] = {rows, rows, cells[i].scores.value()};
  }
  made.squared_errors = squared_errors.value();
  made.log_loss = log_loss;
  weighted = std::move(made);
}

// The rows that count: these, or if any does not, copies of those that do.
BinaryBlockRows BinaryState::accepted(const BinaryPlan& plan, const BinaryBlockRows& rows,
                                      Scratch& scratch) {
  if (all_count(plan, rows)) return rows;
  const ScoreKind kind = plan.settings.kind;
  const auto [low, high] = range_of(kind);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows.size; ++i) {
    const double score =
        rows.scores_f32 != nullptr ? static_cast<double>(rows.scores_f32[i]) : rows.scores_f64[i];
    const double weight = rows.weights == nullptr ? 1.0 : rows.weights[i];
    const auto reject = [&](BinaryRejected why) { ++rejected[static_cast<std::size_t>(why)]; };
    if (rows.labels[i] > 1) {
      reject(BinaryRejected::kBadLabel);
    } else if (std::isnan(score)) {
      reject(BinaryRejected::kNanScore);
    } else if (!(score >= low && score <= high) ||
               (kind == ScoreKind::kLabel && score != 0.0 && score != 1.0)) {
      reject(BinaryRejected::kOutOfRange);
    } else if (!(weight >= 0.0 && std::isfinite(weight))) {
      reject(BinaryRejected::kBadWeight);
    } else {
      if (rows.scores_f32 != nullptr) {
        scratch.scores_f32[kept] = rows.scores_f32[i];
      } else {
        scratch.scores_f64[kept] = rows.scores_f64[i];
      }
      scratch.labels[kept] = rows.labels[i];
      scratch.weights[kept] = weight;
      ++kept;
    }
  }
  return {rows.scores_f32 != nullptr ? scratch.scores_f32 : nullptr,
          rows.scores_f32 != nullptr ? nullptr : scratch.scores_f64, scratch.labels,
          rows.weights == nullptr ? nullptr : scratch.weights, kept};
}

void BinaryState::update(const BinaryPlan& plan, const BinaryBlockRows& given) {
  Scratch scratch;
  BinaryBlockRows rows = accepted(plan, given, scratch);
  if (rows.size == 0) return;
  if (rows.weights != nullptr) weigh();
  const double* logits = nullptr;
  if (plan.settings.kind == ScoreKind::kLogit) {
    for (std::size_t i = 0; i < rows.size; ++i) {
      const double z =
          rows.scores_f32 != nullptr ? static_cast<double>(rows.scores_f32[i]) : rows.scores_f64[i];
      // Of the smaller probability, which keeps its digits.
      const double low = std::exp(-std::fabs(z)) / (1.0 + std::exp(-std::fabs(z)));
      scratch.logits[i] = z;
      scratch.scores_f64[i] = z < 0.0 ? low : 1.0 - low;
      scratch.others[i] = z < 0.0 ? 1.0 - low : low;
    }
    logits = scratch.logits;
    rows.scores_f32 = nullptr;
    rows.scores_f64 = scratch.scores_f64;
  }
  if (plan.settings.scores) {
    count_scores(plan, rows, logits, scratch);
  } else {
    count(plan, rows, scratch);
  }
  if (weighted) count_weights(plan, rows, scratch);
}

// The confusion alone.
void BinaryState::count(const BinaryPlan& plan, const BinaryBlockRows& rows, Scratch& scratch) {
  const BinaryKernels& kernels = binary_kernels();
  // With few cuts it is quicker to count at each than to look for the cell of each row.
  constexpr std::size_t kFewCuts = 4;
  if (plan.cuts.size() > kFewCuts || weighted) {
    find_cells(plan, rows, scratch.cells);
    for (std::size_t i = 0; i < rows.size; ++i) ++cells[scratch.cells[i]].rows;
    return;
  }
  std::uint64_t positives = 0;
  for (std::size_t i = 0; i < rows.size; ++i) positives += rows.labels[i];
  std::uint64_t rows_above = rows.size;
  std::uint64_t positives_above = positives;
  for (std::size_t cut = 0; cut < plan.cuts.size(); ++cut) {
    BinaryCounts found;
    if (rows.scores_f32 != nullptr) {
      kernels.count_f32(rows.scores_f32, rows.labels, rows.size, plan.search_f32.cuts[cut], found);
    } else {
      kernels.count_f64(rows.scores_f64, rows.labels, rows.size, plan.cuts[cut], found);
    }
    const std::uint64_t between = rows_above - found.predicted;
    const std::uint64_t positives_between = positives_above - found.true_positive;
    cells[2 * cut].rows += between - positives_between;
    cells[2 * cut + 1].rows += positives_between;
    rows_above = found.predicted;
    positives_above = found.true_positive;
  }
  cells[2 * plan.cuts.size()].rows += rows_above - positives_above;
  cells[2 * plan.cuts.size() + 1].rows += positives_above;
}

void BinaryState::count_scores(const BinaryPlan& plan, const BinaryBlockRows& rows,
                               const double* logits, Scratch& scratch) {
  const BinaryKernels& kernels = binary_kernels();
  BinaryLosses losses;
  find_cells(plan, rows, scratch.cells);
  if (rows.scores_f32 != nullptr) {
    kernels.places_f32(rows.scores_f32, rows.labels, rows.size, scratch.places);
    kernels.losses_f32(rows.scores_f32, rows.labels, rows.size, scratch.units, losses);
  } else {
    if (logits == nullptr) {
      kernels.places_f64(rows.scores_f64, rows.labels, rows.size, scratch.places);
      for (std::size_t i = 0; i < rows.size; ++i) scratch.others[i] = 1.0 - rows.scores_f64[i];
    } else {
      for (std::size_t i = 0; i < rows.size; ++i) {
        scratch.places[i] = static_cast<std::uint16_t>(logit_place(logits[i]) + rows.labels[i]);
      }
    }
    kernels.losses_f64(rows.scores_f64, scratch.others, rows.labels, rows.size, scratch.units,
                       losses);
  }
  histogram.add(scratch.places, rows.weights, rows.size);
  squared_errors.add(static_cast<std::uint64_t>(losses.squared_errors * 0x1p40));
  log_loss += losses.log_loss;
  clipped += losses.clipped;
  // Emptying the sums costs more than counting a few rows in place.
  constexpr std::size_t kFewRows = 64;
  if (rows.size < kFewRows) {
    for (std::size_t i = 0; i < rows.size; ++i) {
      BinaryCell& cell = cells[scratch.cells[i]];
      ++cell.rows;
      cell.scores.add(scratch.units[i] & kUnits);
    }
    return;
  }
  std::uint64_t sums[256] = {};
  for (std::size_t i = 0; i < rows.size; ++i) sums[scratch.cells[i]] += scratch.units[i];
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i].rows += sums[i] >> 52;
    cells[i].scores.add(sums[i] & kUnits);
  }
}

void BinaryState::count_weights(const BinaryPlan& plan, const BinaryBlockRows& rows,
                                const Scratch& scratch) {
  const bool given = plan.settings.kind == ScoreKind::kLogit;
  for (std::size_t i = 0; i < rows.size; ++i) {
    const double weight = rows.weights == nullptr ? 1.0 : rows.weights[i];
    const double score =
        rows.scores_f32 != nullptr ? static_cast<double>(rows.scores_f32[i]) : rows.scores_f64[i];
    BinaryWeights& cell = weighted->cells[scratch.cells[i]];
    cell.rows += weight;
    cell.squares += weight * weight;
    if (!plan.settings.scores) continue;
    cell.scores += weight * score;
    const double other = given ? scratch.others[i] : 1.0 - score;
    const double right = rows.labels[i] != 0 ? score : other;
    const double wrong = rows.labels[i] != 0 ? other : score;
    weighted->squared_errors += weight * (wrong * wrong);
    weighted->log_loss += weight * -std::log(std::max(right, kLeastProbability));
  }
}

bool count_by_segment(const BinaryPlan& plan, const BinaryBlockRows& rows,
                      const std::uint32_t* segments, std::uint32_t* counts) noexcept {
  // Of logits the probability decides, which the other way works out.
  if (plan.settings.kind != ScoreKind::kProbability || !all_count(plan, rows)) return false;
  std::uint8_t cells[kBinaryBlock];
  find_cells(plan, rows, cells);
  const std::size_t stride = 2 * plan.num_cells();
  for (std::size_t i = 0; i < rows.size; ++i) ++counts[segments[i] * stride + cells[i]];
  return true;
}

void BinaryState::add_rows(const std::uint32_t* counts) noexcept {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i].rows += counts[i];
    if (!weighted) continue;
    weighted->cells[i].rows += counts[i];
    weighted->cells[i].squares += counts[i];
  }
}

void BinaryState::merge(const BinaryState& other) {
  if (other.weighted) weigh();
  if (weighted) {
    BinaryState added(other);  // its weights, if it has none
    added.weigh();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      BinaryWeights& cell = weighted->cells[i];
      cell.rows += added.weighted->cells[i].rows;
      cell.squares += added.weighted->cells[i].squares;
      cell.scores += added.weighted->cells[i].scores;
    }
    weighted->squared_errors += added.weighted->squared_errors;
    weighted->log_loss += added.weighted->log_loss;
  }
  histogram.merge(other.histogram);
  for (std::size_t i = 0; i < rejected.size(); ++i) rejected[i] += other.rejected[i];
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i].rows += other.cells[i].rows;
    cells[i].scores.add(other.cells[i].scores);
  }
  squared_errors.add(other.squared_errors);
  log_loss += other.log_loss;
  clipped += other.clipped;
}

std::uint64_t BinaryState::rows() const noexcept {
  std::uint64_t sum = 0;
  for (const BinaryCell& cell : cells) sum += cell.rows;
  return sum;
}

std::size_t BinaryState::memory() const noexcept {
  return sizeof(*this) + cells.capacity() * sizeof(BinaryCell) + histogram.memory() +
         (weighted ? weighted->cells.capacity() * sizeof(BinaryWeights) : 0);
}

BinaryFigures BinaryState::figures(const BinaryPlan& plan) const {
  BinaryFigures out;
  out.rows = rows();
  out.rejected = rejected;
  out.weighted = weighted.has_value();
  const auto confusions = [&](const auto& rows_of) {
    std::vector<BinaryFigures::Confusion> all;
    for (const std::size_t first : plan.first) {
      double sums[2][2] = {};
      for (std::size_t i = 0; i < cells.size(); ++i) sums[i / 2 >= first][i % 2] += rows_of(i);
      all.push_back({sums[0][0], sums[0][1], sums[1][0], sums[1][1]});
    }
    return all;
  };
  const auto rows_of = [this](std::size_t i) {
    return weighted ? weighted->cells[i].rows : static_cast<double>(cells[i].rows);
  };
  out.confusions = confusions(rows_of);
  if (weighted) {
    out.squares = confusions([this](std::size_t i) { return weighted->cells[i].squares; });
    out.counts = confusions([this](std::size_t i) { return static_cast<double>(cells[i].rows); });
  }
  if (!plan.settings.scores) return out;
  // Without weights whole sums are exact; each is rounded once.
  std::vector<ExactSum> scores(static_cast<std::size_t>(plan.settings.bins));
  out.calibration.resize(scores.size());
  ExactSum of_positives;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    BinaryFigures::Calibration& bin = out.calibration[plan.bin[i / 2]];
    bin.rows += rows_of(i);
    bin.positives += i % 2 == 1 ? rows_of(i) : 0.0;
    bin.squares += weighted ? weighted->cells[i].squares : rows_of(i);
    if (weighted) {
      bin.scores += weighted->cells[i].scores;
      out.positive_scores += i % 2 == 1 ? weighted->cells[i].scores : 0.0;
    }
    scores[plan.bin[i / 2]].add(cells[i].scores);
    if (i % 2 == 1) of_positives.add(cells[i].scores);
  }
  if (weighted) {
    out.squared_errors = weighted->squared_errors;
    out.log_loss = weighted->log_loss;
  } else {
    for (std::size_t b = 0; b < scores.size(); ++b) out.calibration[b].scores = scores[b].value();
    out.positive_scores = of_positives.value();
    out.squared_errors = squared_errors.value();
    out.log_loss = log_loss;
  }
  out.clipped = clipped;
  return out;
}

}  // namespace inlay::detail
