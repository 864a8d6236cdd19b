#pragma once

// Which records are kept as exemplars.

#include <cmath>
#include <limits>
#include <random>

#include "instrument_objects.hpp"

namespace inlay::python {

/// Algorithm L's skips over one thread's stream of records, started anew each window.
struct ExemplarSkips {
  int64_t window = -1;
  uint64_t left = 0;
  double weight = 1.0;
  std::minstd_rand random{std::random_device{}()};

  double uniform() {
    return (static_cast<double>(random()) + 0.5) /
           (static_cast<double>(std::minstd_rand::max()) + 1.0);
  }
  void draw() {
    constexpr double kReservoir = 4.0;
    weight *= std::exp(std::log(uniform()) / kReservoir);
    left = static_cast<uint64_t>(std::min(1e15, std::log(uniform()) / std::log1p(-weight)));
  }
  bool due(int64_t now) {
    if (window != now) {
      window = now;
      weight = 1.0;
      draw();
      left = 0;
    }
    if (left-- > 0) return false;
    draw();
    return true;
  }
};
inline thread_local ExemplarSkips t_skips;

/// The slow side of a hot method: an exemplar may be due, or a fork's restart hook. A Python error
/// that waits to be raised stays as it is.
template <typename Traits>
[[gnu::noinline]] void attend(ObserverState& state, const typename Traits::Handle& handle,
                              double value, double* largest, int64_t* largest_seq) {
  const uint32_t bits = state.observer.attention().load(std::memory_order_relaxed);
  if ((bits & kRestarted) != 0) state.run_restart_hook();
  if constexpr (Traits::kKind == Kind::histogram) {
    if ((bits & kExemplarsWanted) == 0) return;
    const int64_t window = state.observer.window_seq();
    bool wanted = t_skips.due(window);
    if (largest != nullptr) {
      if (*largest_seq != window) {
        *largest_seq = window;
        *largest = -std::numeric_limits<double>::infinity();
      }
      if (value > *largest) {
        *largest = value;
        wanted = true;
      }
    }
    if (wanted && std::isfinite(value)) state.offer_exemplar(handle, value);
  }
}

}  // namespace inlay::python
