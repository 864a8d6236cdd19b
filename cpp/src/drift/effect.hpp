#pragma once

#include <cstdint>
#include <vector>

namespace inlay::detail {

/// Divergence of later counts from a reference's, as a Jensen-Shannon distance (base 2, 0 to 1):
/// less the bias that samples of that size have, and an interval of 90 %, both by the delta method,
/// with the variance that is left where nothing differs added. All 0 if a side is empty. Counts of
/// the reference may be those of a distribution of its shares; with rare ends it expects about one
/// row in each of the outer cells, so that few later rows say less about these than about others.
struct Effect {
  double value = 0;
  double low = 0;
  double high = 0;
};
Effect jensen_shannon_effect(const std::vector<double>& reference,
                             const std::vector<std::uint64_t>& current, bool has_rare_ends);

/// The distance itself, of as many counts; 0 if a side is empty.
double jensen_shannon(const std::vector<std::uint64_t>& reference, const std::uint64_t* current);

}  // namespace inlay::detail
