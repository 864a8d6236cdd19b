// Runs the rules of one leaf over the blocks of a batch.

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "data/leaf_rules.hpp"
#include "data/row_order.hpp"
#include "data/stats_sum.hpp"
#include "utf8.hpp"

namespace inlay::detail {
namespace {

using Words = std::array<std::uint64_t, kScanWords>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLargest = std::numeric_limits<double>::max();

bool is_real(BlockForm form) noexcept {
  return form == BlockForm::kReal64 || form == BlockForm::kReal32;
}

void outside_reals(const Block& block, double low, double high, std::uint64_t* out) noexcept {
  const ScanKernels& kernels = scan_kernels();
  if (block.form == BlockForm::kReal64) {
    kernels.outside_f64(block.as<double>(), block.size, low, high, out);
  } else {
    kernels.outside_f32(block.as<float>(), block.size, low, high, out);
  }
}

// False if the extremes tell that no value lies outside.
bool outside_range(const ValueRange& range, const Block& block, const BlockScan* scan,
                   std::uint64_t flip, std::uint64_t* out) noexcept {
  if (range.empty) {
    set_all(out, block.size);
    return true;
  }
  const ScanKernels& kernels = scan_kernels();
  switch (block.form) {
    case BlockForm::kReal64:
    case BlockForm::kReal32:
      if (scan != nullptr && scan->all_finite() &&
          (scan->real.min > scan->real.max ||
           (scan->real.min >= range.low_real && scan->real.max <= range.high_real))) {
        return false;
      }
      outside_reals(block, range.low_real, range.high_real, out);
      return true;
    case BlockForm::kWhole64:
    case BlockForm::kWhole32:
      if (scan != nullptr && (scan->whole.min > scan->whole.max ||
                              (scan->whole.min >= range.low && scan->whole.max <= range.high))) {
        return false;
      }
      if (block.form == BlockForm::kWhole64) {
        kernels.outside_i64(block.as<std::int64_t>(), block.size, flip, range.low, range.high, out);
      } else {
        // The bounds lie among the values of the type, which are int32.
        kernels.outside_i32(block.as<std::int32_t>(), block.size,
                            static_cast<std::int32_t>(range.low),
                            static_cast<std::int32_t>(range.high), out);
      }
      return true;
    case BlockForm::kWide: {
      const auto* values = block.as<Wide256>();
      write_row_bits(block.size, out, [&](std::size_t i) {
        return values[i] < range.low_wide || range.high_wide < values[i];
      });
      return true;
    }
    default:
      return false;
  }
}

// Whether texts that lie one after the other are UTF-8: all bytes together are, and no text starts
// inside of a code point.
bool all_utf8(const Block& block) noexcept {
  if (block.bytes.empty() || !is_utf8(block.bytes.data(), block.bytes.size())) return false;
  const auto* texts = block.as<std::string_view>();
  for (std::size_t i = 0; i < block.size; ++i) {
    if (!texts[i].empty() && (static_cast<unsigned char>(texts[i][0]) & 0xC0U) == 0x80)
      return false;
  }
  return true;
}

// Sets the bits of the values that fail a rule which looks at nothing but the value; false if none
// does. Rows that are not there get any bit.
bool failing(const LeafRule& rule, const LeafType& type, const Block& block, const BlockScan* scan,
             bool ascii, std::uint64_t* out) noexcept {
  switch (rule.kind) {
    case CheckKind::kRange: {
      const bool any = outside_range(rule.range, block, scan, flip_of(type), out);
      if (!rule.negated) return any;
      if (!any) set_all(out, block.size);
      if (any) {
        for (std::size_t word = 0; word < block.words(); ++word) out[word] = ~out[word];
      }
      return true;
    }
    case CheckKind::kFinite:
    case CheckKind::kNan:
      if (!is_real(block.form)) return false;
      if (scan != nullptr && scan->all_finite()) return false;
      if (rule.kind == CheckKind::kNan) {
        outside_reals(block, -kInfinity, kInfinity, out);
      } else {
        outside_reals(block, -kLargest, kLargest, out);
      }
      return true;
    case CheckKind::kSet:
      rule.set->absent(block, out);
      return true;
    case CheckKind::kNotInSet:
    case CheckKind::kMissing:
      rule.set->absent(block, out);
      for (std::size_t word = 0; word < block.words(); ++word) out[word] = ~out[word];
      return true;
    case CheckKind::kLength: {
      const auto* texts = block.as<std::string_view>();
      // One comparison does for both bounds: what is too short wraps round.
      const std::uint64_t span = rule.high_length - rule.low_length;
      const bool points = type.kind == LeafKind::kText && !ascii;
      write_row_bits(block.size, out, [&](std::size_t i) {
        const std::size_t bytes = texts[i].size();
        const std::size_t length = points ? code_points(texts[i].data(), bytes) : bytes;
        return length - rule.low_length > span;
      });
      return true;
    }
    case CheckKind::kUtf8: {
      if (ascii || all_utf8(block)) return false;
      const auto* texts = block.as<std::string_view>();
      write_row_bits(block.size, out,
                     [&](std::size_t i) { return !is_utf8(texts[i].data(), texts[i].size()); });
      return true;
    }
    default:
      return false;
  }
}

bool looks_at_value_alone(CheckKind kind) noexcept {
  switch (kind) {
    case CheckKind::kRange:
    case CheckKind::kFinite:
    case CheckKind::kNan:
    case CheckKind::kSet:
    case CheckKind::kNotInSet:
    case CheckKind::kMissing:
    case CheckKind::kLength:
    case CheckKind::kUtf8:
      return true;
    default:
      return false;
  }
}

class LeafRun {
 public:
  LeafRun(const LeafRules& rules, const LeafView& view, std::vector<RuleState>* states,
          BlockRoom& room, OutcomeWriter& writer)
      : rules_(rules),
        view_(view),
        states_(states),
        room_(room),
        writer_(writer),
        stats_(*view.type) {
    if (view.dictionary != nullptr && view.dictionary->rows <= view.rows) judge_dictionary();
    for (const LeafRule& rule : rules_.rules) {
      if (rule.kind == CheckKind::kStats) needs_stats_ = true;
      const bool judged = !by_item_.empty() && looks_at_value_alone(rule.kind);
      if (rule.kind == CheckKind::kNull || rule.kind == CheckKind::kDictionary || judged) continue;
      const bool numbers = form_of(*view.type) != BlockForm::kText;
      if (rule.kind == CheckKind::kStats && !numbers) continue;
      needs_values_ = true;
      needs_keys_ = needs_keys_ || needs_keys(rule);
      needs_bytes_ =
          needs_bytes_ || rule.kind == CheckKind::kLength || rule.kind == CheckKind::kUtf8;
      if (rule.kind == CheckKind::kRange || rule.kind == CheckKind::kFinite ||
          rule.kind == CheckKind::kNan || rule.kind == CheckKind::kStats) {
        needs_scan_ = true;
      }
    }
    if (view.type->kind == LeafKind::kList) needs_values_ = false;
  }

  void run() {
    const BlockReader reader(view_, room_);
    Block block;
    std::size_t row = 0;
    for (const LeafRange& range : view_.ranges) {
      for (std::int64_t at = 0; at < range.size; at += kScanBlock) {
        const auto left = static_cast<std::size_t>(range.size - at);
        reader.read(range.begin + at, left < kScanBlock ? left : kScanBlock, needs_values_, block);
        visit(block, range.begin + at, row);
        row += block.size;
      }
    }
    finish_stats();
  }

 private:
  // Each value of a dictionary once.
  void judge_dictionary() {
    const LeafView& items = *view_.dictionary;
    const std::size_t words =
        (static_cast<std::size_t>(items.rows) + kScanBlock - 1) / kScanBlock * kScanWords;
    by_item_.resize(rules_.rules.size());
    const BlockReader reader(items, room_);
    Block block;
    for (std::size_t r = 0; r < rules_.rules.size(); ++r) {
      const LeafRule& rule = rules_.rules[r];
      if (!looks_at_value_alone(rule.kind)) continue;
      by_item_[r].assign(words, 0);
      std::size_t at = 0;
      for (const LeafRange& range : items.ranges) {
        for (std::int64_t from = 0; from < range.size; from += kScanBlock) {
          const auto left = static_cast<std::size_t>(range.size - from);
          reader.read(range.begin + from, left < kScanBlock ? left : kScanBlock, true, block);
          failing(rule, *items.type, block, nullptr, false, by_item_[r].data() + at / 64);
          at += kScanBlock;
        }
      }
    }
  }

  bool needs_keys(const LeafRule& rule) const noexcept {
    return form_of(*view_.type) == BlockForm::kText && rule.kind == CheckKind::kUnique;
  }

  void visit(Block& block, std::int64_t begin, std::size_t row) {
    BlockScan scan;
    const BlockScan* scanned = nullptr;
    if (needs_keys_) make_keys(block, room_);
    ascii_ =
        needs_bytes_ && !block.bytes.empty() && is_ascii(block.bytes.data(), block.bytes.size());
    if (needs_scan_) {
      scan_block(block, flip_of(*view_.type), scan);
      scanned = &scan;
    }
    if (needs_stats_) stats_.add(block, *view_.type, needs_scan_ ? &scan : nullptr);
    for (std::size_t r = 0; r < rules_.rules.size(); ++r) {
      judge(rules_.rules[r], r, block, scanned, begin, row);
    }
  }

  void judge(const LeafRule& rule, std::size_t r, const Block& block, const BlockScan* scan,
             std::int64_t begin, std::size_t row) {
    Words failed;
    std::uint64_t evaluated = block.present;
    bool any = true;
    switch (rule.kind) {
      case CheckKind::kStats:
        writer_.add(rule.rule, evaluated);
        return;
      case CheckKind::kNull:
        evaluated = block.size - block.outside;
        any = missing(block, failed);
        break;
      case CheckKind::kMissing: {
        evaluated = block.size - block.outside;
        Words named;
        missing(block, failed);
        if (value_fails(rule, r, block, scan, named)) {
          for (std::size_t word = 0; word < block.words(); ++word) {
            failed[word] |= named[word] & block.valid[word];
          }
        }
        break;
      }
      case CheckKind::kDictionary:
        evaluated = block.present + block.outside;
        any = block.outside != 0;
        if (any) failed = block.invalid_index;
        break;
      case CheckKind::kUnique:
        any = unique(rule, block, failed);
        break;
      case CheckKind::kMonotonic: {
        LastValue alone;
        any = out_of_order(rule.strict, rule.decreasing, block, flip_of(*view_.type),
                           states_ == nullptr ? alone : std::get<LastValue>((*states_)[rule.rule]),
                           failed.data());
        break;
      }
      default:
        if (view_.type->kind == LeafKind::kList) {
          lengths(rule, block, begin, failed);
          break;
        }
        any = value_fails(rule, r, block, scan, failed);
        if (!any) break;
        for (std::size_t word = 0; word < block.words(); ++word) {
          failed[word] &= block.valid[word];
        }
    }
    if (any) {
      writer_.add(rule.rule, evaluated, failed.data(), row, block.size);
    } else {
      writer_.add(rule.rule, evaluated);
    }
  }

  bool value_fails(const LeafRule& rule, std::size_t r, const Block& block, const BlockScan* scan,
                   Words& failed) const noexcept {
    if (by_item_.empty()) return failing(rule, *view_.type, block, scan, ascii_, failed.data());
    const std::uint64_t* by_item = by_item_[r].data();
    const std::int64_t* indices = block.indices;
    write_row_bits(block.size, failed.data(), [&](std::size_t i) {
      if ((block.valid[i / 64] >> (i % 64) & 1) == 0) return false;
      const auto item = static_cast<std::size_t>(indices[i]);
      return (by_item[item / 64] >> (item % 64) & 1) != 0;
    });
    return true;
  }

  static bool missing(const Block& block, Words& out) noexcept {
    if (block.all_present()) {
      std::memset(out.data(), 0, block.words() * sizeof(std::uint64_t));
      return false;
    }
    set_all(out.data(), block.size);
    for (std::size_t word = 0; word < block.words(); ++word) {
      out[word] &= ~block.valid[word];
      if (block.outside != 0) out[word] &= ~block.invalid_index[word];
    }
    return true;
  }

  void lengths(const LeafRule& rule, const Block& block, std::int64_t begin,
               Words& failed) const noexcept {
    write_row_bits(block.size, failed.data(), [&](std::size_t i) {
      if ((block.valid[i / 64] >> (i % 64) & 1) == 0) return false;
      const auto length =
          static_cast<std::uint64_t>(view_.length_at(begin + static_cast<std::int64_t>(i)));
      return length < rule.low_length || length > rule.high_length;
    });
  }

  bool unique(const LeafRule& rule, const Block& block, Words& failed) {
    if (states_ == nullptr) return repeated_within(block, failed.data());
    SeenKeys& seen = std::get<SeenKeys>((*states_)[rule.rule]);
    const bool any = repeated(block, seen, failed.data());
    writer_.outcome().rules[rule.rule].undefined = seen.full;
    return any;
  }

  void finish_stats() {
    if (!needs_stats_) return;
    for (const LeafRule& rule : rules_.rules) {
      if (rule.kind != CheckKind::kStats) continue;
      writer_.outcome().stats.push_back({rule.rule, stats_.stats()});
    }
  }

  const LeafRules& rules_;
  const LeafView& view_;
  std::vector<RuleState>* states_;  // null for a batch of one block that stands alone
  BlockRoom& room_;
  OutcomeWriter& writer_;
  std::vector<std::vector<std::uint64_t>> by_item_;  // bits of the items that fail, by rule
  StatsSum stats_;
  bool needs_values_ = false;
  bool needs_scan_ = false;
  bool needs_keys_ = false;
  bool needs_bytes_ = false;
  bool ascii_ = false;  // whether all texts of the block are known to be
  bool needs_stats_ = false;
};

}  // namespace

void run_leaf(const LeafRules& rules, const LeafView& view, std::vector<RuleState>* states,
              BlockRoom& room, OutcomeWriter& writer) {
  LeafRun(rules, view, states, room, writer).run();
}

}  // namespace inlay::detail
