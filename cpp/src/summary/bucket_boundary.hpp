#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>

namespace inlay::detail {

/// 2^(index * 2^-scale), or the nearest double there is: 0 below all, the largest above. Bucket
/// `index` lies above it and reaches up to that of index + 1.
inline double boundary(std::int64_t index, int scale) {
  const double exponent = std::ldexp(static_cast<double>(index), -scale);
  if (exponent >= 1024) return DBL_MAX;
  const double whole = std::floor(exponent);
  return std::ldexp(std::exp2(exponent - whole), static_cast<int>(whole));
}

}  // namespace inlay::detail
