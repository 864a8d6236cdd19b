#pragma once

#include <initializer_list>

#include "inlay/metric/instrument.hpp"

namespace inlay {

/// One series of a gauge: a single cell that all threads share. Thread-safe, lock-free.
class INLAY_API BoundGauge : public detail::SeriesHandle {
 public:
  using SeriesHandle::SeriesHandle;
  BoundGauge(SeriesHandle handle) noexcept : SeriesHandle(std::move(handle)) {}

  /// Replaces the value. NaN and infinities are counted apart and leave the value as it was.
  void set(double value) const noexcept;

  /// Takes the value away: there is none until the next one is set. The window's row is undefined,
  /// and later ones are left out.
  void clear() const noexcept;

  /// Adds to the value (0 where none was set yet).
  void add(double amount) const noexcept;
};

/// A value that is what it is now: its rows hold the last, smallest and largest of their window.
/// Thread-safe.
class INLAY_API Gauge : public detail::InstrumentHandle {
 public:
  using InstrumentHandle::InstrumentHandle;

  /// Resolves attribute values, in the order their keys were declared.
  /// @throws InvalidArgument when the number of values is not that of the keys, or one is no UTF-8.
  BoundGauge bind(std::initializer_list<std::string_view> values = {}) const {
    return detail::bind(*this, values.begin(), values.size());
  }
};

}  // namespace inlay
