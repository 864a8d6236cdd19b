#include "metric/histogram_state.hpp"

#include <algorithm>
#include <type_traits>

#include "metric/series.hpp"
#include "summary/fused.hpp"

namespace inlay::detail {

HistogramState::HistogramState(uint32_t key) : histogram_(scale_of(key)) {
  if ((key & (kQuantilesBit | kCardinalityBit)) == 0) return;
  sketches_ = std::make_unique<Sketches>();
  if ((key & kQuantilesBit) != 0) sketches_->quantiles.emplace();
  if ((key & kCardinalityBit) != 0) sketches_->cardinality.emplace();
}

HistogramState::HistogramState(const HistogramState& other)
    : num_waiting_(other.num_waiting_),
      moments_(other.moments_),
      histogram_(other.histogram_),
      sketches_(other.sketches_ == nullptr ? nullptr
                                           : std::make_unique<Sketches>(*other.sketches_)) {
  std::copy(other.waiting_, other.waiting_ + num_waiting_, waiting_);
}

size_t HistogramState::settle() noexcept {
  const size_t count = num_waiting_;
  num_waiting_ = 0;
  const size_t lost = count - SummaryAccess::update_few(moments_, histogram_, waiting_, count);
  return sketches_ == nullptr ? lost : lost + sketch(waiting_, count);
}

template <typename T>
size_t HistogramState::sketch(const T* values, size_t count) noexcept {
  size_t lost = 0;
  if (auto& quantiles = sketches_->quantiles) lost += count - quantiles->update(values, count);
  if (auto& cardinality = sketches_->cardinality) {
    if constexpr (std::is_same_v<T, double>) {
      lost += count - cardinality->update(values, count);
    } else {
      double block[256];
      for (size_t at = 0; at < count; at += std::size(block)) {
        const size_t size = std::min(std::size(block), count - at);
        std::copy(values + at, values + at + size, block);
        lost += size - cardinality->update(block, size);
      }
    }
  }
  return lost;
}

template size_t HistogramState::sketch(const double*, size_t) noexcept;
template size_t HistogramState::sketch(const float*, size_t) noexcept;

const Kll<double>* HistogramState::quantiles() const noexcept {
  return sketches_ != nullptr && sketches_->quantiles ? &*sketches_->quantiles : nullptr;
}

const Hll* HistogramState::cardinality() const noexcept {
  return sketches_ != nullptr && sketches_->cardinality ? &*sketches_->cardinality : nullptr;
}

size_t HistogramState::merge(const HistogramState& other) noexcept {
  if (!histogram_.merge(other.histogram_)) return other.histogram_.count();
  moments_.merge(other.moments_);
  size_t lost = 0;
  if (const auto* const added = other.quantiles(); added != nullptr) {
    if (!sketches_->quantiles->merge(*added)) lost += added->count();
  }
  if (const auto* const added = other.cardinality(); added != nullptr) {
    if (!sketches_->cardinality->merge(*added)) lost += added->counts().items;
  }
  return lost;
}

}  // namespace inlay::detail
