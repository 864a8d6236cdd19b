#include <algorithm>
#include <inlay/drift/distances.hpp>
#include <inlay/error.hpp>
#include <map>

#include "summary/bucket_boundary.hpp"

namespace inlay {
namespace {

/// Counts of both sides by the upper bound of their cell.
using CountsByEdge = std::map<double, std::pair<std::uint64_t, std::uint64_t>>;

std::uint64_t& side_of(CountsByEdge::mapped_type& counts, bool is_current) {
  return is_current ? counts.second : counts.first;
}

void add_buckets(const ExpHistogram& histogram, bool is_current, CountsByEdge& cells) {
  const int scale = histogram.scale();
  const auto add = [&](double low, double high, std::uint64_t count) {
    cells.try_emplace(low);
    side_of(cells[high], is_current) += count;
  };
  const ExpHistogram::Buckets plus = histogram.positive();
  for (std::uint32_t i = 0; i < plus.size(); ++i) {
    const std::int64_t index = plus.offset() + static_cast<std::int64_t>(i);
    add(detail::boundary(index, scale), detail::boundary(index + 1, scale), plus[i]);
  }
  const ExpHistogram::Buckets minus = histogram.negative();
  for (std::uint32_t i = 0; i < minus.size(); ++i) {
    const std::int64_t index = minus.offset() + static_cast<std::int64_t>(i);
    // Zero has a sign where a bound underflows; one of both must do.
    add(0.0 - detail::boundary(index + 1, scale), 0.0 - detail::boundary(index, scale), minus[i]);
  }
  if (histogram.zero_count() != 0) side_of(cells[0.0], is_current) += histogram.zero_count();
}

}  // namespace

CommonCells bucket_cells(const ExpHistogram& reference, const ExpHistogram& current) {
  const int scale = std::min(reference.scale(), current.scale());
  CountsByEdge cells;
  for (const bool is_current : {false, true}) {
    ExpHistogram coarse(is_current ? current : reference);
    coarse.downscale_to(scale);
    add_buckets(coarse, is_current, cells);
  }
  CommonCells out;
  if (cells.empty()) cells.try_emplace(0.0);  // infinite values alone, or none
  for (const auto& [edge, counts] : cells) {
    out.edges.push_back(edge);
    out.reference.push_back(counts.first);
    out.current.push_back(counts.second);
  }
  out.lowest = out.edges.front();
  out.highest = out.edges.back();
  out.reference.front() += reference.neg_inf_count();
  out.current.front() += current.neg_inf_count();
  out.reference.push_back(reference.pos_inf_count());
  out.current.push_back(current.pos_inf_count());
  out.has_infinity = (reference.neg_inf_count() | reference.pos_inf_count() |
                      current.neg_inf_count() | current.pos_inf_count()) != 0;
  return out;
}

CommonCells join_cells(const CommonCells& fine, std::size_t cells) {
  if (cells == 0) detail::fail<InvalidArgument>("there must be cells; cells", cells);
  CommonCells out;
  out.has_infinity = fine.has_infinity;
  out.lowest = fine.lowest;
  out.highest = fine.highest;
  double total = 0;
  for (const std::uint64_t count : fine.reference) total += static_cast<double>(count);
  const double share = total / static_cast<double>(cells);
  std::uint64_t reference = 0;
  std::uint64_t current = 0;
  for (std::size_t i = 0; i < fine.reference.size(); ++i) {
    reference += fine.reference[i];
    current += fine.current[i];
    const bool is_last = i + 1 == fine.reference.size();
    if (!is_last && (reference == 0 || static_cast<double>(reference) < share)) continue;
    if (!is_last) out.edges.push_back(fine.edges[i]);
    out.reference.push_back(reference);
    out.current.push_back(current);
    reference = current = 0;
  }
  return out;
}

}  // namespace inlay
