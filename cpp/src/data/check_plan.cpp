#include <algorithm>
#include <atomic>
#include <inlay/data/check_plan.hpp>
#include <inlay/error.hpp>
#include <string_view>
#include <unordered_map>

#include "arrow/table_data.hpp"
#include "data/check_state.hpp"
#include "data/leaf_rules.hpp"
#include "data/row_rules.hpp"
#include "data/schema_shape.hpp"

namespace inlay {

using detail::Leaf;
using detail::LeafRules;
using detail::LeafType;
using detail::LeafView;
using detail::RowRule;
using detail::RuleState;

const char* check_kind_name(CheckKind kind) noexcept {
  static constexpr const char* kNames[kCheckKinds] = {
      "null", "missing", "finite",    "nan",        "range",   "set",  "not_in_set", "length",
      "utf8", "unique",  "monotonic", "dictionary", "compare", "sums", "stats"};
  return kNames[static_cast<unsigned>(kind)];
}

struct CheckPlan::Impl {
  std::uint64_t number = 0;  // of this plan in the process
  std::size_t max_rows = 0;
  detail::SchemaShape shape;
  std::vector<Leaf> leaves;
  std::vector<std::string> paths;
  std::vector<bool> of_items;  // leaves inside of lists, which have no value a row
  std::vector<LeafRules> leaf_rules;
  std::vector<RowRule> row_rules;
  std::vector<RuleState> states;  // as they are at first

  std::size_t find(const std::string& path) const {
    const auto at = std::find(paths.begin(), paths.end(), path);
    if (at == paths.end()) throw InvalidArgument("no such column");
    const auto leaf = static_cast<std::size_t>(at - paths.begin());
    if (of_items[leaf]) {
      throw InvalidArgument("items of lists (" + leaves[leaf].type.name +
                            ") are no rows; a rule can only be on the list");
    }
    return leaf;
  }

  void add(const CheckRule& rule, std::size_t number_of_rule) {
    if (rule.paths.empty()) throw InvalidArgument("a rule needs a column");
    std::vector<std::size_t> of_rule;
    for (const std::string& path : rule.paths) {
      try {
        of_rule.push_back(find(path));
      } catch (const InvalidArgument& error) {
        throw InvalidArgument(std::string(error.what()) + ": '" + path + "'");
      }
    }
    const LeafType& type = leaves[of_rule[0]].type;
    states[number_of_rule] = detail::state_of(rule, type);
    if (of_rule.size() > 1) {
      row_rules.push_back(detail::compile_row_rule(rule, number_of_rule, of_rule, leaves));
      return;
    }
    detail::LeafRule compiled;
    try {
      compiled = detail::compile_rule(rule, number_of_rule, type);
    } catch (const InvalidArgument& error) {
      throw InvalidArgument("column '" + rule.paths[0] + "' (" + type.name + "): " + error.what());
    }
    const auto same = [&](const LeafRules& rules) { return rules.leaf == of_rule[0]; };
    auto at = std::find_if(leaf_rules.begin(), leaf_rules.end(), same);
    if (at == leaf_rules.end()) {
      leaf_rules.push_back({of_rule[0], {}});
      at = leaf_rules.end() - 1;
    }
    at->rules.push_back(std::move(compiled));
  }

  [[noreturn]] void refuse(const ArrowSchema& schema) const {
    const std::vector<Leaf> others = detail::flatten(schema);
    const std::size_t common = std::min(leaves.size(), others.size());
    const auto shown = [](const std::vector<Leaf>& of, std::size_t i) {
      return i < of.size() ? "'" + of[i].path + "' (" + of[i].type.name + ")"
                           : std::string("no column");
    };
    std::size_t i = 0;
    while (i < common && leaves[i].path == others[i].path &&
           leaves[i].type.name == others[i].type.name) {
      ++i;
    }
    throw InvalidArgument("the batch is not of the plan's schema: expected " + shown(leaves, i) +
                          ", got " + shown(others, i));
  }

  // In the order of flatten(): whether each leaf below lies inside a list.
  void note_items(const ArrowSchema& schema, bool inside) {
    const std::string_view format = schema.format;
    if (schema.dictionary != nullptr || format[0] != '+') {
      of_items.push_back(inside);
      return;
    }
    if (format == "+s") {
      for (std::int64_t i = 0; i < schema.n_children; ++i) note_items(*schema.children[i], inside);
      return;
    }
    of_items.push_back(inside);
    if (format == "+m") {
      const ArrowSchema& entries = *schema.children[0];
      for (std::int64_t i = 0; i < entries.n_children; ++i) note_items(*entries.children[i], true);
    } else {
      note_items(*schema.children[0], true);
    }
  }
};

CheckPlan::CheckPlan(const ArrowSchema& schema, const std::vector<CheckRule>& rules,
                     std::size_t max_rows)
    : impl_(std::make_unique<Impl>()) {
  static std::atomic<std::uint64_t> plans{0};
  impl_->number = ++plans;
  impl_->max_rows = max_rows;
  impl_->leaves = detail::flatten(schema);
  impl_->shape = detail::SchemaShape(schema);
  for (const Leaf& leaf : impl_->leaves) impl_->paths.push_back(leaf.path);
  for (std::int64_t i = 0; i < schema.n_children; ++i) {
    impl_->note_items(*schema.children[i], false);
  }
  impl_->states.resize(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    try {
      impl_->add(rules[i], i);
    } catch (const InvalidArgument& error) {
      throw InvalidArgument("rule " + std::to_string(i) + " (" + check_kind_name(rules[i].kind) +
                            "): " + error.what());
    }
  }
}

CheckPlan::~CheckPlan() = default;

std::size_t CheckPlan::num_rules() const noexcept { return impl_->states.size(); }

const std::vector<std::string>& CheckPlan::paths() const noexcept { return impl_->paths; }

const std::string& CheckPlan::path_of_column(std::int64_t column) const {
  const std::string* found = nullptr;
  for (const Leaf& leaf : impl_->leaves) {
    if (leaf.column != column) continue;
    // A list stands for itself, a struct for none of its parts.
    if (leaf.type.kind == LeafKind::kList && found == nullptr) return leaf.path;
    if (found != nullptr || leaf.nested) {
      detail::fail<InvalidArgument>("a struct has several columns; name one by its path",
                                    leaf.path);
    }
    found = &leaf.path;
  }
  if (found == nullptr) detail::fail<InvalidArgument>("no such column", column);
  return *found;
}

std::unique_ptr<CheckState> CheckPlan::make_state() const {
  auto state = std::make_unique<CheckState::Impl>();
  state->plan = impl_->number;
  state->rules = impl_->states;
  return std::make_unique<CheckState>(std::move(state));
}

namespace {

// A table that need not grow: each key may be new.
void make_room(std::vector<RuleState>& states, std::uint64_t rows) {
  for (RuleState& state : states) {
    if (auto* seen = std::get_if<detail::SeenKeys>(&state)) {
      std::visit([&](auto& keys) { keys.reserve(rows); }, seen->keys);
    }
  }
}

}  // namespace

CheckOutcome CheckPlan::check(const ArrowSchema& schema, const ArrowArray& batch,
                              std::int64_t first_row, CheckState* state, bool mask) const {
  if (!impl_->shape.fits(schema)) impl_->refuse(schema);
  const std::vector<LeafView> views = detail::view_leaves(schema, batch, impl_->leaves);
  CheckOutcome out;
  out.first_row = first_row;
  out.rows = static_cast<std::uint64_t>(batch.length);
  out.max_rows = impl_->max_rows;
  out.rules.resize(impl_->states.size());
  if (mask) out.mask.emplace();
  detail::OutcomeWriter writer(out, out.rows);
  const auto room = std::make_unique_for_overwrite<detail::BlockRoom>();
  const auto run = [&](std::vector<RuleState>* states) {
    for (const LeafRules& rules : impl_->leaf_rules) {
      detail::run_leaf(rules, views[rules.leaf], states, *room, writer);
    }
    for (const RowRule& rule : impl_->row_rules) {
      detail::run_row_rule(rule, views, states, writer);
    }
    std::sort(out.stats.begin(), out.stats.end(),
              [](const RuleStats& a, const RuleStats& b) { return a.rule < b.rule; });
  };
  if (state == nullptr && batch.length <= static_cast<std::int64_t>(detail::kScanBlock)) {
    run(nullptr);
    return out;
  }
  if (state == nullptr) {
    std::vector<RuleState> fresh = impl_->states;
    make_room(fresh, out.rows);
    run(&fresh);
    return out;
  }
  CheckState::Impl& kept = state->impl();
  const std::lock_guard lock(kept.mutex);
  if (kept.plan != impl_->number) throw InvalidArgument("the state belongs to another plan");
  run(&kept.rules);
  return out;
}

CheckState::CheckState(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CheckState::~CheckState() = default;

std::size_t CheckState::memory_bytes() const {
  const std::lock_guard lock(impl_->mutex);
  std::size_t total = sizeof(Impl) + impl_->rules.capacity() * sizeof(RuleState);
  for (const RuleState& rule : impl_->rules) {
    if (const auto* seen = std::get_if<detail::SeenKeys>(&rule)) {
      total += std::visit([](const auto& keys) { return keys.memory_bytes(); }, seen->keys);
    }
  }
  return total;
}

}  // namespace inlay
