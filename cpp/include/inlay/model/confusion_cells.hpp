#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <unordered_map>
#include <vector>

namespace inlay {

namespace detail {
class ByteReader;
class ByteWriter;
}  // namespace detail

/// Rows by true and predicted class.
///
/// A table of K x K up to kAlwaysDense classes; with more, a map of the cells in use until a
/// quarter of them is, and a map for good above kMostDense classes. How they are held shows in no
/// result. Weights are kept from the first one given on; rows counted before weigh 1.
///
/// Not safe for concurrent use of one object when any of the uses changes it.
class INLAY_API ConfusionCells {
 public:
  static constexpr std::int32_t kAlwaysDense = 32;
  static constexpr std::int32_t kMostDense = 512;

  explicit ConfusionCells(std::int32_t classes) noexcept : classes_(classes) {}

  struct Cell {
    std::uint32_t index;  ///< true class * classes + predicted class
    std::int64_t rows;
    double weight;  ///< rows, unless weights were given

    friend bool operator==(const Cell& a, const Cell& b) noexcept {
      return a.index == b.index && a.rows == b.rows && a.weight == b.weight;
    }
  };

  /// Counts pairs of classes, all of 0 to classes - 1; weights may be null.
  /// @throws std::bad_alloc; a part of the rows may then have been counted.
  void update(const std::int32_t* labels, const std::int32_t* predicted, const double* weights,
              std::size_t size);
  /// @throws std::bad_alloc
  void add(const Cell& cell, bool weighted);
  void merge(const ConfusionCells& other);
  /// Keeps weights from here on; rows so far weigh 1.
  void weigh();

  std::int32_t classes() const noexcept { return classes_; }
  bool weighted() const noexcept { return weighted_; }
  /// The cells with rows, in the order of their index.
  std::vector<Cell> cells() const;

  void write(detail::ByteWriter& out) const;
  static ConfusionCells read(std::int32_t classes, detail::ByteReader& in);

  friend INLAY_API bool operator==(const ConfusionCells& a, const ConfusionCells& b);

 private:
  struct Entry {
    std::int64_t rows = 0;
    double weight = 0;
  };

  std::size_t table_size() const noexcept {
    return static_cast<std::size_t>(classes_) * static_cast<std::size_t>(classes_);
  }
  bool is_dense() const noexcept { return !rows_.empty(); }
  void make_room();
  void make_dense();

  std::int32_t classes_;
  bool weighted_ = false;
  std::vector<std::int64_t> rows_;  // dense: K x K
  std::vector<double> weights_;     // dense and weighted
  std::unordered_map<std::uint32_t, Entry> entries_;
};

}  // namespace inlay
