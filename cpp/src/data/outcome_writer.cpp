#include <bit>

#include "data/leaf_rules.hpp"

namespace inlay::detail {

OutcomeWriter::OutcomeWriter(CheckOutcome& outcome, std::uint64_t rows) : outcome_(outcome) {
  if (outcome_.mask) outcome_.mask->assign((rows + 63) / 64, 0);
}

void OutcomeWriter::add(std::size_t rule, std::uint64_t evaluated, const std::uint64_t* failed,
                        std::size_t begin, std::size_t size) {
  RuleOutcome& out = outcome_.rules[rule];
  out.evaluated += evaluated;
  for (std::size_t at = 0; at < size; at += 64) {
    std::uint64_t word = failed[at / 64];
    if (word == 0) continue;
    out.failed += static_cast<std::uint64_t>(std::popcount(word));
    const std::size_t row = begin + at;
    if (outcome_.mask) {
      std::uint64_t* to = outcome_.mask->data() + row / 64;
      to[0] |= word << (row % 64);
      if (row % 64 != 0 && word >> (64 - row % 64) != 0) to[1] |= word >> (64 - row % 64);
    }
    while (word != 0 && out.rows.size() < outcome_.max_rows) {
      out.rows.push_back(
          outcome_.first_row +
          static_cast<std::int64_t>(row + static_cast<std::size_t>(std::countr_zero(word))));
      word &= word - 1;
    }
  }
}

}  // namespace inlay::detail
