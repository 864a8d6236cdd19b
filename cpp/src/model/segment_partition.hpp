#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/model/segments.hpp>
#include <vector>

namespace inlay::detail {

/// The rows of a block by segment: a counting sort that keeps the rows of a segment in order.
/// O(rows); remembers how many segments there may be, and touches those alone that have rows.
class SegmentPartition {
 public:
  /// Rows of a block: long enough for some rows in each of many segments, short enough that what
  /// is gathered from it stays in the cache.
  static constexpr std::size_t kBlock = 8192;

  /// The rows `rows()[begin]` to `rows()[end - 1]` are of this segment.
  struct Group {
    std::uint32_t segment;
    std::uint32_t begin;
    std::uint32_t end;
  };

  /// Sorts up to kBlock rows; each segment must be below kMaxSegments.
  /// @throws std::bad_alloc
  void sort(const std::uint32_t* segments, std::size_t size) {
    groups_.clear();
    rows_.resize(kBlock);
    std::uint32_t most = 0;
    for (std::size_t i = 0; i < size; ++i) most = segments[i] > most ? segments[i] : most;
    if (most >= counts_.size()) counts_.resize(most + std::size_t{1});
    // Read once: what is written could be they, for all that a compiler knows.
    std::uint32_t* const counts = counts_.data();
    std::uint16_t* const rows = rows_.data();
    for (std::size_t i = 0; i < size; ++i) {
      if (counts[segments[i]]++ == 0) groups_.push_back({segments[i], 0, 0});
    }
    std::uint32_t next = 0;
    for (Group& group : groups_) {
      group.begin = next;
      next += counts[group.segment];
      group.end = next;
      counts[group.segment] = group.begin;
    }
    for (std::size_t i = 0; i < size; ++i) {
      rows[counts[segments[i]]++] = static_cast<std::uint16_t>(i);
    }
    for (const Group& group : groups_) counts[group.segment] = 0;
  }

  /// Of the last block, each segment once, in the order in which they first appear.
  const std::vector<Group>& groups() const noexcept { return groups_; }
  const std::uint16_t* rows() const noexcept { return rows_.data(); }

  /// Copies a group's entries of a column together.
  template <class T>
  void gather(const Group& group, const T* column, T* out) const noexcept {
    const std::uint16_t* const rows = rows_.data() + group.begin;
    const std::size_t size = group.end - group.begin;
    for (std::size_t i = 0; i < size; ++i) out[i] = column[rows[i]];
  }

 private:
  std::vector<Group> groups_;
  std::vector<std::uint16_t> rows_;
  std::vector<std::uint32_t> counts_;  // zeros between calls
};

}  // namespace inlay::detail
