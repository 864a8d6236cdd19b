#include "data/row_rules.hpp"

#include <cfloat>
#include <cmath>
#include <inlay/error.hpp>
#include <string>

#include "data/row_order.hpp"

namespace inlay::detail {
namespace {

// Holds every double and every integer of 64 bits, signed or not.
using Real = long double;
static_assert(LDBL_MANT_DIG >= 64);

using Words = std::array<std::uint64_t, kScanWords>;

bool is_real(BlockForm form) { return form == BlockForm::kReal64 || form == BlockForm::kReal32; }

bool is_whole(BlockForm form) { return form == BlockForm::kWhole64 || form == BlockForm::kWhole32; }

// Whether plain numbers: neither temporal nor decimal.
bool is_number(const LeafType& type) {
  return type.kind == LeafKind::kInteger || type.kind == LeafKind::kUnsigned ||
         type.kind == LeafKind::kFloat || type.kind == LeafKind::kBoolean;
}

// Whether values of both mean the same when they are the same bits.
bool go_together(const LeafType& a, const LeafType& b) {
  if (is_number(a) && is_number(b)) return true;
  if (form_of(a) == BlockForm::kText) return form_of(b) == BlockForm::kText;
  if (a.kind != b.kind || form_of(a) == BlockForm::kNone) return false;
  if (a.kind == LeafKind::kDecimal) return a.scale == b.scale;
  return a.unit == b.unit && a.timezone.empty() == b.timezone.empty();
}

template <class F>
bool with_op(CheckOp op, F&& f) {
  switch (op) {
    case CheckOp::kLess:
      return f([](const auto& a, const auto& b) { return a < b; });
    case CheckOp::kAtMost:
      return f([](const auto& a, const auto& b) { return a <= b; });
    case CheckOp::kEqual:
      return f([](const auto& a, const auto& b) { return a == b; });
    case CheckOp::kNotEqual:
      return f([](const auto& a, const auto& b) { return a != b; });
    case CheckOp::kAtLeast:
      return f([](const auto& a, const auto& b) { return a >= b; });
    default:
      return f([](const auto& a, const auto& b) { return a > b; });
  }
}

Real real_at(const Block& block, const LeafType& type, std::size_t i) noexcept {
  switch (block.form) {
    case BlockForm::kReal64:
      return block.as<double>()[i];
    case BlockForm::kReal32:
      return block.as<float>()[i];
    case BlockForm::kWhole32:
      return block.as<std::int32_t>()[i];
    default: {
      const std::int64_t value = block.as<std::int64_t>()[i];
      return flip_of(type) == 0 ? static_cast<Real>(value)
                                : static_cast<Real>(static_cast<std::uint64_t>(value));
    }
  }
}

Wide256 wide_at(const Block& block, const LeafType& type, std::size_t i) noexcept {
  switch (block.form) {
    case BlockForm::kWide:
      return block.as<Wide256>()[i];
    case BlockForm::kWhole32:
      return Wide256(Wide{block.as<std::int32_t>()[i]});
    default: {
      const std::int64_t value = block.as<std::int64_t>()[i];
      return flip_of(type) == 0 ? Wide256(Wide{value})
                                : Wide256(static_cast<Wide>(static_cast<std::uint64_t>(value)));
    }
  }
}

std::int64_t signed_at(const Block& block, std::size_t i) noexcept {
  return block.form == BlockForm::kWhole32 ? block.as<std::int32_t>()[i]
                                           : block.as<std::int64_t>()[i];
}

// The same rows of several leaves.
class Rows {
 public:
  Rows(const RowRule& rule, const std::vector<LeafView>& views)
      : rule_(rule),
        views_(views),
        blocks_(rule.leaves.size()),
        rooms_(std::make_unique<BlockRoom[]>(rule.leaves.size())) {}

  void read(std::int64_t row, std::size_t size) {
    set_all(valid_.data(), size);
    present_ = 0;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const LeafView& view = views_[rule_.leaves[i]];
      BlockReader(view, rooms_[i]).read(view.ranges.front().begin + row, size, true, blocks_[i]);
      for (std::size_t word = 0; word < blocks_[i].words(); ++word) {
        valid_[word] &= blocks_[i].valid[word];
      }
    }
    for (std::size_t word = 0; word < (size + 63) / 64; ++word) {
      present_ += static_cast<std::size_t>(__builtin_popcountll(valid_[word]));
    }
  }

  const Block& block(std::size_t i) const noexcept { return blocks_[i]; }
  const LeafType& type(std::size_t i) const noexcept { return *views_[rule_.leaves[i]].type; }
  std::size_t size() const noexcept { return blocks_.size(); }
  const Words& valid() const noexcept { return valid_; }
  std::size_t present() const noexcept { return present_; }

  /// Sets the bits of the rows in which all are there and f(row) does not hold.
  template <class F>
  bool fail_unless(Words& out, F&& f) const noexcept {
    write_row_bits(blocks_[0].size, out.data(),
                   [&](std::size_t i) { return (valid_[i / 64] >> (i % 64) & 1) != 0 && !f(i); });
    return true;
  }

 private:
  const RowRule& rule_;
  const std::vector<LeafView>& views_;
  std::vector<Block> blocks_;
  std::unique_ptr<BlockRoom[]> rooms_;
  Words valid_;
  std::size_t present_ = 0;
};

bool compare(const RowRule& rule, const Rows& rows, Words& out) {
  const Block& a = rows.block(0);
  const Block& b = rows.block(1);
  const LeafType& type_a = rows.type(0);
  const LeafType& type_b = rows.type(1);
  return with_op(rule.op, [&](auto holds) {
    if (a.form == BlockForm::kReal64 && b.form == BlockForm::kReal64) {
      const auto* left = a.as<double>();
      const auto* right = b.as<double>();
      return rows.fail_unless(out, [&](std::size_t i) { return holds(left[i], right[i]); });
    }
    if (is_real(a.form) || is_real(b.form)) {
      return rows.fail_unless(
          out, [&](std::size_t i) { return holds(real_at(a, type_a, i), real_at(b, type_b, i)); });
    }
    if (a.form == BlockForm::kText) {
      const auto* left = a.as<std::string_view>();
      const auto* right = b.as<std::string_view>();
      return rows.fail_unless(out, [&](std::size_t i) { return holds(left[i], right[i]); });
    }
    if (is_whole(a.form) && is_whole(b.form) && flip_of(type_a) == 0 && flip_of(type_b) == 0) {
      return rows.fail_unless(
          out, [&](std::size_t i) { return holds(signed_at(a, i), signed_at(b, i)); });
    }
    return rows.fail_unless(
        out, [&](std::size_t i) { return holds(wide_at(a, type_a, i), wide_at(b, type_b, i)); });
  });
}

// Integers and decimals exactly, floats in a longer format; what is not finite is no sum.
bool sums(const RowRule& rule, const Rows& rows, Words& out) {
  bool real = false;
  for (std::size_t part = 0; part < rows.size(); ++part) {
    real = real || is_real(rows.block(part).form);
  }
  if (real) {
    return rows.fail_unless(out, [&](std::size_t i) {
      Real rest = real_at(rows.block(0), rows.type(0), i);
      for (std::size_t part = 1; part < rows.size(); ++part) {
        rest -= real_at(rows.block(part), rows.type(part), i);
      }
      return std::fabs(rest) <= static_cast<Real>(rule.tolerance);
    });
  }
  // A decimal's tolerance counts in its own units.
  const Real tolerance =
      static_cast<Real>(rule.tolerance) * std::pow(Real{10}, static_cast<Real>(rows.type(0).scale));
  return rows.fail_unless(out, [&](std::size_t i) {
    Wide256 rest = wide_at(rows.block(0), rows.type(0), i);
    bool exact = true;
    for (std::size_t part = 1; part < rows.size(); ++part) {
      exact = rest.add(wide_at(rows.block(part), rows.type(part), i).negated()) && exact;
    }
    if (!exact) return false;
    const Wide256 magnitude = rest.high < 0 ? rest.negated() : rest;
    const Real distance = static_cast<Real>(static_cast<UnsignedWide>(magnitude.high)) * 0x1p128L +
                          static_cast<Real>(magnitude.low);
    return distance <= tolerance;
  });
}

bool unique(const RowRule& rule, const Rows& rows, SeenKeys& seen, Words& out) {
  Key128 keys[kScanBlock];
  const std::size_t size = rows.block(0).size;
  const std::uint64_t seed = key_seed();
  for (std::size_t i = 0; i < size; ++i) {
    KeyMixer mixer(seed);
    for (std::size_t part = 0; part < rule.leaves.size(); ++part) {
      mix_value(rows.block(part), i, mixer);
    }
    keys[i] = mixer.key();
  }
  return repeated(keys, rows.valid().data(), size, seen, out.data());
}

}  // namespace

RowRule compile_row_rule(const CheckRule& rule, std::size_t number,
                         const std::vector<std::size_t>& leaves, const std::vector<Leaf>& schema) {
  const auto name = [&](std::size_t leaf) {
    return "'" + schema[leaf].path + "' (" + schema[leaf].type.name + ")";
  };
  if (rule.kind != CheckKind::kUnique && rule.kind != CheckKind::kCompare &&
      rule.kind != CheckKind::kSums) {
    throw InvalidArgument("it takes one column: " + std::to_string(leaves.size()));
  }
  if (rule.kind == CheckKind::kCompare && leaves.size() != 2) {
    throw InvalidArgument("it takes two columns: " + std::to_string(leaves.size()));
  }
  for (const std::size_t leaf : leaves) {
    const LeafType& type = schema[leaf].type;
    if (form_of(type) == BlockForm::kNone) {
      throw InvalidArgument("its values cannot be compared: " + name(leaf));
    }
    if (rule.kind == CheckKind::kUnique) continue;
    if (!go_together(schema[leaves[0]].type, type)) {
      throw InvalidArgument("columns that do not go together: " + name(leaves[0]) + " and " +
                            name(leaf));
    }
    const bool adds =
        is_number(type) || type.kind == LeafKind::kDecimal || type.kind == LeafKind::kDuration;
    if (rule.kind == CheckKind::kSums && !adds) {
      throw InvalidArgument("its values have no sum: " + name(leaf));
    }
  }
  if (!(rule.tolerance >= 0) || !std::isfinite(rule.tolerance)) {
    fail<InvalidArgument>("a tolerance must be finite and not negative", rule.tolerance);
  }
  return {number, rule.kind, rule.op, rule.tolerance, leaves};
}

void run_row_rule(const RowRule& rule, const std::vector<LeafView>& views,
                  std::vector<RuleState>* states, OutcomeWriter& writer) {
  const std::int64_t total = views[rule.leaves[0]].rows;
  Rows rows(rule, views);
  Words failed;
  for (std::int64_t row = 0; row < total; row += kScanBlock) {
    const auto left = static_cast<std::size_t>(total - row);
    const std::size_t size = left < kScanBlock ? left : kScanBlock;
    rows.read(row, size);
    bool any = false;
    switch (rule.kind) {
      case CheckKind::kCompare:
        any = compare(rule, rows, failed);
        break;
      case CheckKind::kSums:
        any = sums(rule, rows, failed);
        break;
      default: {
        SeenKeys alone{KeySet<Key128>(kScanBlock, key_seed())};
        SeenKeys& seen = states == nullptr ? alone : std::get<SeenKeys>((*states)[rule.rule]);
        any = unique(rule, rows, seen, failed);
        writer.outcome().rules[rule.rule].undefined = seen.full;
      }
    }
    if (any) {
      writer.add(rule.rule, rows.present(), failed.data(), static_cast<std::size_t>(row), size);
    } else {
      writer.add(rule.rule, rows.present());
    }
  }
}

}  // namespace inlay::detail
