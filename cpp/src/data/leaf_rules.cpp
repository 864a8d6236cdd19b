#include "data/leaf_rules.hpp"

#include <cmath>
#include <inlay/error.hpp>
#include <limits>
#include <string>

namespace inlay::detail {
namespace {

using Kind = CheckValue::Kind;

bool is_numeric(const LeafType& type) {
  const BlockForm form = form_of(type);
  return form != BlockForm::kNone && form != BlockForm::kText;
}

bool is_text(const LeafType& type) { return form_of(type) == BlockForm::kText; }

void need(bool holds, const char* what) {
  if (!holds) throw InvalidArgument(what);
}

void check_comparable(const LeafType& type, const CheckValue& value, const char* role) {
  const std::string reason = incomparable(type, value);
  if (!reason.empty()) {
    throw InvalidArgument(std::string(role) + " " + reason + ": " + describe_value(value));
  }
}

ValueRange checked_range(const LeafType& type, const CheckValue& low, bool low_exclusive,
                         const CheckValue& high, bool high_exclusive) {
  for (const CheckValue* bound : {&low, &high}) {
    check_comparable(type, *bound, "the bound");
    if (bound->kind == Kind::kReal && std::isnan(bound->real)) {
      fail<InvalidArgument>("a bound must be a number", bound->real);
    }
  }
  return range_of(type, low, low_exclusive, high, high_exclusive);
}

std::uint64_t length_bound(const CheckValue& value, std::uint64_t otherwise) {
  if (value.kind == Kind::kNone) return otherwise;
  const Wide256 wide(value.integer);
  if (value.kind != Kind::kInteger || wide < Wide256(Wide{0}) ||
      Wide256(Wide{std::numeric_limits<std::int64_t>::max()}) < wide) {
    throw InvalidArgument("a length must be an integer from 0 on: " + describe_value(value));
  }
  return static_cast<std::uint64_t>(wide.low);
}

// A comparison with a constant is a range, open on one side.
void compile_comparison(const CheckRule& rule, const LeafType& type, LeafRule& out) {
  need(is_numeric(type), "only numbers and times compare with a constant");
  need(rule.low.kind != Kind::kNone, "a comparison needs a second column or a value");
  const CheckValue none;
  const CheckValue& value = rule.low;
  out.kind = CheckKind::kRange;
  switch (rule.op) {
    case CheckOp::kLess:
    case CheckOp::kAtMost:
      out.range = checked_range(type, none, false, value, rule.op == CheckOp::kLess);
      return;
    case CheckOp::kGreater:
    case CheckOp::kAtLeast:
      out.range = checked_range(type, value, rule.op == CheckOp::kGreater, none, false);
      return;
    case CheckOp::kNotEqual:
      out.negated = true;
      break;
    case CheckOp::kEqual:
      break;
  }
  out.range = checked_range(type, value, false, value, false);
}

}  // namespace

LeafRule compile_rule(const CheckRule& rule, std::size_t number, const LeafType& type) {
  LeafRule out;
  out.rule = number;
  out.kind = rule.kind;
  out.strict = rule.strict;
  out.decreasing = rule.decreasing;
  switch (rule.kind) {
    case CheckKind::kNull:
    case CheckKind::kStats:
      break;
    case CheckKind::kMissing:
    case CheckKind::kSet:
    case CheckKind::kNotInSet:
      need(is_numeric(type) || is_text(type) || type.kind == LeafKind::kNull,
           "values of this type cannot be named");
      for (const CheckValue& value : rule.values) {
        need(value.kind != Kind::kNone, "null is no value to look for");
        check_comparable(type, value, "the value");
      }
      out.set = std::make_shared<const ValueSet>(type, rule.values);
      break;
    case CheckKind::kFinite:
    case CheckKind::kNan:
      need(is_numeric(type), "only numbers are or are not finite");
      break;
    case CheckKind::kRange:
      need(is_numeric(type), "only numbers and times have a range");
      need(rule.low.kind != Kind::kNone || rule.high.kind != Kind::kNone, "a range needs a bound");
      out.range = checked_range(type, rule.low, rule.low_exclusive, rule.high, rule.high_exclusive);
      break;
    case CheckKind::kLength:
      need(is_text(type) || type.kind == LeafKind::kList,
           "only text, bytes and lists have a length");
      need(rule.low.kind != Kind::kNone || rule.high.kind != Kind::kNone,
           "a range of lengths needs a bound");
      out.low_length = length_bound(rule.low, 0);
      out.high_length = length_bound(rule.high, std::numeric_limits<std::uint64_t>::max());
      if (out.low_length > out.high_length) {
        fail<InvalidArgument>("the smallest length is above the largest", out.low_length);
      }
      break;
    case CheckKind::kUtf8:
      need(is_text(type), "only text and bytes can be UTF-8");
      break;
    case CheckKind::kUnique:
    case CheckKind::kMonotonic:
      need(is_numeric(type) || is_text(type), "values of this type have no order and no key");
      break;
    case CheckKind::kDictionary:
      need(type.is_dictionary, "it is no dictionary");
      break;
    case CheckKind::kCompare:
      compile_comparison(rule, type, out);
      break;
    case CheckKind::kSums:
      throw InvalidArgument("a sum needs its parts");
  }
  return out;
}

RuleState state_of(const CheckRule& rule, const LeafType& type) {
  if (rule.kind == CheckKind::kMonotonic) return LastValue{};
  if (rule.kind != CheckKind::kUnique) return {};
  const BlockForm form = form_of(type);
  if (rule.paths.size() > 1 || form == BlockForm::kText || form == BlockForm::kWide) {
    return SeenKeys{KeySet<Key128>(rule.max_keys, key_seed())};
  }
  return SeenKeys{KeySet<std::uint64_t>(rule.max_keys, key_seed())};
}

}  // namespace inlay::detail
