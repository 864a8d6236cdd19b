#pragma once

#include <cstdint>

namespace inlay::detail {

/// Probabilities of what happened are raised to this in the log loss, and counted: the loss of a
/// row is at most 53 ln 2 = 36.7.
inline constexpr double kLeastProbability = 0x1p-53;

}  // namespace inlay::detail
