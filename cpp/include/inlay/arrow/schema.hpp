#pragma once

/// The schemas of the five tables that every window yields.

#include <cstdint>
#include <string_view>
#include <vector>

#include <inlay/export.hpp>

namespace inlay {

/// The column types in use. All are flat, so that every store takes them.
enum class ColumnType : std::uint8_t {
  kTimestampUs,  ///< int64, microseconds since the Unix epoch, UTC
  kInt32,
  kInt64,
  kFloat64,
  kUtf8,         ///< int32 offsets
  kBinary,       ///< int32 offsets
  kInt64List,    ///< int32 offsets
  kFloat64List,  ///< int32 offsets
  kUtf8List,     ///< int32 offsets
};

/// One column. Immutable, hence thread-safe.
struct ColumnSpec {
  const char* name;
  ColumnType type;
  bool nullable;
};

/// One table. Immutable, hence thread-safe.
struct TableSpec {
  const char* name;
  std::vector<ColumnSpec> columns;
};

/// Return the Arrow format string of a column type, e.g. "tsu:UTC" or "+l".
INLAY_API const char* column_format(ColumnType type) noexcept;

/// Return the readable name of a column type, e.g. "timestamp[us, UTC]".
INLAY_API const char* column_type_name(ColumnType type) noexcept;

/// Return the specs of points, verdicts, events, exemplars and spans, in that
/// order. The reference stays valid for the life of the process.
INLAY_API const std::vector<TableSpec>& table_schemas();

/// Return the spec of one of the five tables.
/// @throws InvalidArgument when there is no table of that name
INLAY_API const TableSpec& table_schema(std::string_view name);

}  // namespace inlay
