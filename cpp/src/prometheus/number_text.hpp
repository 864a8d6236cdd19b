#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace inlay::prometheus {

/// Appends the shortest text that reads back as the same double; NaN, +Inf and -Inf as Prometheus
/// spells them. Integral values have no point.
void append_number(std::string& out, double value);

/// Appends an integer in decimal.
void append_number(std::string& out, std::int64_t value);
void append_number(std::string& out, std::uint64_t value);

/// The text of a bucket edge. Prometheus compares `le` as text and, when it reads protobuf, writes
/// it itself, so every format here uses its spelling: shortest digits, at least one decimal, an
/// exponent of two digits below 1e-4 and from 1e6 on.
std::string edge_text(double value);

/// Appends microseconds since 1970 as seconds with their fraction.
void append_seconds(std::string& out, std::int64_t time_us);

}  // namespace inlay::prometheus
