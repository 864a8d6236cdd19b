#include <inlay/arrow/table.hpp>

#include <cerrno>
#include <new>
#include <string>
#include <utility>

#include <inlay/error.hpp>
#include "arrow/assemble.hpp"
#include "arrow/table_data.hpp"

namespace inlay {

namespace {

const ArrowSchema& column_schema(const detail::TableData& data, std::int64_t index) {
  if (index < 0 || index >= data.schema->n_children) {
    throw OutOfRange("no column " + std::to_string(index) + ": the table has " +
                     std::to_string(data.schema->n_children));
  }
  return *data.schema->children[index];
}

std::shared_ptr<const ArrowSchema> columnless_schema() {
  static const TableSpec spec{"", {}};
  static const auto schema = detail::shared_schema(spec);
  return schema;
}

/// What an exported stream holds. Thread-safety: none, as for any stream.
struct StreamState {
  std::shared_ptr<const detail::TableData> data;
  std::size_t next = 0;
  const char* error = nullptr;
};

StreamState& state_of(ArrowArrayStream* stream) {
  return *static_cast<StreamState*>(stream->private_data);
}

int stream_get_schema(ArrowArrayStream* stream, ArrowSchema* out) {
  auto& state = state_of(stream);
  try {
    detail::export_schema_tree(state.data->schema, *state.data->schema, out);
    return 0;
  } catch (const std::bad_alloc&) {
    state.error = "out of memory while exporting a schema";
    return ENOMEM;
  }
}

int stream_get_next(ArrowArrayStream* stream, ArrowArray* out) {
  auto& state = state_of(stream);
  const auto& chunks = state.data->chunks;
  if (state.next == chunks.size()) {
    out->release = nullptr;  // the end of the stream
    return 0;
  }
  try {
    const auto& array = chunks[state.next].array;
    detail::export_array_tree(array, *array, out);
    ++state.next;
    return 0;
  } catch (const std::bad_alloc&) {
    state.error = "out of memory while exporting a batch";
    return ENOMEM;
  }
}

const char* stream_get_last_error(ArrowArrayStream* stream) { return state_of(stream).error; }

void stream_release(ArrowArrayStream* stream) {
  delete static_cast<StreamState*>(stream->private_data);
  stream->private_data = nullptr;
  stream->release = nullptr;
}

}  // namespace

namespace detail {

Table make_table(std::shared_ptr<const ArrowSchema> schema, std::vector<Chunk> chunks) {
  auto data = std::make_shared<TableData>();
  data->schema = std::move(schema);
  data->chunks = std::move(chunks);
  for (const auto& chunk : data->chunks) {
    data->num_rows += chunk.array->length;
    data->nbytes += chunk.nbytes;
  }
  return Table(std::move(data));
}

}  // namespace detail

Table::Table() : Table(detail::make_table(columnless_schema(), {})) {}

Table::Table(std::shared_ptr<const detail::TableData> data) noexcept : data_(std::move(data)) {}

Table Table::empty(const TableSpec& spec) {
  return detail::make_table(detail::shared_schema(spec), {});
}

void Table::export_to(ArrowSchema* schema, ArrowArray* array) const {
  detail::Chunk chunk;
  if (data_->chunks.size() == 1) {
    chunk = data_->chunks.front();
  } else if (data_->chunks.empty()) {
    chunk = detail::assemble_empty(*data_->schema);
  } else {
    chunk = detail::concatenate(*data_->schema, data_->chunks);
  }
  detail::export_schema_tree(data_->schema, *data_->schema, schema);
  try {
    detail::export_array_tree(chunk.array, *chunk.array, array);
  } catch (...) {
    schema->release(schema);
    throw;
  }
}

void Table::export_schema(ArrowSchema* schema) const {
  detail::export_schema_tree(data_->schema, *data_->schema, schema);
}

void Table::export_stream(ArrowArrayStream* stream) const {
  auto state = std::make_unique<StreamState>();
  state->data = data_;
  stream->get_schema = &stream_get_schema;
  stream->get_next = &stream_get_next;
  stream->get_last_error = &stream_get_last_error;
  stream->release = &stream_release;
  stream->private_data = state.release();
}

std::int64_t Table::num_rows() const noexcept { return data_->num_rows; }

std::int64_t Table::num_columns() const noexcept { return data_->schema->n_children; }

std::size_t Table::num_chunks() const noexcept { return data_->chunks.size(); }

std::string_view Table::column_name(std::int64_t index) const {
  const auto* name = column_schema(*data_, index).name;
  return name == nullptr ? std::string_view{} : std::string_view{name};
}

std::string_view Table::column_format(std::int64_t index) const {
  return column_schema(*data_, index).format;
}

bool Table::column_nullable(std::int64_t index) const {
  return (column_schema(*data_, index).flags & ARROW_FLAG_NULLABLE) != 0;
}

std::int64_t Table::nbytes() const noexcept { return data_->nbytes; }

}  // namespace inlay
