#include <algorithm>
#include <inlay/data/time_extent.hpp>
#include <vector>

namespace inlay {

TimeExtent time_extent(const std::int64_t* times, std::size_t size, double quantile) {
  TimeExtent out;
  if (size == 0) return out;
  out.oldest = out.newest = times[0];
  bool is_sorted = true;
  std::int64_t last = times[0];
  for (std::size_t i = 0; i < size; ++i) {
    out.oldest = std::min(out.oldest, times[i]);
    out.newest = std::max(out.newest, times[i]);
    is_sorted &= last <= times[i];
    last = times[i];
  }
  const auto rank = static_cast<std::size_t>(quantile * static_cast<double>(size - 1));
  if (is_sorted) {
    out.high = times[rank];
    return out;
  }
  std::vector<std::int64_t> copy(times, times + size);
  const auto at = copy.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(copy.begin(), at, copy.end());
  out.high = *at;
  return out;
}

}  // namespace inlay
