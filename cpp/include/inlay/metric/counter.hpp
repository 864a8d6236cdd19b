#pragma once

#include <initializer_list>

#include "inlay/metric/instrument.hpp"

namespace inlay {

/// One series of a counter. `add` is safe from any thread and takes no lock.
class INLAY_API BoundCounter : public detail::SeriesHandle {
 public:
  using SeriesHandle::SeriesHandle;
  BoundCounter(SeriesHandle handle) noexcept : SeriesHandle(std::move(handle)) {}

  /// Adds; a negative amount is refused and answers false.
  bool add(int64_t amount) const noexcept;

  /// Adds; a negative amount is refused and answers false, NaN and infinity are counted as dropped.
  bool add(double amount) const noexcept;
};

/// A monotone count: its rows hold what was added in their window. Thread-safe.
class INLAY_API Counter : public detail::InstrumentHandle {
 public:
  using InstrumentHandle::InstrumentHandle;

  /// Resolves attribute values, in the order their keys were declared.
  /// @throws InvalidArgument when the number of values is not that of the keys, or one is no UTF-8.
  BoundCounter bind(std::initializer_list<std::string_view> values = {}) const {
    return detail::bind(*this, values.begin(), values.size());
  }
};

}  // namespace inlay
