#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "infra/fork_guard.hpp"
#include "infra/gpu_device.hpp"
#include "inlay/infra/gpu.hpp"

namespace inlay::detail {
class Core;
}  // namespace inlay::detail

namespace inlay::infra {

/// Hands events of GPUs to observers at once, and to whoever waits for them. Thread-safe.
class EventOutlet final : public ForkGuarded {
 public:
  EventOutlet();
  ~EventOutlet();

  /// Gives an event to all observers attached, or keeps it for the first one and for next().
  /// @param news false: for observers attached alone
  void emit(Event event, bool news = true) noexcept;

  /// Returns whether the observer is new.
  bool attach(const Observer& observer);

  std::optional<Event> next(std::int64_t timeout_us);
  void interrupt() noexcept;
  std::uint64_t dropped() const;

  void before_fork() noexcept override { mutex_.lock(); }
  void after_fork_in_parent() noexcept override { mutex_.unlock(); }
  void after_fork_in_child() noexcept override;

 private:
  static constexpr std::size_t kMost = 1024;

  mutable std::mutex mutex_;
  std::unique_ptr<std::condition_variable> arrived_{new std::condition_variable};
  std::vector<std::weak_ptr<detail::Core>> cores_;
  std::vector<Event> unseen_;  // by any observer
  std::deque<Event> waiting_;  // for next()
  std::uint64_t dropped_ = 0, interrupts_ = 0;
};

/// A GPU whose events are waited for. A plain value.
struct EventSource {
  nvml::Device handle;
  GpuInfo info;
  std::shared_ptr<GpuTold> told;
};

/// The thread that waits for the driver's events. Thread-safe.
class EventThread final : public ForkGuarded {
 public:
  EventThread(EventOutlet& outlet, std::shared_ptr<Clock> clock);
  ~EventThread();

  /// Waits for the events of these GPUs from now on; starts the thread if there is none.
  void watch(std::shared_ptr<const NvmlLibrary> nvml, std::vector<EventSource> sources);
  void stop() noexcept;

  /// Why events cannot be waited for, or ok.
  Status status() const;

  void before_fork() noexcept override { mutex_.lock(); }
  void after_fork_in_parent() noexcept override { mutex_.unlock(); }
  void after_fork_in_child() noexcept override;

 private:
  void run();
  nvml::EventSet make_set(const std::vector<EventSource>& sources, Status& status);
  void tell(const nvml::EventData& data, const std::vector<EventSource>& sources);

  EventOutlet& outlet_;
  const std::shared_ptr<Clock> clock_;
  mutable std::mutex mutex_;
  std::unique_ptr<std::condition_variable> wake_{new std::condition_variable};
  std::unique_ptr<std::thread> thread_;
  std::shared_ptr<const NvmlLibrary> nvml_;
  std::vector<EventSource> sources_;
  std::uint64_t version_ = 0;  // of sources_
  bool stopping_ = false;
  Status status_ = Status::kUndefined;
};

}  // namespace inlay::infra
