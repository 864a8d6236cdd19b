#include <algorithm>
#include <bit>
#include <cmath>
#include <inlay/detect/kswin.hpp>
#include <numeric>

#include "detect/online_body.hpp"

namespace inlay::detect {
namespace {

// A distance that alarms must also exceed this, whatever its p-value; river's constant.
constexpr double kLeastStatistic = 0.1;

// The least h whose distance h / n alarms; n + 1 if none does.
std::int64_t least_alarming(std::int64_t n, double alpha) {
  std::int64_t low = 1;
  std::int64_t high = n + 1;
  while (low < high) {  // the p-value falls with h
    const std::int64_t h = low + (high - low) / 2;
    const bool far = static_cast<double>(h) / static_cast<double>(n) > kLeastStatistic;
    if (far && Kswin::p_value(n, h) <= alpha) {
      high = h;
    } else {
      low = h + 1;
    }
  }
  return low;
}

// Whether Python's random.sample of k out of n keeps a list of all n; else it keeps the set of the
// chosen ones. A set of k integers is reckoned at 21 places and, beyond five integers, the least
// power of 4 that is at least 3 k.
bool draws_by_pool(std::int64_t n, std::int64_t k) {
  std::int64_t set_size = 21;
  if (k > 5) {
    std::int64_t power = 1;
    while (power < 3 * k) power *= 4;
    set_size += power;
  }
  return n <= set_size;
}

}  // namespace

// ---- random numbers ---------------------------------------------------------------------------

// The generator's key is the seed in words of 32 bits, without leading zeros, at least one.
void Kswin::Twister::seed(std::uint64_t seed) noexcept {
  const std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(seed),
                                         static_cast<std::uint32_t>(seed >> 32)};
  const std::uint32_t keys = key[1] != 0 ? 2 : 1;
  constexpr std::uint32_t kN = 624;
  const auto scrambled = [&](std::uint32_t i) { return words[i] ^ (words[i] >> 30); };
  words[0] = 19650218U;
  for (std::uint32_t i = 1; i < kN; ++i) words[i] = 1812433253U * scrambled(i - 1) + i;
  std::uint32_t i = 1;
  const auto advance = [&] {
    if (++i == kN) {
      words[0] = words[kN - 1];
      i = 1;
    }
  };
  for (std::uint32_t k = 0; k < kN; ++k) {
    const std::uint32_t j = k % keys;
    words[i] = (words[i] ^ (scrambled(i - 1) * 1664525U)) + key[j] + j;
    advance();
  }
  for (std::uint32_t k = 1; k < kN; ++k) {
    words[i] = (words[i] ^ (scrambled(i - 1) * 1566083941U)) - i;
    advance();
  }
  words[0] = 0x80000000U;
  at = kN;
}

void Kswin::Twister::refill() noexcept {
  constexpr std::uint32_t kN = 624;
  constexpr std::uint32_t kM = 397;
  for (std::uint32_t i = 0; i < kN; ++i) {
    const std::uint32_t joined = (words[i] & 0x80000000U) | (words[(i + 1) % kN] & 0x7FFFFFFFU);
    words[i] = words[(i + kM) % kN] ^ (joined >> 1) ^ ((joined & 1U) != 0 ? 0x9908B0DFU : 0U);
  }
  at = 0;
}

inline std::uint32_t Kswin::Twister::draw() noexcept {
  if (at >= words.size()) refill();
  std::uint32_t y = words[at++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9D2C5680U;
  y ^= (y << 15) & 0xEFC60000U;
  return y ^ (y >> 18);
}

// As many high bits as n has, drawn until they are below n.
inline std::uint32_t Kswin::Twister::below(std::uint32_t n) noexcept {
  const int shift = 32 - std::bit_width(n);
  std::uint32_t value = draw() >> shift;
  while (value >= n) value = draw() >> shift;
  return value;
}

// ---- the test ---------------------------------------------------------------------------------

double Kswin::p_value(std::int64_t n, std::int64_t h) noexcept {
  if (h <= 0) return 1.0;
  // The alternating sum of binomials, as nested products to lose no digits.
  double sum = 0.0;
  for (std::int64_t k = n / h; k >= 0; --k) {
    double term = 1.0;
    for (std::int64_t j = 0; j < h; ++j) {
      term = static_cast<double>(n - k * h - j) * term / static_cast<double>(n + k * h + j + 1);
    }
    sum = term * (1.0 - sum);
  }
  return std::min(1.0, 2.0 * sum);
}

Kswin::Kswin(const Parameters& given)
    : parameters(given),
      ring(static_cast<std::size_t>(given.window_size)),
      least_distance_(least_alarming(given.stat_size, given.alpha)),
      by_pool_(draws_by_pool(given.window_size - given.stat_size, given.stat_size)),
      pool_(static_cast<std::size_t>(given.window_size - given.stat_size)),
      identity_(pool_.size()),
      newest_(static_cast<std::size_t>(given.stat_size)),
      drawn_before_(newest_.size() + 1),
      drawn_through_(newest_.size() + 1) {
  std::iota(identity_.begin(), identity_.end(), 0U);
  random_.seed(given.seed);
}

void Kswin::check(const Parameters& given) {
  if (!(given.alpha > 0.0 && given.alpha <= 1.0)) {
    detail::fail<InvalidArgument>("alpha must lie above 0 and at most at 1", given.alpha);
  }
  expect_within<std::int64_t>("window_size", given.window_size, 2, kMaxWindow);
  expect_within<std::int64_t>("stat_size", given.stat_size, 1,
                              std::min(kMaxStat, given.window_size / 2));
  if (least_alarming(given.stat_size, given.alpha) > given.stat_size) {
    detail::fail<InvalidArgument>("alpha must be one that samples of stat_size " +
                                      std::to_string(given.stat_size) + " can reach, at least " +
                                      detail::describe(p_value(given.stat_size, given.stat_size)),
                                  given.alpha);
  }
}

void Kswin::restart() noexcept {
  next = held = 0;
  random_.seed(parameters.seed);
}

inline double Kswin::older(std::uint32_t i) const noexcept {
  const std::size_t place = next + i;  // the ring is full
  return ring[place < ring.size() ? place : place - ring.size()];
}

void Kswin::sort_newest() noexcept {
  const std::size_t size = ring.size() - newest_.size();
  for (std::size_t i = 0; i < newest_.size(); ++i) {
    newest_[i] = older(static_cast<std::uint32_t>(size + i));
  }
  std::sort(newest_.begin(), newest_.end());
}

// Keeps the newest values sorted when one joins them and one leaves.
void Kswin::replace_newest(double leaving, double value) noexcept {
  const auto from = std::lower_bound(newest_.begin(), newest_.end(), leaving);
  const auto to = std::lower_bound(newest_.begin(), newest_.end(), value);
  if (from < to) {
    std::copy(from + 1, to, from);
    *(to - 1) = value;
  } else {
    std::copy_backward(to, from, from + 1);
    *to = value;
  }
}

inline void Kswin::count_drawn(double value) noexcept {
  // Both searches in one, without branches on the values.
  const double* below = newest_.data();
  const double* through = below;
  for (std::size_t size = newest_.size(); size > 0;) {
    const std::size_t half = (size + 1) / 2;
    below += below[half - 1] < value ? half : 0;
    through += through[half - 1] <= value ? half : 0;
    size -= half;
  }
  ++drawn_through_[static_cast<std::size_t>(below - newest_.data())];
  ++drawn_before_[static_cast<std::size_t>(through - newest_.data())];
}

void Kswin::draw_older() noexcept {
  const auto n = static_cast<std::uint32_t>(pool_.size());
  const auto k = static_cast<std::uint32_t>(newest_.size());
  if (by_pool_) {
    std::copy(identity_.begin(), identity_.end(), pool_.begin());
    for (std::uint32_t i = 0; i < k; ++i) {
      const std::uint32_t j = random_.below(n - i);
      count_drawn(older(pool_[j]));
      pool_[j] = pool_[n - i - 1];
    }
    return;
  }
  std::fill(pool_.begin(), pool_.end(), 0U);  // 1 where it was drawn
  for (std::uint32_t i = 0; i < k; ++i) {
    std::uint32_t j = random_.below(n);
    while (pool_[j] != 0) j = random_.below(n);
    pool_[j] = 1;
    count_drawn(older(j));
  }
}

// The largest difference of the two cumulative counts. Between two newest values it is largest at
// the ends; among equal ones, a difference to one in their middle is never above those to the first
// and last.
std::int64_t Kswin::distance() const noexcept {
  std::int64_t largest = 0;
  std::int64_t before = 0;   // drawn values below newest value i
  std::int64_t through = 0;  // and up to it
  for (std::size_t i = 0; i < newest_.size(); ++i) {
    before += drawn_before_[i];
    through += drawn_through_[i];
    const auto rank = static_cast<std::int64_t>(i);
    largest = std::max({largest, before - rank, rank + 1 - through});
  }
  return largest;
}

inline void Kswin::step(double value) noexcept {
  const std::size_t size = ring.size();
  const bool was_full = held == size;
  const double leaving = was_full ? older(static_cast<std::uint32_t>(size - newest_.size())) : 0.0;
  ring[next] = value;
  if (++next == size) next = 0;
  if (!was_full) {
    if (++held < size) return;
    sort_newest();
  } else {
    replace_newest(leaving, value);
  }
  std::fill(drawn_before_.begin(), drawn_before_.end(), 0U);
  std::fill(drawn_through_.begin(), drawn_through_.end(), 0U);
  draw_older();
  drift = distance() >= least_distance_;
}

Undefined Kswin::undefined() const noexcept {
  return held < ring.size() ? Undefined::kInsufficient : Undefined::kDefined;
}

std::size_t Kswin::memory_bytes() const noexcept {
  return sizeof(*this) + (ring.capacity() + newest_.capacity()) * sizeof(double) +
         (pool_.capacity() + identity_.capacity() + drawn_before_.capacity() +
          drawn_through_.capacity()) *
             sizeof(std::uint32_t);
}

// Parameters: alpha (8 bytes), sizes of the window and of its newest part, seed (base-128). State:
// values held (base-128), these, oldest first, 8 bytes each; once the window was full: place in the
// generator's words (base-128) and those 624 words (4 bytes each).
void Kswin::write(detail::ByteWriter& out) const {
  out.f64(parameters.alpha);
  out.varint(static_cast<std::uint64_t>(parameters.window_size));
  out.varint(static_cast<std::uint64_t>(parameters.stat_size));
  out.varint(parameters.seed);
  out.varint(held);
  for (std::size_t i = held; i > 0; --i) {
    out.f64(ring[next >= i ? next - i : next + ring.size() - i]);
  }
  if (held < ring.size()) return;
  out.varint(random_.at);
  for (std::size_t i = 0; i < random_.words.size(); i += 2) {
    out.u64(random_.words[i] | std::uint64_t{random_.words[i + 1]} << 32);
  }
}

Kswin::Parameters Kswin::read_parameters(detail::ByteReader& in) {
  Parameters out;
  out.alpha = in.f64();
  out.window_size = read_count(in);
  out.stat_size = read_count(in);
  out.seed = in.varint();
  return out;
}

void Kswin::read(detail::ByteReader& in) {
  const std::uint64_t values = in.varint();
  if (values > ring.size()) in.refuse("hold too many values", values);
  held = static_cast<std::size_t>(values);
  for (std::size_t i = 0; i < held; ++i) {
    ring[i] = in.f64();
    if (!std::isfinite(ring[i])) in.refuse("have, in the window,", ring[i]);
  }
  next = held == ring.size() ? 0 : held;
  if (held < ring.size()) return;
  sort_newest();
  const std::uint64_t at = in.varint();
  if (at > random_.words.size()) in.refuse("have random numbers at", at);
  random_.at = static_cast<std::uint32_t>(at);
  for (std::size_t i = 0; i < random_.words.size(); i += 2) {
    const std::uint64_t two = in.u64();
    random_.words[i] = static_cast<std::uint32_t>(two);
    random_.words[i + 1] = static_cast<std::uint32_t>(two >> 32);
  }
}

template class Online<Kswin>;

}  // namespace inlay::detect
