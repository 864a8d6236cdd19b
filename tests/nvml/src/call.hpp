/// What every exported function does first and last: count, wait, refuse, log.

#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "nvml_types.hpp"
#include "world.hpp"

#define FAKE_NVML_EXPORT extern "C" __attribute__((visibility("default")))

// NOLINTBEGIN(bugprone-macro-parentheses): names and types take none
/// Starts an exported function: `FAKE_NVML_FUNCTION(nvmlDeviceGetIndex, Device*, unsigned*) {`
#define FAKE_NVML_FUNCTION(function, ...)                 \
  static fake_nvml::Entry entry_of_##function(#function); \
  FAKE_NVML_EXPORT int function(__VA_ARGS__)

/// A function that writes one number of `device` through its last argument.
#define FAKE_NVML_NUMBER(function, type, group, what)                           \
  FAKE_NVML_FUNCTION(function, fake_nvml::Device* device, type* number) {       \
    fake_nvml::Call call(entry_of_##function, device, fake_nvml::Group::group); \
    if (call.failed()) {                                                        \
      return call.code();                                                       \
    }                                                                           \
    if (number == nullptr) {                                                    \
      return call.gives(fake_nvml::kInvalidArgument);                           \
    }                                                                           \
    *number = static_cast<type>(what);                                          \
    return fake_nvml::kSuccess;                                                 \
  }
// NOLINTEND(bugprone-macro-parentheses)

namespace fake_nvml {

/// One exported function; all of them are known once the library is loaded.
struct Entry {
  explicit Entry(const char* name) noexcept;

  static Entry* find(std::string_view name);
  static Entry* first();

  const char* name;
  std::atomic<std::uint64_t> calls{0};
  std::atomic<double> latency{0};  // seconds
  std::atomic<double> jitter{0};
  std::atomic<bool> missing{false};
  Entry* next;
};

/// Lives as long as the call. Safe from any thread; what it reads is fixed once loaded.
class Call {
 public:
  explicit Call(Entry& entry, bool needs_init = true);
  /// Also looks at the device and whether the group's calls are refused.
  Call(Entry& entry, const Device* device, Group group);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  bool failed() const { return code_ != kSuccess; }
  int code() const { return code_; }
  /// Notes what the call gives back.
  int gives(int code) {
    code_ = code;
    return code;
  }
  const World& world() const { return *world_; }
  double now() const { return now_; }

 private:
  void wait();

  Entry& entry_;
  const World* world_;
  const Device* device_ = nullptr;
  double now_ = 0;
  int code_ = kSuccess;
};

/// The scenario's world, or null before one is loaded. Worlds stay until the process ends.
World* current_world();
/// Replaces the world; false and `error` when the scenario is wrong.
bool load_world(const char* path, const char* text, std::string& error);
/// Loads what the environment names unless something is loaded; 0 or an error code.
int ensure_world();

bool is_initialized();
void set_references(int change);
int references();
/// Tells waiting threads that the clock has moved.
void announce();
void log_call(const World& world, const Entry& entry, const Device* device, double at, int code);

/// Devices that callers see, in their order, as of the last initialisation.
std::uint32_t visible_count();
Device* visible_device(std::uint32_t index);
int visible_index(const Device* device);
void list_visible(World& world);

/// Writes text as the caller's buffer of `length` takes it.
int copy_text(std::string_view text, char* buffer, unsigned length);
unsigned rounded(double value);
/// A level as callers get it, whole; not supported where there is none (NaN), and by instances.
int give_level(Call& call, const Device& device, double value, unsigned* number);

}  // namespace fake_nvml
