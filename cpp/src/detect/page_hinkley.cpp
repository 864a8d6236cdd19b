#include <cmath>
#include <inlay/detect/page_hinkley.hpp>

#include "detect/online_body.hpp"

namespace inlay::detect {

void PageHinkley::check(const Parameters& given) {
  expect_within<std::int64_t>("min_instances", given.min_instances, 0, kLargestCount);
  expect_finite_positive("delta", given.delta, true);
  expect_finite_positive("threshold", given.threshold, true);
  expect_within("alpha", given.alpha, 0.0, 1.0);
}

void PageHinkley::restart() noexcept {
  const Parameters kept = parameters;
  *this = PageHinkley(kept);
}

inline void PageHinkley::step(double value) noexcept {
  mean.update(value);
  const double off = value - mean.mean;
  increase = parameters.alpha * increase + off - parameters.delta;
  decrease = parameters.alpha * decrease + off + parameters.delta;
  if (increase < least_increase) least_increase = increase;
  if (decrease > largest_decrease) largest_decrease = decrease;
  if (mean.n < static_cast<double>(parameters.min_instances)) return;
  const bool up = increase - least_increase > parameters.threshold;
  const bool down = largest_decrease - decrease > parameters.threshold;
  drift = (up && parameters.mode != Mode::kDown) || (down && parameters.mode != Mode::kUp);
}

Undefined PageHinkley::undefined() const noexcept {
  if (!std::isfinite(mean.mean) || !std::isfinite(increase) || !std::isfinite(decrease)) {
    return Undefined::kOverflow;
  }
  const bool few = mean.n < static_cast<double>(parameters.min_instances);
  return few ? Undefined::kInsufficient : Undefined::kDefined;
}

// Parameters: least number of values (base-128), delta, threshold, alpha (8 bytes each), mode (one
// byte). State: number (base-128) and mean of the values, both sums and their extremes (8 bytes
// each).
void PageHinkley::write(detail::ByteWriter& out) const {
  out.varint(static_cast<std::uint64_t>(parameters.min_instances));
  out.f64(parameters.delta);
  out.f64(parameters.threshold);
  out.f64(parameters.alpha);
  out.u8(static_cast<std::uint8_t>(parameters.mode));
  write_mean(out, mean);
  for (const double each : {increase, decrease, least_increase, largest_decrease}) out.f64(each);
}

PageHinkley::Parameters PageHinkley::read_parameters(detail::ByteReader& in) {
  Parameters out;
  out.min_instances = read_count(in);
  out.delta = in.f64();
  out.threshold = in.f64();
  out.alpha = in.f64();
  const std::uint8_t mode = in.u8();
  if (mode > 2) in.refuse("have mode", mode);
  out.mode = static_cast<Mode>(mode);
  return out;
}

void PageHinkley::read(detail::ByteReader& in) {
  mean = read_mean(in);
  for (double* each : {&increase, &decrease, &least_increase, &largest_decrease}) *each = in.f64();
}

template class Online<PageHinkley>;

}  // namespace inlay::detect
