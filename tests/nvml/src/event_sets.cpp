// Sets of events that callers wait on.

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "call.hpp"
#include "events.hpp"

using namespace fake_nvml;

namespace fake_nvml {
namespace {

struct Registration {
  Device* device;
  std::uint64_t mask;
  double since;
  std::size_t next = 0;  // of the device's events
};

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 14> kKinds{{
    {"sbe", event::kSingleBitEcc},
    {"dbe", event::kDoubleBitEcc},
    {"pstate", event::kPstate},
    {"xid", event::kXid},
    {"clock", event::kClock},
    {"power_source", event::kPowerSource},
    {"mig", event::kMigChange},
    {"sbe_storm", event::kSingleBitEccStorm},
    {"dram_retirement", event::kDramRetirement},
    {"dram_retirement_failure", event::kDramRetirementFailure},
    {"poison", event::kNonFatalPoison},
    {"fatal_poison", event::kFatalPoison},
    {"unavailable", event::kGpuUnavailable},
    {"recovery", event::kRecoveryAction},
}};

// One for all sets: it only wakes them to look.
std::mutex& clock_mutex() {
  static std::mutex* mutex = new std::mutex;
  return *mutex;
}

std::condition_variable& clock_moved() {
  static std::condition_variable* moved = new std::condition_variable;
  return *moved;
}

}  // namespace

struct EventSet {
  const World* world;
  std::vector<Registration> registrations;
};

std::uint64_t find_event(std::string_view name) {
  for (const auto& [known, type] : kKinds) {
    if (known == name) {
      return type;
    }
  }
  return 0;
}

void announce() {
  const std::lock_guard lock(clock_mutex());
  clock_moved().notify_all();
}

namespace {

/// The registration whose next event is the earliest, if there is one at or before `limit`.
Registration* earliest(EventSet& set, double& at) {
  Registration* found = nullptr;
  for (Registration& one : set.registrations) {
    const auto& events = one.device->events;
    while (one.next < events.size() &&
           (events[one.next].at < one.since || (events[one.next].type & one.mask) == 0)) {
      ++one.next;
    }
    if (one.next < events.size() && events[one.next].at < at) {
      at = events[one.next].at;
      found = &one;
    }
  }
  return found;
}

bool has_lost(const EventSet& set, double now) {
  return std::any_of(set.registrations.begin(), set.registrations.end(),
                     [now](const Registration& one) { return one.device->is_lost(now); });
}

void fill(Registration& from, bool instances, EventData& data) {
  const Event& event = from.device->events[from.next++];
  data.device = from.device;
  data.type = event.type;
  data.data = event.data;
  if (instances) {
    data.gpu_instance = event.gpu_instance;
    data.compute_instance = event.gpu_instance;
  }
}

int wait(Call& call, EventSet* set, EventData* data, unsigned timeout_ms, bool instances) {
  if (call.failed()) {
    return call.code();
  }
  const World& world = call.world();
  if (set == nullptr || data == nullptr || set->world != &world) {
    return call.gives(kInvalidArgument);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  std::unique_lock lock(clock_mutex());
  while (true) {
    const double now = world.now();
    double at = kForever;
    Registration* next = earliest(*set, at);
    if (next != nullptr && at <= now) {
      fill(*next, instances, *data);
      return kSuccess;
    }
    // A GPU off the bus makes each wait return at once, after what it still had to tell.
    if (has_lost(*set, now)) {
      return call.gives(kGpuIsLost);
    }
    for (const Registration& one : set->registrations) {
      for (const Window& lost : one.device->lost) {
        at = lost.start > now ? std::min(at, lost.start) : at;
      }
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return call.gives(kTimeout);
    }
    auto until = deadline;
    if (!world.manual && at - now < 1e6) {
      until = std::min(
          until, std::chrono::steady_clock::now() +
                     std::chrono::nanoseconds(static_cast<std::int64_t>((at - now) * 1e9) + 1000));
    }
    clock_moved().wait_until(lock, until);
  }
}

}  // namespace
}  // namespace fake_nvml

FAKE_NVML_FUNCTION(nvmlEventSetCreate, EventSet** set) {
  Call call(entry_of_nvmlEventSetCreate);
  if (call.failed()) {
    return call.code();
  }
  if (set == nullptr) {
    return call.gives(kInvalidArgument);
  }
  *set = new EventSet{&call.world(), {}};
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlEventSetFree, EventSet* set) {
  Call call(entry_of_nvmlEventSetFree);
  if (!call.failed() && set == nullptr) {
    return call.gives(kInvalidArgument);
  }
  delete set;
  return call.code();
}

FAKE_NVML_NUMBER(nvmlDeviceGetSupportedEventTypes, unsigned long long, kEvents,
                 device->is_mig() ? 0 : event::kAll)

FAKE_NVML_FUNCTION(nvmlDeviceRegisterEvents, Device* device, unsigned long long mask,
                   EventSet* set) {
  Call call(entry_of_nvmlDeviceRegisterEvents, device, Group::kEvents);
  if (call.failed()) {
    return call.code();
  }
  if (set == nullptr || set->world != &call.world() || (mask & ~event::kAll) != 0) {
    return call.gives(kInvalidArgument);
  }
  if (device->is_mig()) {
    return call.gives(kNotSupported);
  }
  const std::lock_guard lock(clock_mutex());
  set->registrations.push_back({device, mask, call.now()});
  return kSuccess;
}

FAKE_NVML_FUNCTION(nvmlEventSetWait, EventSet* set, EventData* data, unsigned timeout_ms) {
  Call call(entry_of_nvmlEventSetWait);
  return wait(call, set, data, timeout_ms, false);
}

FAKE_NVML_FUNCTION(nvmlEventSetWait_v2, EventSet* set, EventData* data, unsigned timeout_ms) {
  Call call(entry_of_nvmlEventSetWait_v2);
  return wait(call, set, data, timeout_ms, true);
}
