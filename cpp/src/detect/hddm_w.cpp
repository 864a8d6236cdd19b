#include <cmath>
#include <inlay/detect/hddm_w.hpp>

#include "detect/online_body.hpp"

namespace inlay::detect {

HddmW::HddmW(const Parameters& given)
    : parameters(given),
      square_(given.lambda * given.lambda),
      square_of_rest_((1.0 - given.lambda) * (1.0 - given.lambda)),
      log_drift_(std::log(1.0 / given.drift_confidence)),
      log_warning_(std::log(1.0 / given.warning_confidence)) {}

void HddmW::check(const Parameters& given) {
  expect_probability("drift_confidence", given.drift_confidence);
  expect_probability("warning_confidence", given.warning_confidence);
  expect_within("lambda_val", given.lambda, 0.0, 1.0);
}

void HddmW::restart() noexcept {
  const Parameters kept = parameters;
  *this = HddmW(kept);
}

inline void HddmW::add(Weighted& to, double value) const noexcept {
  to.mean = to.any ? parameters.lambda * value + (1.0 - parameters.lambda) * to.mean : value;
  to.bound = square_ + square_of_rest_ * to.bound;
  to.any = true;
}

inline bool HddmW::exceeds(const Weighted& low, const Weighted& high,
                           double log_confidence) noexcept {
  if (!low.any || !high.any) return false;
  return high.mean - low.mean > std::sqrt((low.bound + high.bound) * log_confidence / 2.0);
}

inline void HddmW::step(double value) noexcept {
  add(all, value);
  const double eps = std::sqrt(all.bound * log_drift_ / 2.0);
  if (all.mean + eps < rise_cut) {
    rise_cut = all.mean + eps;
    before_rise = all;
    after_rise = Weighted();
  } else {
    add(after_rise, value);
  }
  drift = exceeds(before_rise, after_rise, log_drift_);
  warning = !drift && exceeds(before_rise, after_rise, log_warning_);

  if (!parameters.two_sided) return;
  if (all.mean - eps > fall_cut) {
    fall_cut = all.mean - eps;
    before_fall = all;
    after_fall = Weighted();
  } else {
    add(after_fall, value);
  }
  if (exceeds(after_fall, before_fall, log_drift_)) {
    drift = true;
  } else if (exceeds(after_fall, before_fall, log_warning_)) {
    warning = true;
  }
}

Undefined HddmW::undefined() const noexcept {
  return all.any ? Undefined::kDefined : Undefined::kInsufficient;
}

// Parameters: confidences of alarm and warning, lambda (8 bytes each), one byte: whether two-sided.
// State: for all values, those before and after the cut for increases, and for decreases: one byte,
// whether there are any, then mean and bound (8 bytes each); both cuts (8 bytes each).
void HddmW::write(detail::ByteWriter& out) const {
  out.f64(parameters.drift_confidence);
  out.f64(parameters.warning_confidence);
  out.f64(parameters.lambda);
  out.u8(parameters.two_sided ? 1 : 0);
  for (const Weighted& each : {all, before_rise, after_rise, before_fall, after_fall}) {
    out.u8(each.any ? 1 : 0);
    out.f64(each.mean);
    out.f64(each.bound);
  }
  out.f64(rise_cut);
  out.f64(fall_cut);
}

HddmW::Parameters HddmW::read_parameters(detail::ByteReader& in) {
  Parameters out;
  out.drift_confidence = in.f64();
  out.warning_confidence = in.f64();
  out.lambda = in.f64();
  out.two_sided = read_flag(in);
  return out;
}

void HddmW::read(detail::ByteReader& in) {
  for (Weighted* each : {&all, &before_rise, &after_rise, &before_fall, &after_fall}) {
    each->any = read_flag(in);
    each->mean = in.f64();
    each->bound = in.f64();
  }
  rise_cut = in.f64();
  fall_cut = in.f64();
}

template class Online<HddmW>;

}  // namespace inlay::detect
