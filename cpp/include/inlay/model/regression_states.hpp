#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <inlay/model/segment_states.hpp>
#include <inlay/summary/exp_histogram.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace inlay {

namespace detail {
class ByteReader;
class ByteWriter;
}  // namespace detail

struct INLAY_API RegressionSettings {
  /// Probabilities of the quantiles that are predicted, ascending; empty: one prediction a row.
  std::vector<double> quantiles;
  /// Whether errors relative to the labels are summed.
  bool relative = true;
  /// Whether absolute errors are counted in a histogram.
  bool distribution = true;

  static constexpr std::size_t kMaxQuantiles = 64;
  std::size_t columns() const noexcept { return quantiles.empty() ? 1 : quantiles.size(); }
  /// The column that holds the prediction itself: the median's; columns() where there is none.
  std::size_t point_column() const noexcept;
  /// @throws InvalidArgument if a quantile is not between 0 and 1, or they do not ascend.
  void check() const;
  std::string text() const;
  void write(detail::ByteWriter& out) const;
  static RegressionSettings read(detail::ByteReader& in);
  friend bool operator==(const RegressionSettings& a, const RegressionSettings& b) noexcept {
    return a.quantiles == b.quantiles && a.relative == b.relative &&
           a.distribution == b.distribution;
  }
};

/// Errors e = prediction - label of a model that predicts numbers.
///
/// Sums are of doubles, over blocks of kBlock rows in a fixed order, the same on every instruction
/// set. Labels and errors are summed as distances from the block's first ones, and blocks are put
/// together by the formulas of Chan, Golub and LeVeque (1983), so that an offset of 1e8 costs no
/// digits of R2. What overflows a double stays infinite or NaN in the sums.
class INLAY_API RegressionState {
 public:
  using Settings = RegressionSettings;
  static constexpr std::size_t kBlock = 2048;
  static constexpr std::string_view kName = "a RegressionStates";
  static constexpr std::string_view kMagic = "inRS";

  explicit RegressionState(const Settings& settings);

  /// Counts rows. Predictions lie row by row, settings.columns() a row; weights may be null.
  /// @throws std::bad_alloc; a part of the rows may then have been counted.
  void update(const Settings& settings, const double* labels, const double* predictions,
              const double* weights, std::size_t size);
  /// One prediction a row, no weights.
  void update(const Settings& settings, const float* labels, const float* predictions,
              std::size_t size);
  /// @throws std::bad_alloc; a part may then have been added.
  void merge(const RegressionState& other);

  /// What sums over (weighted) rows come to; all weights are 1 unless some were given.
  struct Sums {
    double weight = 0;
    double weight_squares = 0;
    double label_mean = 0;
    double label_m2 = 0;  ///< of squared distances from label_mean
    double error_mean = 0;
    double error_m2 = 0;
    double co_moment = 0;  ///< of products of both distances
    double absolute = 0;
    double fourth = 0;  ///< of errors to the fourth power

    friend bool operator==(const Sums& a, const Sums& b) noexcept;
  };
  struct Relative {
    double weight_of_zeros = 0;  ///< of rows whose label is 0, which have no relative error
    double error = 0;            ///< |e| / |label|
    double error_squares = 0;
    double symmetric = 0;  ///< 2 |e| / (|label| + |prediction|), 0 where both are 0
    double symmetric_squares = 0;

    friend bool operator==(const Relative& a, const Relative& b) noexcept;
  };
  struct Quantile {
    std::int64_t covered = 0;  ///< rows whose label is at most the prediction
    double covered_weight = 0;
    double loss = 0;  ///< pinball
    double loss_squares = 0;

    friend bool operator==(const Quantile& a, const Quantile& b) noexcept;
  };

  std::int64_t rows() const noexcept { return rows_; }
  const RowFaults& faults() const noexcept { return faults_; }
  bool weighted() const noexcept { return weighted_; }
  const Sums& sums() const noexcept { return sums_; }
  double max_absolute() const noexcept { return max_absolute_; }
  std::int64_t zero_labels() const noexcept { return zero_labels_; }
  const Relative& relative() const noexcept { return relative_; }
  const ExpHistogram& distribution() const noexcept { return distribution_; }
  const std::vector<Quantile>& quantiles() const noexcept { return quantiles_; }
  /// Rows whose predicted quantiles do not ascend.
  std::int64_t crossings() const noexcept { return crossings_; }
  /// Rows whose label lies between the outermost quantiles, ends included.
  const Quantile& between() const noexcept { return between_; }

  void write(const Settings& settings, detail::ByteWriter& out) const;
  static RegressionState read(const Settings& settings, detail::ByteReader& in);

  friend INLAY_API bool operator==(const RegressionState& a, const RegressionState& b) noexcept;

 private:
  template <class T>
  void add_points(const Settings& settings, const T* labels, const T* predictions,
                  const double* weights, std::size_t size);
  void add_quantiles(const Settings& settings, const double* labels, const double* predictions,
                     const double* weights, std::size_t size);
  void merge(const Sums& sums) noexcept;

  std::int64_t rows_ = 0;
  RowFaults faults_;
  bool weighted_ = false;
  Sums sums_;
  double max_absolute_ = 0;
  std::int64_t zero_labels_ = 0;
  Relative relative_;
  ExpHistogram distribution_;
  std::vector<Quantile> quantiles_;
  std::int64_t crossings_ = 0;
  Quantile between_;
};

using RegressionStates = SegmentStates<RegressionState>;
extern template class INLAY_API SegmentStates<RegressionState>;

struct INLAY_API RegressionBatch {
  const double* labels = nullptr;
  const double* predictions = nullptr;  ///< row by row, settings().columns() a row
  const double* weights = nullptr;      ///< or null
  const std::uint32_t* segments = nullptr;
  std::size_t size = 0;
};
/// Counts each row in its segment.
/// @throws InvalidArgument if a segment is kMaxSegments or above; rows before may then have been
/// counted. std::bad_alloc likewise.
INLAY_API void update(RegressionStates& states, const RegressionBatch& batch);

}  // namespace inlay
