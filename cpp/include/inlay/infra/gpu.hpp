#pragma once

/// Watches NVIDIA GPUs through the driver's management library.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inlay/clock.hpp"
#include "inlay/export.hpp"
#include "inlay/infra/poller.hpp"
#include "inlay/observer.hpp"

namespace inlay::infra {

/// What to watch and how often. A plain value.
struct GpuOptions {
  /// Indices, "GPU-…" and "MIG-…". Absent: those that `visible` names, or all.
  std::optional<std::vector<std::string>> devices;
  /// CUDA_VISIBLE_DEVICES, if it is set.
  std::optional<std::string> visible;
  std::int64_t fast_us = 100'000, medium_us = 1'000'000, slow_us = 30'000'000;
  std::string library;  ///< path; empty: libnvidia-ml.so.1 wherever the loader finds it
  bool gpm = true;      ///< activity of SMs and tensor cores, where the GPU can tell it
  bool process = true;  ///< this process's memory and share
};

/// A GPU that is watched. A plain value.
struct GpuInfo {
  std::string uuid, name, pci_bus_id;  ///< the bus id as sysfs spells it: "0000:3b:00.0"
  std::uint32_t index = 0;             ///< by the order of the PCI bus
  std::optional<std::uint32_t> cuda;   ///< by the order of CUDA_VISIBLE_DEVICES
  std::optional<std::int32_t> numa_node;
  std::uint32_t links = 0;                      ///< NVLinks
  bool mig = false;                             ///< split into instances
  bool lost = false;                            ///< was there and is not
  std::map<std::string, std::string> topology;  ///< nearest common part to other GPUs, by UUID
};

/// What was found when the library was opened. A plain value.
struct GpuDiscovery {
  std::string status = "undefined";  ///< as of points; undefined: not looked yet
  std::string reason;                ///< why it is not ok, or which GPUs are missing
  std::string driver;                ///< version
  std::string missing;               ///< functions that the library lacks
  std::vector<GpuInfo> devices;
};

/// Reads counters and gauges of GPUs in a native thread, and waits for their events in another.
///
/// The driver's library is looked for at run time, in that thread; where there is none the metric
/// `gpu.count` has status absent and nothing else happens. Each GPU is known by its UUID. One that
/// is lost has status absent until it comes back, whatever its index is then.
///
/// Thread-safe. A child of a fork has no threads and knows no GPU until start() is called there.
class INLAY_API GpuPoller {
 public:
  /// @throws InvalidArgument for a period out of range or a device that is no name of one
  explicit GpuPoller(GpuOptions options, std::shared_ptr<Clock> clock = nullptr);
  ~GpuPoller();
  GpuPoller(const GpuPoller&) = delete;
  GpuPoller& operator=(const GpuPoller&) = delete;

  /// Starts the threads; nothing happens if they run.
  void start();
  /// Ends them; the next start() goes on.
  void stop() noexcept;
  bool running() const noexcept;

  /// From now on events go into this observer's window as soon as they are known.
  void attach(const Observer& observer);

  /// Hands over the window: points, throttle intervals and what is to be told. Attaches.
  void observe(Observer& observer);

  /// What was found; waits up to `timeout_us` for the first look.
  GpuDiscovery discovery(std::int64_t timeout_us) const;

  /// Waits for the next event of GPUs, for callbacks. Nothing after the time, or when interrupted.
  std::optional<Event> next_event(std::int64_t timeout_us);

  /// Lets whoever waits in next_event() go.
  void interrupt() noexcept;

  /// How the tasks fare.
  std::vector<TaskStats> stats() const;

  /// Events that no callback took in time, and intervals that were too many for a window.
  struct Losses {
    std::uint64_t events = 0, intervals = 0;
  };
  Losses losses() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace inlay::infra
