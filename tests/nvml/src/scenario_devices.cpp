#include "scenario_devices.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "call.hpp"
#include "events.hpp"

namespace fake_nvml {
namespace {

// As a DGX H100 numbers the buses of its GPUs.
constexpr std::array<unsigned, 8> kBuses{0x1b, 0x43, 0x52, 0x61, 0x9d, 0xc3, 0xd1, 0xdf};
constexpr unsigned kCpusOfNode = 56;
// Of `throttle … every`: at one every 2 s these are two hours, unless more are asked for.
constexpr unsigned kWindows = 4096;
constexpr unsigned kMostWindows = 16384;

constexpr std::array<std::pair<std::string_view, unsigned>, 15> kLinkFields{{
    {"state", field::kNvlinkState},
    {"speed", field::kNvlinkSpeed},
    {"replay", field::kNvlinkReplay},
    {"recovery", field::kNvlinkRecovery},
    {"crc", field::kNvlinkCrc},
    {"malformed", field::kNvlinkMalformedPackets},
    {"overrun", field::kNvlinkBufferOverruns},
    {"rcv_errors", field::kNvlinkRcvErrors},
    {"link_recovery", field::kNvlinkLinkRecovery},
    {"link_recovery_successful", field::kNvlinkLinkRecoverySuccessful},
    {"link_recovery_failed", field::kNvlinkLinkRecoveryFailed},
    {"effective_errors", field::kNvlinkEffectiveErrors},
    {"effective_ber", field::kNvlinkEffectiveBer},
    {"symbol_errors", field::kNvlinkSymbolErrors},
    {"symbol_ber", field::kNvlinkSymbolBer},
}};

std::string make_uuid(std::uint64_t seed, unsigned gpu, unsigned instance, const char* prefix) {
  const auto part = [&](std::uint64_t which) {
    return static_cast<std::uint64_t>(hashed_unit(seed, gpu * 131 + instance, which) * 0x1p48);
  };
  char text[48];
  std::snprintf(text, sizeof text, "%s-%08llx-%04llx-4%03llx-8%03llx-%012llx", prefix,
                static_cast<unsigned long long>(part(3) & 0xffffffffU),
                static_cast<unsigned long long>(part(4) & 0xffffU),
                static_cast<unsigned long long>(part(5) & 0xfffU),
                static_cast<unsigned long long>(part(6) & 0xfffU),
                static_cast<unsigned long long>(part(7)));
  return text;
}

void set_defaults(Device& device) {
  for (std::size_t i = 0; i < kQuantities; ++i) {
    device.signals[i] = Signal(spec(static_cast<Quantity>(i)).base);
  }
}

double absent_or_number(Words& words, std::string_view what) {
  return words.accept("absent") ? std::nan("") : words.number(what);
}

/// What a signal does from `at` on, or how it is shown.
void read_shape(Words& words, double at, Signal& signal, std::uint64_t seed) {
  Change change;
  change.at = at;
  if (words.accept("wrap")) {
    signal.set_modulus(words.number("a modulus"));
    return words.finish();
  }
  if (words.accept("saturate")) {
    signal.set_ceiling(words.number("a ceiling"));
    return words.finish();
  }
  if (words.accept("jitter")) {
    signal.set_jitter(words.number("an amount"), seed);
    return words.finish();
  }
  if (words.accept("refresh_ms")) {
    signal.set_refresh(words.time("milliseconds", 1e-3));
    return words.finish();
  }
  if (words.accept("add")) {
    change.a = words.number("a number");
    change.add = true;
  } else if (words.accept("rate")) {
    change.shape = Shape::kRate;
    change.b = words.number("a rate");
    change.a = words.accept("from") ? words.number("a number") : std::nan("");
  } else {
    for (const auto& [name, shape] :
         {std::pair{"ramp", Shape::kRamp}, std::pair{"wave", Shape::kWave},
          std::pair{"square", Shape::kSquare}}) {
      if (change.shape == Shape::kHold && words.accept(name)) {
        change.shape = shape;
        change.a = words.number("a number");
        change.b = words.number("a second number");
        change.duration = words.time("a time");
        if (change.duration <= 0) {
          throw ScenarioError("a time of 0 for a " + std::string(name));
        }
      }
    }
    if (change.shape == Shape::kHold) {
      change.a = absent_or_number(words, "a number");
    }
  }
  if (words.accept("for")) {
    change.until = at + words.time("a time");
  }
  words.finish();
  signal.change(change);
}

void read_throttle(Words& words, double at, Device& device) {
  const std::string name = words.take("cause");
  const Cause cause = find_cause(name);
  if (cause == Cause::kCount) {
    throw ScenarioError("unknown cause " + quoted(name));
  }
  double duration = kForever;
  double period = 0;
  double clock = 0;
  unsigned times = kWindows;
  while (!words.empty()) {
    if (words.accept("for")) {
      duration = words.time("a time");
    } else if (words.accept("every")) {
      period = words.time("a time");
    } else if (words.accept("times")) {
      times = words.integer("a number of times", 1, kMostWindows);
    } else if (words.accept("clock")) {
      clock = words.number("a clock");
    } else {
      words.finish();
    }
  }
  if (period <= 0) {
    device.throttle.add(cause, at, at + duration, clock);
    return;
  }
  if (duration > period) {
    throw ScenarioError("a throttle that lasts longer than its period");
  }
  for (unsigned i = 0; i < times; ++i) {
    device.throttle.add(cause, at + i * period, at + i * period + duration, clock);
  }
}

void read_refusal(Words& words, double at, Device& device, int code) {
  Refusal refusal;
  refusal.start = at;
  const std::string what = words.take("group, function or field");
  refusal.group = find_group(what);
  if (refusal.group == Group::kCount) {
    refusal.function = Entry::find(what);
  }
  if (refusal.group == Group::kCount && refusal.function == nullptr) {
    if (what != "field") {
      throw ScenarioError("unknown group or function " + quoted(what));
    }
    refusal.field = static_cast<int>(words.integer("a field's number", 1, field::kCount - 1));
  }
  refusal.code = code != 0 ? code : parse_code(words.take("error"));
  if (words.accept("for")) {
    refusal.end = at + words.time("a time");
  }
  words.finish();
  device.refusals.push_back(refusal);
}

void read_process(Words& words, double at, Device& device) {
  Process process;
  const std::string pid = words.take("process number");
  process.pid = pid == "self" ? 0 : parse_integer(pid, "a process number", 1, 0x7fffffffU);
  process.start = at;
  while (!words.empty()) {
    if (words.accept("memory")) {
      process.memory = words.number("bytes");
    } else if (words.accept("sm")) {
      process.sm = words.number("a percentage");
    } else if (words.accept("memory_utilization")) {
      process.memory_utilization = words.number("a percentage");
    } else if (words.accept("name")) {
      process.name = words.take("name");
    } else if (words.accept("for")) {
      process.end = at + words.time("a time");
    } else if (words.accept("type")) {
      const std::string type = words.take("type");
      if (type != "compute" && type != "graphics" && type != "mps") {
        throw ScenarioError("unknown type of process " + quoted(type));
      }
      process.type = type == "compute"    ? ProcessType::kCompute
                     : type == "graphics" ? ProcessType::kGraphics
                                          : ProcessType::kMps;
    } else {
      words.finish();
    }
  }
  device.processes.push_back(process);
}

void read_field(Words& words, double at, Device& device, std::uint64_t seed) {
  const std::string which = words.take("field's number");
  const std::size_t colon = which.find(':');
  const unsigned id =
      parse_integer(which.substr(0, colon), "a field's number", 1, field::kCount - 1);
  const unsigned scope =
      colon == std::string::npos ? 0 : parse_integer(which.substr(colon + 1), "a scope", 0, ~0U);
  device.field_written[id] = true;
  auto [place, added] = device.fields.try_emplace(Device::key(id, scope), 0.0);
  read_shape(words, at, place->second, seed);
}

void read_link(Words& words, double at, Device& device, std::uint64_t seed) {
  const std::string which = words.take("link");
  const std::string name = words.take("quantity of a link");
  unsigned id = 0;
  for (const auto& [known, number] : kLinkFields) {
    id = known == name ? number : id;
  }
  if (id == 0) {
    throw ScenarioError("unknown quantity of a link " + quoted(name));
  }
  device.field_written[id] = true;
  for (const unsigned link : parse_selector(which, device.nvlinks, "link")) {
    // Of the state and the speed there is one for all links until a line tells of this one.
    const double base = id == field::kNvlinkState   ? device[Quantity::nvlink_state].base()
                        : id == field::kNvlinkSpeed ? device[Quantity::nvlink_speed].base()
                                                    : 0;
    auto [place, added] = device.fields.try_emplace(Device::key(id, link), base);
    Words copy = words;
    read_shape(copy, at, place->second, seed);
  }
}

void read_pci(Words& words, Device& device) {
  const std::string text = words.take("PCI bus id");
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned slot = 0;
  if (!parse_bus_id(text, domain, bus, slot)) {
    throw ScenarioError("not a PCI bus id such as 0000:1b:00.0: " + quoted(text));
  }
  device.domain = domain;
  device.bus = bus;
  device.slot = slot;
}

/// True if the word was one of what a device is called and where it is.
bool read_identity(const std::string& word, Words& words, Device& device) {
  if (word == "uuid") {
    device.uuid = words.take("UUID");
  } else if (word == "name") {
    device.name = words.take("name");
  } else if (word == "serial") {
    device.serial = words.take("serial number");
  } else if (word == "pci") {
    read_pci(words, device);
  } else if (word == "numa") {
    device.numa = static_cast<int>(words.integer("a node", 0, 1023));
  } else if (word == "cpus") {
    const std::string range = words.take("range of CPUs");
    const std::vector<unsigned> cpus = parse_selector(range, 4096, "CPU");
    device.first_cpu = cpus.front();
    device.last_cpu = cpus.back();
  } else {
    return false;
  }
  return true;
}

/// True if the word was an event, or what goes on until its end.
bool read_happening(const std::string& word, Words& words, double at, Device& device) {
  if (word == "xid") {
    device.events.push_back({at, event::kXid, words.integer("an Xid", 1, 100000)});
  } else if (word == "event") {
    const std::string kind = words.take("kind of event");
    const std::uint64_t type = find_event(kind);
    if (type == 0) {
      throw ScenarioError("unknown kind of event " + quoted(kind));
    }
    const unsigned data = words.empty() ? 0 : words.integer("the event's data", 0, ~0U);
    device.events.push_back({at, type, data});
  } else if (word == "recovery") {
    const unsigned action = words.integer("a recovery action", 0, 255);
    device.events.push_back({at, event::kRecoveryAction, action});
    Change change;
    change.at = at;
    change.a = action;
    device[Quantity::recovery_action].change(change);
  } else if (word == "lost") {
    const double end = words.accept("for") ? at + words.time("a time") : kForever;
    device.lost.push_back({at, end});
    device.events.push_back({at, event::kGpuUnavailable, 0});
  } else if (word == "gone") {
    device.gone_at = at;
  } else {
    return false;
  }
  return true;
}

void read_one(Words& words, double at, Device& device, World& world) {
  const std::uint64_t seed = world.seed ^ (device.index * 1000003ULL + device.instance);
  const std::string word = words.take("quantity");
  if (read_identity(word, words, device) || read_happening(word, words, at, device)) {
    return words.finish();
  }
  if (word == "throttle") {
    read_throttle(words, at, device);
  } else if (word == "permission") {
    read_refusal(words, at, device, kNoPermission);
  } else if (word == "unsupported") {
    read_refusal(words, at, device, kNotSupported);
  } else if (word == "error") {
    read_refusal(words, at, device, 0);
  } else if (word == "process") {
    read_process(words, at, device);
  } else if (word == "field") {
    read_field(words, at, device, seed);
  } else if (word == "link") {
    read_link(words, at, device, seed);
  } else if (word == "gpm") {
    const unsigned id = words.integer("a metric's number", 1, 65535);
    auto [place, added] = device.gpm_metrics.try_emplace(id, 0.0);
    read_shape(words, at, place->second, seed ^ id);
  } else {
    const Quantity quantity = find_signal(word);
    if (quantity == Quantity::count) {
      throw ScenarioError("unknown quantity " + quoted(word));
    }
    read_shape(words, at, device[quantity], seed ^ static_cast<std::uint64_t>(quantity) << 8);
  }
}

}  // namespace

void make_devices(World& world, unsigned gpus, const std::vector<unsigned>& instances,
                  const std::string& model, unsigned nvlinks, unsigned fans) {
  std::size_t all = gpus;
  for (const unsigned count : instances) {
    all += count;
  }
  world.gpus = gpus;
  world.devices = std::vector<Device>(all);
  std::size_t next = gpus;
  for (unsigned i = 0; i < gpus; ++i) {
    Device& device = world.devices[i];
    set_defaults(device);
    device.index = i;
    device.uuid = make_uuid(world.seed, i, 0, "GPU");
    device.name = model;
    device.serial = std::to_string(1650000000000ULL + i);
    device.domain = i / 8;
    device.bus = kBuses[i % 8];
    device.numa = i % 8 < 4 || gpus == 1 ? 0 : 1;
    device.first_cpu = static_cast<unsigned>(device.numa) * kCpusOfNode;
    device.last_cpu = device.first_cpu + kCpusOfNode - 1;
    device.nvlinks = nvlinks;
    device.fans = fans;
    device.gpm = world.architecture >= 9;
    const unsigned count = i < instances.size() ? instances[i] : 0;
    for (unsigned k = 0; k < count; ++k) {
      Device& instance = world.devices[next++];
      set_defaults(instance);
      instance.index = i;
      instance.parent = &device;
      instance.instance = k;
      instance.uuid = make_uuid(world.seed, i, k + 1, "MIG");
      const unsigned slices = std::max(1U, 7 / count);
      instance.name = model + " MIG " + std::to_string(slices) + "g." +
                      std::to_string(80 / count / 10 * 10) + "gb";
      instance.gpm = device.gpm;
      instance[Quantity::memory_total].set_base(device[Quantity::memory_total].base() / count);
      instance[Quantity::memory_used].set_base(device[Quantity::memory_used].base() / count);
      instance[Quantity::memory_reserved].set_base(0);
      device.instances.push_back(&instance);
    }
  }
}

void read_device_line(Words& words, World& world, bool field) {
  const std::string which = words.take("GPU");
  const double at = words.take_at();
  const std::size_t colon = which.find(':');
  for (const unsigned gpu : parse_selector(which.substr(0, colon), world.gpus, "GPU")) {
    Device& device = world.devices[gpu];
    std::vector<Device*> chosen{&device};
    if (colon != std::string::npos) {
      chosen.clear();
      const auto count = static_cast<unsigned>(device.instances.size());
      for (const unsigned k : parse_selector(which.substr(colon + 1), count, "instance")) {
        chosen.push_back(device.instances[k]);
      }
    }
    for (Device* one : chosen) {
      Words copy = words;
      if (field) {
        read_field(copy, at, *one, world.seed ^ one->index);
      } else {
        read_one(copy, at, *one, world);
      }
    }
  }
}

}  // namespace fake_nvml
