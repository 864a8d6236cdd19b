#include "drift/reference_cells.hpp"

#include <algorithm>
#include <cmath>
#include <inlay/drift/dirichlet_e_process.hpp>
#include <inlay/error.hpp>
#include <numeric>
#include <utility>

namespace inlay::detail {
namespace {

// Neighbours from cell `begin` to before `end`, until each of `most` groups has its share of the
// rows.
void group_neighbours(ReferenceCells& cells, std::size_t begin, std::size_t end, std::size_t most) {
  const auto first = cells.group.begin() + static_cast<std::ptrdiff_t>(begin);
  if (end - begin <= most) {
    std::iota(first, cells.group.begin() + static_cast<std::ptrdiff_t>(end),
              static_cast<std::uint16_t>(begin));
    return;
  }
  double rows = 0;
  for (std::size_t i = begin; i < end; ++i) rows += static_cast<double>(cells.counts[i]);
  const double share = rows / static_cast<double>(most);
  double below = 0;
  std::uint16_t current = 0;
  for (std::size_t i = begin; i < end; ++i) {
    cells.group[i] = static_cast<std::uint16_t>(begin + current);
    below += static_cast<double>(cells.counts[i]);
    if (below >= share * (current + 1) && current + 1U < most) ++current;
  }
}

void group_bounded(ReferenceCells& cells) {
  const std::size_t last = cells.counts.size() - 1;
  group_neighbours(cells, 1, last, ReferenceCells::kMaxGroups - 2);
  // Between its edges a cell of the least value alone has no spacing.
  if (cells.counts[1] == 1 && (last == 2 || cells.group[2] != cells.group[1])) {
    for (std::size_t i = 1; i < last; ++i) --cells.group[i];
  }
  cells.group[0] = 0;
  cells.group[last] = static_cast<std::uint16_t>(cells.group[last - 1] + 1);
}

// The least count of a name that stands for itself. A name in no list was not counted more often
// than the least of the list, nor more often than all such together; those listed that chance may
// have put above it are too frequent in the reference on average, since they were chosen by that.
double least_count(const ReferenceCells& cells) {
  constexpr double kDeviations = 4;  // Poisson's; a list of 1,000 names then has none by chance
  std::uint64_t unlisted = cells.counts.back();
  for (std::size_t i = 0; i + 1 < cells.counts.size(); ++i) {
    unlisted = std::min(unlisted, cells.counts[i]);
  }
  const auto most = static_cast<double>(unlisted);
  return std::max(static_cast<double>(ReferenceCells::kRare), most + kDeviations * std::sqrt(most));
}

// The largest first, each to the group that is lightest so far; group 0 has what is rare.
void group_names(ReferenceCells& cells) {
  const std::size_t names = cells.counts.size() - 1;
  const double least = least_count(cells);
  std::vector<std::size_t> frequent;
  for (std::size_t i = 0; i < names; ++i) {
    if (static_cast<double>(cells.counts[i]) >= least) frequent.push_back(i);
  }
  std::stable_sort(frequent.begin(), frequent.end(),
                   [&](std::size_t a, std::size_t b) { return cells.counts[a] > cells.counts[b]; });
  std::vector<std::uint64_t> sizes(std::min(frequent.size(), ReferenceCells::kMaxGroups - 1));
  for (const std::size_t i : frequent) {
    const auto lightest = std::min_element(sizes.begin(), sizes.end());
    *lightest += cells.counts[i];
    cells.group[i] = static_cast<std::uint16_t>(lightest - sizes.begin() + 1);
  }
}

}  // namespace

ReferenceCells::ReferenceCells(std::vector<std::uint64_t> cell_counts, bool exact,
                               Kind kind_of_cells)
    : counts(std::move(cell_counts)), group(counts.size()), is_exact(exact), kind(kind_of_cells) {
  if (counts.empty()) fail<InvalidArgument>("a reference must have cells; cells", counts.size());
  if (kind == Kind::kBounded && counts.size() < 3) {
    fail<InvalidArgument>("a reference with bounds must have 3 cells or more; cells",
                          counts.size());
  }
  for (const std::uint64_t count : counts) {
    if (count > DirichletEProcess::kMaxRows - rows) {
      fail<InvalidArgument>("a reference's rows must be at most 2^52; count", count);
    }
    rows += count;
  }
  if (kind == Kind::kBounded) {
    group_bounded(*this);
  } else if (kind == Kind::kOrdered) {
    group_neighbours(*this, 0, counts.size(), kMaxGroups);
  } else {
    group_names(*this);
  }
  group_counts.resize(*std::max_element(group.begin(), group.end()) + std::size_t{1});
  group_counts = grouped(counts.data());
  // Every cell but the last ends at a value of the reference, or the first of them just below one;
  // any other without rows was cut elsewhere.
  if (is_ordered()) {
    const auto first = counts.begin() + (kind == Kind::kBounded ? 1 : 0);
    is_exact = is_exact && std::find(first, counts.end() - 1, std::uint64_t{0}) == counts.end() - 1;
  }
}

std::vector<std::uint64_t> ReferenceCells::grouped(const std::uint64_t* cell_counts) const {
  std::vector<std::uint64_t> out(group_counts.size());
  for (std::size_t i = 0; i < group.size(); ++i) out[group[i]] += cell_counts[i];
  return out;
}

std::vector<double> ReferenceCells::alpha() const {
  std::vector<double> out;
  const bool are_spacings = is_ordered() && is_exact;
  for (const std::uint64_t count : group_counts) {
    out.push_back(static_cast<double>(count) + (are_spacings ? 0.0 : 0.5));
  }
  if (!are_spacings) return out;
  // A sample of n cuts the line into n + 1 spacings, one more than it has values: that above the
  // largest. The one below the least value ends at it, in the cell after the first.
  out.back() += 1;
  if (kind == Kind::kBounded) {
    out[0] += 1;
    out[group[1]] -= 1;
  }
  return out;
}

}  // namespace inlay::detail
