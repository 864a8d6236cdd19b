/// Reads scenarios; tests/nvml/README.md says what a line may hold.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "world.hpp"

namespace fake_nvml {

/// What a scenario says of functions rather than of devices.
struct Functions {
  struct Latency {
    Entry* entry;  // null: all without a line of their own
    double seconds;
    double jitter;
  };
  std::vector<Latency> latencies;
  std::vector<Entry*> missing;

  void apply() const;
};

/// On a wrong line false, and `error` is "name:line: what is wrong: the line".
bool read_scenario(std::string_view text, std::string_view name, World& world, Functions& functions,
                   std::string& error);
bool read_scenario_file(const char* path, World& world, Functions& functions, std::string& error);

}  // namespace fake_nvml
