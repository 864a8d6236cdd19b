#pragma once

// The rules of one leaf, compiled for its type and run over its blocks.

#include <cstddef>
#include <cstdint>
#include <inlay/data/check_plan.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "data/block.hpp"
#include "data/bounds.hpp"
#include "data/check_state.hpp"
#include "data/value_set.hpp"

namespace inlay::detail {

/// A rule over one leaf. Immutable once made.
struct LeafRule {
  std::size_t rule = 0;  // its number in the plan
  CheckKind kind = CheckKind::kNull;
  bool negated = false;  // of kRange: fails inside
  ValueRange range;
  std::shared_ptr<const ValueSet> set;
  std::uint64_t low_length = 0;
  std::uint64_t high_length = 0;
  bool strict = false;
  bool decreasing = false;
};

/// All rules over one leaf. Immutable once made.
struct LeafRules {
  std::size_t leaf = 0;
  std::vector<LeafRule> rules;
};

/// Compiles one rule for a leaf of `type`.
/// @throws InvalidArgument, the message without the column, if the type cannot have the rule.
LeafRule compile_rule(const CheckRule& rule, std::size_t number, const LeafType& type);

/// The state that a rule needs; monostate if none.
RuleState state_of(const CheckRule& rule, const LeafType& type);

/// Where a rule's outcome goes, block by block.
class OutcomeWriter {
 public:
  OutcomeWriter(CheckOutcome& outcome, std::uint64_t rows);

  /// Counts the rows among `evaluated` whose bits are set; row 0 of the block is row `begin`.
  void add(std::size_t rule, std::uint64_t evaluated, const std::uint64_t* failed,
           std::size_t begin, std::size_t size);
  /// The same if none failed.
  void add(std::size_t rule, std::uint64_t evaluated) noexcept {
    outcome_.rules[rule].evaluated += evaluated;
  }
  CheckOutcome& outcome() noexcept { return outcome_; }

 private:
  CheckOutcome& outcome_;
};

/// Runs the rules of a leaf over a batch.
/// `states` has an entry for each rule of the plan; null for a batch that stands alone and has no
/// more than kScanBlock rows.
void run_leaf(const LeafRules& rules, const LeafView& view, std::vector<RuleState>* states,
              BlockRoom& room, OutcomeWriter& writer);

}  // namespace inlay::detail
