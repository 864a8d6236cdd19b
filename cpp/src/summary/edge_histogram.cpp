#include <algorithm>
#include <cmath>
#include <cstring>
#include <inlay/error.hpp>
#include <inlay/summary/edge_histogram.hpp>
#include <string>
#include <utility>

#include "summary/edge_kernels.hpp"
#include "summary/edge_lookup.hpp"

namespace inlay {
namespace {

constexpr std::uint64_t kMaxTotal = INT64_MAX;  // counts become int64 columns

// Below so many, setting up the loops costs more than they save.
constexpr std::size_t kSingly = 12;

std::vector<double> checked(std::vector<double> edges) {
  if (edges.empty() || edges.size() > EdgeHistogram::kMaxEdges) {
    detail::fail<InvalidArgument>("the number of edges must lie within 1 to 65535", edges.size());
  }
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (!std::isfinite(edges[i])) {
      detail::fail<InvalidArgument>("edges must be finite; edge " + std::to_string(i), edges[i]);
    }
    if (i != 0 && !(edges[i - 1] < edges[i])) {
      detail::fail<InvalidArgument>("edges must increase strictly, but edge " + std::to_string(i) +
                                        " is not above the one before, " +
                                        detail::describe(edges[i - 1]),
                                    edges[i]);
    }
  }
  return edges;
}

// Orders values just as far as the ranks from `first` on ask for, which lie evenly: the middle one
// parts the values, then each part goes on with its own.
void part_at_ranks(double* values, std::size_t begin, std::size_t end,
                   const std::vector<std::size_t>& ranks, std::size_t first, std::size_t last) {
  while (first < last) {
    const std::size_t middle = first + (last - first) / 2;
    const std::size_t rank = ranks[middle];
    if (rank >= begin && rank < end) std::nth_element(values + begin, values + rank, values + end);
    part_at_ranks(values, begin, std::min(rank, end), ranks, first, middle);
    begin = std::max(begin, rank + 1);
    first = middle + 1;
  }
}

// For the loops of either type.
auto above_of(const detail::EdgeKernels& k, const double*) { return k.above_f64; }
auto above_of(const detail::EdgeKernels& k, const float*) { return k.above_f32; }
auto table_of(const detail::EdgeKernels& k, const double*) { return k.table_f64; }
auto table_of(const detail::EdgeKernels& k, const float*) { return k.table_f32; }
auto search_of(const detail::EdgeKernels& k, const double*) { return k.search_f64; }
auto search_of(const detail::EdgeKernels& k, const float*) { return k.search_f32; }
auto finite_of(const detail::EdgeKernels& k, const double*) { return k.finite_f64; }
auto finite_of(const detail::EdgeKernels& k, const float*) { return k.finite_f32; }
std::size_t few_of(const detail::EdgeKernels& k, const double*) { return k.few_f64; }
std::size_t few_of(const detail::EdgeKernels& k, const float*) { return k.few_f32; }

// Room for the counts of the few edges; no set compares with more one by one.
constexpr std::size_t kMostFew = 64;

}  // namespace

EdgeHistogram::EdgeHistogram(std::vector<double> edges)
    : lookup_(std::make_shared<const detail::EdgeLookup>(checked(std::move(edges)))),
      counts_(lookup_->edges.size() + 1) {}

std::vector<double> EdgeHistogram::quantile_edges(std::vector<double> sample, std::size_t bins) {
  if (bins < 2 || bins > kMaxEdges + 1) {
    detail::fail<InvalidArgument>("the number of bins must lie within 2 to 65536", bins);
  }
  const std::size_t given = sample.size();
  std::erase_if(sample, [](double value) { return !std::isfinite(value); });
  if (sample.empty()) {
    detail::fail<InvalidArgument>("a sample needs at least one finite value; values in all", given);
  }
  std::vector<std::size_t> ranks;  // counted from 0
  for (std::size_t i = 1; i < bins; ++i) {
    // ceil(i * n / bins) without a product that overflows.
    const std::size_t whole = sample.size() / bins * i;
    const std::size_t rest = sample.size() % bins * i;
    const std::size_t rank = whole + (rest + bins - 1) / bins;
    ranks.push_back(rank == 0 ? 0 : rank - 1);
  }
  part_at_ranks(sample.data(), 0, sample.size(), ranks, 0, ranks.size());
  std::vector<double> edges;
  for (const std::size_t rank : ranks) {
    if (edges.empty() || edges.back() < sample[rank]) edges.push_back(sample[rank]);
  }
  return edges;
}

void EdgeHistogram::add(double value, std::uint64_t times) noexcept {
  if (std::isfinite(value)) {
    const std::vector<double>& edges = lookup_->edges;
    const auto at = std::lower_bound(edges.begin(), edges.end(), value);
    counts_[static_cast<std::size_t>(at - edges.begin())] += times;
  } else if (std::isnan(value)) {
    nan_count_ += times;
  } else if (value > 0) {
    pos_inf_count_ += times;
  } else {
    neg_inf_count_ += times;
  }
}

template <class T>
void EdgeHistogram::update_finite(const T* values, std::size_t size) noexcept {
  const detail::EdgeKernels& kernels = detail::edge_kernels();
  const std::vector<T>& edges = lookup_->edges_for(values);
  if (edges.size() <= few_of(kernels, values)) {
    std::uint32_t above[kMostFew];
    above_of(kernels, values)(values, size, edges.data(), edges.size(), above);
    std::uint64_t left = size;
    for (std::size_t i = 0; i < edges.size(); ++i) {
      counts_[i] += left - above[i];
      left = above[i];
    }
    counts_.back() += left;
    return;
  }
  const detail::EdgeTable<T>& table = lookup_->table_for(values);
  if (!table.cells.empty()) {
    table_of(kernels, values)(values, size, table, counts_.data());
  } else {
    search_of(kernels, values)(values, size, edges.data(), edges.size(), counts_.data());
  }
}

template <class T>
void EdgeHistogram::update_all(const T* values, std::size_t size) noexcept {
  if (size < kSingly) {
    for (std::size_t i = 0; i < size; ++i) add(static_cast<double>(values[i]), 1);
    return;
  }
  const auto finite = finite_of(detail::edge_kernels(), values);
  T kept[detail::kEdgeBlock];
  for (std::size_t at = 0; at < size; at += detail::kEdgeBlock) {
    const std::size_t length = std::min(size - at, detail::kEdgeBlock);
    const T* block = values + at;
    if (finite(block, length)) {
      update_finite(block, length);
      continue;
    }
    std::size_t num_kept = 0;
    for (std::size_t i = 0; i < length; ++i) {
      kept[num_kept] = block[i];
      if (std::isfinite(block[i])) {
        ++num_kept;
      } else {
        add(static_cast<double>(block[i]), 1);
      }
    }
    if (num_kept != 0) update_finite(kept, num_kept);
  }
}

void EdgeHistogram::update(double value) noexcept { add(value, 1); }

void EdgeHistogram::update(const double* values, std::size_t size) noexcept {
  update_all(values, size);
}

void EdgeHistogram::update(const float* values, std::size_t size) noexcept {
  update_all(values, size);
}

void EdgeHistogram::update(const double* values, const std::int64_t* counts, std::size_t size) {
  std::uint64_t left = room();
  for (std::size_t i = 0; i < size; ++i) {
    if (counts[i] < 0) {
      detail::fail<InvalidArgument>("a count must not be negative; at " + std::to_string(i),
                                    counts[i]);
    }
    if (static_cast<std::uint64_t>(counts[i]) > left) {
      detail::fail<InvalidArgument>("counts must add up to less than 2^63; at " + std::to_string(i),
                                    counts[i]);
    }
    left -= static_cast<std::uint64_t>(counts[i]);
  }
  for (std::size_t i = 0; i < size; ++i) add(values[i], static_cast<std::uint64_t>(counts[i]));
}

void EdgeHistogram::merge(const EdgeHistogram& other) {
  if (lookup_ != other.lookup_) {
    const std::vector<double>& edges = lookup_->edges;
    const std::vector<double>& others = other.lookup_->edges;
    const std::size_t both = std::min(edges.size(), others.size());
    for (std::size_t i = 0; i < both; ++i) {
      if (edges[i] != others[i]) {
        detail::fail<InvalidArgument>("histograms with different edges cannot be merged; edge " +
                                          std::to_string(i) + " is " + detail::describe(edges[i]) +
                                          " and of the other",
                                      others[i]);
      }
    }
    if (edges.size() != others.size()) {
      detail::fail<InvalidArgument>("histograms with different edges cannot be merged; there are " +
                                        std::to_string(edges.size()) + " and of the other",
                                    others.size());
    }
  }
  const std::uint64_t added = kMaxTotal - other.room();
  if (added > room()) {
    detail::fail<InvalidArgument>("counts must add up to less than 2^63; the other's", added);
  }
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  null_count_ += other.null_count_;
  nan_count_ += other.nan_count_;
  pos_inf_count_ += other.pos_inf_count_;
  neg_inf_count_ += other.neg_inf_count_;
}

void EdgeHistogram::reset() noexcept {
  std::fill(counts_.begin(), counts_.end(), std::uint64_t{0});
  null_count_ = nan_count_ = pos_inf_count_ = neg_inf_count_ = 0;
}

const std::vector<double>& EdgeHistogram::edges() const noexcept { return lookup_->edges; }

std::uint64_t EdgeHistogram::count() const noexcept {
  std::uint64_t total = 0;
  for (const std::uint64_t cell : counts_) total += cell;
  return total;
}

std::uint64_t EdgeHistogram::room() const noexcept {
  const std::uint64_t total = count() + null_count_ + nan_count_ + pos_inf_count_ + neg_inf_count_;
  return total < kMaxTotal ? kMaxTotal - total : 0;
}

std::optional<EdgeHistogram::FractionBounds> EdgeHistogram::cdf_bounds(double x) const {
  if (std::isnan(x)) detail::fail<InvalidArgument>("x must be a number", x);
  const std::uint64_t total = count();
  if (total == 0) return std::nullopt;
  const std::vector<double>& edges = lookup_->edges;
  const auto at =
      static_cast<std::size_t>(std::lower_bound(edges.begin(), edges.end(), x) - edges.begin());
  std::uint64_t low = 0;
  for (std::size_t i = 0; i < at; ++i) low += counts_[i];
  std::uint64_t high = low + counts_[at];
  // All of a cell is at most its upper edge; none of it at most minus infinity.
  const bool edge = at < edges.size() && edges[at] == x;
  if (edge || x == HUGE_VAL) low = high;
  if (x == -HUGE_VAL) high = low;
  const auto all = static_cast<double>(total);
  return FractionBounds{static_cast<double>(low) / all, static_cast<double>(high) / all};
}

std::size_t EdgeHistogram::memory_bytes() const noexcept {
  const detail::EdgeLookup& shared = *lookup_;
  return sizeof(*this) + sizeof(shared) + counts_.capacity() * sizeof(counts_[0]) +
         shared.edges.capacity() * sizeof(double) + shared.edges_f32.capacity() * sizeof(float) +
         shared.table_f64.cells.capacity() * sizeof(detail::TableCell<double>) +
         shared.table_f32.cells.capacity() * sizeof(detail::TableCell<float>);
}

bool operator==(const EdgeHistogram& a, const EdgeHistogram& b) noexcept {
  return a.counts_ == b.counts_ && a.null_count_ == b.null_count_ && a.nan_count_ == b.nan_count_ &&
         a.pos_inf_count_ == b.pos_inf_count_ && a.neg_inf_count_ == b.neg_inf_count_ &&
         (a.lookup_ == b.lookup_ || a.lookup_->edges == b.lookup_->edges);
}

}  // namespace inlay
