#include "inlay/summary/item_key.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include "summary/murmur3.hpp"

namespace inlay {

namespace {

std::uint64_t not_zero(detail::Hash128 hash) noexcept { return hash.low == 0 ? 1 : hash.low; }

}  // namespace

std::uint64_t item_key(std::uint64_t item) noexcept {
  return not_zero(detail::murmur_of_word(item));
}

std::uint64_t item_key(double item) noexcept {
  // Adding 0 makes both zeros one.
  const double one = std::isnan(item) ? std::numeric_limits<double>::quiet_NaN() : item + 0.0;
  return item_key(std::bit_cast<std::uint64_t>(one));
}

std::uint64_t item_key(std::string_view item) noexcept {
  return not_zero(detail::murmur_of_bytes(item.data(), item.size()));
}

}  // namespace inlay
