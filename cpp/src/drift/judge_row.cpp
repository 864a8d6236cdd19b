#include <algorithm>
#include <cmath>
#include <utility>

#include "drift/effect.hpp"
#include "drift/judge_state.hpp"

namespace inlay::detail {
namespace {

// What was seen by a reference, at the end of those in use; the one that rested longest makes room.
SeriesProgress& progress_of(JudgedSeries& series, std::string_view id,
                            const ReferenceCells& reference) {
  std::vector<SeriesProgress>& in_use = series.in_use;
  const auto found = std::find_if(in_use.begin(), in_use.end(), [id](const SeriesProgress& each) {
    return each.reference_id == id;
  });
  if (found != in_use.end()) {
    std::rotate(found, found + 1, in_use.end());
    return in_use.back();
  }
  in_use.push_back(
      {std::string(id), DirichletEProcess(reference.alpha(), reference.has_rare_ends()), {}});
  if (in_use.size() > JudgedSeries::kMostInUse) in_use.erase(in_use.begin());
  return in_use.back();
}

}  // namespace

JudgedRow judge_row(JudgedSeries& series, const CountedRow& row,
                    const DriftJudge::Options& options) {
  JudgedRow out;
  const auto undefined = [&out](const char* reason) {
    out.reason = reason;
    return out;
  };
  const auto found = series.references.find(row.reference_id);
  if (found == series.references.end()) return undefined("no_reference");
  const ReferenceCells& reference = found->second;
  out.n_reference = static_cast<std::int64_t>(reference.rows);
  if (row.counts.size() != reference.counts.size()) return undefined("other_cells");
  if (row.is_damaged) return undefined("negative_count");
  if (reference.rows == 0) return undefined("empty_reference");
  if (reference.group_counts.size() < 2) return undefined("insufficient_reference");
  std::uint64_t rows = 0;
  for (const std::uint64_t count : row.counts) {
    if (count > DirichletEProcess::kMaxRows - rows) return undefined("too_many_rows");
    rows += count;
  }
  if (rows == 0) return undefined("empty");
  SeriesProgress& progress = progress_of(series, row.reference_id, reference);
  if (rows > DirichletEProcess::kMaxRows - progress.process.rows()) {
    return undefined("too_many_rows");
  }
  const std::vector<std::uint64_t> groups = reference.grouped(row.counts.data());
  progress.process.update(groups.data(), row.start_us);
  progress.dispersion.update(groups);
  const DirichletEProcess::Change change = progress.process.most_likely_change();
  const Effect effect =
      jensen_shannon_effect(reference.group_counts, change.counts, reference.has_rare_ends());
  out.value = jensen_shannon(reference.counts, row.counts.data());
  out.effect = effect.value;
  out.low = effect.low;
  out.high = effect.high;
  out.log_e = progress.process.log_e();
  out.n = static_cast<std::int64_t>(change.rows);
  out.since_us = change.start_us;
  if (progress.process.rows() < options.min_rows) return undefined("insufficient");
  if (!reference.is_exact || progress.dispersion.is_correlated()) return undefined("uncalibrated");
  out.verdict = effect.low > options.threshold ? Verdict::kYes : Verdict::kNo;
  return out;
}

}  // namespace inlay::detail
