#pragma once

#include <inlay/model/logits.hpp>

#include "model/logits_state.hpp"

namespace inlay::cuda {

/// What a window's state, with its buckets behind it, counted.
/// @throws InvalidArgument if it contradicts itself.
Logits logits_of(const LogitsState& state, int scale);

}  // namespace inlay::cuda
