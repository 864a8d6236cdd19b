#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <inlay/model/binary_states.hpp>
#include <utility>
#include <vector>

namespace inlay {

/// Rows of several yes-or-no labels each, as they lie in memory.
struct INLAY_API MultilabelRows {
  const std::uint8_t* labels = nullptr;     ///< row by row; 0 or 1; anything else is no label
  const double* scores = nullptr;           ///< row by row
  const double* weights = nullptr;          ///< of each row, or null: all 1
  const std::uint32_t* segments = nullptr;  ///< of each row, or null
  std::uint32_t segment = 0;                ///< of all rows, if segments is null
  std::size_t size = 0;
};

/// A BinaryState of each of L labels, and how often all labels of a row are predicted right, for
/// each of many segments.
///
/// A cell, one label of one row, that is no label or whose score is none is left out and counted
/// as BinaryStates does, and nothing else of the row is; the row is then not complete, and only
/// complete rows are right or wrong as a whole. A row whose weight is none is left out and counted
/// once.
///
/// Not safe for concurrent use of one object when any of the uses changes it.
class INLAY_API MultilabelStates {
 public:
  static constexpr std::uint32_t kMaxLabels = 1024;

  /// @throws InvalidArgument if there are none or too many labels, and as BinaryStates says.
  explicit MultilabelStates(std::uint32_t labels, BinarySettings settings = {});

  std::uint32_t labels() const noexcept { return num_labels_; }
  const BinarySettings& settings() const noexcept { return cells_.settings(); }
  /// Of all labels of all segments there are at most kMaxSegments states.
  std::uint32_t max_segments() const noexcept { return kMaxSegments / num_labels_; }

  /// @throws InvalidArgument if a segment is not below max_segments(); nothing is counted.
  /// @throws std::bad_alloc; a part of the rows may then have been counted.
  void update(const MultilabelRows& rows);
  /// As BinaryStates::merge.
  void merge(const MultilabelStates& other,
             const std::vector<std::pair<std::uint32_t, std::uint32_t>>* pairs = nullptr);
  void reset() noexcept;

  /// Whole rows of one segment.
  struct Rows {
    std::int64_t bad_weight = 0;
    std::int64_t rows = 0;
    std::int64_t complete = 0;
    bool weighted = false;
    double weight = 0;                ///< of complete rows
    double weight_squares = 0;        ///< of complete rows
    std::vector<std::int64_t> exact;  ///< complete rows with all labels right, a threshold each
    std::vector<double> exact_weight;
  };

  /// One more than the highest segment that exists.
  std::size_t segments() const noexcept { return rows_.size(); }
  Rows rows(std::uint32_t segment) const;
  /// The labels of a segment as segments 0 to labels() - 1.
  BinaryStates cells(std::uint32_t segment) const;

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// Of one segment, as segment 0.
  std::vector<std::uint8_t> to_bytes(std::uint32_t segment) const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static MultilabelStates from_bytes(const std::uint8_t* bytes, std::size_t size);

  friend INLAY_API bool operator==(const MultilabelStates& a, const MultilabelStates& b) noexcept;
  friend bool operator!=(const MultilabelStates& a, const MultilabelStates& b) noexcept {
    return !(a == b);
  }

 private:
  MultilabelStates(std::uint32_t labels, BinaryStates cells);
  void check_segment(std::uint32_t segment) const;
  Rows& rows_at(std::uint32_t segment);

  std::uint32_t num_labels_;
  BinaryStates cells_;  // label l of segment s is its segment s * labels + l
  std::vector<Rows> rows_;
};

}  // namespace inlay
