#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <inlay/model/prediction_id.hpp>
#include <memory>
#include <string_view>
#include <vector>

namespace inlay {

/// What is predicted by id.
enum class LabelTask : std::uint8_t { kBinary, kMulticlass, kRegression };

/// "binary", "multiclass" or "regression".
INLAY_API std::string_view name_of(LabelTask task) noexcept;

/// @throws InvalidArgument if no such task has one number a prediction
INLAY_API LabelTask label_task_of(std::string_view name);

/// A block of predictions, or of labels. Holds nothing; the memory is the caller's.
struct LabelRows {
  const IdHash* ids = nullptr;
  const double* values = nullptr;  ///< scores or classes; of labels the outcomes, NaN for none
  std::size_t size = 0;
  std::size_t first_row = 0;  ///< number of the first, in the caller's count
  std::size_t following = 0;  ///< how many are about to come, so that the table grows once
  /// Of predictions: one each with a step of 1, one for all with a step of 0.
  const std::int64_t* panes = nullptr;
  std::size_t pane_step = 0;
  const std::int64_t* segments = nullptr;
  std::size_t segment_step = 0;
};

/// A prediction and a label that found each other. A plain value.
struct JoinedLabel {
  double score;
  double outcome;
  std::int64_t pane;
  std::uint32_t segment;
  std::uint32_t row;  ///< number of the one that came last, in the caller's count
};

/// What a call joined, in the order in which it was. A plain value.
struct JoinedLabels {
  std::vector<JoinedLabel> rows;
  /// Makes room for so many rows. @throws std::bad_alloc
  INLAY_API void reserve(std::size_t size);
  /// Numbers of the predictions that were not taken: doubles, those that came too late.
  std::vector<std::uint64_t> refused;
};

/// Joined rows in columns, those of each pane together in their order, panes ascending. A plain
/// value.
struct JoinedColumns {
  struct Group {
    std::int64_t pane;
    std::size_t begin, end;
  };
  std::vector<double> scores, outcomes;
  std::vector<std::uint32_t> segments, rows;
  std::vector<Group> groups;

  INLAY_API static JoinedColumns of(const std::vector<JoinedLabel>& joined);

 private:
  template <class NextOf>
  void fill(const std::vector<JoinedLabel>& joined, NextOf next_of);
};

/// Joins labels to predictions by id, whichever comes first, over a horizon of panes.
///
/// An id that waits takes 40 bytes when the join is as full as it may be. A prediction whose label
/// does not come in time expires, a label whose prediction does not is an orphan; both are counted.
/// For one more horizon an id is remembered, so that what comes again or too late is told from what
/// is new. Above the capacity what is remembered goes first, then what waits, each from the oldest
/// pane on and in it the smallest hashes. Deterministic. One thread at a time.
class INLAY_API LabelJoin {
 public:
  static constexpr std::uint64_t kMaxCapacity = std::uint64_t{1} << 32;
  static constexpr std::int64_t kMaxHorizon = std::int64_t{1} << 31;

  /// What was kept apart, and what was taken.
  struct Counts {
    std::uint64_t predictions = 0;            ///< taken
    std::uint64_t labels = 0;                 ///< joined
    std::uint64_t duplicate_predictions = 0;  ///< of an id that has one; the first stands
    std::uint64_t late_predictions = 0;       ///< of a pane that had expired
    std::uint64_t duplicate_labels = 0;       ///< the same again
    std::uint64_t conflicting_labels = 0;     ///< another one; the first stands
    std::uint64_t orphan_labels = 0;          ///< expired without a prediction
    std::uint64_t late_labels = 0;            ///< after their prediction had expired
    std::uint64_t null_labels = 0;            ///< without an outcome
    std::uint64_t null_ids = 0;               ///< of predictions or labels
    std::uint64_t expired_predictions = 0;
    std::uint64_t evicted_predictions = 0;  ///< gone for want of room
    std::uint64_t evicted_labels = 0;
  };
  /// Predictions of a pane and segment that expired.
  struct Expired {
    std::int64_t pane;
    std::uint32_t segment;
    std::uint64_t predictions;
  };

  /// @throws InvalidArgument if the horizon or the capacity is out of range
  LabelJoin(LabelTask task, std::int64_t horizon_panes, std::uint64_t capacity);
  LabelJoin(const LabelJoin& other);
  LabelJoin(LabelJoin&& other) noexcept;
  LabelJoin& operator=(LabelJoin other) noexcept;
  ~LabelJoin();

  /// Declares what the next ids are. @throws InvalidArgument if earlier ones were others
  void expect_ids(IdKind kind);
  /// @throws InvalidArgument naming a pane that is more than 2^31 from the first one
  void check_panes(const std::int64_t* panes, std::size_t size);
  /// The same of the pane in which labels come: as late as what has expired.
  void check_pane_now(std::int64_t now);
  /// @throws InvalidArgument naming a segment below 0 or above 2^28 - 1
  static void check_segments(const std::int64_t* segments, std::size_t size);

  /// Takes predictions, whose panes and segments were checked. Those whose label waits already are
  /// added to `joined`, as are the numbers of those not taken. @throws std::bad_alloc
  void predicted(const LabelRows& rows, JoinedLabels& joined);

  /// Takes labels that come in pane `now` and adds those whose prediction waits to `joined`.
  /// @throws InvalidArgument for a pane that is too far from the first one
  /// @throws std::bad_alloc
  void labelled(const LabelRows& rows, std::int64_t now, JoinedLabels& joined);

  void add_null_ids(std::uint64_t ids) noexcept;

  /// Ends the wait of everything in panes before this one, and forgets what is a horizon older.
  /// Returns the predictions that expired, by pane and segment. An earlier pane than last time
  /// changes nothing.
  std::vector<Expired> expire(std::int64_t before_pane);

  void reset();

  LabelTask task() const noexcept;
  std::int64_t horizon_panes() const noexcept;
  std::uint64_t capacity() const noexcept;
  IdKind id_kind() const noexcept;
  const Counts& counts() const noexcept;
  std::uint64_t pending() const noexcept;     ///< predictions that wait
  std::uint64_t early() const noexcept;       ///< labels that wait
  std::uint64_t remembered() const noexcept;  ///< ids that wait no more
  std::size_t memory_bytes() const noexcept;

  bool operator==(const LabelJoin& other) const;
  bool operator!=(const LabelJoin& other) const { return !(*this == other); }

  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError for bytes that to_bytes() did not make
  static LabelJoin from_bytes(const std::uint8_t* bytes, std::size_t size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace inlay
