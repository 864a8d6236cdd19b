#include "metric/series.hpp"

#include <cmath>

namespace inlay::detail {

namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;
}

bool GaugeCell::keep_apart(double value) noexcept {
  if (std::isfinite(value)) return false;
  auto& count = std::isnan(value) ? nan : value > 0 ? pos_inf : neg_inf;
  count.fetch_add(1, kRelaxed);
  return true;
}

void GaugeCell::widen(double value) noexcept {
  // The collector may reset these in between: the value then counts for the next window, too.
  for (double seen = min.load(kRelaxed);
       value < seen && !min.compare_exchange_weak(seen, value, kRelaxed);) {
  }
  for (double seen = max.load(kRelaxed);
       value > seen && !max.compare_exchange_weak(seen, value, kRelaxed);) {
  }
}

void GaugeCell::store(double value) noexcept {
  if (keep_apart(value)) [[unlikely]]
    return;
  last.store(value, kRelaxed);
  widen(value);
  if (!set.load(kRelaxed)) [[unlikely]]
    set.store(true, std::memory_order_release);
}

void GaugeCell::add(double amount) noexcept {
  if (keep_apart(amount)) [[unlikely]]
    return;
  double seen = last.load(kRelaxed);
  double next;
  do {
    next = seen + amount;
    if (keep_apart(next)) [[unlikely]]
      return;
  } while (!last.compare_exchange_weak(seen, next, kRelaxed));
  widen(next);
  if (!set.load(kRelaxed)) [[unlikely]]
    set.store(true, std::memory_order_release);
}

void GaugeCell::clear() noexcept {
  last.store(0.0, kRelaxed);
  set.store(false, kRelaxed);
  cleared.store(true, kRelaxed);
}

void GaugeCell::forget() noexcept {
  last.store(0.0, kRelaxed);
  min.store(kNone, kRelaxed);
  max.store(-kNone, kRelaxed);
  for (auto* count : {&nan, &pos_inf, &neg_inf}) count->store(0, kRelaxed);
  set.store(false, kRelaxed);
  cleared.store(false, kRelaxed);
}

Series* SeriesTable::find(int64_t series_id, std::string_view json) const noexcept {
  if (slots_.empty()) return nullptr;
  const size_t mask = slots_.size() - 1;
  for (size_t i = static_cast<uint64_t>(series_id) & mask;; i = (i + 1) & mask) {
    Series* const series = slots_[i];
    if (series == nullptr) return nullptr;
    if (series->series_id == series_id && series->json() == json) return series;
  }
}

void SeriesTable::insert(Series* series) {
  if (4 * (size_ + 1) > 3 * slots_.size()) grow(slots_.empty() ? 4 : 2 * slots_.size());
  const size_t mask = slots_.size() - 1;
  size_t i = static_cast<uint64_t>(series->series_id) & mask;
  while (slots_[i] != nullptr) i = (i + 1) & mask;
  slots_[i] = series;
  ++size_;
}

void SeriesTable::grow(size_t capacity) {
  std::vector<Series*> old(capacity, nullptr);
  old.swap(slots_);
  size_ = 0;
  for (Series* series : old) {
    if (series != nullptr) insert(series);
  }
}

}  // namespace inlay::detail
