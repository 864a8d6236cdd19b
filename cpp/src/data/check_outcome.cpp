#include <algorithm>
#include <inlay/data/check_plan.hpp>
#include <inlay/error.hpp>

namespace inlay {
namespace {

// Appends bits of `next`, which has `size` of them, after the first `at` bits.
void append_bits(std::vector<std::uint64_t>& bits, std::uint64_t at, std::uint64_t size,
                 const std::vector<std::uint64_t>& next) {
  bits.resize((at + size + 63) / 64, 0);
  const auto shift = static_cast<unsigned>(at % 64);
  for (std::size_t i = 0; i < next.size(); ++i) {
    const std::size_t to = static_cast<std::size_t>(at / 64) + i;
    bits[to] |= next[i] << shift;
    if (shift != 0 && to + 1 < bits.size()) bits[to + 1] |= next[i] >> (64 - shift);
  }
}

}  // namespace

void CheckOutcome::merge(const CheckOutcome& next) {
  if (rules.size() != next.rules.size() || stats.size() != next.stats.size()) {
    throw InvalidArgument("outcomes of different plans: " + std::to_string(rules.size()) + " and " +
                          std::to_string(next.rules.size()) + " rules");
  }
  if (!next.mask) mask.reset();
  if (mask && next.first_row != first_row + static_cast<std::int64_t>(rows)) {
    detail::fail<InvalidArgument>("a mask must follow the rows before it; its first row",
                                  next.first_row);
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    RuleOutcome& to = rules[i];
    const RuleOutcome& from = next.rules[i];
    to.evaluated += from.evaluated;
    to.failed += from.failed;
    to.undefined = to.undefined || from.undefined;
    to.rows.insert(to.rows.end(), from.rows.begin(), from.rows.end());
    if (!std::is_sorted(to.rows.begin(), to.rows.end())) std::sort(to.rows.begin(), to.rows.end());
    if (to.rows.size() > max_rows) to.rows.resize(max_rows);
  }
  for (std::size_t i = 0; i < stats.size(); ++i) stats[i].stats.merge(next.stats[i].stats);
  if (mask) append_bits(*mask, rows, next.rows, *next.mask);
  first_row = std::min(first_row, next.first_row);
  rows += next.rows;
}

std::vector<std::int64_t> CheckOutcome::failing_rows() const {
  std::vector<std::int64_t> out;
  for (const RuleOutcome& rule : rules) out.insert(out.end(), rule.rows.begin(), rule.rows.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (out.size() > max_rows) out.resize(max_rows);
  return out;
}

}  // namespace inlay
