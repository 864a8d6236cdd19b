#pragma once

#include <cstdint>

namespace inlay {

/// Segments that a segment-keyed state can hold: indices lie below it. A power of two.
inline constexpr std::uint32_t kMaxSegments = 65'536;

}  // namespace inlay
