#include <cmath>
#include <inlay/detect/eddm.hpp>

#include "detect/online_body.hpp"

namespace inlay::detect {

void Eddm::check(const Parameters& given) {
  expect_within<std::int64_t>("warm_start", given.warm_start, 0, kLargestCount);
  expect_within("alpha", given.alpha, 0.0, 1.0);
  expect_within("beta", given.beta, 0.0, given.alpha);
}

void Eddm::restart() noexcept {
  const Parameters kept = parameters;
  *this = Eddm(kept);
}

inline void Eddm::step(double value) noexcept {
  ++n;
  if (value == 0.0) return;
  const auto since = static_cast<double>(n - last_error);
  last_error = n;
  const double before = distance.mean;
  distance.update(since);
  squares += (since - before) * (since - distance.mean);
  if (n <= parameters.warm_start) return;
  const double variance = distance.n > 1.0 ? squares / (distance.n - 1.0) : 0.0;
  // pow, since river takes this power, and it may differ from a square root in the last bit.
  const double reach = distance.mean + 2.0 * std::pow(variance, 0.5);
  if (reach > largest) {
    largest = reach;
  } else if (distance.n > static_cast<double>(parameters.warm_start)) {
    const double level = reach / largest;
    if (level < parameters.beta) {
      drift = true;  // a warning stays, as river's does
    } else {
      warning = level < parameters.alpha;
    }
  }
}

Undefined Eddm::undefined() const noexcept {
  const bool few = !drift && !(distance.n > static_cast<double>(parameters.warm_start));
  return few ? Undefined::kInsufficient : Undefined::kDefined;
}

// Parameters: warm-up (base-128), alpha and beta (8 bytes each). State, base-128: values, place of
// the last error, errors; 8 bytes each: mean distance, squares, largest reach.
void Eddm::write(detail::ByteWriter& out) const {
  out.varint(static_cast<std::uint64_t>(parameters.warm_start));
  out.f64(parameters.alpha);
  out.f64(parameters.beta);
  out.varint(static_cast<std::uint64_t>(n));
  out.varint(static_cast<std::uint64_t>(last_error));
  write_mean(out, distance);
  out.f64(squares);
  out.f64(largest);
}

Eddm::Parameters Eddm::read_parameters(detail::ByteReader& in) {
  Parameters out;
  out.warm_start = read_count(in);
  out.alpha = in.f64();
  out.beta = in.f64();
  return out;
}

void Eddm::read(detail::ByteReader& in) {
  n = static_cast<std::int64_t>(read_whole(in));
  last_error = static_cast<std::int64_t>(read_whole(in));
  if (last_error > n) in.refuse("have their last error after all values, at", last_error);
  distance = read_mean(in);
  squares = in.f64();
  largest = in.f64();
}

template class Online<Eddm>;

}  // namespace inlay::detect
