#include "call.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>

#include "events.hpp"
#include "scenario.hpp"

namespace fake_nvml {
namespace {

struct State {
  std::mutex mutex;  // of loading and initialising; calls read atomics alone
  std::atomic<World*> world{nullptr};
  std::atomic<int> references{0};
  std::vector<std::unique_ptr<World>> worlds;
  std::atomic<const std::vector<Device*>*> visible{nullptr};
  std::vector<std::unique_ptr<std::vector<Device*>>> lists;
  std::atomic<int> log{-1};
  std::mutex serial;
};

// Never destroyed: threads may still poll while the process ends.
State& state() {
  static State* state = new State;
  return *state;
}

Entry*& entries() noexcept {
  static Entry* head = nullptr;
  return head;
}

void busy_wait(double seconds) {
  const std::int64_t end = monotonic_ns() + std::llround(seconds * 1e9);
  while (monotonic_ns() < end) {
  }
}

void open_log(const World& world) {
  const char* path = std::getenv("INLAY_NVML_LOG");
  const std::string name = path != nullptr ? path : world.log;
  const int fd =
      name.empty() ? -1 : open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const int before = state().log.exchange(fd);
  if (before >= 0) {
    close(before);
  }
}

}  // namespace

Entry::Entry(const char* name) noexcept : name(name), next(entries()) { entries() = this; }

Entry* Entry::first() { return entries(); }

Entry* Entry::find(std::string_view name) {
  for (Entry* entry = entries(); entry != nullptr; entry = entry->next) {
    if (entry->name == name) {
      return entry;
    }
  }
  return nullptr;
}

Call::Call(Entry& entry, bool needs_init) : entry_(entry), world_(current_world()) {
  entry.calls.fetch_add(1, std::memory_order_relaxed);
  if (needs_init && (world_ == nullptr || !is_initialized())) {
    code_ = kUninitialized;
    return;
  }
  if (entry.missing.load(std::memory_order_relaxed)) {
    code_ = kFunctionNotFound;
  }
  wait();
  now_ = world_ != nullptr ? world_->now() : 0;
}

Call::Call(Entry& entry, const Device* device, Group group) : Call(entry) {
  if (failed()) {
    return;
  }
  if (!world_->owns(device)) {
    code_ = kInvalidArgument;
    return;
  }
  device_ = device;
  if (device->is_lost(now_) || (device->is_mig() && device->parent->is_lost(now_))) {
    code_ = kGpuIsLost;
    return;
  }
  code_ = device->refusal(now_, group, &entry_);
}

Call::~Call() {
  if (world_ != nullptr && state().log.load(std::memory_order_relaxed) >= 0) {
    log_call(*world_, entry_, device_, now_, code_);
  }
}

void Call::wait() {
  double latency = entry_.latency.load(std::memory_order_relaxed);
  if (latency <= 0) {
    return;
  }
  const double jitter = entry_.jitter.load(std::memory_order_relaxed);
  if (jitter > 0 && world_ != nullptr) {
    latency += jitter * hashed_unit(world_->seed, entry_.calls.load(std::memory_order_relaxed), 2);
  }
  if (world_ != nullptr && world_->serialized) {
    const std::lock_guard lock(state().serial);
    busy_wait(latency);
  } else {
    busy_wait(latency);
  }
}

World* current_world() { return state().world.load(std::memory_order_acquire); }

bool load_world(const char* path, const char* text, std::string& error) {
  auto world = std::make_unique<World>();
  Functions functions;
  const bool read = text != nullptr ? read_scenario(text, "scenario", *world, functions, error)
                                    : read_scenario_file(path, *world, functions, error);
  if (!read) {
    return false;
  }
  timespec wall{};
  clock_gettime(CLOCK_REALTIME, &wall);
  if (world->epoch < 0) {
    world->epoch = static_cast<double>(wall.tv_sec) + static_cast<double>(wall.tv_nsec) * 1e-9;
  }
  world->start_ns = monotonic_ns();
  const std::lock_guard lock(state().mutex);
  functions.apply();
  open_log(*world);
  list_visible(*world);
  state().world.store(world.get(), std::memory_order_release);
  state().worlds.push_back(std::move(world));
  announce();
  return true;
}

int ensure_world() {
  if (current_world() == nullptr) {
    const char* path = std::getenv("INLAY_NVML_SCENARIO");
    std::string error;
    const bool loaded = path != nullptr && *path != '\0' ? load_world(path, nullptr, error)
                                                         : load_world(nullptr, "", error);
    if (!loaded) {
      std::fprintf(stderr, "fake nvml: %s\n", error.c_str());
      return kUnknown;
    }
  }
  return current_world()->init_error;
}

bool is_initialized() { return state().references.load(std::memory_order_acquire) > 0; }
int references() { return state().references.load(std::memory_order_acquire); }
void set_references(int change) { state().references.fetch_add(change, std::memory_order_acq_rel); }

void log_call(const World& world, const Entry& entry, const Device* device, double at, int code) {
  char line[192];
  char whose[24] = "-";
  if (device != nullptr) {
    const unsigned gpu = device->is_mig() ? device->parent->index : device->index;
    std::snprintf(whose, sizeof whose, device->is_mig() ? "%u:%u" : "%u", gpu, device->instance);
  }
  const int length = std::snprintf(line, sizeof line, "%lld %ld %s %s %d\n", world.timestamp(at),
                                   static_cast<long>(syscall(SYS_gettid)), entry.name, whose, code);
  // One write a line: lines of several threads never mix.
  const ssize_t written =
      write(state().log.load(std::memory_order_relaxed), line, static_cast<std::size_t>(length));
  static_cast<void>(written);
}

void list_visible(World& world) {
  auto list = std::make_unique<std::vector<Device*>>();
  const double now = world.start_ns == 0 ? 0 : world.now();
  for (unsigned i = 0; i < world.gpus; ++i) {
    if (now < world.devices[i].gone_at) {
      list->push_back(&world.devices[i]);
    }
  }
  state().visible.store(list.get(), std::memory_order_release);
  state().lists.push_back(std::move(list));
}

std::uint32_t visible_count() {
  return static_cast<std::uint32_t>(state().visible.load(std::memory_order_acquire)->size());
}

Device* visible_device(std::uint32_t index) {
  const auto& list = *state().visible.load(std::memory_order_acquire);
  return index < list.size() ? list[index] : nullptr;
}

int visible_index(const Device* device) {
  const auto& list = *state().visible.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == device) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

int copy_text(std::string_view text, char* buffer, unsigned length) {
  if (buffer == nullptr) {
    return kInvalidArgument;
  }
  if (text.size() + 1 > length) {
    return kInsufficientSize;
  }
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  return kSuccess;
}

unsigned rounded(double value) {
  return value > 0 ? static_cast<unsigned>(std::llround(std::min(value, 4294967295.0))) : 0;
}

int give_level(Call& call, const Device& device, double value, unsigned* number) {
  if (number == nullptr) {
    return call.gives(kInvalidArgument);
  }
  if (std::isnan(value) || device.is_mig()) {
    return call.gives(kNotSupported);
  }
  *number = rounded(value);
  return kSuccess;
}

}  // namespace fake_nvml
