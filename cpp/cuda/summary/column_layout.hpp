#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/host_device.hpp>

#include "summary/moments_part.hpp"

namespace inlay::cuda {

// What one window holds of [N, D] columns. Buckets lie in pages of 32 counts that columns take from
// one pool when a value first needs them, found by hashing: a column of floats could use 277
// octaves, and uses a dozen. Everything is zero when the window is new.

using Count = unsigned long long;

inline constexpr int kPageBuckets = 32;

struct ColumnRecord {
  Count count;  // finite values
  Count nan;
  Count pos_inf;
  Count neg_inf;
  Count zero;
  Count lost;  // values of `count` that are in no bucket, since the pool was used up
  double lowest;
  double highest;
  detail::WideSum sum;
  double m2;
  double m3;
  double m4;
};

/// Where the parts of a state lie. `pages` is a power of two.
struct ColumnLayout {
  std::uint32_t columns = 0;
  std::uint32_t pages = 0;
  std::uint32_t cells = 0;  // of each column's edges; 0 without edges

  INLAY_HOST_DEVICE std::size_t records_at() const { return 0; }
  INLAY_HOST_DEVICE std::size_t cells_at() const { return columns * sizeof(ColumnRecord); }
  INLAY_HOST_DEVICE std::size_t keys_at() const {
    return cells_at() + std::size_t{columns} * cells * sizeof(Count);
  }
  INLAY_HOST_DEVICE std::size_t counts_at() const { return keys_at() + pages * sizeof(Count); }
  INLAY_HOST_DEVICE std::size_t bytes() const {
    return counts_at() + std::size_t{pages} * kPageBuckets * sizeof(Count);
  }
};

/// A state seen through its layout.
struct ColumnState {
  ColumnRecord* records;
  Count* cells;
  Count* keys;
  Count* counts;

  INLAY_HOST_DEVICE ColumnState(unsigned char* bytes, const ColumnLayout& layout)
      : records(reinterpret_cast<ColumnRecord*>(bytes + layout.records_at())),
        cells(reinterpret_cast<Count*>(bytes + layout.cells_at())),
        keys(reinterpret_cast<Count*>(bytes + layout.keys_at())),
        counts(reinterpret_cast<Count*>(bytes + layout.counts_at())) {}
};

/// Names a page; never 0. Bucket `page * 32` of a side is its first.
INLAY_HOST_DEVICE inline Count page_key(std::uint32_t column, unsigned side, int page) {
  return (static_cast<Count>(column) + 1) << 32 | static_cast<Count>(side) << 31 |
         static_cast<Count>(page + (1 << 20));
}
INLAY_HOST_DEVICE inline std::uint32_t page_column(Count key) {
  return static_cast<std::uint32_t>(key >> 32) - 1;
}
INLAY_HOST_DEVICE inline unsigned page_side(Count key) {
  return static_cast<unsigned>(key >> 31 & 1);
}
INLAY_HOST_DEVICE inline int page_number(Count key) {
  return static_cast<int>(key & 0x7FFFFFFF) - (1 << 20);
}

/// What the host receives of a closed window: this header, the records, the edge cells, then
/// `pages` keys and, behind room for all keys, as many times 32 counts.
struct ColumnResultHeader {
  std::uint32_t done;
  std::uint32_t pages;
  std::uint32_t reserved[2];
};
INLAY_HOST_DEVICE inline std::size_t column_result_bytes(const ColumnLayout& layout) {
  return sizeof(ColumnResultHeader) + layout.bytes();
}

}  // namespace inlay::cuda
