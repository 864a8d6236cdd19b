#pragma once

#include <cstddef>
#include <inlay/summary/exp_histogram.hpp>
#include <inlay/summary/moments.hpp>

namespace inlay {

/// Feeds one value to both summaries. False only when memory ran out; the value is then counted in
/// neither.
INLAY_API bool update(Moments& moments, ExpHistogram& histogram, double value) noexcept;

/// Feeds both summaries in one pass over the values and returns how many were counted, in both;
/// fewer than `size` only when memory ran out.
INLAY_API std::size_t update(Moments& moments, ExpHistogram& histogram, const double* values,
                             std::size_t size) noexcept;
INLAY_API std::size_t update(Moments& moments, ExpHistogram& histogram, const float* values,
                             std::size_t size) noexcept;

}  // namespace inlay
