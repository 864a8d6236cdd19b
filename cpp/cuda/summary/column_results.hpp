#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <inlay/summary/edge_histogram.hpp>
#include <inlay/summary/exp_histogram.hpp>
#include <inlay/summary/moments.hpp>
#include <optional>
#include <vector>

#include "summary/column_layout.hpp"
#include "summary/moments_formulas.hpp"

namespace inlay::cuda {

/// Reads what extract_columns() wrote: the summaries of the values of one window.
class ColumnResults {
 public:
  /// `result` must outlive this object.
  ColumnResults(const void* result, const ColumnLayout& layout)
      : layout_(layout),
        bytes_(static_cast<const unsigned char*>(result) + sizeof(ColumnResultHeader)) {
    ColumnResultHeader header;
    std::memcpy(&header, result, sizeof(header));
    pages_.reserve(header.pages);
    for (std::uint32_t i = 0; i < header.pages; ++i) pages_.push_back(i);
    std::sort(pages_.begin(), pages_.end(),
              [this](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  }

  ColumnRecord record(std::uint32_t column) const {
    ColumnRecord out;
    std::memcpy(&out, bytes_ + layout_.records_at() + column * sizeof(ColumnRecord), sizeof(out));
    return out;
  }

  Moments moments(std::uint32_t column) const {
    const ColumnRecord r = record(column);
    detail::MomentsPart part;
    part.count = r.count;
    part.sum = r.sum;
    part.m2 = r.m2;
    part.m3 = r.m3;
    part.m4 = r.m4;
    Moments::Fields fields{};
    fields.nan_count = r.nan;
    fields.pos_inf_count = r.pos_inf;
    fields.neg_inf_count = r.neg_inf;
    fields.zero_count = r.zero;
    fields.values.count = r.count;
    if (r.count != 0) {
      const auto defined = [](double moment) {
        return std::isfinite(moment) ? std::optional<double>(moment) : std::nullopt;
      };
      fields.values.sum = r.sum.value();
      fields.values.min = r.lowest;
      fields.values.max = r.highest;
      // Rounding may step outside.
      fields.values.mean =
          std::min(std::max(detail::formulas::mean_of(part).high, r.lowest), r.highest);
      fields.values.m2 = defined(r.m2);
      fields.values.m3 = defined(r.m3);
      fields.values.m4 = defined(r.m4);
    }
    return Moments::from_fields(fields);
  }

  /// `scale` is the one asked for; kernels count at scale 0 what is coarser.
  ExpHistogram histogram(std::uint32_t column, int scale) const {
    const ColumnRecord r = record(column);
    ExpHistogram::Fields fields;
    fields.scale = scale;
    fields.zero_count = r.zero;
    fields.nan_count = r.nan;
    fields.pos_inf_count = r.pos_inf;
    fields.neg_inf_count = r.neg_inf;
    fields.positive = run(column, 0, std::max(0, -scale));
    fields.negative = run(column, 1, std::max(0, -scale));
    return ExpHistogram::from_fields(fields);
  }

  EdgeHistogram cells(std::uint32_t column, const EdgeHistogram& like) const {
    const ColumnRecord r = record(column);
    EdgeHistogram::Fields fields;
    fields.edges = like.edges();
    fields.counts.resize(fields.edges.size() + 1);
    const unsigned char* const from =
        bytes_ + layout_.cells_at() + std::size_t{column} * layout_.cells * sizeof(Count);
    for (std::size_t i = 0; i < fields.counts.size(); ++i) {
      Count n;
      std::memcpy(&n, from + i * sizeof(n), sizeof(n));
      fields.counts[i] = n;
    }
    fields.nan_count = r.nan;
    fields.pos_inf_count = r.pos_inf;
    fields.neg_inf_count = r.neg_inf;
    return EdgeHistogram::from_fields(std::move(fields));
  }

 private:
  Count key(std::uint32_t page) const {
    Count out;
    std::memcpy(&out, bytes_ + layout_.keys_at() + page * sizeof(out), sizeof(out));
    return out;
  }
  Count count(std::uint32_t page, int bucket) const {
    Count out;
    std::memcpy(
        &out,
        bytes_ + layout_.counts_at() +
            (std::size_t{page} * kPageBuckets + static_cast<std::size_t>(bucket)) * sizeof(out),
        sizeof(out));
    return out;
  }

  ExpHistogram::Fields::Run run(std::uint32_t column, unsigned side, int shift) const {
    ExpHistogram::Fields::Run out;
    const auto from =
        std::lower_bound(pages_.begin(), pages_.end(), page_key(column, side, -(1 << 20)),
                         [this](std::uint32_t page, Count least) { return key(page) < least; });
    auto to = from;
    while (to != pages_.end() && page_column(key(*to)) == column && page_side(key(*to)) == side)
      ++to;
    if (from == to) return out;
    out.offset = (page_number(key(*from)) * kPageBuckets) >> shift;
    const int end = ((page_number(key(to[-1])) * kPageBuckets + kPageBuckets - 1) >> shift) + 1;
    out.counts.resize(static_cast<std::size_t>(end - out.offset));
    for (auto page = from; page != to; ++page) {
      for (int i = 0; i < kPageBuckets; ++i) {
        const int bucket = (page_number(key(*page)) * kPageBuckets + i) >> shift;
        out.counts[static_cast<std::size_t>(bucket - out.offset)] += count(*page, i);
      }
    }
    // Whole pages may reach beyond all doubles; a run ends with buckets in use.
    while (!out.counts.empty() && out.counts.back() == 0) out.counts.pop_back();
    return out;
  }

  ColumnLayout layout_;
  const unsigned char* bytes_;
  std::vector<std::uint32_t> pages_;  // in the order of their keys
};

}  // namespace inlay::cuda
