#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "infra/gpu_catalog.hpp"
#include "infra/nvml_library.hpp"
#include "inlay/infra/gpu.hpp"
#include "inlay/infra/intervals.hpp"
#include "inlay/infra/poller.hpp"
#include "inlay/infra/readings.hpp"

namespace inlay::infra {

/// What was told of a GPU, by whichever thread saw it first. Thread-safe.
struct GpuTold {
  std::atomic<std::uint64_t> action{0};  ///< what the driver advises
  std::atomic<bool> lost{false};
};

/// The events of a GPU, made the same by both threads.
Event lost_event(const GpuInfo& info, std::int64_t time_us, const char* how);
Event recovery_event(const GpuInfo& info, std::int64_t time_us, std::uint64_t action);

/// What all devices of a poller share. A plain value; what it points to outlives the devices.
struct GpuShared {
  std::shared_ptr<const NvmlLibrary> nvml;
  Readings* readings;
  IntervalLog* intervals;
  std::function<void(Event)> emit;  ///< hands an event on at once
  bool gpm = true, process = true;
  std::uint32_t pid = 0;
  /// GPM refreshes its samples this often; two that are closer tell nothing.
  std::int64_t gpm_refresh_ns = 100'000'000;
  std::vector<nvml::Sample> samples;           ///< room for buffered samples
  std::vector<nvml::Process> processes;        ///< room for running processes
  std::vector<nvml::ProcessSample> shares;     ///< room for their shares
  std::unique_ptr<nvml::GpmMetrics> gpm_room;  ///< what one call of GPM reads and writes
};

/// One GPU: what it is, and reading it. Used by the poller's thread alone.
class GpuDevice {
 public:
  GpuDevice(GpuShared& shared, nvml::Device handle, GpuInfo info);
  ~GpuDevice();
  GpuDevice(const GpuDevice&) = delete;
  GpuDevice& operator=(const GpuDevice&) = delete;

  const GpuInfo& info() const noexcept { return info_; }
  GpuInfo& info() noexcept { return info_; }
  nvml::Device handle() const noexcept { return handle_; }
  const std::shared_ptr<GpuTold>& told() const noexcept { return told_; }

  /// Finds out what this GPU can tell and makes its series. Allocates.
  void set_up();

  /// Read a tier. They allocate nothing, but where something new turns up.
  void fast(const Tick& tick);
  void medium(const Tick& tick);
  void slow(const Tick& tick);

  /// The GPU is there again, perhaps at another index.
  void came_back(nvml::Device handle, std::uint32_t index);

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  /// What a field value feeds.
  struct Slot {
    std::uint32_t series = kNone, track = kNone;
    ReadingKind kind = ReadingKind::kGauge;
    bool stall = false;   // of time: nanoseconds
    bool active = false;  // the interval of `track` is open
    bool recovery = false;
    std::uint64_t step = 0;
  };
  struct Fields {
    std::vector<nvml::FieldValue> values;
    std::vector<Slot> slots;
  };
  /// An instance of a GPU that is split.
  struct Instance {
    nvml::Device handle = nullptr;
    std::string uuid;
    std::uint32_t gpu_instance = nvml::kNoInstance;
    std::uint32_t used = kNone, free = kNone, total = kNone;
    nvml::GpmSample samples[2] = {};
    std::vector<std::uint32_t> shares;
    int next_sample = 0;
    bool has_sample = false;
  };
  struct Buffered {
    std::uint32_t kind, series;
    double factor;
    std::uint64_t last_seen_us;
    bool works;
  };

  /// A series that no field tells.
  struct Unread {
    const FieldSpec* spec;
    std::uint32_t series;
  };

  using Attrs = std::vector<std::pair<std::string, std::string>>;
  std::uint32_t add_series(const char* metric, const char* unit, ReadingKind kind, double factor,
                           Attrs attrs = {}, std::uint64_t modulus = 0, bool sparse = false);
  std::uint32_t add_track(const char* name, Attrs attrs, const char* amount, double factor,
                          std::int32_t severity);

  void set_up_fields();
  void set_up_links();
  void set_up_ecc();
  void set_up_gpm();
  void set_up_samples();
  void set_up_gauges();
  void probe(std::vector<nvml::FieldValue>& values);
  void keep(Tier tier, const nvml::FieldValue& value, Slot slot);

  bool read_fields(Tier tier, const Tick& tick);
  void feed(Tier tier, const Tick& tick);
  void read_gpm(const Tick& tick);
  void read_state(const Tick& tick);
  void read_utilization(const Tick& tick);
  void read_samples(const Tick& tick);
  void read_memory(const Tick& tick);
  void read_processes(const Tick& tick);
  void read_instances(const Tick& tick);
  void read_fabric(const Tick& tick);
  void read_fans(const Tick& tick);
  void read_instance_gpm(Instance& instance, const Tick& tick);
  void find_instances();
  void free_gpm() noexcept;

  /// Tells once that the GPU is gone, and gives its series the status.
  void lose(std::int64_t time_us, const char* how);
  bool lost(nvml::Return code, const Tick& tick);
  void value_or_status(Readings::Writer& writer, std::uint32_t series, nvml::Return code,
                       double value, std::int64_t time_us);

  GpuShared& shared_;
  nvml::Device handle_;
  GpuInfo info_;
  std::vector<std::uint32_t> all_series_;
  Fields fields_[3];
  std::int64_t before_us_[3] = {};
  std::vector<Unread> unread_;
  const std::shared_ptr<GpuTold> told_ = std::make_shared<GpuTold>();

  bool gpm_ = false;
  nvml::GpmSample gpm_samples_[2] = {};
  int gpm_next_ = 0;
  bool gpm_has_sample_ = false;
  std::int64_t gpm_time_ns_ = 0;
  std::vector<std::uint32_t> gpm_ids_;
  std::vector<std::uint32_t> gpm_series_;
  // By the place of their id: what rates add up to, and what one of them is in a second; 0 where
  // the figure is no rate.
  std::vector<double> gpm_totals_, gpm_per_second_;

  std::vector<Buffered> buffered_;
  bool poll_utilization_ = false;
  std::uint32_t power_field_ = 0, utilization_ = kNone, memory_utilization_ = kNone;
  std::uint32_t memory_used_ = kNone, memory_free_ = kNone, memory_total_ = kNone,
                memory_reserved_ = kNone;
  std::uint32_t temperature_ = kNone, margin_ = kNone, pstate_ = kNone;
  std::uint32_t clocks_[std::size(kClocks)] = {};
  std::uint32_t pcie_generation_ = kNone, pcie_width_ = kNone;
  std::uint32_t fabric_state_ = kNone, fabric_health_ = kNone;
  std::vector<std::uint32_t> fans_;
  std::uint32_t process_memory_ = kNone, process_utilization_ = kNone;
  std::uint64_t process_seen_us_ = 0;
  std::vector<std::unique_ptr<Instance>> instances_;
};

/// The current time on the clock that never jumps, in nanoseconds.
std::int64_t steady_now_ns() noexcept;

}  // namespace inlay::infra
