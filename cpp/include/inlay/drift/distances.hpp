#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <inlay/summary/exp_histogram.hpp>
#include <inlay/summary/kll.hpp>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace inlay {

/// A distance between two distributions of which only summaries are known.
///
/// `low` and `high` are what the summaries leave open: both equal `value` where the summaries
/// determine it, as cells do for distances between their counts. The rows being a sample is not in
/// them but in `p_value`, the chance of at least such a distance between two samples of one
/// distribution. Where the distance is not defined, `reason` says why and the numbers are NaN.
struct Distance {
  double value = std::numeric_limits<double>::quiet_NaN();
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
  std::optional<double> p_value;
  const char* reason = nullptr;  ///< static text
};

/// Distances that need no order of the cells.
enum class CellDistance : std::uint8_t {
  kPsi,             ///< sum of (q - p) ln(q / p)
  kJensenShannon,   ///< square root of the divergence in bits, 0 to 1
  kKl,              ///< current from reference, nats
  kHellinger,       ///< 0 to 1
  kTotalVariation,  ///< 0 to 1
  kLInfinity,       ///< largest difference of a cell
  kChi2,            ///< statistic of the table with two rows
};
inline constexpr std::size_t kCellDistances = 7;

/// All distances between two rows of counts. A plain value.
struct CellDistances {
  Distance each[kCellDistances];  ///< by CellDistance
  /// What is left when what two samples of one distribution differ by on average is taken off, 0 at
  /// least; of L-infinity the value. Of chi-squared it is Cramér's V.
  double effects[kCellDistances] = {};
  double chi2_dof = 0;  ///< cells that either side has, less 1
  double cramers_v = std::numeric_limits<double>::quiet_NaN();
  std::uint64_t n = 0;
  std::uint64_t n_reference = 0;

  const Distance& operator[](CellDistance kind) const {
    return each[static_cast<std::size_t>(kind)];
  }
};

/// Compares counts in the same `cells` cells.
///
/// With p the reference's shares and q the current ones. Population stability index and
/// Kullback-Leibler divergence are infinite where one side has an empty cell; in that case both
/// sides get Jeffreys' half a row in every cell, for these two alone. p-values are those of the
/// chi-squared distribution, of Pearson's statistic and of 2 KL, PSI, 8 JSD and 8 H^2 times
/// n m / (n + m), the latter divided by what few rows add to their mean. They are computed after
/// cells that expect fewer than 5 rows on a side are joined: with their neighbours if `is_ordered`,
/// else those with the fewest rows first. They are 1 if that leaves one cell. Total variation and
/// L-infinity have none.
/// @throws InvalidArgument if there is no cell, or the counts of a side exceed 2^63 - 1.
INLAY_API CellDistances cell_distances(const std::uint64_t* reference, const std::uint64_t* current,
                                       std::size_t cells, bool is_ordered);

/// What each cell adds: the parts of Jensen-Shannon sum to the divergence in bits, those of
/// Hellinger to the square of the distance, L-infinity's are the differences, whose largest it is,
/// all others sum to the distance. Empty if a side is.
/// @throws InvalidArgument as cell_distances().
INLAY_API std::vector<double> cell_parts(CellDistance kind, const std::uint64_t* reference,
                                         const std::uint64_t* current, std::size_t cells);

/// Distances between ordered values.
enum class OrderedDistance : std::uint8_t {
  kKolmogorovSmirnov,  ///< largest difference of the distribution functions F and G
  kCramerVonMises,     ///< integral of (F - G)^2 dH, H that of both sides together
  kAndersonDarling,    ///< integral of (F - G)^2 / (H (1 - H)) dH
  kWasserstein,        ///< integral of |F - G| dx, in the unit of the values
  kEnergy,             ///< square root of 2 times the integral of (F - G)^2 dx
};
inline constexpr std::size_t kOrderedDistances = 5;

/// All distances between ordered values. A plain value.
struct OrderedDistances {
  Distance each[kOrderedDistances];  ///< by OrderedDistance

  const Distance& operator[](OrderedDistance kind) const {
    return each[static_cast<std::size_t>(kind)];
  }
};

/// Counts of both sides between the same edges, as EdgeHistogram has them, infinite values in the
/// outer cells. A view.
struct OrderedCells {
  const double* edges = nullptr;  ///< increasing
  std::size_t num_edges = 0;
  const std::uint64_t* reference = nullptr;  ///< num_edges + 1 of them
  const std::uint64_t* current = nullptr;
  /// The smallest and the largest value of both sides, if known; else the outer cells are
  /// unbounded.
  std::optional<double> lowest;
  std::optional<double> highest;
  bool has_infinity = false;  ///< in any of the outer cells
};

/// Bounds distances by what is known of the distribution functions, which is their values at the
/// edges: `low` and `high` are what the rows may have had at least and at most. `value` is the
/// difference at an edge for Kolmogorov-Smirnov, hence `low`, and elsewhere what it would be were
/// the rows spread evenly within each cell. p-values are those of `low`, so a coarse summary makes
/// no row significant; they are the limits for many rows without ties.
///
/// Wasserstein and energy distances need bounds for outer cells that hold rows, and no infinity.
/// @throws InvalidArgument if edges do not increase or one is not finite, or counts exceed 2^63-1.
INLAY_API OrderedDistances ordered_distances(const OrderedCells& cells);

/// Bounds distances between sketched values. `value` is the distance between the sketches; `low`
/// and `high` allow each distribution function to be off by its sketch's rank error (99 %), or not
/// at all while a sketch is exact. p-values are those of `low`. Infinite values are counted beyond
/// all others.
template <class T>
OrderedDistances sketch_distances(const Kll<T>& reference, const Kll<T>& current);
extern template INLAY_API OrderedDistances sketch_distances(const Kll<float>&, const Kll<float>&);
extern template INLAY_API OrderedDistances sketch_distances(const Kll<double>&, const Kll<double>&);

/// Both sides' counts in the same cells. A plain value.
struct CommonCells {
  std::vector<double> edges;
  std::vector<std::uint64_t> reference;  ///< one more than edges
  std::vector<std::uint64_t> current;
  bool has_infinity = false;
  std::optional<double> lowest;  ///< no row of either side lies below
  std::optional<double> highest;

  OrderedCells ordered() const {
    return {edges.data(), edges.size(), reference.data(), current.data(),
            lowest,       highest,      has_infinity};
  }
};

/// The buckets of two histograms at the coarser of their scales; zeros are the upper end of a cell
/// of their own, infinite values lie in the outer cells.
INLAY_API CommonCells bucket_cells(const ExpHistogram& reference, const ExpHistogram& current);

/// The same counts in fewer cells: neighbours are joined until one of the reference's rows in
/// `cells` is reached, so that there are about `cells` of them.
/// @throws InvalidArgument if `cells` is 0.
INLAY_API CommonCells join_cells(const CommonCells& fine, std::size_t cells);

}  // namespace inlay
