#include <algorithm>
#include <bit>
#include <cmath>
#include <inlay/drift/dirichlet_e_process.hpp>
#include <inlay/error.hpp>
#include <limits>
#include <utility>

#include "drift/log_factorial.hpp"
#include "drift/log_gamma.hpp"
#include "summary/bytes.hpp"

namespace inlay {
namespace {

// Starts kept per octave of age. Each halving of the gaps costs as many starts again and finds a
// change a few per cent of its age sooner.
constexpr std::uint64_t kPerOctave = 3;
// The sum over m >= 2 of 1 / (m log^2 m) is 2.10974…; this bounds it from above.
constexpr double kWeightSum = 2.1098;
// A process in a state of bytes may claim this many starts; 64 octaves have fewer.
constexpr std::uint64_t kMostStarts = 64 * kPerOctave + 2 * kPerOctave;
// No sequence of 2^52 rows in 4096 cells is less likely, by far.
constexpr double kLeastLog = -1e18;
constexpr double kNothing = -40;
// Of kAtom and of 1 - kAtom.
constexpr double kLogAtom = -2.0794415416798357;
constexpr double kLogSpacing = -0.13353139262452263;
// A start whose logarithm is as far below the largest is left out while its age grows by a kNap-th.
// The gaps between starts are a third to a sixth of their age, so little is found later for that.
constexpr double kLittle = -18;
constexpr std::uint64_t kNap = 16;
constexpr std::string_view kMagic = "inDE";
constexpr std::uint8_t kVersion = 1;

double log_weight(std::uint64_t window) {
  const double m = static_cast<double>(window) + 1;
  const double log_m = detail::log_positive(m);
  return -detail::log_positive(kWeightSum * m * log_m * log_m);
}

// Of rows in a rare end: the logarithm of Gamma(kRare + count) / Gamma(kRare).
double log_rare(std::uint64_t count) {
  static const std::vector<double> few = [] {
    std::vector<double> out(1'024);
    const double of_none = detail::log_gamma(DirichletEProcess::kRare);
    for (std::size_t i = 1; i < out.size(); ++i) {
      out[i] = detail::log_gamma(DirichletEProcess::kRare + static_cast<double>(i)) - of_none;
    }
    return out;
  }();
  if (count < few.size()) return few[count];
  const auto rows = static_cast<double>(count);
  return detail::log_gamma(DirichletEProcess::kRare + rows) -
         detail::log_gamma(DirichletEProcess::kRare);
}

bool is_kept(std::uint64_t window, std::uint64_t now) {
  const std::uint64_t age = (now - window) / kPerOctave;
  if (age < 2) return true;
  const int octave = std::bit_width(age) - 1;
  return ((window - 1) & ((std::uint64_t{1} << octave) - 1)) == 0;
}

}  // namespace

DirichletEProcess::DirichletEProcess(std::vector<double> alpha, bool has_rare_ends)
    : alpha_(std::move(alpha)), has_rare_ends_(has_rare_ends) {
  if (alpha_.size() < 2 || alpha_.size() > kMaxCells) {
    detail::fail<InvalidArgument>("there must be 2 to 4096 cells; cells", alpha_.size());
  }
  if (has_rare_ends_ && alpha_.size() < 3) {
    detail::fail<InvalidArgument>("there must be a cell between rare ends; cells", alpha_.size());
  }
  for (const double a : alpha_) {
    if (!(a > 0) || !std::isfinite(a)) {
      detail::fail<InvalidArgument>("parameters must be finite and above 0; alpha", a);
    }
    is_alpha_whole_ = is_alpha_whole_ && a == std::floor(a) && a <= static_cast<double>(kMaxRows);
    alpha_sum_ += a;
    alpha_constant_ -= detail::log_gamma(a);
  }
  alpha_constant_ += detail::log_gamma(alpha_sum_);
  total_.resize(alpha_.size());
  if (!has_rare_ends_) return;
  const double rest = alpha_sum_ - alpha_.front();
  ends_[0] = End(alpha_.front(), rest);
  ends_[1] = End(alpha_.back(), rest - alpha_.back());
  inner_constant_ = detail::log_gamma(static_cast<double>(cells() - 2) + 2 * kRare);
}

double DirichletEProcess::log_null() const {
  constexpr std::size_t kBlock = 64;
  double values[kBlock];
  double sum = alpha_constant_ - detail::log_gamma(alpha_sum_ + static_cast<double>(rows_));
  for (std::size_t from = 0; from < cells(); from += kBlock) {
    const std::size_t length = std::min(kBlock, cells() - from);
    if (is_alpha_whole_) {
      std::uint64_t counts[kBlock];
      for (std::size_t i = 0; i < length; ++i) {
        counts[i] = static_cast<std::uint64_t>(alpha_[from + i]) - 1 + total_[from + i];
      }
      detail::log_factorials(counts, values, length);
    } else {
      for (std::size_t i = 0; i < length; ++i) {
        values[i] = alpha_[from + i] + static_cast<double>(total_[from + i]);
      }
      detail::log_gamma_all(values, values, length);
    }
    for (std::size_t i = 0; i < length; ++i) sum += values[i];
  }
  return has_rare_ends_ ? sum + log_atoms() : sum;
}

DirichletEProcess::End::End(double own_parameter, double rest)
    : own(own_parameter),
      sum(own_parameter + rest),
      atom_sum(kRare + rest),
      constant(detail::log_gamma(atom_sum) - detail::log_gamma(sum) + detail::log_gamma(own)) {}

// Logarithm of how much likelier the rows in the ends are by the mixtures than by the ends' own
// parameters: of beta-binomial probabilities, two an end.
double DirichletEProcess::log_atoms() const {
  // Ends are broken off one by one: the lower one from all, the upper one from what is left.
  const std::uint64_t counts[2] = {total_.front(), total_.back()};
  const double rows[2] = {static_cast<double>(rows_), static_cast<double>(rows_ - total_.front())};
  double of_rows[4];
  for (std::size_t i = 0; i < 2; ++i) {
    of_rows[i] = ends_[i].sum + rows[i];
    of_rows[2 + i] = ends_[i].atom_sum + rows[i];
  }
  detail::log_gamma_all(of_rows, of_rows, 4);
  // Of two terms the larger one before the logarithm, so that the exponential is of no more than 0.
  double larger[2];
  double smaller[2];
  for (std::size_t i = 0; i < 2; ++i) {
    const double atom = ends_[i].constant + of_rows[i] - of_rows[2 + i] + log_rare(counts[i]) -
                        detail::log_gamma(ends_[i].own + static_cast<double>(counts[i]));
    larger[i] = std::max(kLogSpacing, kLogAtom + atom);
    smaller[i] = std::min(kLogSpacing, kLogAtom + atom) - larger[i];
  }
  detail::exp_negative_all(smaller, smaller, 2);
  return larger[0] + larger[1] + detail::log_positive((1 + smaller[0]) * (1 + smaller[1]));
}

void DirichletEProcess::update(const std::uint64_t* counts, std::int64_t start_us) {
  std::uint64_t added = 0;
  for (std::size_t i = 0; i < cells(); ++i) {
    if (counts[i] > kMaxRows - rows() - added) {
      detail::fail<InvalidArgument>("all rows must be at most 2^52; count", counts[i]);
    }
    added += counts[i];
  }
  if (added == 0) return;
  ++windows_;
  starts_.push_back({windows_, start_us, log_weight(windows_) + log_null_, rows_, windows_});
  before_.insert(before_.end(), total_.begin(), total_.end());
  for (std::size_t i = 0; i < cells(); ++i) total_[i] += counts[i];
  rows_ += added;
  drop_starts();
  evaluate();
}

// Drops what is_kept() no longer keeps: a start may go when its age enters another octave, only
// then.
void DirichletEProcess::drop_starts() {
  const std::size_t k = cells();
  for (std::uint64_t gap = 2; kPerOctave * gap < windows_; gap *= 2) {
    const std::uint64_t window = windows_ - kPerOctave * gap;
    if (is_kept(window, windows_) || !is_kept(window, windows_ - 1)) continue;
    const auto found = std::lower_bound(
        starts_.begin(), starts_.end(), window,
        [](const Start& start, std::uint64_t of_window) { return start.window < of_window; });
    if (found == starts_.end() || found->window != window) continue;
    const auto at = before_.begin() + (found - starts_.begin()) * static_cast<std::ptrdiff_t>(k);
    before_.erase(at, at + static_cast<std::ptrdiff_t>(k));
    starts_.erase(found);
  }
}

// Numbers of the starts that are not left out; returns how many.
std::size_t DirichletEProcess::pick_due(std::uint32_t* picked) const {
  std::size_t size = 0;
  for (std::size_t j = 0; j < starts_.size(); ++j) {
    picked[size] = static_cast<std::uint32_t>(j);
    size += starts_[j].due <= windows_ ? 1 : 0;
  }
  return size;
}

// log DM(c_s + … + c_t; b) of some starts. Where b is 1 throughout: Gamma(k) times the factorials
// of the counts, over (rows + k - 1)!.
void DirichletEProcess::log_probabilities(const std::uint32_t* picked, std::size_t size,
                                          double* out) const {
  const std::size_t begin = has_rare_ends_ ? 1 : 0;
  const std::size_t end = cells() - begin;
  const std::size_t k = end - begin;
  const auto rows_since = [&](std::size_t j) { return rows_ - starts_[picked[j]].before; };
  // Rows shrink from start to start. All counts of the last ones are in the table.
  std::size_t in_table = size;
  while (in_table > 0 && rows_since(in_table - 1) < detail::kSmallFactorials) --in_table;
  // Of few cells some starts at a time, of many some cells of one.
  constexpr std::size_t kBlock = 256;
  std::uint64_t counts[kBlock];
  double factorials[kBlock];
  const std::size_t width = std::min(k, kBlock);
  const std::size_t at_once = kBlock / width;
  for (std::size_t first = 0; first < in_table; first += at_once) {
    const std::size_t last = std::min(in_table, first + at_once);
    std::fill(out + first, out + last, 0.0);
    for (std::size_t from = begin; from < end; from += width) {
      const std::size_t length = std::min(width, end - from);
      std::uint64_t* count = counts;
      for (std::size_t j = first; j < last; ++j) {
        const std::uint64_t* before = before_.data() + picked[j] * cells() + from;
        for (std::size_t i = 0; i < length; ++i) *count++ = total_[from + i] - before[i];
      }
      detail::log_factorials(counts, factorials, (last - first) * length);
      for (std::size_t j = first; j < last; ++j) {
        const double* value = factorials + (j - first) * length;
        for (std::size_t i = 0; i < length; ++i) out[j] += value[i];
      }
    }
  }
  const double* table = detail::small_log_factorials();
  for (std::size_t j = in_table; j < size; ++j) {
    const std::uint64_t* before = before_.data() + picked[j] * cells();
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += table[total_[i] - before[i]];
    out[j] = sum;
  }
  if (has_rare_ends_) {
    add_rare_ends(picked, size, out);
    return;
  }
  std::uint64_t rows[kMostStarts];
  double rows_factorials[kMostStarts];
  for (std::size_t j = 0; j < size; ++j) rows[j] = rows_since(j) + k - 1;
  detail::log_factorials(rows, rows_factorials, size);
  const double constant = detail::log_gamma(static_cast<double>(k));
  for (std::size_t j = 0; j < size; ++j) out[j] += constant - rows_factorials[j];
}

// Adds to the factorials of the inner cells what outer ones of parameter kRare and the sum of all
// rows make of them.
void DirichletEProcess::add_rare_ends(const std::uint32_t* picked, std::size_t size,
                                      double* out) const {
  const std::size_t last = cells() - 1;
  const double sum = static_cast<double>(last - 1) + 2 * kRare;
  double of_rows[kMostStarts] = {};
  for (std::size_t j = 0; j < size; ++j) {
    of_rows[j] = sum + static_cast<double>(rows_ - starts_[picked[j]].before);
  }
  detail::log_gamma_all(of_rows, of_rows, size);
  for (std::size_t j = 0; j < size; ++j) {
    const std::uint64_t* before = before_.data() + picked[j] * cells();
    out[j] += inner_constant_ - of_rows[j];
    out[j] += log_rare(total_[0] - before[0]) + log_rare(total_[last] - before[last]);
  }
}

void DirichletEProcess::evaluate() {
  std::uint32_t picked[kMostStarts];
  double terms[kMostStarts];
  const std::size_t size = pick_due(picked);
  log_probabilities(picked, size, terms);
  double largest = -std::numeric_limits<double>::infinity();
  for (std::size_t j = 0; j < size; ++j) {
    terms[j] += starts_[picked[j]].log_constant;
    if (terms[j] > largest) {
      largest = terms[j];
      best_ = picked[j];
    }
  }
  // What is below e^-40 of the largest is no bit of the sum.
  std::size_t counted = 0;
  for (std::size_t j = 0; j < size; ++j) {
    const double term = terms[j] - largest;
    terms[counted] = term;
    counted += term > kNothing ? 1 : 0;
    if (term < kLittle) {
      Start& start = starts_[picked[j]];
      start.due = windows_ + (windows_ - start.window) / kNap;
    }
  }
  detail::exp_negative_all(terms, terms, counted);
  double sum = 0;
  for (std::size_t j = 0; j < counted; ++j) sum += terms[j];
  log_null_ = log_null();
  log_e_ = largest + detail::log_positive(sum) - log_null_;
  if (has_rare_ends_) log_e_ += 2 * kLogSpacing;
}

DirichletEProcess::Change DirichletEProcess::most_likely_change() const {
  Change out;
  out.counts.resize(cells());
  if (starts_.empty()) return out;
  const Start& start = starts_[best_];
  out.start_us = start.start_us;
  out.rows = rows_ - start.before;
  const std::uint64_t* before = before_.data() + best_ * cells();
  for (std::size_t i = 0; i < cells(); ++i) out.counts[i] = total_[i] - before[i];
  return out;
}

std::size_t DirichletEProcess::memory_bytes() const noexcept {
  return sizeof *this + starts_.capacity() * sizeof(Start) + alpha_.capacity() * sizeof(double) +
         (before_.capacity() + total_.capacity()) * sizeof(std::uint64_t);
}

std::vector<std::uint8_t> DirichletEProcess::to_bytes() const {
  detail::ByteWriter out(kMagic, kVersion);
  out.varint(cells());
  out.varint(windows_);
  for (const std::uint64_t count : total_) out.varint(count);
  out.varint(starts_.size());
  for (std::size_t j = 0; j < starts_.size(); ++j) {
    out.varint(starts_[j].window);
    out.zigzag(starts_[j].start_us);
    out.f64(starts_[j].log_constant);
    out.varint(starts_[j].due > windows_ ? starts_[j].due - windows_ : 0);
    for (std::size_t i = 0; i < cells(); ++i) out.varint(before_[j * cells() + i]);
  }
  if (!starts_.empty()) {
    // Not computed anew: which starts took part is not known any more.
    out.f64(log_e_);
    out.varint(best_);
  }
  return out.take();
}

DirichletEProcess DirichletEProcess::from_bytes(std::vector<double> alpha,
                                                const std::uint8_t* bytes, std::size_t size,
                                                bool has_rare_ends) {
  DirichletEProcess out(std::move(alpha), has_rare_ends);
  detail::ByteReader in(bytes, size, "a DirichletEProcess");
  in.expect(kMagic, kVersion);
  const std::uint64_t k = in.varint();
  if (k != out.cells()) in.refuse("have a wrong number of cells", k);
  out.windows_ = in.varint();
  for (std::uint64_t& count : out.total_) {
    count = in.varint();
    if (count > kMaxRows - out.rows_) in.refuse("have too large a total; with count", count);
    out.rows_ += count;
  }
  if (out.windows_ > out.rows_) in.refuse("have more windows than rows; windows", out.windows_);
  const std::uint64_t starts = in.varint();
  if (starts > kMostStarts || (starts == 0) != (out.windows_ == 0)) {
    in.refuse("have a wrong number of starts", starts);
  }
  std::uint64_t last = 0;
  std::vector<std::uint64_t> floor(out.cells());
  for (std::uint64_t j = 0; j < starts; ++j) {
    Start start{};
    start.window = in.varint();
    if (start.window <= last || start.window > out.windows_ ||
        !is_kept(start.window, out.windows_)) {
      in.refuse("have a start that is out of place; window", start.window);
    }
    last = start.window;
    start.start_us = in.zigzag();
    start.log_constant = in.f64();
    if (!(start.log_constant <= 0 && start.log_constant >= kLeastLog)) {
      in.refuse("have a start of no probability; its logarithm", start.log_constant);
    }
    const std::uint64_t nap = in.varint();
    if (nap > (out.windows_ - start.window) / kNap) in.refuse("leave out a start for", nap);
    start.due = out.windows_ + nap;
    for (std::size_t i = 0; i < out.cells(); ++i) {
      const std::uint64_t count = in.varint();
      if (count < floor[i] || count > out.total_[i]) {
        in.refuse("have counts that do not grow; count", count);
      }
      floor[i] = count;
      start.before += count;
      out.before_.push_back(count);
    }
    out.starts_.push_back(start);
  }
  if (starts != 0 && last != out.windows_) in.refuse("lack the last start; window", last);
  if (starts != 0) {
    out.log_e_ = in.f64();
    if (!(std::fabs(out.log_e_) <= -kLeastLog)) in.refuse("have a log_e of", out.log_e_);
    const std::uint64_t best = in.varint();
    if (best >= starts) in.refuse("have a likeliest start that is not there; number", best);
    out.best_ = static_cast<std::size_t>(best);
    out.log_null_ = out.log_null();
  }
  in.expect_end();
  return out;
}

}  // namespace inlay
