#pragma once

#include <cstdint>
#include <inlay/drift/dirichlet_e_process.hpp>
#include <inlay/drift/drift_judge.hpp>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drift/dispersion_test.hpp"
#include "drift/reference_cells.hpp"

namespace inlay::detail {

/// What was seen of a series by one reference. A plain value.
struct SeriesProgress {
  std::string reference_id;
  DirichletEProcess process;
  DispersionTest dispersion;
};

/// A series' references by their id, and where it stands by each that is in use: in a fleet that
/// takes up a new one, several are for a while.
struct JudgedSeries {
  static constexpr std::size_t kMostInUse = 4;

  std::map<std::string, ReferenceCells, std::less<>> references;
  std::int64_t family = 0;
  std::vector<SeriesProgress> in_use;  ///< up to kMostInUse, the one that was used last at the end
};

enum class Verdict : std::uint8_t { kNo, kYes, kUndefined };

/// What is found for one row of points. NaN is null.
struct JudgedRow {
  std::int64_t point = 0;
  Verdict verdict = Verdict::kUndefined;
  const char* reason = nullptr;  ///< static text
  double value = std::numeric_limits<double>::quiet_NaN();
  double effect = std::numeric_limits<double>::quiet_NaN();
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
  double log_e = std::numeric_limits<double>::quiet_NaN();
  std::int64_t n = 0;
  std::int64_t n_reference = 0;
  std::optional<std::int64_t> since_us;
};

/// One row of points, as far as it is judged.
struct CountedRow {
  std::string_view reference_id;
  std::vector<std::uint64_t> counts;  ///< empty if the row has none
  bool is_damaged = false;            ///< has a count below 0
  std::int64_t start_us = 0;
};

/// Adds a row to a series and says what is known then. Yes and no are provisional: no unless the
/// effect exceeds the threshold; whether the e-value suffices depends on the rest of its family.
JudgedRow judge_row(JudgedSeries& series, const CountedRow& row,
                    const DriftJudge::Options& options);

}  // namespace inlay::detail

namespace inlay {

struct DriftJudge::State {
  Options options;
  std::map<std::int64_t, detail::JudgedSeries> series;
};

}  // namespace inlay
