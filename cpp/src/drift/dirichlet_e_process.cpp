#include <algorithm>
#include <bit>
#include <cmath>
#include <inlay/drift/dirichlet_e_process.hpp>
#include <inlay/error.hpp>
#include <limits>
#include <utility>

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
constexpr std::string_view kMagic = "inDE";
constexpr std::uint8_t kVersion = 1;

double log_weight(std::uint64_t window) {
  const double m = static_cast<double>(window) + 1;
  const double log_m = detail::log_positive(m);
  return -detail::log_positive(kWeightSum * m * log_m * log_m);
}

bool is_kept(std::uint64_t window, std::uint64_t now) {
  const std::uint64_t age = (now - window) / kPerOctave;
  if (age < 2) return true;
  const int octave = std::bit_width(age) - 1;
  return ((window - 1) & ((std::uint64_t{1} << octave) - 1)) == 0;
}

}  // namespace

DirichletEProcess::DirichletEProcess(std::vector<double> alpha) : alpha_(std::move(alpha)) {
  if (alpha_.size() < 2 || alpha_.size() > kMaxCells) {
    detail::fail<InvalidArgument>("there must be 2 to 4096 cells; cells", alpha_.size());
  }
  for (const double a : alpha_) {
    if (!(a > 0) || !std::isfinite(a)) {
      detail::fail<InvalidArgument>("parameters must be finite and above 0; alpha", a);
    }
    alpha_sum_ += a;
    alpha_constant_ -= detail::log_gamma(a);
  }
  alpha_constant_ += detail::log_gamma(alpha_sum_);
  total_.resize(alpha_.size());
}

double DirichletEProcess::log_null() const {
  constexpr std::size_t kBlock = 64;
  double arguments[kBlock];
  double sum = alpha_constant_ - detail::log_gamma(alpha_sum_ + rows_);
  for (std::size_t from = 0; from < cells(); from += kBlock) {
    const std::size_t length = std::min(kBlock, cells() - from);
    for (std::size_t i = 0; i < length; ++i) arguments[i] = alpha_[from + i] + total_[from + i];
    detail::log_gamma_all(arguments, arguments, length);
    for (std::size_t i = 0; i < length; ++i) sum += arguments[i];
  }
  return sum;
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
  starts_.push_back({windows_, start_us, log_weight(windows_) + log_null_});
  before_.insert(before_.end(), total_.begin(), total_.end());
  for (std::size_t i = 0; i < cells(); ++i) total_[i] += static_cast<double>(counts[i]);
  rows_ += static_cast<double>(added);
  drop_starts();
  evaluate();
}

void DirichletEProcess::drop_starts() {
  const std::size_t k = cells();
  std::size_t kept = 0;
  for (std::size_t j = 0; j < starts_.size(); ++j) {
    if (!is_kept(starts_[j].window, windows_)) continue;
    if (kept != j) {
      starts_[kept] = starts_[j];
      std::copy_n(before_.begin() + static_cast<std::ptrdiff_t>(j * k), k,
                  before_.begin() + static_cast<std::ptrdiff_t>(kept * k));
    }
    ++kept;
  }
  starts_.resize(kept);
  before_.resize(kept * k);
}

void DirichletEProcess::evaluate() {
  const std::size_t k = cells();
  const std::size_t size = starts_.size();
  const double constant = detail::log_gamma(static_cast<double>(k));
  // Arguments of the gamma functions of a few starts at a time, each cell's and their sum.
  constexpr std::size_t kBlock = 512;
  double arguments[kBlock];
  double values[kBlock];
  double terms[kMostStarts];
  double largest = -std::numeric_limits<double>::infinity();
  const auto finish = [&](std::size_t start, double cells_sum, double all) {
    terms[start] = starts_[start].log_constant + constant + cells_sum - all;
    if (terms[start] > largest) {
      largest = terms[start];
      best_ = start;
    }
  };
  const std::size_t stride = k + 1;
  if (stride <= kBlock) {
    const std::size_t at_once = kBlock / stride;
    for (std::size_t from = 0; from < size; from += at_once) {
      const std::size_t to = std::min(size, from + at_once);
      double* out = arguments;
      for (std::size_t j = from; j < to; ++j, out += stride) {
        const double* before = before_.data() + j * k;
        double all = 0;
        for (std::size_t i = 0; i < k; ++i) {
          const double x = total_[i] - before[i] + 1;
          out[i] = x;
          all += x;
        }
        out[k] = all;
      }
      detail::log_gamma_all(arguments, values, (to - from) * stride);
      for (std::size_t j = from; j < to; ++j) {
        const double* value = values + (j - from) * stride;
        double sum = 0;
        for (std::size_t i = 0; i < k; ++i) sum += value[i];
        finish(j, sum, value[k]);
      }
    }
  } else {
    for (std::size_t j = 0; j < size; ++j) {
      const double* before = before_.data() + j * k;
      double sum = 0;
      double all = 0;
      for (std::size_t i = 0; i < k; ++i) {
        const double x = total_[i] - before[i] + 1;
        sum += detail::log_gamma(x);
        all += x;
      }
      finish(j, sum, detail::log_gamma(all));
    }
  }
  for (std::size_t j = 0; j < size; ++j) terms[j] -= largest;
  detail::exp_negative_all(terms, terms, size);
  double sum = 0;
  for (std::size_t j = 0; j < size; ++j) sum += terms[j];
  log_null_ = log_null();
  log_e_ = largest + detail::log_positive(sum) - log_null_;
}

DirichletEProcess::Change DirichletEProcess::most_likely_change() const {
  Change out;
  out.counts.resize(cells());
  if (starts_.empty()) return out;
  const Start& start = starts_[best_];
  out.start_us = start.start_us;
  const double* before = before_.data() + best_ * cells();
  for (std::size_t i = 0; i < cells(); ++i) {
    out.counts[i] = static_cast<std::uint64_t>(total_[i] - before[i]);
    out.rows += out.counts[i];
  }
  return out;
}

std::size_t DirichletEProcess::memory_bytes() const noexcept {
  return sizeof *this + starts_.capacity() * sizeof(Start) +
         (alpha_.capacity() + before_.capacity() + total_.capacity()) * sizeof(double);
}

std::vector<std::uint8_t> DirichletEProcess::to_bytes() const {
  detail::ByteWriter out(kMagic, kVersion);
  out.varint(cells());
  out.varint(windows_);
  for (const double count : total_) out.varint(static_cast<std::uint64_t>(count));
  out.varint(starts_.size());
  for (std::size_t j = 0; j < starts_.size(); ++j) {
    out.varint(starts_[j].window);
    out.zigzag(starts_[j].start_us);
    out.f64(starts_[j].log_constant);
    for (std::size_t i = 0; i < cells(); ++i) {
      out.varint(static_cast<std::uint64_t>(before_[j * cells() + i]));
    }
  }
  return out.take();
}

DirichletEProcess DirichletEProcess::from_bytes(std::vector<double> alpha,
                                                const std::uint8_t* bytes, std::size_t size) {
  DirichletEProcess out(std::move(alpha));
  detail::ByteReader in(bytes, size, "a DirichletEProcess");
  in.expect(kMagic, kVersion);
  const std::uint64_t k = in.varint();
  if (k != out.cells()) in.refuse("have a wrong number of cells", k);
  out.windows_ = in.varint();
  std::uint64_t rows = 0;
  for (double& count : out.total_) {
    const std::uint64_t value = in.varint();
    if (value > kMaxRows - rows) in.refuse("have too large a total; with count", value);
    rows += value;
    count = static_cast<double>(value);
  }
  out.rows_ = static_cast<double>(rows);
  if (out.windows_ > rows) in.refuse("have more windows than rows; windows", out.windows_);
  const std::uint64_t starts = in.varint();
  if (starts > kMostStarts || (starts == 0) != (out.windows_ == 0)) {
    in.refuse("have a wrong number of starts", starts);
  }
  std::uint64_t last = 0;
  std::vector<double> floor(out.cells());
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
    if (!(start.log_constant <= 0) || !std::isfinite(start.log_constant)) {
      in.refuse("have a start with a probability above 1; its logarithm", start.log_constant);
    }
    for (std::size_t i = 0; i < out.cells(); ++i) {
      const auto count = static_cast<double>(in.varint());
      if (count < floor[i] || count > out.total_[i]) {
        in.refuse("have counts that do not grow; count", count);
      }
      floor[i] = count;
      out.before_.push_back(count);
    }
    out.starts_.push_back(start);
  }
  if (starts != 0 && last != out.windows_) in.refuse("lack the last start; window", last);
  in.expect_end();
  if (starts != 0) out.evaluate();
  return out;
}

}  // namespace inlay
