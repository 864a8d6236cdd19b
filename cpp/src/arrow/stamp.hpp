#pragma once

// Tables made elsewhere that join the rows of a turn.

#include <cstdint>
#include <string>

#include <inlay/arrow/table.hpp>
#include "arrow/row_builders.hpp"
#include "arrow/table_data.hpp"

namespace inlay::detail {

/// Check that a table has the columns of `spec`, and no null where there must be none.
/// @throws InvalidArgument naming the first column that differs
void check_columns(const TableSpec& spec, const Table& table);

/// Append the chunks of `table` with the columns observed_time, origin, window_seq (where there is
/// one) and resource set to what the rows of this turn share. All other columns are shared.
/// `table` has the columns of `spec`.
/// @throws OutOfRange when the resource of all rows is longer than a column can be
void append_stamped(const TableSpec& spec, const Table& table, const TurnHeader& header,
                    std::vector<Chunk>& chunks);

}  // namespace inlay::detail
