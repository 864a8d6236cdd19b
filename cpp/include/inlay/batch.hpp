#pragma once

/// What one turn of the window yields.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <inlay/arrow/table.hpp>

namespace inlay {

/// The five tables of one turn, those that components added, and the facts they share. A plain
/// value.
/// Thread-safety: as for any struct; the tables themselves are immutable.
struct NativeBatch {
  Table points;
  Table verdicts;
  Table events;
  Table exemplars;
  Table spans;
  std::vector<std::pair<std::string, Table>> others;  ///< by name, ascending; each has rows
  std::int64_t window_seq = 0;                        ///< number of the turn, from 0
  std::int64_t origin = 0;                            ///< random id of this process incarnation
  std::int64_t start_time_us = 0;                     ///< start of the window, Unix microseconds
  std::int64_t time_us = 0;                           ///< the cut, Unix microseconds
  std::int64_t observed_time_us = 0;                  ///< when emitted; never decreases per origin
  std::string resource = "{}";                        ///< canonical JSON of the resource attributes
};

}  // namespace inlay
