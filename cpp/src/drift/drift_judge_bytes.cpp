#include <inlay/drift/drift_judge.hpp>
#include <utility>

#include "drift/judge_state.hpp"
#include "summary/bytes.hpp"

// Version 2, after the magic "inDJ" and the version byte: level and threshold as doubles, min_rows
// as a base-128 integer, a byte for the correction; the number of series, and of each its id and
// family, its references (id, a flag, what the cells are, counts), and how many of these are in
// use: of each its id, the e-process as text, both bets as doubles, and the first window of a pair.

namespace inlay {
namespace {

using Kind = detail::ReferenceCells::Kind;

constexpr std::string_view kMagic = "inDJ";
constexpr std::uint8_t kVersion = 2;  // 1 knew no bounded cells

void write_counts(detail::ByteWriter& out, const std::vector<std::uint64_t>& counts) {
  out.varint(counts.size());
  for (const std::uint64_t count : counts) out.varint(count);
}

std::vector<std::uint64_t> read_counts(detail::ByteReader& in) {
  const std::uint64_t size = in.varint();
  if (size > in.left()) in.refuse("are cut short; counts", size);
  std::vector<std::uint64_t> out;
  out.reserve(size);
  std::uint64_t total = 0;
  for (std::uint64_t i = 0; i < size; ++i) {
    out.push_back(in.varint());
    if (out.back() > DirichletEProcess::kMaxRows - total) {
      in.refuse("have too large a total; with count", out.back());
    }
    total += out.back();
  }
  return out;
}

bool read_flag(detail::ByteReader& in) {
  const std::uint8_t flag = in.u8();
  if (flag > 1) in.refuse("have a flag that is neither 0 nor 1", flag);
  return flag == 1;
}

void write_progress(detail::ByteWriter& out, const detail::SeriesProgress& progress) {
  out.text(progress.reference_id);
  const std::vector<std::uint8_t> process = progress.process.to_bytes();
  out.varint(process.size());
  out.raw(process.data(), process.size());
  const detail::DispersionTest::State& state = progress.dispersion.state();
  for (const double bet : state.log_bets) out.f64(bet);
  write_counts(out, state.pending);
}

detail::SeriesProgress read_progress(detail::ByteReader& in, const detail::JudgedSeries& series) {
  std::string id(in.text());
  const auto reference = series.references.find(id);
  if (reference == series.references.end()) in.refuse("lack the reference in use", id);
  const detail::ReferenceCells& cells = reference->second;
  if (cells.rows == 0 || cells.group_counts.size() < 2) {
    in.refuse("judge by a reference that does not do", id);
  }
  const std::uint64_t size = in.varint();
  const std::uint8_t* bytes = in.raw(size);
  detail::SeriesProgress out{
      std::move(id),
      DirichletEProcess::from_bytes(cells.alpha(), bytes, static_cast<std::size_t>(size),
                                    cells.has_rare_ends()),
      {}};
  detail::DispersionTest::State state;
  for (double& bet : state.log_bets) bet = in.f64();
  state.pending = read_counts(in);
  if (!detail::DispersionTest::is_valid(state)) {
    in.refuse("have a bet out of range", state.log_bets[0]);
  }
  if (!state.pending.empty() && state.pending.size() != cells.group_counts.size()) {
    in.refuse("have a window of other cells; cells", state.pending.size());
  }
  out.dispersion.restore(std::move(state));
  return out;
}

detail::JudgedSeries read_series(detail::ByteReader& in) {
  detail::JudgedSeries out;
  out.family = in.zigzag();
  const std::uint64_t references = in.varint();
  for (std::uint64_t i = 0; i < references; ++i) {
    std::string id(in.text());
    if (!out.references.empty() && id <= out.references.rbegin()->first) {
      in.refuse("have references out of order; reference", id);
    }
    const bool is_exact = read_flag(in);
    const auto kind = static_cast<Kind>(in.u8());
    if (kind > Kind::kBounded) in.refuse("have cells of an unknown kind", static_cast<int>(kind));
    std::vector<std::uint64_t> counts = read_counts(in);
    if (counts.size() < (kind == Kind::kBounded ? 3U : 1U)) {
      in.refuse("have a reference without cells", id);
    }
    detail::ReferenceCells cells(std::move(counts), is_exact, kind);
    if (cells.is_exact != is_exact) in.refuse("call cells exact that are not", id);
    out.references.emplace(std::move(id), std::move(cells));
  }
  const std::uint64_t in_use = in.varint();
  if (in_use > detail::JudgedSeries::kMostInUse) in.refuse("use too many references:", in_use);
  for (std::uint64_t i = 0; i < in_use; ++i) {
    detail::SeriesProgress progress = read_progress(in, out);
    for (const detail::SeriesProgress& other : out.in_use) {
      if (other.reference_id == progress.reference_id) {
        in.refuse("use a reference twice:", progress.reference_id);
      }
    }
    out.in_use.push_back(std::move(progress));
  }
  return out;
}

}  // namespace

std::vector<std::uint8_t> DriftJudge::to_bytes() const {
  detail::ByteWriter out(kMagic, kVersion);
  out.f64(state_->options.level);
  out.f64(state_->options.threshold);
  out.varint(state_->options.min_rows);
  out.u8(state_->options.correct ? 1 : 0);
  out.varint(state_->series.size());
  for (const auto& [id, series] : state_->series) {
    out.zigzag(id);
    out.zigzag(series.family);
    out.varint(series.references.size());
    for (const auto& [name, cells] : series.references) {
      out.text(name);
      out.u8(cells.is_exact ? 1 : 0);
      out.u8(static_cast<std::uint8_t>(cells.kind));
      write_counts(out, cells.counts);
    }
    out.varint(series.in_use.size());
    for (const detail::SeriesProgress& progress : series.in_use) write_progress(out, progress);
  }
  return out.take();
}

DriftJudge DriftJudge::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "a DriftJudge");
  in.expect(kMagic, kVersion);
  Options options;
  options.level = in.f64();
  options.threshold = in.f64();
  if (!(options.level > 0 && options.level < 1)) in.refuse("have a level of", options.level);
  if (!(options.threshold > 0 && options.threshold < 1)) {
    in.refuse("have a threshold of", options.threshold);
  }
  options.min_rows = in.varint();
  options.correct = read_flag(in);
  DriftJudge out(options);
  const std::uint64_t series = in.varint();
  for (std::uint64_t i = 0; i < series; ++i) {
    const std::int64_t id = in.zigzag();
    if (!out.state_->series.empty() && id <= out.state_->series.rbegin()->first) {
      in.refuse("have series out of order; series", id);
    }
    out.state_->series.emplace(id, read_series(in));
  }
  in.expect_end();
  return out;
}

}  // namespace inlay
