#include <algorithm>
#include <cmath>
#include <inlay/detect/adwin.hpp>

#include "detect/online_body.hpp"

namespace inlay::detect {
namespace {

// Far above the rounding of a few products and differences, far below any difference that counts.
constexpr double kRounding = 1e-12;
// Products above this lost nothing to underflow.
constexpr double kTiny = 1e-200;

}  // namespace

Adwin::Adwin(const Parameters& given)
    : parameters(given),
      until_look(given.clock),
      stride(static_cast<std::size_t>(given.max_buckets) + 1),
      totals(kRows * stride),
      variances(kRows * stride) {}

void Adwin::check(const Parameters& given) {
  expect_probability("delta", given.delta);
  expect_within<std::int64_t>("clock", given.clock, 1, kLargestCount);
  expect_within<std::int64_t>("max_buckets", given.max_buckets, 2, 255);
  expect_within<std::int64_t>("min_window_length", given.min_window_length, 0, kLargestCount);
  expect_within<std::int64_t>("grace_period", given.grace_period, 0, kLargestCount);
}

void Adwin::restart() noexcept {
  width = total = variance = 0.0;
  until_look = parameters.clock;
  rows = 0;
  sizes.fill(0);
}

inline void Adwin::step(double value) noexcept {
  if (rows == 0) rows = 1;
  totals[sizes[0]] = value;
  variances[sizes[0]] = 0.0;
  ++sizes[0];
  const double before = width;
  width += 1.0;
  if (before > 0.0) {
    const double off = value - total / before;
    variance += before * off * off / width;
  }
  total += value;
  if (sizes[0] == stride) merge_buckets();

  if (--until_look != 0) return;
  until_look = parameters.clock;
  if (!(width > static_cast<double>(parameters.grace_period))) return;
  while (has_cut()) {
    drift = true;
    drop_oldest();
  }
}

// Joins the two oldest buckets of every size that has one too many.
void Adwin::merge_buckets() noexcept {
  double half = 0.5;  // of a bucket's size
  for (std::size_t row = 0; sizes[row] == stride; ++row, half *= 2.0) {
    if (row + 1 == kRows) {
      drop_oldest();
      return;
    }
    double* const t = totals.data() + row * stride;
    double* const v = variances.data() + row * stride;
    const double size = 2.0 * half;
    const double apart = t[0] / size - t[1] / size;
    const std::size_t to = (row + 1) * stride + sizes[row + 1]++;
    totals[to] = t[0] + t[1];
    variances[to] = v[0] + v[1] + half * apart * apart;
    rows = std::max(rows, row + 2);
    sizes[row] = static_cast<std::uint16_t>(sizes[row] - 2);
    std::copy(t + 2, t + stride, t);
    std::copy(v + 2, v + stride, v);
  }
}

void Adwin::drop_oldest() noexcept {
  const std::size_t row = rows - 1;
  double* const t = totals.data() + row * stride;
  double* const v = variances.data() + row * stride;
  const double size = std::ldexp(1.0, static_cast<int>(row));
  const double mean = t[0] / size;
  width -= size;
  total -= t[0];
  const double rest = total / width;
  variance -= v[0] + size * width * (mean - rest) * (mean - rest) / (size + width);
  std::copy(t + 1, t + sizes[row], t);
  std::copy(v + 1, v + sizes[row], v);
  if (--sizes[row] == 0) --rows;
}

// Whether the window, cut between two buckets, falls into parts whose means differ too much.
bool Adwin::has_cut() const noexcept {
  const double least = static_cast<double>(parameters.min_window_length);
  const double log_term = std::log(2.0 * std::log(width) / parameters.delta);
  const double spread = variance / width;
  const double squared = (1.0 - 1e-9) * 2.0 * spread * log_term;
  double n0 = 0.0;
  double n1 = width;
  double sum0 = 0.0;
  double sum1 = total;
  double size = std::ldexp(1.0, static_cast<int>(rows) - 1);
  for (std::size_t row = rows; row-- > 0; size *= 0.5) {
    const double* const t = totals.data() + row * stride;
    // Nothing is left on the right of the newest value.
    const std::size_t cuts = row == 0 ? sizes[0] - 1U : sizes[row];
    for (std::size_t i = 0; i < cuts; ++i) {
      n0 += size;
      n1 -= size;
      sum0 += t[i];
      sum1 -= t[i];
      if (!(n0 >= least && n1 >= least)) continue;
      // Products alone show that most cuts are far from the bound: apart^2 is below the square of
      // the bound's first part. The margin covers all rounding, and NaN goes on to the exact test.
      const double left = n0 - least + 1.0;
      const double right = n1 - least + 1.0;
      const double cross0 = sum0 * n1;
      const double cross1 = sum1 * n0;
      const double cross =
          std::fabs(cross0 - cross1) + kRounding * (std::fabs(cross0) + std::fabs(cross1));
      const double product = n0 * n1;
      const double most = squared * (left + right) * product * product;
      if (most > kTiny && cross * cross * left * right < most) continue;
      const double apart = std::fabs(sum0 / n0 - sum1 / n1);
      const double inverse = 1.0 / (n0 - least + 1.0) + 1.0 / (n1 - least + 1.0);
      const double bound =
          std::sqrt(2.0 * inverse * spread * log_term) + 2.0 / 3.0 * log_term * inverse;
      if (apart > bound) return true;
    }
  }
  return false;
}

Undefined Adwin::undefined() const noexcept {
  if (!std::isfinite(variance) || !std::isfinite(total)) return Undefined::kOverflow;
  const bool few = !drift && !(width > static_cast<double>(parameters.grace_period));
  return few ? Undefined::kInsufficient : Undefined::kDefined;
}

// Parameters: delta (8 bytes), base-128 integers: clock, buckets of a size, least part, grace
// period. State: values until the next look, number of rows (base-128), total and variance of the
// window (8 bytes each); for each row its number of buckets (base-128), then total and variance of
// each (8 bytes each).
void Adwin::write(detail::ByteWriter& out) const {
  out.f64(parameters.delta);
  out.varint(static_cast<std::uint64_t>(parameters.clock));
  out.varint(static_cast<std::uint64_t>(parameters.max_buckets));
  out.varint(static_cast<std::uint64_t>(parameters.min_window_length));
  out.varint(static_cast<std::uint64_t>(parameters.grace_period));
  out.varint(static_cast<std::uint64_t>(until_look));
  out.varint(rows);
  out.f64(total);
  out.f64(variance);
  for (std::size_t row = 0; row < rows; ++row) {
    out.varint(sizes[row]);
    for (std::size_t i = 0; i < sizes[row]; ++i) {
      out.f64(totals[row * stride + i]);
      out.f64(variances[row * stride + i]);
    }
  }
}

Adwin::Parameters Adwin::read_parameters(detail::ByteReader& in) {
  Parameters out;
  out.delta = in.f64();
  out.clock = read_count(in);
  out.max_buckets = read_count(in);
  out.min_window_length = read_count(in);
  out.grace_period = read_count(in);
  return out;
}

void Adwin::read(detail::ByteReader& in) {
  until_look = read_count(in);
  if (until_look < 1 || until_look > parameters.clock) in.refuse("look after", until_look);
  const std::uint64_t found = in.varint();
  if (found > kRows) in.refuse("have too many sizes of buckets;", found);
  rows = static_cast<std::size_t>(found);
  total = in.f64();
  variance = in.f64();
  for (std::size_t row = 0; row < rows; ++row) {
    const std::uint64_t size = in.varint();
    if (size < 1 || size >= stride) in.refuse("have, of one size, buckets", size);
    sizes[row] = static_cast<std::uint16_t>(size);
    width += std::ldexp(static_cast<double>(size), static_cast<int>(row));
    for (std::size_t i = 0; i < size; ++i) {
      totals[row * stride + i] = in.f64();
      variances[row * stride + i] = in.f64();
    }
  }
  if (rows == 0 && (total != 0.0 || variance != 0.0)) in.refuse("have no values but a sum", total);
}

template class Online<Adwin>;

}  // namespace inlay::detect
