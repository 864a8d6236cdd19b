#pragma once

// Which records are kept as exemplars.

#include <cmath>
#include <limits>
#include <random>

#include "instrument_objects.hpp"

namespace inlay::python {

/// Algorithm L's skips over one thread's stream of records, started anew each window. Plain data:
/// every record looks at it, so that it must need no guard.
struct ExemplarSkips {
  uint32_t window;  // as in the word of Attention
  uint32_t random;  // 0: not seeded yet
  uint64_t left;
  double weight;

  double uniform() {
    std::minstd_rand next(random != 0 ? random : std::random_device{}());
    random = static_cast<uint32_t>(next());
    return (static_cast<double>(random) + 0.5) /
           (static_cast<double>(std::minstd_rand::max()) + 1.0);
  }
  void draw() {
    constexpr double kReservoir = 4.0;
    weight *= std::exp(std::log(uniform()) / kReservoir);
    left = static_cast<uint64_t>(std::min(1e15, std::log(uniform()) / std::log1p(-weight)));
  }
  bool due(uint32_t now) {
    if (window != now) {
      window = now;
      weight = 1.0;
      draw();
      left = 0;
    }
    if (left > 0) {
      --left;
      return false;
    }
    draw();
    return true;
  }
};
#if defined(__GLIBC__)
__attribute__((tls_model("initial-exec")))
#endif
inline constinit thread_local ExemplarSkips t_skips{~uint32_t{0}, 0, 0, 1.0};

inline uint32_t window_of(uint32_t attention) { return attention / kAttentionWindow; }

/// The slow side of a hot method: an exemplar may be due, or a fork's restart hook. A Python error
/// that waits to be raised stays as it is. `about`, a borrowed object or null, is what the source
/// of exemplars is told of the record.
template <typename Traits>
[[gnu::noinline]] void attend(ObserverState& state, const typename Traits::Handle& handle,
                              double value, double* largest, uint32_t* largest_window,
                              PyObject* about = nullptr) {
  const uint32_t bits = state.observer.attention().load(std::memory_order_relaxed);
  if ((bits & kRestarted) != 0) state.run_restart_hook();
  if constexpr (Traits::kKind == Kind::histogram) {
    if ((bits & kExemplarsWanted) == 0) return;
    const uint32_t window = window_of(bits);
    bool wanted = t_skips.due(window);
    if (largest != nullptr) {
      if (*largest_window != window) {
        *largest_window = window;
        *largest = -std::numeric_limits<double>::infinity();
      }
      if (value > *largest) {
        *largest = value;
        wanted = true;
      }
    }
    if (wanted && std::isfinite(value)) state.offer_exemplar(handle, value, about);
  }
}

/// Whether this record needs no attention, as all but a few of a window: the first one, those the
/// skips choose, new maxima. `largest` is null where no maximum is kept.
template <typename Traits>
inline bool passes(uint32_t bits, double value, const double* largest, uint32_t largest_window) {
  if constexpr (Traits::kKind == Kind::histogram) {
    if ((bits & kAttentionFlags) == 0) return true;
    const uint32_t window = window_of(bits);
    if ((bits & kRestarted) != 0 || t_skips.window != window || t_skips.left == 0) return false;
    if (largest != nullptr && (largest_window != window || value > *largest)) return false;
    --t_skips.left;
    return true;
  } else {
    return (bits & kRestarted) == 0;
  }
}

}  // namespace inlay::python
