#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>

namespace inlay {

/// Where the event times of a batch lie. A plain value.
struct TimeExtent {
  std::int64_t oldest = 0;
  std::int64_t newest = 0;
  std::int64_t high = 0;  ///< the quantile asked for: of n times, in order, number q (n - 1)
};

/// The extent of some times; all 0 of none.
/// @throws std::bad_alloc
INLAY_API TimeExtent time_extent(const std::int64_t* times, std::size_t size, double quantile);

}  // namespace inlay
