#pragma once

#include <inlay/data/check_plan.hpp>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "data/key_set.hpp"
#include "data/wide.hpp"

namespace inlay::detail {

/// The keys that a unique rule has seen. When there are more than it may remember it forgets all,
/// and what it could tell from then on would be wrong: it is full for good.
struct SeenKeys {
  std::variant<KeySet<std::uint64_t>, KeySet<Key128>> keys;
  bool full = false;
};

/// The last value that a monotonic rule saw.
struct LastValue {
  std::variant<std::monostate, double, std::int64_t, Wide256, std::string> value;
};

using RuleState = std::variant<std::monostate, SeenKeys, LastValue>;

}  // namespace inlay::detail

namespace inlay {

/// A state for each rule of the plan whose number it holds.
struct CheckState::Impl {
  std::mutex mutex;
  std::uint64_t plan = 0;
  std::vector<detail::RuleState> rules;
};

}  // namespace inlay
