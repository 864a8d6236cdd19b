#pragma once

// Rules that look at several columns of a row.

#include <cstddef>
#include <inlay/data/check_plan.hpp>
#include <memory>
#include <vector>

#include "data/leaf.hpp"
#include "data/leaf_rules.hpp"

namespace inlay::detail {

/// A rule over the leaves of a row. Immutable once made.
struct RowRule {
  std::size_t rule = 0;
  CheckKind kind = CheckKind::kUnique;
  CheckOp op = CheckOp::kEqual;
  double tolerance = 0;
  std::vector<std::size_t> leaves;
};

/// Compiles a rule over several leaves.
/// @throws InvalidArgument if their types do not go together.
RowRule compile_row_rule(const CheckRule& rule, std::size_t number,
                         const std::vector<std::size_t>& leaves, const std::vector<Leaf>& schema);

/// Runs it over a batch, `states` as for run_leaf(); all its leaves have a value or a null for each
/// row.
void run_row_rule(const RowRule& rule, const std::vector<LeafView>& views,
                  std::vector<RuleState>* states, OutcomeWriter& writer);

}  // namespace inlay::detail
