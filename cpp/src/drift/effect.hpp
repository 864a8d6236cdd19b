#pragma once

#include <cstdint>
#include <vector>

namespace inlay::detail {

/// Divergence of later counts from a reference's, as a Jensen-Shannon distance (base 2, 0 to 1):
/// less the bias that samples of that size have, and an interval of 90 %, both by the delta method,
/// with the variance that is left where nothing differs added. All 0 if a side is empty.
///
/// With rare ends the outer cells lie beyond the extremes of the reference. What it was drawn from
/// has one of its n + 1 spacings there: a row of the reference is added to an end that later rows
/// lie in, and few later rows are less of a degree of freedom there than elsewhere.
struct Effect {
  double value = 0;
  double low = 0;
  double high = 0;
};
Effect jensen_shannon_effect(const std::vector<std::uint64_t>& reference,
                             const std::vector<std::uint64_t>& current, bool has_rare_ends = false);

/// The distance itself, of as many counts; 0 if a side is empty.
double jensen_shannon(const std::vector<std::uint64_t>& reference, const std::uint64_t* current);

}  // namespace inlay::detail
