#pragma once

#include <initializer_list>

#include "inlay/metric/instrument.hpp"

namespace inlay {

/// One series of a histogram. Safe from any thread: a record goes to the calling thread's log.
class INLAY_API BoundHistogram : public detail::SeriesHandle {
 public:
  using SeriesHandle::SeriesHandle;
  BoundHistogram(SeriesHandle handle) noexcept;

  /// Records one value. NaN and infinities are counted apart.
  void record(double value) const noexcept;

  /// Records `count` values in one go; about the cost of reading them.
  void record_many(const double* values, size_t count) const noexcept;
  void record_many(const float* values, size_t count) const noexcept;

  /// Counts values that are missing, in the column `null_count` alone.
  void add_nulls(uint64_t count) const noexcept;

  /// Keeps this value with the span it belongs to, as an example for its window (at most 4).
  /// @param trace_id 32 and @param span_id 16 lower-case hex digits.
  /// @throws InvalidArgument when an id is something else.
  void exemplar(double value, std::string_view trace_id, std::string_view span_id) const;

  /// What a Writer puts into its thread's log.
  uint32_t key() const noexcept { return key_; }

 private:
  uint32_t key_ = 0;
};

/// A distribution: its rows hold a base-2 exponential histogram and the moments of their window.
/// Thread-safe.
class INLAY_API Histogram : public detail::InstrumentHandle {
 public:
  using InstrumentHandle::InstrumentHandle;

  /// Resolves attribute values, in the order their keys were declared.
  /// @throws InvalidArgument when the number of values is not that of the keys, or one is no UTF-8.
  BoundHistogram bind(std::initializer_list<std::string_view> values = {}) const {
    return detail::bind(*this, values.begin(), values.size());
  }
};

}  // namespace inlay
