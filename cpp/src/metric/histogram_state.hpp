#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "inlay/summary/exp_histogram.hpp"
#include "inlay/summary/fused.hpp"
#include "inlay/summary/hll.hpp"
#include "inlay/summary/kll.hpp"
#include "inlay/summary/moments.hpp"

namespace inlay::detail {

/// What one thread knows of one histogram series in the open window.
///
/// Single values wait in one cache line until it is full: with many series, each then touches that
/// line alone and not the summaries' four or more.
class alignas(64) HistogramState {
 public:
  /// Made of what histogram_key() says.
  explicit HistogramState(uint32_t key);
  HistogramState(const HistogramState& other);
  HistogramState& operator=(const HistogramState&) = delete;

  /// Takes a value, for which there must be room.
  void put(double value) noexcept { waiting_[num_waiting_++] = value; }
  bool full() const noexcept { return num_waiting_ == kWaiting; }
  /// Takes values; returns how many were lost because memory ran out.
  template <typename T>
  size_t record(const T* values, size_t count) noexcept {
    const size_t lost = count - update(moments_, histogram_, values, count);
    return sketches_ == nullptr ? lost : lost + sketch(values, count);
  }
  void add_nulls(uint64_t count) noexcept { moments_.add_nulls(count); }
  /// Hands what waits to the summaries; returns how many values were lost.
  size_t settle() noexcept;

  /// Asks for the memory that put() or settle() will touch.
  void prefetch_waiting() const noexcept { __builtin_prefetch(waiting_, 1); }
  void prefetch_summaries() const noexcept {
    for (size_t line = 1; line < sizeof(*this) / 64; ++line) {
      __builtin_prefetch(reinterpret_cast<const char*>(this) + 64 * line, 1);
    }
  }

  /// Of what has settled.
  const Moments& moments() const noexcept { return moments_; }
  const ExpHistogram& histogram() const noexcept { return histogram_; }
  /// Null unless the instrument asked for it.
  const Kll<double>* quantiles() const noexcept;
  const Hll* cardinality() const noexcept;
  /// Adds what has settled in another one; returns how many of its values were lost.
  size_t merge(const HistogramState& other) noexcept;

 private:
  static constexpr uint32_t kWaiting = 7;
  /// What few instruments ask for.
  struct Sketches {
    std::optional<Kll<double>> quantiles;
    std::optional<Hll> cardinality;
  };

  template <typename T>
  size_t sketch(const T* values, size_t count) noexcept;

  double waiting_[kWaiting] = {};
  uint32_t num_waiting_ = 0;
  Moments moments_;
  ExpHistogram histogram_;
  std::unique_ptr<Sketches> sketches_;
};

}  // namespace inlay::detail
