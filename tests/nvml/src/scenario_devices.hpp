/// The lines of a scenario that are about devices.

#pragma once

#include "scenario_text.hpp"
#include "world.hpp"

namespace fake_nvml {

/// Makes the devices of the numbers that the scenario gives, healthy.
void make_devices(World& world, unsigned gpus, const std::vector<unsigned>& instances,
                  const std::string& model, unsigned nvlinks, unsigned fans);

/// A line from behind its first word: `gpu SELECTOR …` and `field SELECTOR …`.
void read_device_line(Words& words, World& world, bool field);

}  // namespace fake_nvml
