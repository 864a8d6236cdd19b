#include <cmath>
#include <inlay/detect/hddm_a.hpp>

#include "detect/online_body.hpp"

namespace inlay::detect {

HddmA::HddmA(const Parameters& given)
    : parameters(given),
      log_cut_(std::log(1.0 / given.drift_confidence)),
      log_drift_(std::log(2.0 / given.drift_confidence)),
      log_warning_(std::log(2.0 / given.warning_confidence)) {}

void HddmA::check(const Parameters& given) {
  expect_probability("drift_confidence", given.drift_confidence);
  expect_probability("warning_confidence", given.warning_confidence);
}

void HddmA::restart() noexcept { all = low = high = RunningMean(); }

double HddmA::bound(double n) const noexcept { return std::sqrt(1.0 / (2.0 * n) * log_cut_); }

// The difference of the mean of all values from that of those before a cut that chance allows.
double HddmA::allowed(const RunningMean& before, double log_confidence) const noexcept {
  const double m = (all.n - before.n) / before.n * (1.0 / all.n);
  return std::sqrt(m / 2.0 * log_confidence);
}

inline void HddmA::step(double value) noexcept {
  all.update(value);
  if (low.n == 0.0) low = high = all;
  const double eps = bound(all.n);
  if (low.mean + bound(low.n) >= all.mean + eps) low = all;
  if (high.mean - bound(high.n) <= all.mean - eps) high = all;

  const bool may_rise = low.n != all.n;
  const double rise = all.mean - low.mean;
  drift = may_rise && rise >= allowed(low, log_drift_);
  warning = may_rise && !drift && rise >= allowed(low, log_warning_);
  if (!parameters.two_sided || high.n == all.n) return;
  const double fall = high.mean - all.mean;
  if (fall >= allowed(high, log_drift_)) {
    drift = true;
  } else if (fall >= allowed(high, log_warning_)) {
    warning = true;
  }
}

Undefined HddmA::undefined() const noexcept {
  return all.n == 0.0 ? Undefined::kInsufficient : Undefined::kDefined;
}

// Parameters: confidences of alarm and warning (8 bytes each), one byte: whether two-sided. State,
// number (base-128) and mean (8 bytes) of: all values, those before the cut for increases, and for
// decreases.
void HddmA::write(detail::ByteWriter& out) const {
  out.f64(parameters.drift_confidence);
  out.f64(parameters.warning_confidence);
  out.u8(parameters.two_sided ? 1 : 0);
  for (const RunningMean& each : {all, low, high}) write_mean(out, each);
}

HddmA::Parameters HddmA::read_parameters(detail::ByteReader& in) {
  Parameters out;
  out.drift_confidence = in.f64();
  out.warning_confidence = in.f64();
  out.two_sided = read_flag(in);
  return out;
}

void HddmA::read(detail::ByteReader& in) {
  for (RunningMean* each : {&all, &low, &high}) *each = read_mean(in);
}

template class Online<HddmA>;

}  // namespace inlay::detect
