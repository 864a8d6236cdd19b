#pragma once

// Values that rules name, as values of a column's type.

#include <cstdint>
#include <inlay/data/check_plan.hpp>
#include <optional>
#include <string>

#include "data/block.hpp"
#include "data/wide.hpp"

namespace inlay::detail {

/// The values from low to high, both of them in it, in the form of a block: reals for floats,
/// flipped integers for what is whole, wide ones for large decimals.
struct ValueRange {
  bool empty = false;
  double low_real = 0;
  double high_real = 0;
  std::int64_t low = 0;
  std::int64_t high = 0;
  Wide256 low_wide;
  Wide256 high_wide;
};

/// What a rule names, for messages.
std::string describe_value(const CheckValue& value);

/// A text about a value that cannot be compared with the type's, empty if it can.
std::string incomparable(const LeafType& type, const CheckValue& value);

/// Bounds that are none leave that side open. Bounds that no value of the type can reach are moved
/// to those it can, or make the range empty: integers to the next real inside, reals to the next
/// integer, exactly.
ValueRange range_of(const LeafType& type, const CheckValue& low, bool low_exclusive,
                    const CheckValue& high, bool high_exclusive);

/// The integer that equals the value in a column of integers, in its block's form; none if no value
/// does.
std::optional<std::int64_t> whole_of(const LeafType& type, const CheckValue& value);
/// The double that equals the value; of float32 columns, a real is first rounded to a float.
std::optional<double> real_of(const LeafType& type, const CheckValue& value);

}  // namespace inlay::detail
