#include "scenario.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "call.hpp"
#include "scenario_devices.hpp"
#include "scenario_text.hpp"

namespace fake_nvml {
namespace {

constexpr unsigned kMostGpus = 64;
constexpr std::size_t kLongestFile = 4 << 20;

struct Line {
  unsigned number;
  std::string_view text;
};

/// What must be known before there are devices.
struct Outline {
  unsigned gpus = 1;
  std::string model = "NVIDIA H100 80GB HBM3";
  unsigned nvlinks = 18;
  unsigned fans = 0;
  std::vector<unsigned> instances;
  std::vector<Line> later;
};

struct Architecture {
  std::string_view name;
  int number;
  int major;
  int minor;
};

constexpr std::array<Architecture, 7> kArchitectures{{
    {"volta", 5, 7, 0},
    {"turing", 6, 7, 5},
    {"ampere", 7, 8, 0},
    {"ada", 8, 8, 9},
    {"hopper", 9, 9, 0},
    {"blackwell", 10, 10, 0},
    {"rubin", 13, 12, 1},
}};

bool on_or_off(Words& words) {
  if (words.accept("on")) {
    return true;
  }
  if (!words.accept("off")) {
    throw ScenarioError("neither on nor off: " + quoted(words.take("on or off")));
  }
  return false;
}

Entry* known_function(const std::string& name) {
  Entry* entry = Entry::find(name);
  if (entry == nullptr) {
    throw ScenarioError("unknown function " + quoted(name));
  }
  return entry;
}

void read_latency(Words& words, Functions& functions) {
  const std::string first = words.take("latency");
  Functions::Latency latency{nullptr, 0, 0};
  if (first.starts_with("nvml")) {
    latency.entry = known_function(first);
    latency.seconds = words.time("microseconds", 1e-6);
  } else {
    latency.seconds = parse_time(first, "microseconds", 1e-6);
  }
  if (words.accept("jitter")) {
    latency.jitter = words.time("microseconds", 1e-6);
  }
  functions.latencies.push_back(latency);
}

void read_architecture(Words& words, World& world) {
  const std::string name = words.take("architecture");
  for (const Architecture& known : kArchitectures) {
    if (known.name == name) {
      world.architecture = known.number;
      world.capability_major = known.major;
      world.capability_minor = known.minor;
      return;
    }
  }
  throw ScenarioError("unknown architecture " + quoted(name));
}

/// "13.0" as 13000.
int cuda_version(const std::string& text) {
  const std::size_t dot = std::min(text.find('.'), text.size());
  const unsigned major = parse_integer(text.substr(0, dot), "a version", 1, 99);
  const unsigned minor =
      dot == text.size() ? 0 : parse_integer(text.substr(dot + 1), "a version", 0, 9);
  return static_cast<int>(major * 1000 + minor * 10);
}

/// True if the line is one of what there is once; false: it is about devices.
bool read_machine(const std::string& word, Words& words, World& world) {
  if (word == "driver") {
    world.driver = words.take("version");
  } else if (word == "nvml") {
    world.nvml = words.take("version");
  } else if (word == "cuda") {
    world.cuda = cuda_version(words.take("version"));
  } else if (word == "architecture") {
    read_architecture(words, world);
  } else if (word == "seed") {
    world.seed = words.integer("a seed", 0, ~0U);
  } else if (word == "epoch") {
    world.epoch = words.number("seconds since 1970");
    if (world.epoch < 0 || world.epoch > 1e11) {
      throw ScenarioError("not a time since 1970: " + std::to_string(world.epoch));
    }
  } else if (word == "log") {
    world.log = words.take("path");
  } else if (word == "serialized") {
    world.serialized = on_or_off(words);
  } else if (word == "gpm_interval_ms") {
    world.gpm_interval = words.time("milliseconds", 1e-3);
  } else if (word == "samples") {
    world.sample_count = words.integer("a number of samples", 0, 100000);
    world.sample_period = words.time("milliseconds", 1e-3);
    if (world.sample_period < 1e-4) {
      throw ScenarioError("samples closer than 0.1 ms");
    }
  } else if (word == "init") {
    world.init_error = parse_code(words.take("error"));
  } else if (word == "clock") {
    world.manual = words.accept("manual");
    if (!world.manual && !words.accept("real")) {
      throw ScenarioError("neither real nor manual: " + quoted(words.take("clock")));
    }
  } else {
    return false;
  }
  words.finish();
  return true;
}

bool read_outline(const std::string& word, Words& words, Outline& outline) {
  if (word == "gpus") {
    outline.gpus = words.integer("a number of GPUs", 0, kMostGpus);
  } else if (word == "model") {
    outline.model = words.take("model");
    if (outline.model.size() > 64) {
      throw ScenarioError("a model of more than 64 letters: " + quoted(outline.model));
    }
  } else if (word == "nvlink") {
    outline.nvlinks = words.integer("a number of links", 0, 36);
  } else if (word == "fans") {
    outline.fans = words.integer("a number of fans", 0, 16);
  } else {
    return false;
  }
  words.finish();
  return true;
}

void read_mig(Words& words, Outline& outline) {
  const std::string which = words.take("GPU");
  const unsigned count = words.integer("a number of instances", 1, 7);
  words.finish();
  outline.instances.resize(outline.gpus);
  for (const unsigned gpu : parse_selector(which, outline.gpus, "GPU")) {
    outline.instances[gpu] = count;
  }
}

void for_all(World& world, Quantity quantity, double refresh) {
  for (Device& device : world.devices) {
    device[quantity].set_refresh(refresh);
  }
}

void read_refresh(Words& words, World& world) {
  const std::string first = words.take("refresh period");
  const Quantity quantity = find_signal(first);
  if (quantity != Quantity::count) {
    for_all(world, quantity, words.time("milliseconds", 1e-3));
  } else {
    const double seconds = parse_time(first, "milliseconds", 1e-3);
    for (std::size_t i = 0; i < kQuantities; ++i) {
      for_all(world, static_cast<Quantity>(i), seconds);
    }
  }
  words.finish();
}

void read_jitter(Words& words, World& world) {
  const std::string name = words.take("quantity");
  const Quantity quantity = find_signal(name);
  if (quantity == Quantity::count) {
    throw ScenarioError("unknown quantity " + quoted(name));
  }
  const double amount = words.number("an amount");
  words.finish();
  for (Device& device : world.devices) {
    device[quantity].set_jitter(amount, world.seed ^ (device.index * 1000003ULL + device.instance) ^
                                            static_cast<std::uint64_t>(quantity) << 8);
  }
}

void build(World& world) {
  for (Device& device : world.devices) {
    for (Signal& signal : device.signals) {
      signal.build();
    }
    for (auto& [key, signal] : device.fields) {
      signal.build();
    }
    for (auto& [id, signal] : device.gpm_metrics) {
      signal.build();
    }
    device.throttle.build();
    std::stable_sort(device.events.begin(), device.events.end(),
                     [](const Event& x, const Event& y) { return x.at < y.at; });
  }
}

/// Reads what stands for itself; the lines about devices wait in `outline.later`.
void read_first(const Line& line, World& world, Functions& functions, Outline& outline) {
  Words words(line.text);
  if (words.empty()) {
    return;
  }
  const std::string word = words.take("directive");
  if (read_machine(word, words, world) || read_outline(word, words, outline)) {
    return;
  }
  if (word == "latency_us") {
    read_latency(words, functions);
    words.finish();
  } else if (word == "without") {
    functions.missing.push_back(known_function(words.take("function")));
    words.finish();
  } else if (word == "gpu" || word == "field" || word == "mig" || word == "refresh_ms" ||
             word == "jitter") {
    outline.later.push_back(line);
  } else {
    throw ScenarioError("unknown directive " + quoted(word));
  }
}

void read_later(const Line& line, World& world) {
  Words words(line.text);
  const std::string word = words.take("directive");
  if (word == "refresh_ms") {
    read_refresh(words, world);
  } else if (word == "jitter") {
    read_jitter(words, world);
  } else {
    read_device_line(words, world, word == "field");
  }
}

std::vector<Line> split(std::string_view text) {
  std::vector<Line> lines;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back({static_cast<unsigned>(lines.size() + 1), text.substr(start, end - start)});
    start = end + 1;
  }
  return lines;
}

bool is_mig(const Line& line) {
  Words words(line.text);
  return words.accept("mig");
}

}  // namespace

void Functions::apply() const {
  for (Entry* entry = Entry::first(); entry != nullptr; entry = entry->next) {
    double seconds = 0;
    double jitter = 0;
    for (const bool own : {false, true}) {
      for (const Latency& latency : latencies) {
        if (own ? latency.entry == entry : latency.entry == nullptr) {
          seconds = latency.seconds;
          jitter = latency.jitter;
        }
      }
    }
    entry->latency.store(seconds);
    entry->jitter.store(jitter);
    entry->missing.store(std::find(missing.begin(), missing.end(), entry) != missing.end());
  }
}

bool read_scenario(std::string_view text, std::string_view name, World& world, Functions& functions,
                   std::string& error) {
  Outline outline;
  Line at{0, ""};
  try {
    if (text.size() > kLongestFile) {
      throw ScenarioError("a scenario of more than 4 MiB");
    }
    if (text.find('\0') != std::string_view::npos) {
      throw ScenarioError("a zero byte");
    }
    for (const Line& line : split(text)) {
      at = line;
      read_first(line, world, functions, outline);
    }
    for (const Line& line : outline.later) {
      at = line;
      if (is_mig(line)) {
        Words words(line.text);
        words.take("directive");
        read_mig(words, outline);
      }
    }
    make_devices(world, outline.gpus, outline.instances, outline.model, outline.nvlinks,
                 outline.fans);
    for (const Line& line : outline.later) {
      at = line;
      if (!is_mig(line)) {
        read_later(line, world);
      }
    }
  } catch (const ScenarioError& problem) {
    error = std::string(name) + ":" + std::to_string(at.number) + ": " + problem.what() + ": " +
            std::string(at.text);
    return false;
  }
  if (world.nvml.empty()) {
    world.nvml = std::to_string(world.cuda / 1000) + "." + world.driver;
  }
  build(world);
  return true;
}

bool read_scenario_file(const char* path, World& world, Functions& functions, std::string& error) {
  std::FILE* file = path != nullptr ? std::fopen(path, "rb") : nullptr;
  if (file == nullptr) {
    error = "cannot read the scenario " + quoted(path != nullptr ? path : "");
    return false;
  }
  std::string text;
  char block[4096];
  std::size_t got = 0;
  while (text.size() <= kLongestFile && (got = std::fread(block, 1, sizeof block, file)) > 0) {
    text.append(block, got);
  }
  std::fclose(file);
  return read_scenario(text, path, world, functions, error);
}

}  // namespace fake_nvml
