#include <algorithm>
#include <cmath>
#include <inlay/detect/fhddm.hpp>

#include "detect/online_body.hpp"

namespace inlay::detect {
namespace {

double hoeffding(double confidence, std::int64_t size) {
  return std::sqrt(std::log(1.0 / confidence) / (2.0 * static_cast<double>(size)));
}

}  // namespace

Fhddm::Fhddm(const Parameters& given)
    : parameters(given),
      ring(static_cast<std::size_t>(given.window_size)),
      bound_(hoeffding(given.confidence, given.window_size)),
      short_bound_(
          hoeffding(given.confidence, std::max<std::int64_t>(given.short_window_size, 1))) {}

void Fhddm::check(const Parameters& given) {
  expect_within<std::int64_t>("sliding_window_size", given.window_size, 1, kMaxSize);
  expect_probability("confidence_level", given.confidence);
  expect_within<std::int64_t>("short_window_size", given.short_window_size, 0, given.window_size);
}

void Fhddm::restart() noexcept {
  next = held = 0;
  ones = short_ones = most_ones = most_short_ones = 0;
}

inline void Fhddm::step(double value) noexcept {
  const auto bit = static_cast<std::uint8_t>(value);
  const auto size = static_cast<std::size_t>(parameters.window_size);
  const auto short_size = static_cast<std::size_t>(parameters.short_window_size);
  // What leaves is read before its place is taken.
  if (short_size != 0 && held >= short_size) short_ones -= ring[back(short_size)];
  if (held == size) {
    ones -= ring[next];
  } else {
    ++held;
  }
  ring[next] = bit;
  if (++next == size) next = 0;
  ones += bit;
  if (short_size != 0) short_ones += bit;
  if (held != size) return;
  most_ones = std::max(most_ones, ones);
  const auto mean = [](std::int64_t n, std::size_t of) {
    return static_cast<double>(n) / static_cast<double>(of);
  };
  drift = mean(most_ones, size) - mean(ones, size) > bound_;
  if (short_size == 0) return;
  most_short_ones = std::max(most_short_ones, short_ones);
  drift = drift || mean(most_short_ones, short_size) - mean(short_ones, short_size) > short_bound_;
}

Undefined Fhddm::undefined() const noexcept {
  return held < ring.size() ? Undefined::kInsufficient : Undefined::kDefined;
}

// Parameters: size of the window (base-128), confidence (8 bytes), size of the short one
// (base-128). State, base-128: values held, most ones in either window so far; the values, oldest
// first, a byte each.
void Fhddm::write(detail::ByteWriter& out) const {
  out.varint(static_cast<std::uint64_t>(parameters.window_size));
  out.f64(parameters.confidence);
  out.varint(static_cast<std::uint64_t>(parameters.short_window_size));
  out.varint(held);
  out.varint(static_cast<std::uint64_t>(most_ones));
  out.varint(static_cast<std::uint64_t>(most_short_ones));
  for (std::size_t i = held; i > 0; --i) out.u8(ring[back(i)]);
}

Fhddm::Parameters Fhddm::read_parameters(detail::ByteReader& in) {
  Parameters out;
  out.window_size = read_count(in);
  out.confidence = in.f64();
  out.short_window_size = read_count(in);
  return out;
}

void Fhddm::read(detail::ByteReader& in) {
  held = static_cast<std::size_t>(in.varint());
  if (held > ring.size()) in.refuse("hold too many values", held);
  most_ones = read_count(in);
  if (most_ones > parameters.window_size) in.refuse("have too many ones", most_ones);
  most_short_ones = read_count(in);
  if (most_short_ones > parameters.short_window_size) {
    in.refuse("have too many ones in the short window", most_short_ones);
  }
  const auto short_size = static_cast<std::size_t>(parameters.short_window_size);
  for (std::size_t i = 0; i < held; ++i) {
    const bool one = read_flag(in);
    ring[i] = one ? 1 : 0;
    if (!one) continue;
    ++ones;
    if (i + short_size >= held) ++short_ones;
  }
  next = held == ring.size() ? 0 : held;
}

template class Online<Fhddm>;

}  // namespace inlay::detect
