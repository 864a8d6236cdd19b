#pragma once

/// Hands what a collector read to an observer's window.

#include <cstdint>
#include <mutex>

#include "inlay/export.hpp"
#include "inlay/infra/intervals.hpp"
#include "inlay/infra/poller.hpp"
#include "inlay/infra/readings.hpp"
#include "inlay/observer.hpp"

namespace inlay::infra {

/// Does for a probe what `observe` does: readings become points, intervals and what is to be told
/// become events. The first window begins when this was made. Thread-safe.
class INLAY_API HandOver {
 public:
  /// @param now_us when readings begin, microseconds of Unix time
  explicit HandOver(std::int64_t now_us) : since_us_(now_us) {}

  /// Each of `intervals` and `poller` may be null. Returns how many rows of points there were.
  std::int64_t operator()(Observer& observer, Readings& readings, IntervalLog* intervals = nullptr,
                          Poller* poller = nullptr);

  /// The next window begins now, for instance in a child of a fork.
  void begin(std::int64_t now_us);

 private:
  std::mutex mutex_;
  std::int64_t since_us_;
};

}  // namespace inlay::infra
