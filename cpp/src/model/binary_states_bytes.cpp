#include <cmath>
#include <inlay/error.hpp>
#include <inlay/model/binary_states.hpp>
#include <string>
#include <utility>

#include "model/binary_plan.hpp"
#include "model/binary_state.hpp"
#include "model/row_faults.hpp"
#include "model/score_place.hpp"
#include "summary/bytes.hpp"

// Version 1, after the magic "inBS" and the version byte; numbers are base-128 integers and
// doubles of eight bytes. Settings: kind, scores (bytes), bins, number of thresholds and each.
// Then the number of segments, and for each a byte: 0 absent, 1 without weights, 2 with. A
// segment: the four counts of rejected rows; for each cell, twice, the rows and, with scores,
// whole and part of the scores' sum; with scores whole and part of the squared errors, the log
// loss, the clipped rows, the number of places that have rows, and for each the distance from the
// place before (from -1) and the rows. With weights, after all that: of each cell, twice, the sums
// of weights, of their squares and, with scores, of weighted scores; with scores squared errors,
// log loss, and the weight of each place.

namespace inlay {
namespace {

using detail::BinaryPlan;
using detail::BinaryState;
using detail::ByteReader;
using detail::ByteWriter;
using detail::ExactSum;
using detail::kMostRows;

constexpr std::string_view kMagic = "inBS";
constexpr std::uint8_t kVersion = 1;

enum Presence : std::uint8_t { kAbsent, kPlain, kWeighted };

void write_settings(ByteWriter& out, const BinarySettings& settings, std::size_t segments) {
  out.u8(static_cast<std::uint8_t>(settings.kind));
  out.u8(settings.scores ? 1 : 0);
  out.varint(static_cast<std::uint64_t>(settings.bins));
  out.varint(settings.thresholds.size());
  for (const double threshold : settings.thresholds) out.f64(threshold);
  out.varint(segments);
}

void write_sum(ByteWriter& out, const ExactSum& sum) {
  out.varint(sum.whole());
  out.varint(sum.part());
}

void write_state(ByteWriter& out, const BinaryState* state, bool scores) {
  if (state == nullptr) return out.u8(kAbsent);
  out.u8(state->weighted ? kWeighted : kPlain);
  for (const std::uint64_t count : state->rejected) out.varint(count);
  for (const detail::BinaryCell& cell : state->cells) {
    out.varint(cell.rows);
    if (scores) write_sum(out, cell.scores);
  }
  if (scores) {
    write_sum(out, state->squared_errors);
    out.f64(state->log_loss);
    out.varint(state->clipped);
    std::uint64_t places = 0;
    state->histogram.for_each_place([&](std::uint16_t, std::uint64_t, double) { ++places; });
    out.varint(places);
    int before = -1;
    state->histogram.for_each_place([&](std::uint16_t place, std::uint64_t count, double) {
      out.varint(static_cast<std::uint64_t>(place - before));
      out.varint(count);
      before = place;
    });
  }
  if (!state->weighted) return;
  for (const detail::BinaryWeights& cell : state->weighted->cells) {
    out.f64(cell.rows);
    out.f64(cell.squares);
    if (scores) out.f64(cell.scores);
  }
  if (!scores) return;
  out.f64(state->weighted->squared_errors);
  out.f64(state->weighted->log_loss);
  state->histogram.for_each_place(
      [&](std::uint16_t, std::uint64_t, double weight) { out.f64(weight); });
}

std::uint64_t count_in(ByteReader& in) {
  return static_cast<std::uint64_t>(detail::read_count(in));
}

// A sum of as many numbers from 0 to 1.
ExactSum read_sum(ByteReader& in, std::uint64_t rows) {
  const std::uint64_t whole = in.varint();
  const std::uint64_t part = in.varint();
  if (part >= ExactSum::kOne) in.refuse("have a fraction of a sum above 1, of 2^40 parts", part);
  if (whole > rows || (whole == rows && part != 0)) {
    in.refuse("have a sum of scores or squared errors above its rows", whole);
  }
  return {whole, part};
}

double read_weight(ByteReader& in) {
  const double weight = in.f64();
  if (!(weight >= 0.0) || std::signbit(weight)) {  // infinite where squares overflowed
    in.refuse("have a sum that is negative or NaN", weight);
  }
  return weight;
}

BinarySettings read_settings(ByteReader& in) {
  BinarySettings settings;
  const std::uint8_t kind = in.u8();
  if (kind > static_cast<std::uint8_t>(ScoreKind::kLabel)) in.refuse("have scores of kind", kind);
  settings.kind = static_cast<ScoreKind>(kind);
  const std::uint8_t scores = in.u8();
  if (scores > 1) in.refuse("keep scores", scores);
  settings.scores = scores == 1;
  const std::uint64_t bins = in.varint();
  if (bins > BinarySettings::kMaxBins) in.refuse("have too many bins", bins);
  settings.bins = static_cast<int>(bins);
  const std::uint64_t thresholds = in.varint();
  if (thresholds > BinarySettings::kMaxThresholds) {
    in.refuse("have too many thresholds", thresholds);
  }
  settings.thresholds.clear();
  for (std::uint64_t i = 0; i < thresholds; ++i) {
    settings.thresholds.push_back(in.f64());
    if (std::signbit(settings.thresholds.back())) {
      in.refuse("have a negative threshold", settings.thresholds.back());
    }
  }
  return settings;
}

void read_histogram(ByteReader& in, ScoreKind kind, BinaryState& state) {
  const std::uint32_t upper = detail::upper_side(kind);
  const std::uint32_t used =
      2 * (kind == ScoreKind::kLogit ? detail::kLogitBins : detail::kProbabilityBins);
  std::uint64_t rows[2] = {};
  for (const detail::BinaryCell& cell : state.cells) {
    rows[(&cell - state.cells.data()) % 2] += cell.rows;
  }
  const std::uint64_t places = in.varint();
  if (places > std::uint64_t{2} * used) in.refuse("have too many places of scores", places);
  std::int64_t place = -1;
  for (std::uint64_t i = 0; i < places; ++i) {
    const std::uint64_t step = in.varint();
    if (step == 0 || step > 2 * std::uint64_t{upper}) in.refuse("go on to a place after", step);
    place += static_cast<std::int64_t>(step);
    if (place >= 2 * std::int64_t{upper} || place % upper >= used) {
      in.refuse("have a score at place", place);
    }
    const std::uint64_t count = count_in(in);
    if (count == 0 || count > rows[place % 2]) {
      in.refuse("have another number of scores than rows; of a place", count);
    }
    rows[place % 2] -= count;
    state.histogram.add(static_cast<std::uint16_t>(place), count, 0.0);
  }
  if (rows[0] + rows[1] != 0) in.refuse("have fewer scores than rows, by", rows[0] + rows[1]);
}

void read_weights(ByteReader& in, const BinarySettings& settings, BinaryState& state) {
  BinaryState::Weighted weighted;
  for (std::size_t i = 0; i < state.cells.size(); ++i) {
    detail::BinaryWeights cell;
    cell.rows = read_weight(in);
    cell.squares = read_weight(in);
    if (settings.scores) cell.scores = read_weight(in);
    if (state.cells[i].rows == 0 && (cell.rows > 0 || cell.squares > 0 || cell.scores > 0)) {
      in.refuse("have weights without rows, of", cell.rows);
    }
    weighted.cells.push_back(cell);
  }
  if (settings.scores) {
    weighted.squared_errors = read_weight(in);
    weighted.log_loss = read_weight(in);
    ScoreHistogram histogram(settings.kind);
    histogram.weigh();
    state.histogram.for_each_place([&](std::uint16_t place, std::uint64_t count, double) {
      histogram.add(place, count, read_weight(in));
    });
    state.histogram = std::move(histogram);
  }
  state.weighted = std::move(weighted);
  state.histogram.weigh();
}

std::unique_ptr<BinaryState> read_state(ByteReader& in, const BinaryPlan& plan) {
  const std::uint8_t presence = in.u8();
  if (presence == kAbsent) return nullptr;
  if (presence > kWeighted) in.refuse("have a segment of sort", presence);
  auto state = std::make_unique<BinaryState>(plan);
  const bool scores = plan.settings.scores;
  for (std::uint64_t& count : state->rejected) count = count_in(in);
  std::uint64_t rows = 0;
  for (detail::BinaryCell& cell : state->cells) {
    cell.rows = count_in(in);
    rows += cell.rows;
    if (scores) cell.scores = read_sum(in, cell.rows);
  }
  if (rows > kMostRows) in.refuse("have too many rows", rows);
  if (scores) {
    state->squared_errors = read_sum(in, rows);
    state->log_loss = read_weight(in);
    state->clipped = count_in(in);
    if (state->clipped > rows) in.refuse("have more clipped rows than rows", state->clipped);
    read_histogram(in, plan.settings.kind, *state);
  }
  if (presence == kWeighted) read_weights(in, plan.settings, *state);
  return state;
}

}  // namespace

std::vector<std::uint8_t> BinaryStates::to_bytes() const {
  ByteWriter out(kMagic, kVersion);
  std::size_t segments = states_.size();
  while (segments > 0 && !states_[segments - 1]) --segments;
  write_settings(out, plan_->settings, segments);
  for (std::size_t s = 0; s < segments; ++s) {
    write_state(out, states_[s].get(), plan_->settings.scores);
  }
  return out.take();
}

std::vector<std::uint8_t> BinaryStates::to_bytes(std::uint32_t segment) const {
  ByteWriter out(kMagic, kVersion);
  const BinaryState* state = find(segment);
  write_settings(out, plan_->settings, state == nullptr ? 0 : 1);
  if (state != nullptr) write_state(out, state, plan_->settings.scores);
  return out.take();
}

BinaryStates BinaryStates::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  ByteReader in(bytes, size, "a BinaryStates");
  in.expect(kMagic, kVersion);
  BinarySettings settings = read_settings(in);
  std::shared_ptr<const BinaryPlan> plan;
  try {
    plan = std::make_shared<const BinaryPlan>(std::move(settings));
  } catch (const InvalidArgument& error) {
    in.refuse("have settings that may not be:", std::string(error.what()));
  }
  BinaryStates out(std::move(plan));
  const std::uint64_t segments = in.varint();
  if (segments > kMaxSegments) in.refuse("have too many segments", segments);
  for (std::uint64_t s = 0; s < segments; ++s) {
    out.states_.push_back(read_state(in, *out.plan_));
  }
  if (segments > 0 && !out.states_.back()) in.refuse("end with an absent segment", segments - 1);
  in.expect_end();
  return out;
}

}  // namespace inlay
