#include "inlay/clock.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <vector>

namespace inlay {

ClockListener::~ClockListener() = default;
Clock::~Clock() = default;

Instant SystemClock::now() const noexcept {
  using namespace std::chrono;
  return {duration_cast<microseconds>(system_clock::now().time_since_epoch()).count(),
          duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count()};
}

struct ManualClock::State {
  mutable std::mutex mutex;
  // Held while listeners run, so that none of them goes away in the middle of its call.
  std::recursive_mutex notifying;
  Instant instant;
  uint64_t version = 0;
  std::vector<ClockListener*> listeners;
};

ManualClock::ManualClock(int64_t wall_us) : state_(std::make_unique<State>()) {
  state_->instant = {wall_us, 1'000'000'000};
}

ManualClock::~ManualClock() = default;

Instant ManualClock::now() const noexcept {
  std::lock_guard lock(state_->mutex);
  return state_->instant;
}

void ManualClock::advance(int64_t us) {
  std::lock_guard notifying(state_->notifying);
  std::vector<ClockListener*> listeners;
  uint64_t version;
  {
    std::lock_guard lock(state_->mutex);
    state_->instant.wall_us += us;
    state_->instant.steady_ns += us * 1000;
    version = ++state_->version;
    listeners = state_->listeners;
  }
  for (auto* listener : listeners) listener->clock_moved(version);
}

void ManualClock::jump(int64_t us) {
  std::lock_guard notifying(state_->notifying);
  std::vector<ClockListener*> listeners;
  uint64_t version;
  {
    std::lock_guard lock(state_->mutex);
    state_->instant.wall_us += us;
    version = ++state_->version;
    listeners = state_->listeners;
  }
  for (auto* listener : listeners) listener->clock_moved(version);
}

void ManualClock::add_listener(ClockListener* listener) {
  std::lock_guard notifying(state_->notifying);
  std::lock_guard lock(state_->mutex);
  state_->listeners.push_back(listener);
}

void ManualClock::remove_listener(ClockListener* listener) {
  std::lock_guard notifying(state_->notifying);
  std::lock_guard lock(state_->mutex);
  auto& all = state_->listeners;
  all.erase(std::remove(all.begin(), all.end(), listener), all.end());
}

}  // namespace inlay
