/// Values by the numbers of fields.

#pragma once

#include "nvml_types.hpp"
#include "world.hpp"

namespace fake_nvml {

/// Fills type, status and value of one field; field_id and scope_id say which.
void fill_field(const Device& device, double t, FieldValue& field);

/// An error counter or the state of one NVLink, by its field.
double link_value(const Device& device, unsigned field, unsigned link, double t);

}  // namespace fake_nvml
