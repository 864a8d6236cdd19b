#include <cmath>
#include <inlay/detect/ddm.hpp>

#include "detect/online_body.hpp"

namespace inlay::detect {

void Ddm::check(const Parameters& given) {
  expect_within<std::int64_t>("warm_start", given.warm_start, 0, kLargestCount);
  expect_finite_positive("warning_threshold", given.warning_threshold, true);
  expect_finite_positive("drift_threshold", given.drift_threshold, true);
}

void Ddm::restart() noexcept {
  const Parameters kept = parameters;
  *this = Ddm(kept);
}

inline void Ddm::step(double value) noexcept {
  rate.update(value);
  if (!(rate.n > static_cast<double>(parameters.warm_start))) return;
  const double p = rate.mean;
  const double sd = std::sqrt(p * (1.0 - p) / rate.n);
  const double sum = p + sd;
  if (sum <= least_sum) {
    least_rate = p;
    least_sd = sd;
    least_sum = sum;
  }
  drift = sum > least_rate + parameters.drift_threshold * least_sd;
  warning = !drift && sum > least_rate + parameters.warning_threshold * least_sd;
}

Undefined Ddm::undefined() const noexcept {
  const bool few = !(rate.n > static_cast<double>(parameters.warm_start));
  return few ? Undefined::kInsufficient : Undefined::kDefined;
}

// Parameters: warm-up (base-128), thresholds of warning and alarm (8 bytes each). State: number of
// values (base-128), error rate, lowest rate, its deviation and the lowest sum (8 bytes each).
void Ddm::write(detail::ByteWriter& out) const {
  out.varint(static_cast<std::uint64_t>(parameters.warm_start));
  out.f64(parameters.warning_threshold);
  out.f64(parameters.drift_threshold);
  write_mean(out, rate);
  for (const double each : {least_rate, least_sd, least_sum}) out.f64(each);
}

Ddm::Parameters Ddm::read_parameters(detail::ByteReader& in) {
  Parameters out;
  out.warm_start = read_count(in);
  out.warning_threshold = in.f64();
  out.drift_threshold = in.f64();
  return out;
}

void Ddm::read(detail::ByteReader& in) {
  rate = read_mean(in);
  for (double* each : {&least_rate, &least_sd, &least_sum}) *each = in.f64();
}

template class Online<Ddm>;

}  // namespace inlay::detect
