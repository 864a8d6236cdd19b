#include <algorithm>
#include <cmath>
#include <inlay/detect/cusum.hpp>

#include "detect/online_body.hpp"

namespace inlay::detect {

Cusum::Cusum(const Parameters& given)
    : parameters(given),
      fitted(given.mean.has_value() && given.sd.has_value()),
      mean(given.mean.value_or(0.0)),
      sd(given.sd.value_or(1.0)) {}

void Cusum::check(const Parameters& given) {
  expect_finite_positive("k, the allowance,", given.allowance, true);
  expect_finite_positive("h, the threshold,", given.threshold, true);
  if (given.mean && !std::isfinite(*given.mean)) {
    detail::fail<InvalidArgument>("mean must be finite", *given.mean);
  }
  if (given.sd) expect_finite_positive("sd", *given.sd, false);
  expect_within<std::int64_t>("warm_up", given.warm_up, 2, kLargestCount);
}

void Cusum::restart() noexcept {
  const Parameters kept = parameters;
  *this = Cusum(kept);
}

inline void Cusum::step(double value) noexcept {
  if (fitted) [[likely]] {
    const double z = (value - mean) / sd;
    upper = std::max(0.0, upper + z - parameters.allowance);
    lower = std::max(0.0, lower - z - parameters.allowance);
    drift = upper > parameters.threshold || lower > parameters.threshold;
    return;
  }
  const double before = seen.mean;
  seen.update(value);
  // Around a given mean the deviations are from it.
  squares += parameters.mean ? (value - *parameters.mean) * (value - *parameters.mean)
                             : (value - before) * (value - seen.mean);
  if (seen.n < static_cast<double>(parameters.warm_up)) return;
  if (!parameters.mean) mean = seen.mean;
  const double freedom = parameters.mean ? seen.n : seen.n - 1.0;
  if (!parameters.sd) sd = std::sqrt(squares / freedom);
  fitted = sd > 0.0 && std::isfinite(sd) && std::isfinite(mean);
}

Undefined Cusum::undefined() const noexcept {
  if (fitted) {
    return std::isfinite(upper) && std::isfinite(lower) ? Undefined::kDefined
                                                        : Undefined::kOverflow;
  }
  if (!std::isfinite(squares) || !std::isfinite(seen.mean)) return Undefined::kOverflow;
  const bool few = seen.n < static_cast<double>(parameters.warm_up);
  return few ? Undefined::kInsufficient : Undefined::kConstant;
}

// Parameters: allowance, threshold (8 bytes each), one byte: 1 with a mean plus 2 with a deviation,
// these (8 bytes each), length of the warm-up (base-128). State: one byte, whether it is fitted;
// number (base-128), mean and squares of the warm-up, mean, deviation and both sums (8 bytes each).
void Cusum::write(detail::ByteWriter& out) const {
  out.f64(parameters.allowance);
  out.f64(parameters.threshold);
  out.u8(static_cast<std::uint8_t>((parameters.mean ? 1U : 0U) | (parameters.sd ? 2U : 0U)));
  if (parameters.mean) out.f64(*parameters.mean);
  if (parameters.sd) out.f64(*parameters.sd);
  out.varint(static_cast<std::uint64_t>(parameters.warm_up));
  out.u8(fitted ? 1 : 0);
  write_mean(out, seen);
  for (const double each : {squares, mean, sd, upper, lower}) out.f64(each);
}

Cusum::Parameters Cusum::read_parameters(detail::ByteReader& in) {
  Parameters out;
  out.allowance = in.f64();
  out.threshold = in.f64();
  const std::uint8_t given = in.u8();
  if (given > 3) in.refuse("have, where a mean and a deviation are announced,", given);
  if ((given & 1U) != 0) out.mean = in.f64();
  if ((given & 2U) != 0) out.sd = in.f64();
  out.warm_up = read_count(in);
  return out;
}

void Cusum::read(detail::ByteReader& in) {
  fitted = read_flag(in);
  seen = read_mean(in);
  for (double* each : {&squares, &mean, &sd, &upper, &lower}) *each = in.f64();
  if (fitted && !(sd > 0.0)) in.refuse("have a standard deviation", sd);
}

template class Online<Cusum>;

}  // namespace inlay::detect
