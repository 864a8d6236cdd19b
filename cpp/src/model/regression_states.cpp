#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <inlay/error.hpp>
#include <inlay/model/regression_states.hpp>
#include <new>

#include "model/regression_kernels.hpp"
#include "model/row_faults.hpp"
#include "model/segment_states_body.hpp"

namespace inlay {
namespace {

constexpr std::size_t kBlock = RegressionState::kBlock;

// Bit for bit, as what overflowed is NaN.
template <class Doubles>
bool identical(const Doubles& a, const Doubles& b) noexcept {
  return std::memcmp(&a, &b, sizeof(Doubles)) == 0;
}

// A block's sums, as those of a state that counted nothing else.
RegressionState::Sums sums_of(const detail::RegressionTerms& terms, double first_label,
                              double first_error, double weight, double weight_squares) noexcept {
  RegressionState::Sums out;
  out.weight = weight;
  out.weight_squares = weight_squares;
  if (weight == 0) return out;
  const double label = terms.label / weight;
  const double error = terms.error / weight;
  out.label_mean = first_label + label;
  out.error_mean = first_error + error;
  // Rounding may leave a little below zero; what is NaN stays so.
  out.label_m2 = std::max(terms.label_squares - terms.label * label, 0.0);
  out.error_m2 = std::max(terms.error_squares - terms.error * error, 0.0);
  out.co_moment = terms.product - terms.label * error;
  out.absolute = terms.absolute;
  out.fourth = terms.fourth;
  return out;
}

}  // namespace

std::size_t RegressionSettings::point_column() const noexcept {
  if (quantiles.empty()) return 0;
  const auto at = std::find(quantiles.begin(), quantiles.end(), 0.5);
  return at == quantiles.end() ? columns() : static_cast<std::size_t>(at - quantiles.begin());
}

void RegressionSettings::check() const {
  if (quantiles.size() > kMaxQuantiles) {
    detail::fail<InvalidArgument>("there are at most 64 quantiles", quantiles.size());
  }
  double before = 0;
  for (const double q : quantiles) {
    if (!(q > 0 && q < 1)) {
      detail::fail<InvalidArgument>("quantiles lie between 0 and 1, ends excluded", q);
    }
    if (q <= before) detail::fail<InvalidArgument>("quantiles ascend; not so", q);
    before = q;
  }
}

std::string RegressionSettings::text() const {
  std::string out = "quantiles (";
  for (const double q : quantiles) out += (out.back() == '(' ? "" : ", ") + detail::describe(q);
  out += ")";
  if (!relative) out += " without relative errors";
  if (!distribution) out += " without a distribution";
  return out;
}

void RegressionSettings::write(detail::ByteWriter& out) const {
  out.varint(quantiles.size());
  for (const double q : quantiles) out.f64(q);
  out.u8(relative ? 1 : 0);
  out.u8(distribution ? 1 : 0);
}

RegressionSettings RegressionSettings::read(detail::ByteReader& in) {
  RegressionSettings out;
  const std::uint64_t size = in.varint();
  if (size > kMaxQuantiles) in.refuse("have too many quantiles", size);
  double before = 0;
  for (std::uint64_t i = 0; i < size; ++i) {
    const double q = in.f64();
    if (!(q > before && q < 1)) in.refuse("have a quantile that is none", q);
    out.quantiles.push_back(before = q);
  }
  out.relative = detail::read_flag(in);
  out.distribution = detail::read_flag(in);
  return out;
}

bool operator==(const RegressionState::Sums& a, const RegressionState::Sums& b) noexcept {
  return identical(a, b);
}
bool operator==(const RegressionState::Relative& a, const RegressionState::Relative& b) noexcept {
  return identical(a, b);
}
bool operator==(const RegressionState::Quantile& a, const RegressionState::Quantile& b) noexcept {
  return identical(a, b);
}

RegressionState::RegressionState(const Settings& settings)
    : quantiles_(settings.quantiles.size()) {}

void RegressionState::merge(const Sums& b) noexcept {
  if (b.weight == 0) return;
  Sums& a = sums_;
  if (a.weight == 0) {
    a = b;
    return;
  }
  const double weight = a.weight + b.weight;
  const double share = b.weight / weight;
  const double label = b.label_mean - a.label_mean;
  const double error = b.error_mean - a.error_mean;
  const double between = a.weight * share;
  a.label_m2 += b.label_m2 + label * label * between;
  a.error_m2 += b.error_m2 + error * error * between;
  a.co_moment += b.co_moment + label * error * between;
  a.label_mean += label * share;
  a.error_mean += error * share;
  a.absolute += b.absolute;
  a.fourth += b.fourth;
  a.weight = weight;
  a.weight_squares += b.weight_squares;
}

template <class T>
void RegressionState::add_points(const Settings& settings, const T* labels, const T* predictions,
                                 const double* weights, std::size_t size) {
  const detail::RegressionKernels& kernels = detail::regression_kernels();
  if (settings.distribution) {
    double absolute[kBlock];
    for (std::size_t i = 0; i < size; ++i) {
      absolute[i] = std::abs(static_cast<double>(predictions[i]) - static_cast<double>(labels[i]));
    }
    if (distribution_.update(absolute, size) != size) throw std::bad_alloc();
  }
  if (settings.relative) {
    detail::RelativeTerms found;
    if constexpr (std::is_same_v<T, float>) {
      kernels.relative_f32(labels, predictions, weights, size, found);
    } else {
      kernels.relative_f64(labels, predictions, weights, size, found);
    }
    zero_labels_ += found.zero_rows;
    relative_.weight_of_zeros += found.zero_weight;
    relative_.error += found.error;
    relative_.error_squares += found.error_squares;
    relative_.symmetric += found.symmetric;
    relative_.symmetric_squares += found.symmetric_squares;
  }
}

void RegressionState::add_quantiles(const Settings& settings, const double* labels,
                                    const double* predictions, const double* weights,
                                    std::size_t size) {
  const std::size_t columns = settings.columns();
  for (std::size_t column = 0; column < columns; ++column) {
    const double q = settings.quantiles[column];
    Quantile sums;
    for (std::size_t i = 0; i < size; ++i) {
      const double w = weights == nullptr ? 1.0 : weights[i];
      const double below = labels[i] - predictions[i * columns + column];
      const double loss = below > 0 ? q * below : (q - 1) * below;
      sums.covered += below <= 0 ? 1 : 0;
      sums.covered_weight += below <= 0 ? w : 0.0;
      sums.loss += w * loss;
      sums.loss_squares += w * (loss * loss);
    }
    Quantile& to = quantiles_[column];
    to.covered += sums.covered;
    to.covered_weight += sums.covered_weight;
    to.loss += sums.loss;
    to.loss_squares += sums.loss_squares;
  }
  for (std::size_t i = 0; i < size; ++i) {
    const double* row = predictions + i * columns;
    crossings_ += std::is_sorted(row, row + columns) ? 0 : 1;
    const bool inside = labels[i] >= row[0] && labels[i] <= row[columns - 1];
    between_.covered += inside ? 1 : 0;
    between_.covered_weight += inside ? (weights == nullptr ? 1.0 : weights[i]) : 0.0;
  }
}

void RegressionState::update(const Settings& settings, const double* labels,
                             const double* predictions, const double* weights, std::size_t size) {
  const detail::RegressionKernels& kernels = detail::regression_kernels();
  const std::size_t columns = settings.columns();
  const std::size_t point = settings.point_column();
  // Room for what is left of a block once bad rows are out of it.
  std::vector<double> kept;
  for (std::size_t at = 0; at < size; at += kBlock) {
    std::size_t rows = std::min(kBlock, size - at);
    const double* y = labels + at;
    const double* p = predictions + at * columns;
    const double* w = weights == nullptr ? nullptr : weights + at;
    detail::RegressionTerms terms{};
    const bool plain = columns == 1 && w == nullptr;
    if (plain) kernels.terms_f64(y, p, nullptr, rows, terms);
    double weight = static_cast<double>(rows);
    double weight_squares = weight;
    if (!plain || !std::isfinite(terms.fourth)) {
      kept.resize(kBlock * (columns + 3));
      double* const kept_y = kept.data();
      double* const kept_w = kept_y + kBlock;
      double* const kept_point = kept_w + kBlock;
      double* const kept_p = kept_point + kBlock;
      std::size_t n = 0;
      for (std::size_t i = 0; i < rows; ++i) {
        if (!std::isfinite(y[i])) {
          ++faults_.bad_label;
          continue;
        }
        const double* row = p + i * columns;
        bool nan = false;
        bool infinite = false;
        for (std::size_t c = 0; c < columns; ++c) {
          nan |= std::isnan(row[c]);
          infinite |= std::isinf(row[c]);
        }
        if (nan || infinite) {
          ++(nan ? faults_.nan_score : faults_.out_of_range);
          continue;
        }
        if (w != nullptr && !detail::is_weight(w[i], faults_)) continue;
        kept_y[n] = y[i];
        kept_w[n] = w == nullptr ? 1.0 : w[i];
        std::copy(row, row + columns, kept_p + n * columns);
        ++n;
      }
      rows = n;
      y = kept_y;
      p = kept_p;
      if (w != nullptr) w = kept_w;
      if (rows == 0) continue;
      weight = 0;
      weight_squares = 0;
      for (std::size_t i = 0; i < rows; ++i) {
        weight += kept_w[i];
        weight_squares += kept_w[i] * kept_w[i];
      }
      if (!settings.quantiles.empty()) add_quantiles(settings, y, p, w, rows);
      if (point < columns) {
        for (std::size_t i = 0; i < rows; ++i) kept_point[i] = p[i * columns + point];
        p = kept_point;
        kernels.terms_f64(y, p, w, rows, terms);
      }
    }
    weighted_ |= w != nullptr;
    rows_ += static_cast<std::int64_t>(rows);
    if (point >= columns) {
      sums_.weight += weight;
      sums_.weight_squares += weight_squares;
      continue;
    }
    merge(sums_of(terms, y[0], p[0] - y[0], weight, weight_squares));
    max_absolute_ = std::max(max_absolute_, terms.max_absolute);
    add_points(settings, y, p, w, rows);
  }
}

void RegressionState::update(const Settings& settings, const float* labels,
                             const float* predictions, std::size_t size) {
  const detail::RegressionKernels& kernels = detail::regression_kernels();
  for (std::size_t at = 0; at < size; at += kBlock) {
    const std::size_t rows = std::min(kBlock, size - at);
    const float* y = labels + at;
    const float* p = predictions + at;
    detail::RegressionTerms terms;
    if (settings.quantiles.empty()) kernels.terms_f32(y, p, nullptr, rows, terms);
    if (!settings.quantiles.empty() || !std::isfinite(terms.fourth)) {
      double wide_y[kBlock];
      double wide_p[kBlock];
      std::copy(y, y + rows, wide_y);
      std::copy(p, p + rows, wide_p);
      update(settings, wide_y, wide_p, nullptr, rows);
      continue;
    }
    rows_ += static_cast<std::int64_t>(rows);
    const double first = static_cast<double>(y[0]);
    const auto weight = static_cast<double>(rows);
    merge(sums_of(terms, first, static_cast<double>(p[0]) - first, weight, weight));
    max_absolute_ = std::max(max_absolute_, terms.max_absolute);
    add_points(settings, y, p, nullptr, rows);
  }
}

void RegressionState::merge(const RegressionState& other) {
  if (!distribution_.merge(other.distribution_)) throw std::bad_alloc();
  rows_ += other.rows_;
  faults_.merge(other.faults_);
  weighted_ |= other.weighted_;
  const Sums added = other.sums_;  // perhaps this very object's
  merge(added);
  max_absolute_ = std::max(max_absolute_, other.max_absolute_);
  zero_labels_ += other.zero_labels_;
  relative_.weight_of_zeros += other.relative_.weight_of_zeros;
  relative_.error += other.relative_.error;
  relative_.error_squares += other.relative_.error_squares;
  relative_.symmetric += other.relative_.symmetric;
  relative_.symmetric_squares += other.relative_.symmetric_squares;
  for (std::size_t i = 0; i < quantiles_.size(); ++i) {
    quantiles_[i].covered += other.quantiles_[i].covered;
    quantiles_[i].covered_weight += other.quantiles_[i].covered_weight;
    quantiles_[i].loss += other.quantiles_[i].loss;
    quantiles_[i].loss_squares += other.quantiles_[i].loss_squares;
  }
  crossings_ += other.crossings_;
  between_.covered += other.between_.covered;
  between_.covered_weight += other.between_.covered_weight;
}

void update(RegressionStates& states, const RegressionBatch& batch) {
  const RegressionSettings& settings = states.settings();
  const std::size_t columns = settings.columns();
  constexpr std::size_t kRows = detail::SegmentPartition::kBlock;
  std::vector<double> room(std::min(batch.size, kRows) * (2 + columns));
  detail::for_each_group(
      states, batch.segments, batch.size,
      [&](RegressionState& state, const auto& group, const auto& partition, std::size_t at) {
        const std::size_t size = group.end - group.begin;
        double* const labels = room.data();
        double* const weights = labels + size;
        double* const predictions = weights + size;
        partition.gather(group, batch.labels + at, labels);
        if (batch.weights != nullptr) partition.gather(group, batch.weights + at, weights);
        if (columns == 1) {
          partition.gather(group, batch.predictions + at, predictions);
        } else {
          for (std::size_t i = 0; i < size; ++i) {
            const std::size_t row = at + partition.rows()[group.begin + i];
            std::copy_n(batch.predictions + row * columns, columns, predictions + i * columns);
          }
        }
        state.update(settings, labels, predictions, batch.weights == nullptr ? nullptr : weights,
                     size);
      });
}

bool operator==(const RegressionState& a, const RegressionState& b) noexcept {
  return a.rows_ == b.rows_ && a.faults_ == b.faults_ && a.weighted_ == b.weighted_ &&
         a.sums_ == b.sums_ && identical(a.max_absolute_, b.max_absolute_) &&
         a.zero_labels_ == b.zero_labels_ && a.relative_ == b.relative_ &&
         a.distribution_ == b.distribution_ && a.quantiles_ == b.quantiles_ &&
         a.crossings_ == b.crossings_ && a.between_ == b.between_;
}

// ---- bytes ------------------------------------------------------------------------------------
// A state: rows; faults; whether weighted; nine sums and the largest error as doubles; with
// relative errors rows of label 0 and five doubles; with a distribution its size and bytes; of each
// quantile, and of what lies between them, rows covered and their weight, of each quantile two sums
// more; rows that cross. Integers are base-128.

void RegressionState::write(const Settings& settings, detail::ByteWriter& out) const {
  detail::write_count(out, rows_);
  detail::write_faults(out, faults_);
  out.u8(weighted_ ? 1 : 0);
  for (const double sum : std::bit_cast<std::array<double, 9>>(sums_)) out.f64(sum);
  out.f64(max_absolute_);
  if (settings.relative) {
    detail::write_count(out, zero_labels_);
    for (const double sum : std::bit_cast<std::array<double, 5>>(relative_)) out.f64(sum);
  }
  if (settings.distribution) {
    const std::vector<std::uint8_t> bytes = distribution_.to_bytes();
    out.varint(bytes.size());
    out.raw(bytes.data(), bytes.size());
  }
  if (quantiles_.empty()) return;
  for (const Quantile& quantile : quantiles_) {
    detail::write_count(out, quantile.covered);
    out.f64(quantile.covered_weight);
    out.f64(quantile.loss);
    out.f64(quantile.loss_squares);
  }
  detail::write_count(out, between_.covered);
  out.f64(between_.covered_weight);
  detail::write_count(out, crossings_);
}

RegressionState RegressionState::read(const Settings& settings, detail::ByteReader& in) {
  RegressionState out(settings);
  out.rows_ = detail::read_count(in);
  const auto at_most_rows = [&in, &out](std::int64_t count) {
    if (count > out.rows_) in.refuse("count more than rows", count);
    return count;
  };
  out.faults_ = detail::read_faults(in);
  out.weighted_ = detail::read_flag(in);
  std::array<double, 9> sums;
  for (double& sum : sums) sum = in.f64();
  out.sums_ = std::bit_cast<Sums>(sums);
  if (!(out.sums_.weight >= 0) || (!out.weighted_ && !(out.sums_.weight == out.rows_))) {
    in.refuse("have a weight that is none", out.sums_.weight);
  }
  out.max_absolute_ = in.f64();
  if (!(out.max_absolute_ >= 0)) in.refuse("have a largest error", out.max_absolute_);
  if (settings.relative) {
    out.zero_labels_ = at_most_rows(detail::read_count(in));
    std::array<double, 5> relative;
    for (double& sum : relative) sum = in.f64();
    out.relative_ = std::bit_cast<Relative>(relative);
  }
  if (settings.distribution) {
    const std::string_view bytes = in.text();
    out.distribution_ =
        ExpHistogram::from_bytes(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (out.distribution_.count() > static_cast<std::uint64_t>(out.rows_)) {
      in.refuse("have more errors than rows", out.distribution_.count());
    }
  }
  if (out.quantiles_.empty()) return out;
  for (Quantile& quantile : out.quantiles_) {
    quantile.covered = at_most_rows(detail::read_count(in));
    quantile.covered_weight = in.f64();
    quantile.loss = in.f64();
    quantile.loss_squares = in.f64();
  }
  out.between_.covered = at_most_rows(detail::read_count(in));
  out.between_.covered_weight = in.f64();
  out.crossings_ = at_most_rows(detail::read_count(in));
  return out;
}

template class SegmentStates<RegressionState>;

}  // namespace inlay
