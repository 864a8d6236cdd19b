#pragma once

// What depends on the rows before: keys that repeat, values out of order.

#include <cstdint>

#include "data/block.hpp"
#include "data/check_state.hpp"

namespace inlay::detail {

/// Sets the bit of each row that is there and whose value was seen before; false if none was.
bool repeated(const Block& block, SeenKeys& seen, std::uint64_t* out);

/// The same for a block that is all there is: without a table that grows.
bool repeated_within(const Block& block, std::uint64_t* out) noexcept;

/// The same for what several columns hold together: the keys of the rows whose bit is set in
/// `valid`.
bool repeated(const Key128* keys, const std::uint64_t* valid, std::size_t size, SeenKeys& seen,
              std::uint64_t* out);

/// Adds the value of row i, which is there, to a key.
void mix_value(const Block& block, std::size_t i, KeyMixer& mixer) noexcept;

/// Sets the bit of each row that is there and whose value does not come after the one before it;
/// false if there is none. NaN fails and nothing is compared with it.
bool out_of_order(bool strict, bool decreasing, const Block& block, std::uint64_t flip,
                  LastValue& last, std::uint64_t* out);

}  // namespace inlay::detail
