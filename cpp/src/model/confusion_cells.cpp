#include <algorithm>
#include <array>
#include <inlay/model/confusion_cells.hpp>

#include "model/row_faults.hpp"

namespace inlay {
namespace {

// Rows that hit one cell in turn would wait for each other's sum to reach memory; in tables of
// their own they do not.
constexpr std::size_t kTables = 4;
constexpr std::size_t kTableSize = 32 * 32;

}  // namespace

void ConfusionCells::make_dense() {
  std::vector<std::int64_t> rows(table_size());
  std::vector<double> weights(weighted_ ? table_size() : 0);
  for (const auto& [index, entry] : entries_) {
    rows[index] = entry.rows;
    if (weighted_) weights[index] = entry.weight;
  }
  rows_ = std::move(rows);
  weights_ = std::move(weights);
  entries_.clear();
}

void ConfusionCells::make_room() {
  if (is_dense() || classes_ > kMostDense) return;
  if (classes_ <= kAlwaysDense || entries_.size() * 4 >= table_size()) make_dense();
}

void ConfusionCells::weigh() {
  if (weighted_) return;
  if (is_dense()) weights_.assign(rows_.begin(), rows_.end());
  for (auto& [index, entry] : entries_) entry.weight = static_cast<double>(entry.rows);
  weighted_ = true;
}

void ConfusionCells::update(const std::int32_t* labels, const std::int32_t* predicted,
                            const double* weights, std::size_t size) {
  if (weights != nullptr) weigh();
  make_room();
  const auto index_of = [&](std::size_t i) {
    return static_cast<std::uint32_t>(labels[i] * classes_ + predicted[i]);
  };
  if (!is_dense()) {
    for (std::size_t i = 0; i < size; ++i) {
      Entry& entry = entries_[index_of(i)];
      ++entry.rows;
      entry.weight += weights == nullptr ? 1.0 : weights[i];
    }
    return;
  }
  const std::size_t cells = table_size();
  if (cells <= kTableSize && size >= kTables * cells) {
    std::uint32_t tables[kTables][kTableSize];
    for (auto& table : tables) std::fill(table, table + cells, 0U);
    std::size_t i = 0;
    for (; i + kTables <= size; i += kTables) {
      for (std::size_t t = 0; t < kTables; ++t) ++tables[t][index_of(i + t)];
    }
    for (; i < size; ++i) ++tables[0][index_of(i)];
    for (std::size_t cell = 0; cell < cells; ++cell) {
      rows_[cell] +=
          std::int64_t{tables[0][cell]} + tables[1][cell] + tables[2][cell] + tables[3][cell];
    }
  } else {
    for (std::size_t i = 0; i < size; ++i) ++rows_[index_of(i)];
  }
  if (!weighted_) return;
  for (std::size_t i = 0; i < size; ++i) {
    weights_[index_of(i)] += weights == nullptr ? 1.0 : weights[i];
  }
}

void ConfusionCells::add(const Cell& cell, bool weighted) {
  if (weighted) weigh();
  make_room();
  if (is_dense()) {
    rows_[cell.index] += cell.rows;
    if (weighted_) weights_[cell.index] += cell.weight;
    return;
  }
  Entry& entry = entries_[cell.index];
  entry.rows += cell.rows;
  entry.weight += cell.weight;
}

void ConfusionCells::merge(const ConfusionCells& other) {
  const bool weighted = other.weighted_;
  for (const Cell& cell : other.cells()) add(cell, weighted);
  if (weighted) weigh();
}

std::vector<ConfusionCells::Cell> ConfusionCells::cells() const {
  std::vector<Cell> out;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i] == 0) continue;
    out.push_back({static_cast<std::uint32_t>(i), rows_[i],
                   weighted_ ? weights_[i] : static_cast<double>(rows_[i])});
  }
  for (const auto& [index, entry] : entries_) {
    out.push_back({index, entry.rows, weighted_ ? entry.weight : static_cast<double>(entry.rows)});
  }
  std::sort(out.begin(), out.end(), [](const Cell& a, const Cell& b) { return a.index < b.index; });
  return out;
}

bool operator==(const ConfusionCells& a, const ConfusionCells& b) {
  return a.classes_ == b.classes_ && a.weighted_ == b.weighted_ && a.cells() == b.cells();
}

// Whether weighted; the number of cells with rows; of each the distance of its index from the one
// before, its rows and, if weighted, its weight.

void ConfusionCells::write(detail::ByteWriter& out) const {
  const std::vector<Cell> used = cells();
  out.u8(weighted_ ? 1 : 0);
  out.varint(used.size());
  std::uint32_t next = 0;
  for (const Cell& cell : used) {
    out.varint(cell.index - next);
    detail::write_count(out, cell.rows);
    if (weighted_) out.f64(cell.weight);
    next = cell.index + 1;
  }
}

ConfusionCells ConfusionCells::read(std::int32_t classes, detail::ByteReader& in) {
  ConfusionCells out(classes);
  out.weighted_ = detail::read_flag(in);
  const std::uint64_t size = in.varint();
  std::uint64_t next = 0;
  for (std::uint64_t i = 0; i < size; ++i) {
    const std::uint64_t skipped = in.varint();
    if (skipped >= out.table_size() - next) in.refuse("have a cell beyond the table", skipped);
    Cell cell{static_cast<std::uint32_t>(next + skipped), detail::read_count(in), 0};
    if (cell.rows == 0) in.refuse("have a cell without rows", cell.index);
    cell.weight = out.weighted_ ? in.f64() : static_cast<double>(cell.rows);
    if (!(cell.weight >= 0)) in.refuse("have a weight that is none", cell.weight);
    out.add(cell, out.weighted_);
    next = std::uint64_t{cell.index} + 1;
  }
  return out;
}

}  // namespace inlay
