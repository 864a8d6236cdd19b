#include "infra/gpu_events.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "inlay/names.hpp"
#include "metric/core.hpp"

namespace inlay::infra {

namespace {

// A wait ends after this long, so that stopping takes no longer.
constexpr std::uint32_t kWaitMs = 100;
// After an error, so that a driver that always fails costs nothing.
constexpr std::int64_t kPauseMs = 500;
// Timeouts that come this much too early mean that waiting does not block.
constexpr std::int64_t kTooEarlyNs = 1'000'000;

// What some of the driver's errors mean, for those who read the event.
struct XidText {
  std::uint64_t xid;
  const char* text;
};
constexpr XidText kXids[] = {
    {13, "an engine failed, most often a fault of the program"},
    {31, "an address fault, most often of the program"},
    {43, "a program's channel was stopped"},
    {45, "work was ended early"},
    {48, "an uncorrectable memory error"},
    {61, "a failure in the GPU's firmware"},
    {62, "a failure in the GPU's firmware"},
    {63, "a memory row or page was taken out of use"},
    {64, "a memory row or page could not be taken out of use"},
    {74, "an NVLink failed"},
    {79, "the GPU fell off the bus"},
    {92, "many correctable memory errors"},
    {94, "an uncorrectable memory error, contained"},
    {95, "an uncorrectable memory error, not contained"},
    {119, "the GPU's system processor does not answer"},
    {120, "the GPU's system processor failed"},
    {144, "an NVLink failed"},
    {145, "an NVLink failed"},
};

Event event_of(const GpuInfo& info, const char* name, std::int64_t time_us, std::int32_t severity,
               std::string body, std::vector<std::pair<std::string, std::string>> attrs) {
  attrs.emplace_back("gpu", info.uuid);
  attrs.emplace_back("index", std::to_string(info.index));
  Event event;
  event.name = name;
  event.layer = "infra";
  event.time_us = time_us;
  event.severity = severity;
  event.body = std::move(body);
  event.attrs = canonical_json(std::move(attrs));
  return event;
}

}  // namespace

Event lost_event(const GpuInfo& info, std::int64_t time_us, const char* how) {
  return event_of(info, "gpu.lost", time_us, kSevere,
                  info.name + ", GPU " + std::to_string(info.index) + ": " + how, {});
}

Event recovery_event(const GpuInfo& info, std::int64_t time_us, std::uint64_t action) {
  std::string body = "the driver advises an action unknown here";
  if (action == 0) {
    body = "the driver advises nothing any more";
  } else if (action < std::size(kRecoveryActions)) {
    body = std::string("the driver advises: ") + kRecoveryActions[action];
  }
  return event_of(info, "gpu.recovery", time_us, action == 0 ? kInfo : kSevere, std::move(body),
                  {{"action", std::to_string(action)}});
}

// ---- where they go
// -------------------------------------------------------------------------------

EventOutlet::EventOutlet() { enter_fork_table(this, Order::kStores); }

EventOutlet::~EventOutlet() { leave_fork_table(this); }

void EventOutlet::emit(Event event, bool news) noexcept {
  try {
    std::vector<std::shared_ptr<detail::Core>> cores;
    {
      std::lock_guard lock(mutex_);
      for (const auto& weak : cores_) {
        if (auto core = weak.lock()) cores.push_back(std::move(core));
      }
      if (news && cores.empty() && unseen_.size() < kMost) unseen_.push_back(event);
    }
    // Not under our lock: a fork takes the observers' locks after it.
    for (const auto& core : cores) core->add(event);
    if (!news) return;
    std::lock_guard lock(mutex_);
    if (waiting_.size() == kMost) {
      waiting_.pop_front();
      ++dropped_;
    }
    waiting_.push_back(std::move(event));
    arrived_->notify_all();
  } catch (...) {
    std::lock_guard lock(mutex_);
    ++dropped_;  // no memory
  }
}

bool EventOutlet::attach(const Observer& observer) {
  std::vector<Event> unseen;
  {
    std::lock_guard lock(mutex_);
    for (const auto& weak : cores_) {
      if (weak.lock() == observer.core()) return false;
    }
    cores_.erase(std::remove_if(cores_.begin(), cores_.end(),
                                [](const auto& weak) { return weak.expired(); }),
                 cores_.end());
    cores_.push_back(observer.core());
    unseen.swap(unseen_);
  }
  for (Event& event : unseen) observer.core()->add(std::move(event));
  return true;
}

std::optional<Event> EventOutlet::next(std::int64_t timeout_us) {
  std::unique_lock lock(mutex_);
  const std::uint64_t interrupts = interrupts_;
  arrived_->wait_for(lock, std::chrono::microseconds(timeout_us),
                     [&] { return !waiting_.empty() || interrupts_ != interrupts; });
  if (waiting_.empty()) return std::nullopt;
  Event event = std::move(waiting_.front());
  waiting_.pop_front();
  return event;
}

void EventOutlet::interrupt() noexcept {
  std::lock_guard lock(mutex_);
  ++interrupts_;
  arrived_->notify_all();
}

std::uint64_t EventOutlet::dropped() const {
  std::lock_guard lock(mutex_);
  return dropped_;
}

void EventOutlet::after_fork_in_child() noexcept {
  renew(arrived_);
  waiting_.clear();
  unseen_.clear();
  mutex_.unlock();
}

// ---- where they come from
// ------------------------------------------------------------------------

EventThread::EventThread(EventOutlet& outlet, std::shared_ptr<Clock> clock)
    : outlet_(outlet), clock_(std::move(clock)) {
  enter_fork_table(this, Order::kStores);
}

EventThread::~EventThread() {
  stop();
  leave_fork_table(this);
}

Status EventThread::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void EventThread::watch(std::shared_ptr<const NvmlLibrary> nvml, std::vector<EventSource> sources) {
  std::lock_guard lock(mutex_);
  if (nvml_ == nullptr) nvml_ = std::move(nvml);  // the thread reads it without the lock
  sources_ = std::move(sources);
  ++version_;
  stopping_ = false;
  if (!nvml_->event_set_create || !nvml_->register_events || !nvml_->event_set_wait) {
    status_ = Status::kUnsupported;
    return;
  }
  wake_->notify_all();
  if (thread_ != nullptr) return;
  thread_ = std::make_unique<std::thread>([this] { run(); });
  pthread_setname_np(thread_->native_handle(), "inlay-gpu-evt");
}

void EventThread::stop() noexcept {
  std::unique_ptr<std::thread> ending;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_->notify_all();
    ending = std::move(thread_);
  }
  if (ending != nullptr) ending->join();
}

void EventThread::after_fork_in_child() noexcept {
  renew(wake_);
  leave_behind(thread_);
  sources_.clear();
  mutex_.unlock();
}

nvml::EventSet EventThread::make_set(const std::vector<EventSource>& sources, Status& status) {
  constexpr std::uint64_t kWanted = nvml::kEventXid | nvml::kEventDoubleBitEcc |
                                    nvml::kEventPoison | nvml::kEventFatalPoison |
                                    nvml::kEventUnavailable | nvml::kEventRecovery;
  nvml::EventSet set = nullptr;
  nvml::Return code = nvml_->event_set_create(&set);
  bool any = false;
  if (code == nvml::kSuccess) {
    for (const EventSource& source : sources) {
      if (source.info.lost) continue;
      std::uint64_t supported = nvml::kEventXid;
      nvml_->supported_events(source.handle, &supported);
      const nvml::Return result = nvml_->register_events(source.handle, supported & kWanted, set);
      if (result == nvml::kSuccess) {
        any = true;
      } else {
        code = result;
      }
    }
  }
  status = any ? Status::kOk : sources.empty() ? Status::kAbsent : status_of(code);
  if (any || set == nullptr) return set;
  nvml_->event_set_free(set);
  return nullptr;
}

void EventThread::run() {
  std::unique_lock lock(mutex_);
  nvml::EventSet set = nullptr;
  std::vector<EventSource> sources;
  std::uint64_t version = 0;
  while (!stopping_) {
    if (version != version_) {
      version = version_;
      sources = sources_;
      lock.unlock();
      if (set != nullptr) nvml_->event_set_free(set);
      Status status = Status::kUndefined;
      set = make_set(sources, status);
      lock.lock();
      status_ = status;
      continue;
    }
    if (set == nullptr) {
      wake_->wait(lock, [&] { return stopping_ || version != version_; });
      continue;
    }
    lock.unlock();
    nvml::EventData data{};
    const std::int64_t began_ns = steady_now_ns();
    const nvml::Return code = nvml_->event_set_wait(set, &data, kWaitMs);
    if (code == nvml::kSuccess) tell(data, sources);
    const bool blocked = steady_now_ns() - began_ns > kTooEarlyNs;
    lock.lock();
    if (code == nvml::kSuccess || (code == nvml::kTimeout && blocked)) continue;
    wake_->wait_for(lock, std::chrono::milliseconds(code == nvml::kTimeout ? kWaitMs : kPauseMs),
                    [&] { return stopping_ || version != version_; });
    // A GPU that is gone can spoil the set for the others.
    if (code != nvml::kTimeout && version == version_) {
      for (EventSource& source : sources_) source.info.lost = source.told->lost;
      ++version_;
    }
  }
  lock.unlock();
  if (set != nullptr) nvml_->event_set_free(set);
}

void EventThread::tell(const nvml::EventData& data, const std::vector<EventSource>& sources) {
  const std::int64_t now_us = clock_->now().wall_us;
  const auto source = std::find_if(sources.begin(), sources.end(), [&](const EventSource& one) {
    return one.handle == data.device;
  });
  GpuInfo unknown;
  unknown.uuid = "unknown";
  const bool known = source != sources.end();
  const GpuInfo& info = known ? source->info : unknown;
  std::vector<std::pair<std::string, std::string>> attrs;
  if (data.gpu_instance != nvml::kNoInstance) {
    attrs.emplace_back("gpu_instance", std::to_string(data.gpu_instance));
  }
  switch (data.type) {
    case nvml::kEventXid: {
      std::string body = "Xid " + std::to_string(data.data);
      for (const XidText& each : kXids) {
        if (each.xid == data.data) body += std::string(": ") + each.text;
      }
      attrs.emplace_back("xid", std::to_string(data.data));
      outlet_.emit(event_of(info, "gpu.xid", now_us, kSevere, std::move(body), std::move(attrs)));
      break;
    }
    case nvml::kEventUnavailable:
      if (!known || !source->told->lost.exchange(true)) {
        outlet_.emit(lost_event(info, now_us, "the driver says it is unavailable"));
      }
      break;
    case nvml::kEventRecovery: {
      nvml::FieldValue value{};
      value.field = nvml::kFieldRecoveryAction;
      if (!known || nvml_->field_values(data.device, 1, &value) != nvml::kSuccess ||
          value.result != nvml::kSuccess) {
        break;  // the poller will see it
      }
      const std::uint64_t action = whole_value(value.value, value.value_type);
      if (source->told->action.exchange(action) != action) {
        outlet_.emit(recovery_event(info, now_us, action));
      }
      break;
    }
    default: {
      const bool poison = data.type == nvml::kEventPoison || data.type == nvml::kEventFatalPoison;
      attrs.emplace_back("source", "driver");
      attrs.emplace_back("type", poison ? "poison" : "uncorrected");
      outlet_.emit(event_of(info, "gpu.ecc", now_us, kSevere,
                            poison ? "poisoned memory was used" : "an uncorrectable memory error",
                            std::move(attrs)));
    }
  }
}

}  // namespace inlay::infra
