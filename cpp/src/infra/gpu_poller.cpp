#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "infra/fork_guard.hpp"
#include "infra/gpu_device.hpp"
#include "infra/gpu_discovery.hpp"
#include "infra/gpu_events.hpp"
#include "inlay/error.hpp"
#include "inlay/infra/gpu.hpp"
#include "inlay/infra/hand_over.hpp"
#include "inlay/names.hpp"
#include "metric/core.hpp"

namespace inlay::infra {

namespace {

constexpr std::size_t kMostSamples = 2048, kMostProcesses = 1024;
constexpr std::int64_t kHourUs = 3'600'000'000;

// Where nothing can be read, each has one row that says why.
constexpr const char* kMetrics[] = {"gpu.utilization",     "gpu.memory.utilization",
                                    "gpu.memory.used",     "gpu.memory.free",
                                    "gpu.memory.reserved", "gpu.memory.total",
                                    "gpu.power",           "gpu.power.limit",
                                    "gpu.energy",          "gpu.throttle",
                                    "gpu.temperature",     "gpu.temperature.margin",
                                    "gpu.clock",           "gpu.pstate",
                                    "gpu.fan.speed",       "gpu.ecc.errors",
                                    "gpu.rows.remapped",   "gpu.pages.retired",
                                    "gpu.pcie.io",         "gpu.pcie.replays",
                                    "gpu.pcie.generation", "gpu.pcie.width",
                                    "gpu.nvlink.io",       "gpu.nvlink.errors",
                                    "gpu.nvlink.state",    "gpu.fabric.state",
                                    "gpu.fabric.health",   "gpu.recovery_action",
                                    "gpu.sm.activity",     "gpu.sm.occupancy",
                                    "gpu.tensor.activity", "gpu.dram.activity",
                                    "gpu.fp16.activity",   "gpu.fp32.activity",
                                    "gpu.fp64.activity",   "gpu.int.activity",
                                    "gpu.process.memory",  "gpu.process.utilization"};

std::int64_t checked(const char* what, std::int64_t period_us, std::int64_t least_us) {
  if (period_us < least_us || period_us > kHourUs) {
    detail::fail<InvalidArgument>(
        std::string(what) + " must be between " +
            (least_us < 1'000'000 ? std::to_string(least_us / 1000) + " ms" : "1 s") +
            " and an hour; microseconds",
        period_us);
  }
  return period_us;
}

std::shared_ptr<Clock> clock_or_system(std::shared_ptr<Clock> clock) {
  return clock == nullptr ? std::make_shared<SystemClock>() : std::move(clock);
}

}  // namespace

struct GpuPoller::State final : ForkGuarded {
  State(GpuOptions given, std::shared_ptr<Clock> time)
      : options(std::move(given)),
        clock(clock_or_system(std::move(time))),
        poller("inlay-gpu", clock),
        hand_over(clock->now().wall_us),
        event_thread(outlet, clock) {
    check_devices(options);
    checked("fast", options.fast_us, 1000);
    checked("medium", options.medium_us, 100'000);
    checked("slow", options.slow_us, 1'000'000);
    enter_fork_table(this, Order::kStores);
    poller.add("discover", options.slow_us, [this](const Tick& tick) { discover(tick); });
  }

  ~State() {
    poller.stop();
    event_thread.stop();
    leave_fork_table(this);
    devices.clear();
    if (initialized) shared.nvml->shutdown();
  }

  // ---- by the poller's thread ------------------------------------------------------------------
  void discover(const Tick& tick) {
    shared.pid = static_cast<std::uint32_t>(getpid());
    const bool renew = forked.exchange(false);
    if (renew) initialized = false;
    const bool first = devices.empty();
    if (!initialized && !open()) return;
    FoundGpus here = find_gpus(*shared.nvml, options, first);
    if (here.code != nvml::kSuccess) {
      if (first) tell_status(status_of(here.code), return_text(here.code));
      return;
    }
    bool changed = renew;
    for (FoundGpu& gpu : here.gpus) changed = meet(gpu, tick, renew, first) || changed;
    const std::uint32_t count = count_series();
    Readings::Writer(readings).gauge(count, static_cast<double>(here.gpus.size()), tick.time_us);
    if (first) {
      for (const std::string& name : here.absent) tell_absent(name);
    }
    {
      std::lock_guard lock(mutex);
      found.reason = missing_text(here, options);
    }
    if (devices.empty()) {
      tell_status(Status::kAbsent, missing_text(here, options));
      return;
    }
    if (changed) {
      publish();
      watch_events();
    }
    if (first) add_tasks(tick);
    if (!looked) publish();
  }

  bool open() {
    if (shared.nvml == nullptr) {
      std::string reason;
      shared.nvml = NvmlLibrary::open(options.library, reason);
      if (shared.nvml == nullptr) {
        tell_status(Status::kAbsent, reason);
        return false;
      }
      shared.readings = &readings;
      shared.intervals = &intervals;
      shared.emit = [this](Event event) { outlet.emit(std::move(event)); };
      shared.gpm = options.gpm;
      shared.process = options.process;
      shared.samples.resize(kMostSamples);
      shared.processes.resize(kMostProcesses);
      shared.shares.resize(kMostProcesses);
      shared.gpm_room = std::make_unique<nvml::GpmMetrics>();
    }
    const nvml::Return code = start_nvml(*shared.nvml);
    if (code != nvml::kSuccess) {
      tell_status(status_of(code), return_text(code));
      return false;
    }
    initialized = true;
    char version[96] = {};
    shared.nvml->driver_version(version, sizeof(version) - 1);
    driver = version;
    return true;
  }

  /// Takes note of a GPU; whether something about it is new.
  bool meet(FoundGpu& gpu, const Tick& tick, bool renew, bool described) {
    const auto known = std::find_if(devices.begin(), devices.end(), [&](const auto& device) {
      return device->info().uuid == gpu.info.uuid;
    });
    if (known == devices.end()) {
      if (!described) describe_gpu(*shared.nvml, gpu);
      devices.push_back(std::make_unique<GpuDevice>(shared, gpu.handle, gpu.info));
      devices.back()->set_up();
      devices.back()->medium(tick);
      devices.back()->slow(tick);
      devices.back()->fast(tick);
      return true;
    }
    GpuDevice& device = **known;
    if (!renew && !device.info().lost && device.info().index == gpu.info.index &&
        device.handle() == gpu.handle) {
      return false;
    }
    // Lost ones may still be listed: one that is back answers.
    nvml::FieldValue value{};
    value.field = nvml::kFieldLinkCount;
    char uuid[96] = {};
    if (is_lost(shared.nvml->field_values(gpu.handle, 1, &value)) || is_lost(value.result) ||
        shared.nvml->uuid(gpu.handle, uuid, sizeof(uuid) - 1) != nvml::kSuccess) {
      return false;
    }
    device.came_back(gpu.handle, gpu.info.index);
    return true;
  }

  void add_tasks(const Tick&) {
    const auto count = static_cast<std::int64_t>(devices.size());
    const auto each = [this, count](std::int64_t period_us, std::int64_t least_us) {
      return std::max(period_us / count, std::min(least_us, period_us));
    };
    poller.add(
        "fast", options.fast_us,
        [this](const Tick& tick) {
          for (const auto& device : devices) device->fast(tick);
        },
        options.fast_us);
    // One GPU at a time, so that the fast tick never waits for all of them.
    const std::int64_t medium_us = each(options.medium_us, 10'000);
    poller.add(
        "medium", medium_us,
        [this](const Tick& tick) { devices[next_medium++ % devices.size()]->medium(tick); },
        medium_us);
    const std::int64_t slow_us = each(options.slow_us, 100'000);
    poller.add(
        "slow", slow_us,
        [this](const Tick& tick) { devices[next_slow++ % devices.size()]->slow(tick); }, slow_us);
  }

  std::uint32_t count_series() {
    if (!counted) {
      counted = true;
      Series series;
      series.metric = "gpu.count";
      series.unit = "{gpu}";
      count_id = readings.add(std::move(series));
    }
    return count_id;
  }

  void tell_absent(const std::string& name) {
    if (std::find(absent.begin(), absent.end(), name) != absent.end()) return;
    absent.push_back(name);
    Series series;
    series.metric = "gpu.count";
    series.unit = "{gpu}";
    series.attrs = canonical_json({{"gpu", name}});
    const std::uint32_t id = readings.add(std::move(series));
    Readings::Writer(readings).status(id, Status::kAbsent);
  }

  /// Nothing can be read: every metric has one row that says so.
  void tell_status(Status status, const std::string& reason) {
    if (whole.empty()) {
      for (const char* metric : kMetrics) {
        Series series;
        series.metric = metric;
        whole.push_back(readings.add(std::move(series)));
      }
    }
    {
      const std::uint32_t count = count_series();
      Readings::Writer writer(readings);
      for (const std::uint32_t id : whole) writer.status(id, status);
      writer.status(count, status);
    }
    std::lock_guard lock(mutex);
    found.status = status_name(status);
    found.reason = reason;
    found.missing = shared.nvml == nullptr ? "" : shared.nvml->missing;
    looked = true;
    changed_wake->notify_all();
  }

  void publish() {
    std::vector<GpuInfo> infos;
    for (const auto& device : devices) infos.push_back(device->info());
    for (const GpuInfo& info : infos) outlet.emit(info_event(info, driver), false);
    {
      std::lock_guard lock(mutex);
      found.status = "ok";
      found.driver = driver;
      found.missing = shared.nvml->missing;
      found.devices = infos;
      looked = true;
      changed_wake->notify_all();
    }
  }

  void watch_events() {
    std::vector<EventSource> sources;
    for (const auto& device : devices) {
      sources.push_back({device->handle(), device->info(), device->told()});
    }
    event_thread.watch(shared.nvml, std::move(sources));
  }

  Event info_event(const GpuInfo& info, const std::string& version) const {
    Event event;
    event.name = "gpu.info";
    event.layer = "infra";
    event.time_us = clock->now().wall_us;
    event.attrs = canonical_json(info_attrs(info, version));
    return event;
  }

  // ---- forks -----------------------------------------------------------------------------------
  void before_fork() noexcept override { mutex.lock(); }
  void after_fork_in_parent() noexcept override { mutex.unlock(); }
  void after_fork_in_child() noexcept override {
    renew(changed_wake);
    forked = true;
    begun = false;
    mutex.unlock();
  }

  const GpuOptions options;
  const std::shared_ptr<Clock> clock;
  Readings readings;
  IntervalLog intervals;
  EventOutlet outlet;
  Poller poller;
  HandOver hand_over;
  EventThread event_thread;
  std::atomic<bool> forked{false}, begun{false};

  // The poller thread's.
  GpuShared shared;
  std::vector<std::unique_ptr<GpuDevice>> devices;
  bool initialized = false, counted = false;
  std::uint32_t count_id = 0;
  std::size_t next_medium = 0, next_slow = 0;
  std::vector<std::uint32_t> whole;
  std::vector<std::string> absent;
  std::string driver;

  // Everyone's.
  mutable std::mutex mutex;
  std::unique_ptr<std::condition_variable> changed_wake{new std::condition_variable};
  GpuDiscovery found;
  bool looked = false;
};

GpuPoller::GpuPoller(GpuOptions options, std::shared_ptr<Clock> clock)
    : state_(std::make_unique<State>(std::move(options), std::move(clock))) {}

GpuPoller::~GpuPoller() = default;

void GpuPoller::start() {
  if (!state_->begun.exchange(true)) state_->hand_over.begin(state_->clock->now().wall_us);
  state_->poller.start();
}

void GpuPoller::stop() noexcept {
  state_->poller.stop();
  state_->event_thread.stop();
}

bool GpuPoller::running() const noexcept { return state_->poller.running(); }

void GpuPoller::attach(const Observer& observer) {
  if (!state_->outlet.attach(observer)) return;
  std::vector<GpuInfo> infos;
  std::string driver;
  {
    std::lock_guard lock(state_->mutex);
    infos = state_->found.devices;
    driver = state_->found.driver;
  }
  for (const GpuInfo& info : infos) observer.core()->add(state_->info_event(info, driver));
}

void GpuPoller::observe(Observer& observer) {
  attach(observer);
  state_->hand_over(observer, state_->readings, &state_->intervals, &state_->poller);
}

GpuDiscovery GpuPoller::discovery(std::int64_t timeout_us) const {
  std::unique_lock lock(state_->mutex);
  state_->changed_wake->wait_for(lock, std::chrono::microseconds(timeout_us),
                                 [&] { return state_->looked; });
  return state_->found;
}

std::optional<Event> GpuPoller::next_event(std::int64_t timeout_us) {
  return state_->outlet.next(timeout_us);
}

void GpuPoller::interrupt() noexcept { state_->outlet.interrupt(); }

std::vector<TaskStats> GpuPoller::stats() const {
  std::vector<TaskStats> stats;
  const auto size = static_cast<std::uint32_t>(state_->poller.size());
  for (std::uint32_t task = 0; task < size; ++task) stats.push_back(state_->poller.stats(task));
  return stats;
}

GpuPoller::Losses GpuPoller::losses() const {
  return {state_->outlet.dropped(), state_->intervals.dropped()};
}

}  // namespace inlay::infra
