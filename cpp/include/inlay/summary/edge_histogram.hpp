#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <memory>
#include <optional>
#include <vector>

namespace inlay {

namespace detail {
struct EdgeLookup;
}  // namespace detail

/// A histogram between edges that are fixed from the start, those of a reference for instance.
///
/// With edges e_0 < e_1 < … < e_k the cells are (-inf, e_0], (e_0, e_1], …, (e_k, +inf): upper
/// bounds belong to their cell, as in OTLP's histogram with explicit bounds, and the outer two hold
/// what lies below and above. Counts are exact, for floats too, which are compared with the edges
/// themselves rather than with rounded ones. Zeros of both signs are equal. NaN and both infinities
/// are counted apart and enter no cell; so are nulls.
///
/// Memory is taken when the object is made, none by updates. Copies share the edges and what is
/// computed from them. Not safe for concurrent use of one object when any of the uses changes it.
class INLAY_API EdgeHistogram {
 public:
  static constexpr std::size_t kMaxEdges = 65'535;

  /// @throws InvalidArgument if there is no edge or more than kMaxEdges, or one is not finite or
  /// not above the one before it.
  explicit EdgeHistogram(std::vector<double> edges);

  /// Edges that cut a sample into cells of about equal counts: the order statistics of rank
  /// ceil(i * n / bins) for i = 1 … bins - 1, equal ones once. What is not finite is left out.
  ///
  /// Since each edge is a member of the sample, the unknown shares of the cells that such edges cut
  /// from a continuous distribution are distributed as Dirichlet, the parameters being the sample's
  /// own counts per cell, and one more for the last (Wilks 1962, "Mathematical Statistics", 8.7).
  /// @throws InvalidArgument if `bins` is not within 2 to kMaxEdges + 1 or the sample has no finite
  /// value.
  static std::vector<double> quantile_edges(std::vector<double> sample, std::size_t bins);

  void update(double value) noexcept;
  void update(const double* values, std::size_t size) noexcept;
  void update(const float* values, std::size_t size) noexcept;
  /// Counts values[i] counts[i] times.
  /// @throws InvalidArgument if a count is negative or all exceed room(); nothing is counted then.
  void update(const double* values, const std::int64_t* counts, std::size_t size);
  void add_nulls(std::uint64_t n) noexcept { null_count_ += n; }
  /// @throws InvalidArgument if the edges are not the same bit for bit or the counts exceed room();
  /// nothing is added then.
  void merge(const EdgeHistogram& other);
  /// Forgets the counts and keeps the edges.
  void reset() noexcept;

  const std::vector<double>& edges() const noexcept;
  /// One count per cell, one more than there are edges.
  const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }
  /// Finite values.
  std::uint64_t count() const noexcept;
  std::uint64_t null_count() const noexcept { return null_count_; }
  std::uint64_t nan_count() const noexcept { return nan_count_; }
  std::uint64_t pos_inf_count() const noexcept { return pos_inf_count_; }
  std::uint64_t neg_inf_count() const noexcept { return neg_inf_count_; }
  /// How much more may be counted, of any kind, until all together reach 2^63 - 1.
  std::uint64_t room() const noexcept;

  /// The fraction of finite values that are at most x lies within [low, high].
  struct FractionBounds {
    double low;
    double high;
  };
  /// The same twice where x is an edge; nothing if there are no finite values. Neither bound
  /// decreases in x.
  /// @throws InvalidArgument if x is NaN.
  std::optional<FractionBounds> cdf_bounds(double x) const;

  /// Object, counts, edges and tables, in bytes; what copies share is counted for each.
  std::size_t memory_bytes() const noexcept;

  /// What a row of points holds.
  struct Fields {
    std::vector<double> edges;
    std::vector<std::uint64_t> counts;
    std::uint64_t null_count = 0;
    std::uint64_t nan_count = 0;
    std::uint64_t pos_inf_count = 0;
    std::uint64_t neg_inf_count = 0;
  };
  /// @throws InvalidArgument as the constructor, if there is not one count more than edges, or if
  /// the counts do not fit a signed 64-bit total.
  static EdgeHistogram from_fields(Fields fields);

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static EdgeHistogram from_bytes(const std::uint8_t* bytes, std::size_t size);

  /// Equal edges and counts.
  friend INLAY_API bool operator==(const EdgeHistogram& a, const EdgeHistogram& b) noexcept;
  friend bool operator!=(const EdgeHistogram& a, const EdgeHistogram& b) noexcept {
    return !(a == b);
  }

 private:
  template <class T>
  void update_all(const T* values, std::size_t size) noexcept;
  template <class T>
  void update_finite(const T* values, std::size_t size) noexcept;
  void add(double value, std::uint64_t times) noexcept;

  std::shared_ptr<const detail::EdgeLookup> lookup_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t null_count_ = 0;
  std::uint64_t nan_count_ = 0;
  std::uint64_t pos_inf_count_ = 0;
  std::uint64_t neg_inf_count_ = 0;
};

}  // namespace inlay
