#pragma once

/// `Table`: an immutable Arrow table behind the C Data Interface.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <inlay/arrow/c_data.hpp>
#include <inlay/arrow/schema.hpp>
#include <inlay/export.hpp>

namespace inlay {

namespace detail {
struct TableData;
}  // namespace detail

/// A shared handle on immutable columns: one schema and any number of chunks
/// (record batches). Copying a handle copies no data. Exported structs keep the
/// buffers alive on their own, whatever happens to the handles.
///
/// Thread-safety: a `Table` never changes; handles of one table may be copied,
/// read and exported from any number of threads. Assigning to one handle while
/// another thread uses that same handle is a race, as for `shared_ptr`.
class INLAY_API Table {
 public:
  /// Make a table of no columns and no rows.
  Table();

  /// Make an empty (0 rows) table with one of the five schemas.
  static Table empty(const TableSpec& spec);

  /// Take over a struct array (a record batch) and its schema; both are marked
  /// as released in the caller's structs, also when this throws.
  /// @throws InvalidArgument for a released struct, a type other than struct, a
  ///         null row, an unknown format or an inconsistent layout
  static Table import_from(ArrowSchema* schema, ArrowArray* array);

  /// Drain a stream; each of its batches becomes a chunk, without a copy. The
  /// stream is released, also when this throws.
  /// @throws InvalidArgument as above, and with the stream's own message when
  ///         the stream reports an error
  static Table import_stream(ArrowArrayStream* stream);

  /// Fill both structs; the caller owns and releases them. Shares the buffers
  /// when there is one chunk; more chunks are concatenated into a copy.
  /// @throws InvalidArgument when the chunks hold a type that cannot be
  ///         concatenated (union, run-end, view, map or dictionary)
  /// @throws OutOfRange when 32-bit offsets cannot hold the whole
  void export_to(ArrowSchema* schema, ArrowArray* array) const;

  /// Fill a schema; the caller owns and releases it.
  void export_schema(ArrowSchema* schema) const;

  /// Fill a stream that yields one batch per chunk without a copy; the caller
  /// owns and releases it. A table of 0 rows yields at most one empty batch.
  void export_stream(ArrowArrayStream* stream) const;

  /// Return the number of rows over all chunks.
  [[nodiscard]] std::int64_t num_rows() const noexcept;
  [[nodiscard]] std::int64_t num_columns() const noexcept;
  [[nodiscard]] std::size_t num_chunks() const noexcept;

  /// Return the name of column `index`; empty when it has none.
  /// @throws OutOfRange for an index outside [0, num_columns())
  [[nodiscard]] std::string_view column_name(std::int64_t index) const;

  /// Return the Arrow format string of column `index`.
  /// @throws OutOfRange for an index outside [0, num_columns())
  [[nodiscard]] std::string_view column_format(std::int64_t index) const;

  /// Return whether column `index` may hold nulls.
  /// @throws OutOfRange for an index outside [0, num_columns())
  [[nodiscard]] bool column_nullable(std::int64_t index) const;

  /// Return the bytes the rows occupy. Shared zero buffers of columns that no
  /// row filled are not counted.
  [[nodiscard]] std::int64_t nbytes() const noexcept;

  /// Return the shared state. For the library itself.
  [[nodiscard]] const detail::TableData& data() const noexcept { return *data_; }

  /// Wrap shared state. For the library itself.
  explicit Table(std::shared_ptr<const detail::TableData> data) noexcept;

 private:
  std::shared_ptr<const detail::TableData> data_;
};

}  // namespace inlay
