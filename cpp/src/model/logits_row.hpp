#pragma once

#include <cstddef>
#include <inlay/model/logits.hpp>

namespace inlay::detail {

/// Reads row `row` of a batch, once.
LogitsRow read_logits_row(const LogitsBatch& batch, std::size_t row) noexcept;

}  // namespace inlay::detail
