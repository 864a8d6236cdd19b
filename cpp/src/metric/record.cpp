// The hot path: what a record does, in one place and one translation unit.

#include <cmath>

#include "inlay/error.hpp"
#include "metric/core.hpp"

namespace inlay {

namespace detail {

namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;
}

/// Runs `use` on a shard that is no thread's own, and folds at once.
template <typename Use>
void Core::with_fallback(Use use) noexcept {
  std::lock_guard lock(fallback_mutex_);
  try {
    if (fallback_ == nullptr) fallback_ = shards_.acquire();
    use(*fallback_);
  } catch (...) {
    unkept_.fetch_add(1, kRelaxed);
  }
  restart_after_fork();
}

namespace {

// Only the shard's owner calls these, so that plain loads and stores lose nothing.
template <typename T, typename Sum>
void add_to(std::atomic<T>& total, Sum sum) noexcept {
  total.store(sum(total.load(kRelaxed)), std::memory_order_release);
}

int64_t wrapping_sum(int64_t a, int64_t b) noexcept {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

inline void add_amount(CounterCell& cell, int64_t amount) noexcept {
  add_to(cell.whole, [=](int64_t total) { return wrapping_sum(total, amount); });
}

inline void add_amount(CounterCell& cell, double amount) noexcept {
  add_to(cell.real, [=](double total) { return total + amount; });
}

template <typename T>
inline bool add_in(Shard& shard, uint32_t slot, T amount) noexcept {
  CounterCell* const cell = shard.counter(slot);
  if (cell == nullptr) [[unlikely]]
    return false;
  // Odd in between, and seen in this order, so that the last cut can tell a call from its amount.
  const int64_t steps = shard.add_steps.load(kRelaxed);
  shard.add_steps.store(steps + 1, kRelaxed);
  add_amount(*cell, amount);
  shard.add_steps.store(steps + 2, std::memory_order_release);
  return true;
}

}  // namespace

template <typename T>
inline void Core::counter_add(uint32_t slot, T amount) noexcept {
  if (Shard* const shard = current_shard(this, registration_); shard != nullptr) [[likely]] {
    if (!add_in(*shard, slot, amount)) [[unlikely]]
      unkept_.fetch_add(1, kRelaxed);
    return;
  }
  with_fallback([&](Shard& shard) {
    if (!add_in(shard, slot, amount)) unkept_.fetch_add(1, kRelaxed);
  });
}

inline void Core::record(uint32_t key, double value) noexcept {
  if (Shard* const shard = current_shard(this, registration_); shard != nullptr) [[likely]] {
    const uint32_t n = shard->size.load(kRelaxed);
    shard->keys[n] = key;
    shard->values[n] = value;
    shard->size.store(n + 1, std::memory_order_release);
    if (n + 1 == Log::kCapacity) [[unlikely]]
      shard->flush();
    return;
  }
  with_fallback([&](Shard& shard) { shard.record_many(key, &value, 1); });
}

template <typename T>
inline void Core::record_many(uint32_t key, const T* values, size_t count) noexcept {
  if (Shard* const shard = current_shard(this, registration_); shard != nullptr) [[likely]] {
    shard->record_many(key, values, count);
    return;
  }
  with_fallback([&](Shard& shard) { shard.record_many(key, values, count); });
}

void Core::add_nulls(uint32_t key, uint64_t count) noexcept {
  if (Shard* const shard = current_shard(this, registration_); shard != nullptr) [[likely]] {
    shard->add_nulls(key, count);
    return;
  }
  with_fallback([&](Shard& shard) { shard.add_nulls(key, count); });
}

}  // namespace detail

bool BoundCounter::add(int64_t amount) const noexcept {
  if (amount < 0) [[unlikely]]
    return false;
  if (series() != nullptr) [[likely]]
    core()->counter_add(series()->key, amount);
  return true;
}

bool BoundCounter::add(double amount) const noexcept {
  if (amount < 0.0) [[unlikely]]
    return false;
  if (series() == nullptr) [[unlikely]]
    return true;
  if (std::isfinite(amount)) [[likely]] {
    core()->counter_add(series()->key, amount);
  } else {
    core()->count_not_finite();
  }
  return true;
}

void BoundGauge::set(double value) const noexcept {
  if (series() == nullptr) [[unlikely]]
    return;
  series()->gauge->store(value);
  core()->gauge_touched();
}

void BoundGauge::clear() const noexcept {
  if (series() == nullptr) [[unlikely]]
    return;
  series()->gauge->clear();
  core()->gauge_touched();
}

void BoundGauge::add(double amount) const noexcept {
  if (series() == nullptr) [[unlikely]]
    return;
  series()->gauge->add(amount);
  core()->gauge_touched();
}

BoundHistogram::BoundHistogram(SeriesHandle handle) noexcept
    : SeriesHandle(std::move(handle)), key_(series() == nullptr ? 0 : series()->key) {}

void BoundHistogram::record(double value) const noexcept {
  if (series() != nullptr) [[likely]]
    core()->record(key_, value);
}

void BoundHistogram::record_many(const double* values, size_t count) const noexcept {
  if (series() != nullptr) [[likely]]
    core()->record_many(key_, values, count);
}

void BoundHistogram::record_many(const float* values, size_t count) const noexcept {
  if (series() != nullptr) [[likely]]
    core()->record_many(key_, values, count);
}

void BoundHistogram::add_nulls(uint64_t count) const noexcept {
  if (series() != nullptr && count != 0) core()->add_nulls(key_, count);
}

Writer::Writer(std::shared_ptr<detail::Core> core) : core_(std::move(core)) {
  log_ = detail::current_shard(core_.get(), core_->registration());
  if (log_ == nullptr) throw Error("this thread can have no log: it is ending, or memory ran out");
}

}  // namespace inlay
