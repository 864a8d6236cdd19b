#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <inlay/error.hpp>
#include <inlay/model/multiclass_states.hpp>

#include "model/row_faults.hpp"
#include "model/segment_states_body.hpp"

namespace inlay {
namespace {

constexpr std::size_t kBlock = 2048;

}  // namespace

void MulticlassSettings::check() const {
  if (classes < 2 || classes > kMaxClasses) {
    detail::fail<InvalidArgument>("there are 2 to 4096 classes", classes);
  }
  if (top_k.size() > kMaxTopK) {
    detail::fail<InvalidArgument>("there are at most 16 top-k accuracies", top_k.size());
  }
  std::int32_t before = 0;
  for (const std::int32_t k : top_k) {
    if (k < 1) detail::fail<InvalidArgument>("k of a top-k accuracy is 1 or more", k);
    if (k <= before) detail::fail<InvalidArgument>("k of top-k accuracies ascend; not so", k);
    if (k > classes) {
      detail::fail<InvalidArgument>("k of a top-k accuracy is at most the number of classes", k);
    }
    before = k;
  }
  if (bins < 1 || bins > kMaxBins) detail::fail<InvalidArgument>("there are 1 to 1000 bins", bins);
  if (kind > ScoreKind::kLabel) {
    detail::fail<InvalidArgument>("there is no kind of score", static_cast<int>(kind));
  }
}

std::string MulticlassSettings::text() const {
  std::string out = std::to_string(classes) + " classes, kind ";
  out += name_of(kind);
  if (!has_scores()) return out;
  out += ", " + std::to_string(bins) + " bins, top-k (";
  for (const std::int32_t k : top_k) out += (out.back() == '(' ? "" : ", ") + std::to_string(k);
  return out + ")";
}

void MulticlassSettings::write(detail::ByteWriter& out) const {
  out.varint(static_cast<std::uint64_t>(classes));
  out.varint(top_k.size());
  for (const std::int32_t k : top_k) out.varint(static_cast<std::uint64_t>(k));
  out.varint(static_cast<std::uint64_t>(bins));
  out.u8(static_cast<std::uint8_t>(kind));
}

MulticlassSettings MulticlassSettings::read(detail::ByteReader& in) {
  MulticlassSettings out;
  const auto number = [&in](std::uint64_t least, std::uint64_t most) {
    const std::uint64_t value = in.varint();
    if (value < least || value > most) in.refuse("have a setting out of range", value);
    return static_cast<std::int32_t>(value);
  };
  out.classes = number(2, kMaxClasses);
  out.top_k.resize(static_cast<std::size_t>(number(0, kMaxTopK)));
  std::int32_t before = 0;
  for (std::int32_t& k : out.top_k) {
    k = number(static_cast<std::uint64_t>(before) + 1, static_cast<std::uint64_t>(out.classes));
    before = k;
  }
  out.bins = number(1, kMaxBins);
  const std::uint8_t kind = in.u8();
  if (kind > static_cast<std::uint8_t>(ScoreKind::kLabel)) in.refuse("have kind of score", kind);
  out.kind = static_cast<ScoreKind>(kind);
  return out;
}

MulticlassState::MulticlassState(const Settings& settings) : cells_(settings.classes) {
  if (!settings.has_scores()) return;
  if (!settings.top_k.empty()) ranks_.resize(static_cast<std::size_t>(settings.top_k.back()) + 1);
  bins_.resize(static_cast<std::size_t>(settings.bins));
}

void MulticlassState::read_classes(const std::int64_t* values, std::size_t size,
                                   std::int32_t classes, std::int64_t null,
                                   std::int32_t* out) noexcept {
  const auto limit = static_cast<std::uint64_t>(classes);
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < size; ++i) {
    all |= static_cast<std::uint64_t>(values[i]);
    out[i] = static_cast<std::int32_t>(values[i]);
  }
  // If no value has a bit above 31, what is no class is still none as it was written.
  if (all <= INT32_MAX) return;
  for (std::size_t i = 0; i < size; ++i) {
    if (static_cast<std::uint64_t>(values[i]) < limit) continue;
    out[i] = values[i] == null ? kNullClass : kOutsideClass;
  }
}

void MulticlassState::update_labels(const Settings& settings, const std::int32_t* labels,
                                    const std::int32_t* predicted, const double* weights,
                                    std::size_t size) {
  const auto classes = static_cast<std::uint32_t>(settings.classes);
  for (std::size_t at = 0; at < size; at += kBlock) {
    std::size_t rows = std::min(kBlock, size - at);
    const std::int32_t* y = labels + at;
    const std::int32_t* p = predicted + at;
    const double* w = weights == nullptr ? nullptr : weights + at;
    bool right = w == nullptr;
    std::uint32_t bad = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      bad |= static_cast<std::uint32_t>(y[i]) >= classes ? 1U : 0U;
      bad |= static_cast<std::uint32_t>(p[i]) >= classes ? 1U : 0U;
    }
    right &= bad == 0;
    std::int32_t kept_y[kBlock];
    std::int32_t kept_p[kBlock];
    double kept_w[kBlock];
    double weight = 0;
    double weight_squares = 0;
    if (!right) {
      std::size_t n = 0;
      for (std::size_t i = 0; i < rows; ++i) {
        if (static_cast<std::uint32_t>(y[i]) >= classes) {
          ++faults_.bad_label;
        } else if (static_cast<std::uint32_t>(p[i]) >= classes) {
          ++(p[i] == kNullClass ? faults_.nan_score : faults_.out_of_range);
        } else if (w == nullptr || detail::is_weight(w[i], faults_)) {
          kept_y[n] = y[i];
          kept_p[n] = p[i];
          kept_w[n] = w == nullptr ? 1.0 : w[i];
          weight += kept_w[n];
          weight_squares += kept_w[n] * kept_w[n];
          ++n;
        }
      }
      rows = n;
      y = kept_y;
      p = kept_p;
      if (w != nullptr) w = kept_w;
      if (rows == 0) continue;
    } else {
      weight = weight_squares = static_cast<double>(rows);
    }
    cells_.update(y, p, w, rows);
    rows_ += static_cast<std::int64_t>(rows);
    sums_.weight += weight;
    sums_.weight_squares += weight_squares;
  }
}

void MulticlassState::merge(const MulticlassState& other) {
  rows_ += other.rows_;
  faults_.merge(other.faults_);
  if (weighted() || other.weighted()) {
    weigh();
    MulticlassState added = other;  // perhaps this very object
    added.weigh();
    for (std::size_t i = 0; i < ranks_.size(); ++i) rank_weights_[i] += added.rank_weights_[i];
    for (std::size_t i = 0; i < bins_.size(); ++i) {
      bins_[i].weight += added.bins_[i].weight;
      bins_[i].hit_weight += added.bins_[i].hit_weight;
    }
  }
  for (std::size_t i = 0; i < ranks_.size(); ++i) ranks_[i] += other.ranks_[i];
  cells_.merge(other.cells_);
  for (std::size_t i = 0; i < bins_.size(); ++i) {
    bins_[i].rows += other.bins_[i].rows;
    bins_[i].hits += other.bins_[i].hits;
    bins_[i].confidence += other.bins_[i].confidence;
  }
  clipped_ += other.clipped_;
  unnormalised_ += other.unnormalised_;
  const Sums added = other.sums_;  // perhaps this very object's
  add(added);
}

void MulticlassState::weigh() {
  if (weighted()) return;
  rank_weights_.assign(ranks_.begin(), ranks_.end());
  for (Tally& bin : bins_) {
    bin.weight = static_cast<double>(bin.rows);
    bin.hit_weight = static_cast<double>(bin.hits);
  }
  cells_.weigh();
}

void MulticlassState::add(const Sums& sums) noexcept {
  sums_.weight += sums.weight;
  sums_.weight_squares += sums.weight_squares;
  sums_.log_loss += sums.log_loss;
  sums_.log_loss_squares += sums.log_loss_squares;
  sums_.brier += sums.brier;
  sums_.brier_squares += sums.brier_squares;
}

void update(MulticlassStates& states, const MulticlassBatch& batch) {
  const MulticlassSettings& settings = states.settings();
  const auto columns = static_cast<std::size_t>(settings.classes);
  const std::size_t rows = std::min(batch.size, detail::SegmentPartition::kBlock);
  std::vector<std::int32_t> labels(rows);
  std::vector<std::int32_t> predicted(batch.scores == nullptr ? rows : 0);
  std::vector<double> weights(batch.weights == nullptr ? 0 : rows);
  std::vector<double> scores(batch.scores == nullptr ? 0 : MulticlassState::kScoreBlock * columns);
  detail::for_each_group(
      states, batch.segments, batch.size,
      [&](MulticlassState& state, const auto& group, const auto& partition, std::size_t at) {
        const std::size_t size = group.end - group.begin;
        partition.gather(group, batch.labels + at, labels.data());
        double* w = nullptr;
        if (batch.weights != nullptr) {
          w = weights.data();
          partition.gather(group, batch.weights + at, w);
        }
        if (batch.scores == nullptr) {
          partition.gather(group, batch.predicted + at, predicted.data());
          state.update_labels(settings, labels.data(), predicted.data(), w, size);
          return;
        }
        for (std::size_t from = 0; from < size; from += MulticlassState::kScoreBlock) {
          const std::size_t part = std::min(MulticlassState::kScoreBlock, size - from);
          for (std::size_t i = 0; i < part; ++i) {
            const std::size_t row = at + partition.rows()[group.begin + from + i];
            std::copy_n(batch.scores + row * columns, columns, scores.data() + i * columns);
          }
          state.update_scores(settings, labels.data() + from, scores.data(),
                              w == nullptr ? nullptr : w + from, part);
        }
      });
}

bool operator==(const MulticlassState& a, const MulticlassState& b) {
  const auto same = [](const auto& x, const auto& y) {
    return std::memcmp(&x, &y, sizeof(x)) ==
           0;  // no padding; infinite sums are equal to themselves
  };
  return a.rows_ == b.rows_ && a.faults_ == b.faults_ && a.cells_ == b.cells_ &&
         same(a.sums_, b.sums_) && a.ranks_ == b.ranks_ && a.rank_weights_ == b.rank_weights_ &&
         std::equal(a.bins_.begin(), a.bins_.end(), b.bins_.begin(), b.bins_.end(), same) &&
         a.clipped_ == b.clipped_ && a.unnormalised_ == b.unnormalised_;
}

// ---- bytes ------------------------------------------------------------------------------------
// A state: rows; faults; the cells; two sums of weights. With scores: four sums more; the rows of
// each rank and, if weighted, their weights; of each bin rows, hits, sum of confidences and, if
// weighted, two weights; rows clipped
// and those whose probabilities do not sum to 1. Integers are base-128.

void MulticlassState::write(const Settings& settings, detail::ByteWriter& out) const {
  detail::write_count(out, rows_);
  detail::write_faults(out, faults_);
  cells_.write(out);
  out.f64(sums_.weight);
  out.f64(sums_.weight_squares);
  if (!settings.has_scores()) return;
  for (const double sum :
       {sums_.log_loss, sums_.log_loss_squares, sums_.brier, sums_.brier_squares}) {
    out.f64(sum);
  }
  for (const std::int64_t rows : ranks_) detail::write_count(out, rows);
  for (const double weight : rank_weights_) out.f64(weight);
  for (const Tally& bin : bins_) {
    detail::write_count(out, bin.rows);
    detail::write_count(out, bin.hits);
    out.f64(bin.confidence);
    if (!weighted()) continue;
    out.f64(bin.weight);
    out.f64(bin.hit_weight);
  }
  detail::write_count(out, clipped_);
  detail::write_count(out, unnormalised_);
}

MulticlassState MulticlassState::read(const Settings& settings, detail::ByteReader& in) {
  MulticlassState out(settings);
  out.rows_ = detail::read_count(in);
  std::int64_t left = 0;
  // Takes a part of the rows that are still to be accounted for.
  const auto part = [&in, &left](std::int64_t count) {
    if (count > left) in.refuse("count more than rows", count);
    left -= count;
    return count;
  };
  const auto double_of_rows = [&in](double value) {
    if (!(value >= 0)) in.refuse("have a sum below 0", value);
    return value;
  };
  out.faults_ = detail::read_faults(in);
  out.cells_ = ConfusionCells::read(settings.classes, in);
  left = out.rows_;
  for (const ConfusionCells::Cell& cell : out.cells_.cells()) part(cell.rows);
  if (left != 0) in.refuse("count fewer cells than rows, by", left);
  for (double* sum : {&out.sums_.weight, &out.sums_.weight_squares}) {
    *sum = double_of_rows(in.f64());
  }
  if (!settings.has_scores()) return out;
  for (double* sum : {&out.sums_.log_loss, &out.sums_.log_loss_squares, &out.sums_.brier,
                      &out.sums_.brier_squares}) {
    *sum = double_of_rows(in.f64());
  }
  left = out.rows_;
  for (std::int64_t& rows : out.ranks_) rows = part(detail::read_count(in));
  if (left != 0 && !out.ranks_.empty()) in.refuse("count fewer ranks than rows, by", left);
  if (out.weighted() && !out.ranks_.empty()) {
    out.rank_weights_.resize(out.ranks_.size());
    for (double& weight : out.rank_weights_) weight = double_of_rows(in.f64());
  }
  left = out.rows_;
  for (Tally& bin : out.bins_) {
    bin.rows = part(detail::read_count(in));
    bin.hits = detail::read_count(in);
    if (bin.hits > bin.rows) in.refuse("count more hits than rows", bin.hits);
    bin.confidence = double_of_rows(in.f64());
    if (!out.weighted()) continue;
    bin.weight = double_of_rows(in.f64());
    bin.hit_weight = double_of_rows(in.f64());
  }
  if (left != 0) in.refuse("count fewer rows in bins than rows, by", left);
  left = out.rows_;
  out.clipped_ = part(detail::read_count(in));
  left = out.rows_;
  out.unnormalised_ = part(detail::read_count(in));
  return out;
}

template class SegmentStates<MulticlassState>;

}  // namespace inlay
