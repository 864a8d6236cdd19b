#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/arrow/table.hpp>
#include <inlay/export.hpp>
#include <memory>
#include <string>
#include <vector>

namespace inlay {

/// Judges whether the counts in rows of points still come from the distributions of references.
///
/// One object judges any number of series. A row's verdict is yes if two things hold: the e-process
/// of its series (DirichletEProcess) is high enough, and the Jensen-Shannon distance between the
/// reference and all rows since the most likely change, less its bias, exceeds the threshold with
/// the lower end of its 90 % interval. With `correct`, the rows of one family, start, end and
/// revision are taken together and e-values must pass the e-BH procedure.
///
/// Rows of a series are taken in their order in the tables, and a call's rows are one family's
/// whole: give all rows of a window in one call. Not safe for concurrent use of one object.
class INLAY_API DriftJudge {
 public:
  struct Options {
    double level = 0.05;
    double threshold = 0.02;  ///< of the Jensen-Shannon distance, base 2
    /// Rows of a series before its verdict is defined.
    std::uint64_t min_rows = 1000;
    bool correct = true;
  };

  struct Reference {
    std::int64_t series_id = 0;
    std::string reference_id;
    /// By cell, infinite values in the outer ones; the last of names is that of all others.
    std::vector<std::uint64_t> counts;
    /// Counts are of rows, and edges are among the values of these; else nothing is calibrated.
    bool is_exact = true;
    /// Cells between edges; else names.
    bool is_ordered = true;
    /// Of ordered cells the outer two lie beyond all values but infinite ones: the first edge is
    /// just below the least value, the last is the largest.
    bool is_bounded = false;
    /// Series of one number are corrected together.
    std::int64_t family = 0;
  };

  /// @throws InvalidArgument if `level` or `threshold` is not within 0 to 1, ends excluded.
  explicit DriftJudge(Options options);
  DriftJudge() : DriftJudge(Options{}) {}
  DriftJudge(DriftJudge&& other) noexcept;
  DriftJudge& operator=(DriftJudge&& other) noexcept;
  ~DriftJudge();

  const Options& options() const noexcept;

  /// Makes a reference known, or replaces it. A series whose rows change to another reference
  /// begins anew; one whose reference stays the same goes on.
  /// @throws InvalidArgument if there are no counts, fewer than 3 of bounded cells, or they exceed
  /// 2^52.
  void add_reference(Reference reference);
  bool has_reference(std::int64_t series_id, const std::string& reference_id) const;

  /// Judges the rows of kind "edges" and "categories" that are deltas, in order. Columns: point
  /// (int64, the row's number), verdict (yes, no, undefined), reason, value (Jensen-Shannon
  /// distance of this row's counts), effect, low, high, threshold, log_e, n and n_reference (rows
  /// behind the effect), since (start of the window in which the change is most likely to lie).
  /// Series are shared out to `threads` threads, 0 for as many as there are cores; the outcome is
  /// the same for any number.
  /// @throws InvalidArgument if the table lacks series_id, kind, counts or start_time, or one has
  /// another type; nothing is judged then.
  Table judge(const Table& points, unsigned threads = 0);

  std::size_t num_series() const noexcept;
  std::size_t memory_bytes() const noexcept;

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static DriftJudge from_bytes(const std::uint8_t* bytes, std::size_t size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace inlay
