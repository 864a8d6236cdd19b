#include "inlay/infra/hand_over.hpp"

#include <utility>

#include "metric/core.hpp"

namespace inlay::infra {

std::int64_t HandOver::operator()(Observer& observer, Readings& readings, IntervalLog* intervals,
                                  Poller* poller) {
  std::lock_guard lock(mutex_);
  ReadingsWindow window;
  window.time_us = observer.now_us();
  window.start_us = since_us_ < window.time_us ? since_us_ : window.time_us;
  window.service_name = observer.core()->options().service_name;
  since_us_ = window.time_us;
  std::vector<Event> events;
  const Table points = readings.take(window, events);
  if (intervals != nullptr) intervals->take(events);
  if (poller != nullptr) poller->take(events);
  if (points.num_rows() > 0) observer.points(points);
  for (Event& event : events) observer.event(std::move(event));
  return points.num_rows();
}

void HandOver::begin(std::int64_t now_us) {
  std::lock_guard lock(mutex_);
  since_us_ = now_us;
}

}  // namespace inlay::infra
