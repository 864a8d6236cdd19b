#include "summary/edge_lookup.hpp"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

#include "summary/edge_kernels.hpp"

namespace inlay::detail {
namespace {

// Edges that differ for the type, and how many lie below and at or below each.
template <class T>
struct Step {
  T edge;
  std::uint32_t below;
  std::uint32_t above;
};

template <class T>
std::vector<Step<T>> steps_of(const std::vector<T>& edges) {
  std::vector<Step<T>> steps;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto at = static_cast<std::uint32_t>(i);
    if (edges[i] == -std::numeric_limits<T>::infinity()) continue;  // every value is above it
    if (!steps.empty() && steps.back().edge == edges[i]) {
      steps.back().above = at + 1;
    } else {
      steps.push_back({edges[i], at, at + 1});
    }
  }
  return steps;
}

std::int32_t leading_bits(float value) { return std::bit_cast<std::int32_t>(value); }
std::int32_t leading_bits(double value) {
  return static_cast<std::int32_t>(std::bit_cast<std::uint64_t>(value) >> 32);
}
constexpr int kLeadingSignificandF32 = 23;
constexpr int kLeadingSignificandF64 = 20;

template <class T>
std::int32_t signed_step(T value, int shift, std::int32_t middle) {
  const std::int32_t bits = leading_bits(value);
  const std::int32_t step = std::max(((bits & INT32_MAX) >> shift) - middle, 0);
  return bits < 0 ? -step : step;
}

// What the loops compute of a whole register.
template <class T>
std::int32_t table_cell(T value, const EdgeTable<T>& table) {
  if (table.linear) {
    const T step = (value - table.origin) * table.per_unit;
    return static_cast<std::int32_t>(std::clamp(step, T{0}, static_cast<T>(table.last)));
  }
  return std::clamp(signed_step(value, table.shift, table.middle) - table.lowest, 0, table.last);
}

template <class T>
bool keeps_apart(const std::vector<Step<T>>& steps, const EdgeTable<T>& table) {
  std::int32_t before = -1;
  for (const Step<T>& step : steps) {
    const std::int32_t cell = table_cell(step.edge, table);
    if (cell == before) return false;
    before = cell;
  }
  return true;
}

template <class T>
bool find_linear(const std::vector<Step<T>>& steps, EdgeTable<T>& out) {
  EdgeTable<T> table;
  table.origin = steps.front().edge;
  const T range = steps.back().edge - table.origin;
  for (std::size_t cells = std::bit_ceil(steps.size()); cells <= kMaxTableCells; cells *= 2) {
    table.last = static_cast<std::int32_t>(cells) - 1;
    table.per_unit = static_cast<T>(cells) / range;
    if (!std::isnormal(table.per_unit)) return false;  // the range is infinite or next to none
    if (!keeps_apart(steps, table)) continue;
    out = std::move(table);
    return true;
  }
  return false;
}

template <class T>
bool find_exponent(const std::vector<Step<T>>& steps, EdgeTable<T>& out) {
  T smallest = std::numeric_limits<T>::max();
  for (const Step<T>& step : steps) {
    if (step.edge != 0) smallest = std::min(smallest, std::abs(step.edge));
  }
  EdgeTable<T> table;
  table.linear = false;
  constexpr int kSignificand =
      sizeof(T) == sizeof(float) ? kLeadingSignificandF32 : kLeadingSignificandF64;
  for (table.shift = kSignificand; table.shift >= 0; --table.shift) {
    // One less than the smallest edge's own, so that it is not in the middle cell.
    table.middle = std::max((leading_bits(smallest) >> table.shift) - 1, 0);
    table.lowest = signed_step(steps.front().edge, table.shift, table.middle);
    table.last = signed_step(steps.back().edge, table.shift, table.middle) - table.lowest;
    if (table.last >= static_cast<std::int32_t>(kMaxTableCells)) return false;
    if (!keeps_apart(steps, table)) continue;
    out = std::move(table);
    return true;
  }
  return false;
}

template <class T>
EdgeTable<T> make_table(const std::vector<T>& edges) {
  // Compared with one by one on every machine.
  if (edges.size() <= std::min(kEdgeKernelsScalar.few_f32, kEdgeKernelsScalar.few_f64)) return {};
  const std::vector<Step<T>> steps = steps_of(edges);
  if (steps.empty()) return {};
  EdgeTable<T> table, other;
  const bool linear = find_linear(steps, table);
  if (find_exponent(steps, other) && (!linear || other.last < table.last)) {
    table = std::move(other);
  } else if (!linear) {
    return {};
  }
  table.cells.resize(static_cast<std::size_t>(table.last) + 1);
  auto step = steps.begin();
  std::uint32_t below = steps.front().below;
  for (std::int32_t cell = 0; cell <= table.last; ++cell) {
    TableCell<T>& entry = table.cells[static_cast<std::size_t>(cell)];
    entry.edge = 0;
    entry.below_and_above = below | below << 16;
    if (step == steps.end() || table_cell(step->edge, table) != cell) continue;
    below = step->above;
    entry.edge = step->edge;
    entry.below_and_above = step->below | below << 16;
    ++step;
  }
  return table;
}

}  // namespace

float float_not_above(double value) noexcept {
  if (value >= FLT_MAX) return FLT_MAX;
  if (value < -FLT_MAX) return -std::numeric_limits<float>::infinity();
  const auto nearest = static_cast<float>(value);
  if (nearest <= value) return nearest;
  return std::nextafter(nearest, -std::numeric_limits<float>::infinity());
}

EdgeLookup::EdgeLookup(std::vector<double> finite_increasing_edges)
    : edges(std::move(finite_increasing_edges)) {
  edges_f32.reserve(edges.size());
  for (double& edge : edges) {
    if (edge == 0) edge = 0;  // equal edges have equal bits
    edges_f32.push_back(float_not_above(edge));
  }
  table_f64 = make_table(edges);
  table_f32 = make_table(edges_f32);
}

}  // namespace inlay::detail
