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

/// Check that two tables have the same columns.
/// @throws InvalidArgument naming the first column that differs
void check_same_columns(const std::string& name, const Table& wanted, const Table& given);

/// Return the table with chunks that append_stamped() takes as they are.
/// @throws InvalidArgument for a slice of a type that cannot be copied, such as a union
Table with_whole_chunks(const Table& table);

/// Append the chunks of `table` with the columns observed_time, origin, window_seq and resource,
/// where they are of the types of points, set to what the rows of this turn share. All other
/// columns are shared.
/// @throws OutOfRange when the resource of all rows is longer than a column can be
void append_stamped(const Table& table, const TurnHeader& header, std::vector<Chunk>& chunks);

}  // namespace inlay::detail
