#pragma once

// The state behind `Table`, and the functions that make and export it.

#include <cstdint>
#include <memory>
#include <vector>

#include <inlay/arrow/c_data.hpp>
#include <inlay/arrow/table.hpp>

namespace inlay::detail {

/// One record batch. Thread-safety: immutable once made.
struct Chunk {
  /// A struct array, kept alive by whatever made it (an importer's release
  /// callback or a builder's buffers).
  std::shared_ptr<const ArrowArray> array;
  std::int64_t nbytes = 0;
};

/// Schema and chunks of a table. Thread-safety: immutable once made.
struct TableData {
  std::shared_ptr<const ArrowSchema> schema;
  std::vector<Chunk> chunks;
  std::int64_t num_rows = 0;
  std::int64_t nbytes = 0;
};

/// Make a table; the arrays must fit the schema.
Table make_table(std::shared_ptr<const ArrowSchema> schema, std::vector<Chunk> chunks);

/// Return the shared schema of a table of ours; made once per process.
std::shared_ptr<const ArrowSchema> shared_schema(const TableSpec& spec);

/// Fill `out` with a tree whose every node keeps `source` alive by itself, so
/// that a consumer may move children out. Buffers and strings are shared.
void export_schema_tree(const std::shared_ptr<const ArrowSchema>& owner, const ArrowSchema& source,
                        ArrowSchema* out);
void export_array_tree(const std::shared_ptr<const ArrowArray>& owner, const ArrowArray& source,
                       ArrowArray* out);

/// Check that `array` is laid out as `schema` says, as far as that can be seen
/// without reading values. Reads no buffer.
/// @throws InvalidArgument naming the column
void check_layout(const ArrowSchema& schema, const ArrowArray& array);

/// Check the schema alone: known formats, names, children.
/// @throws InvalidArgument naming the column
void check_schema(const ArrowSchema& schema);

/// Return the bytes the values of an array occupy.
std::int64_t array_nbytes(const ArrowSchema& schema, const ArrowArray& array);

/// Copy chunks of one schema into one array.
/// @throws InvalidArgument, OutOfRange as `Table::export_to`
Chunk concatenate(const ArrowSchema& schema, const std::vector<Chunk>& chunks);

}  // namespace inlay::detail
