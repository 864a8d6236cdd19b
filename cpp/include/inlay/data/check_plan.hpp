#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/arrow/c_data.hpp>
#include <inlay/data/exact_integer.hpp>
#include <inlay/export.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace inlay {

/// A value that a rule names. A plain value.
struct CheckValue {
  enum class Kind : std::uint8_t { kNone, kInteger, kReal, kText };
  Kind kind = Kind::kNone;
  ExactInteger integer;  ///< of decimals the unscaled one, of what is temporal the count of units
  double real = 0;
  std::string text;  ///< text or bytes
};

/// What a rule asks of the values of its column. NaN is a value; a null row fails kNull and
/// kMissing alone, every other rule looks at values that are there.
enum class CheckKind : std::uint8_t {
  kNull,        ///< is not null
  kMissing,     ///< is neither null nor one of `values`
  kFinite,      ///< is neither NaN nor infinite
  kNan,         ///< is not NaN
  kRange,       ///< lies between `low` and `high`; NaN lies nowhere
  kSet,         ///< is one of `values`
  kNotInSet,    ///< is none of `values`
  kLength,      ///< has `low` to `high` code points, bytes or items
  kUtf8,        ///< is well-formed UTF-8
  kUnique,      ///< was not seen in an earlier row; of several columns, all together
  kMonotonic,   ///< is not below the value before it; NaN is out of every order
  kDictionary,  ///< its index lies inside the dictionary
  kCompare,     ///< stands in the relation `op` to the second column, or to `low` if there is none
  kSums,        ///< differs from the sum of the other columns by at most `tolerance`
  kStats,       ///< nothing: counts, extremes and sum in one pass
};
inline constexpr unsigned kCheckKinds = 15;

/// Return "null", "missing", "finite", … as in the list above.
INLAY_API const char* check_kind_name(CheckKind kind) noexcept;

enum class CheckOp : std::uint8_t { kLess, kAtMost, kEqual, kNotEqual, kAtLeast, kGreater };

/// One rule over one column or several. A plain value.
struct CheckRule {
  CheckKind kind = CheckKind::kNull;
  /// Paths of leaves, or the names of columns by number.
  std::vector<std::string> paths;
  CheckValue low;
  CheckValue high;
  bool low_exclusive = false;
  bool high_exclusive = false;
  std::vector<CheckValue> values;
  bool strict = false;
  bool decreasing = false;
  CheckOp op = CheckOp::kEqual;
  double tolerance = 0;
  /// Keys that kUnique remembers at most; beyond, it is undefined.
  std::size_t max_keys = std::size_t{1} << 22;
};

/// What a stats rule found. Sum and extremes are those of the values that are neither null nor NaN
/// nor infinite. A plain value.
struct CheckStats {
  std::uint64_t rows = 0;
  std::uint64_t nulls = 0;
  std::uint64_t nans = 0;
  std::uint64_t pos_infs = 0;
  std::uint64_t neg_infs = 0;
  bool is_number = false;   ///< else there is neither sum nor extremes
  bool is_real = false;     ///< min, max and sum_high + sum_low, else the integers
  bool any = false;         ///< whether there are extremes
  bool overflowed = false;  ///< whether the integers' sum needs more than 256 bits
  double min = 0;
  double max = 0;
  double sum_high = 0;  ///< not finite if no double is large enough
  double sum_low = 0;   ///< what the additions rounded off
  ExactInteger min_integer;
  ExactInteger max_integer;
  ExactInteger sum_integer;

  INLAY_API void merge(const CheckStats& other) noexcept;
};

/// What one rule found. A plain value.
struct RuleOutcome {
  std::uint64_t evaluated = 0;
  std::uint64_t failed = 0;
  std::vector<std::int64_t> rows;  ///< the first that failed, at most max_rows
  bool undefined = false;          ///< more keys than remembered; `failed` is a lower bound
};

/// A plain value.
struct RuleStats {
  std::size_t rule = 0;
  CheckStats stats;
};

/// What the rules of a plan found in one batch, or in several in a row. A plain value.
struct INLAY_API CheckOutcome {
  std::int64_t first_row = 0;
  std::uint64_t rows = 0;
  std::size_t max_rows = 0;
  std::vector<RuleOutcome> rules;
  std::vector<RuleStats> stats;  ///< of stats rules, by their numbers
  /// If asked for: bit i % 64 of word i / 64 is set if row i fails a rule.
  std::optional<std::vector<std::uint64_t>> mask;

  /// Adds what was found in the rows that follow. The mask stays only if both have one, so that a
  /// long stream need not keep it.
  /// @throws InvalidArgument if it is not of the same plan, or its mask does not follow this one.
  void merge(const CheckOutcome& next);

  /// Return the first rows that fail any rule, sorted, at most max_rows.
  std::vector<std::int64_t> failing_rows() const;
};

/// What goes on from batch to batch: keys seen and last values. Thread-safe; one batch at a time.
class INLAY_API CheckState {
 public:
  struct Impl;
  explicit CheckState(std::unique_ptr<Impl> impl);
  CheckState(const CheckState&) = delete;
  CheckState& operator=(const CheckState&) = delete;
  ~CheckState();

  std::size_t memory_bytes() const;
  Impl& impl() noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Rules compiled for a schema. Each column is read once, in blocks, whatever the number of its
/// rules. Immutable, so any number of threads may use one.
class INLAY_API CheckPlan {
 public:
  /// @throws InvalidArgument naming the rule and the column for a schema that is no struct, a
  ///         column that does not exist, a rule that its type cannot have, or a bound that no value
  ///         of the type can be compared with.
  CheckPlan(const ArrowSchema& schema, const std::vector<CheckRule>& rules, std::size_t max_rows);
  CheckPlan(const CheckPlan&) = delete;
  CheckPlan& operator=(const CheckPlan&) = delete;
  ~CheckPlan();

  /// Checks one record batch of the schema; its first row is number `first_row`. Without a state,
  /// each batch stands alone.
  /// @throws InvalidArgument if the batch is of another schema, its arrays do not fit it, or the
  ///         state is another plan's.
  CheckOutcome check(const ArrowSchema& schema, const ArrowArray& batch, std::int64_t first_row,
                     CheckState* state, bool mask) const;

  std::unique_ptr<CheckState> make_state() const;

  std::size_t num_rules() const noexcept;
  /// The paths of the leaves.
  const std::vector<std::string>& paths() const noexcept;
  /// The path of a column of the schema by its number, or of the only leaf it has.
  /// @throws InvalidArgument if it has several, or none.
  const std::string& path_of_column(std::int64_t column) const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace inlay
