#pragma once

#include <cstdint>
#include <deque>
#include <inlay/arrow/table.hpp>
#include <string>
#include <vector>

#include "prometheus/catalog.hpp"
#include "prometheus/series_totals.hpp"

namespace inlay::prometheus {

/// The rows of a window's tables, decoded and tied to series of a catalog. Immutable once decoded,
/// and independent of the tables.
class PointRows {
 public:
  struct Row {
    std::uint32_t series = 0;
    PointDelta delta;
  };
  struct TiedExemplar {
    std::uint32_t series = 0;
    Exemplar exemplar;
  };

  PointRows() = default;
  PointRows(PointRows&&) noexcept = default;
  PointRows& operator=(PointRows&&) noexcept = default;
  PointRows(const PointRows&) = delete;
  PointRows& operator=(const PointRows&) = delete;
  ~PointRows() = default;

  /// Decodes a points table and, unless null, an exemplars table. Series and families that are new
  /// are added to the catalog. Rows that are no counter, gauge, histogram or value, or whose
  /// content cannot be, are left out and counted.
  /// @throws InvalidArgument for a column of another type than a points table has
  PointRows(const Table& points, const Table* exemplars, Catalog& catalog);

  const std::vector<Row>& rows() const { return rows_; }
  const std::vector<TiedExemplar>& exemplars() const { return exemplars_; }
  std::int64_t refused() const { return refused_; }
  /// Why the last row that was left out was left out.
  const std::string& refusal() const { return refusal_; }
  std::int64_t latest_us() const { return latest_us_; }

  /// Follows a catalog that numbers its series anew.
  void renumber(const std::vector<std::uint32_t>& new_numbers);

 private:
  void decode_points(const Table& points, std::size_t chunk, Catalog& catalog);
  void decode_exemplars(const Table& exemplars, std::size_t chunk, const Catalog& catalog);
  void refuse(std::string why);

  std::vector<Row> rows_;
  std::vector<TiedExemplar> exemplars_;
  std::deque<std::vector<std::int64_t>> counts_;  // what the rows' bucket runs point into
  std::int64_t refused_ = 0;
  std::int64_t latest_us_ = 0;
  std::string refusal_;
};

}  // namespace inlay::prometheus
