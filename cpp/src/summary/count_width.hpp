#pragma once

#include <cstdint>

namespace inlay::detail {

/// Calls f with the counts as what they are: uint16_t, uint32_t or uint64_t, `width` bytes each.
template <class F>
[[gnu::always_inline]] inline decltype(auto) with_counts(void* counts, unsigned width,
                                                         F&& f) noexcept {
  switch (width) {
    case 2:
      return f(static_cast<std::uint16_t*>(counts));
    case 4:
      return f(static_cast<std::uint32_t*>(counts));
    default:
      return f(static_cast<std::uint64_t*>(counts));
  }
}

}  // namespace inlay::detail
