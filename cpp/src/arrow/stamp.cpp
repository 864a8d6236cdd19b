#include "arrow/stamp.hpp"

#include <inlay/error.hpp>
#include <limits>
#include <string_view>

#include "arrow/buffer.hpp"

namespace inlay::detail {

namespace {

constexpr std::size_t kMaxBuffers = 3;

/// A column of equal values. Thread-safety: immutable once made.
struct EqualColumn {
  ArrowArray array{};
  Buffer first, second;  // the values, or offsets and bytes
  const void* buffers[kMaxBuffers] = {};
};

/// A chunk some of whose columns were replaced. Thread-safety: immutable once made.
struct StampedChunk {
  ArrowArray root{};
  std::shared_ptr<const ArrowArray> source;  // keeps the other columns alive
  std::vector<ArrowArray*> children;
  std::vector<std::unique_ptr<EqualColumn>> stamps;
  const void* no_nulls = nullptr;
  std::int64_t nbytes = 0;
};

std::unique_ptr<EqualColumn> equal_integers(std::int64_t value, std::int64_t rows) {
  auto column = std::make_unique<EqualColumn>();
  const auto bytes = static_cast<std::size_t>(rows) * sizeof(value);
  column->first.reserve(std::max(bytes, sizeof(value)));
  std::fill_n(column->first.as<std::int64_t>(), rows, value);
  column->first.set_size(bytes);
  column->buffers[1] = column->first.data();
  column->array.n_buffers = 2;
  return column;
}

std::unique_ptr<EqualColumn> equal_texts(std::string_view value, std::int64_t rows) {
  const auto count = static_cast<std::size_t>(rows);
  if (value.size() * count > std::numeric_limits<std::int32_t>::max()) {
    fail<OutOfRange>("the resource of all rows of a table does not fit a column; rows", rows);
  }
  auto column = std::make_unique<EqualColumn>();
  column->first.reserve((count + 1) * sizeof(std::int32_t));
  column->second.reserve(std::max<std::size_t>(value.size() * count, 1));
  auto* offsets = column->first.as<std::int32_t>();
  offsets[0] = 0;
  for (std::size_t i = 0; i < count; ++i) {
    column->second.append_unchecked(value.data(), value.size());
    offsets[i + 1] = static_cast<std::int32_t>(column->second.size());
  }
  column->first.set_size((count + 1) * sizeof(std::int32_t));
  column->buffers[1] = column->first.data();
  column->buffers[2] = column->second.data();
  column->array.n_buffers = 3;
  return column;
}

/// Return the chunk with rows and columns that begin at 0 and end together.
Chunk plain(const ArrowSchema& schema, const Chunk& chunk) {
  bool whole = chunk.array->offset == 0;
  for (std::int64_t i = 0; whole && i < chunk.array->n_children; ++i) {
    whole = chunk.array->children[i]->length == chunk.array->length;
  }
  return whole ? chunk : concatenate(schema, {chunk});
}

}  // namespace

void check_columns(const TableSpec& spec, const Table& table) {
  const ArrowSchema& given = *table.data().schema;
  const ArrowSchema& wanted = *shared_schema(spec);
  if (given.n_children != wanted.n_children) {
    fail<InvalidArgument>("a table of " + std::string(spec.name) + " has " +
                              std::to_string(wanted.n_children) + " columns; number of columns",
                          static_cast<long long>(given.n_children));
  }
  const auto text = [](const char* chars) { return std::string_view(chars ? chars : ""); };
  for (std::int64_t i = 0; i < wanted.n_children; ++i) {
    const ArrowSchema& column = *given.children[i];
    const ArrowSchema& expected = *wanted.children[i];
    const bool fits = text(column.name) == text(expected.name) &&
                      text(column.format) == text(expected.format) &&
                      (expected.n_children == 0 ||
                       text(column.children[0]->format) == text(expected.children[0]->format));
    if (!fits || column.dictionary != nullptr) {
      fail<InvalidArgument>(
          "column " + std::to_string(i) + " of a table of " + std::string(spec.name) +
              " must be '" + std::string(text(expected.name)) + "' of format '" +
              std::string(text(expected.format)) + "', not",
          std::string(text(column.name)) + ": " + std::string(text(column.format)));
    }
    if ((expected.flags & ARROW_FLAG_NULLABLE) != 0) continue;
    for (const Chunk& chunk : table.data().chunks) {
      const ArrowArray& array = *chunk.array->children[i];
      if (array.null_count != 0 && array.n_buffers > 0 && array.buffers[0] != nullptr) {
        fail<InvalidArgument>("a column that must not hold nulls does", text(expected.name));
      }
    }
  }
}

void check_same_columns(const std::string& name, const Table& wanted, const Table& given) {
  if (given.num_columns() != wanted.num_columns()) {
    fail<InvalidArgument>("the tables of " + name + " have " +
                              std::to_string(wanted.num_columns()) + " columns; number of columns",
                          static_cast<long long>(given.num_columns()));
  }
  for (std::int64_t i = 0; i < wanted.num_columns(); ++i) {
    if (given.column_name(i) == wanted.column_name(i) &&
        given.column_format(i) == wanted.column_format(i)) {
      continue;
    }
    fail<InvalidArgument>(
        "column " + std::to_string(i) + " of the tables of " + name + " is '" +
            std::string(wanted.column_name(i)) + "' of format '" +
            std::string(wanted.column_format(i)) + "', not",
        std::string(given.column_name(i)) + ": " + std::string(given.column_format(i)));
  }
}

Table with_whole_chunks(const Table& table) {
  std::vector<Chunk> chunks;
  for (const Chunk& chunk : table.data().chunks) {
    if (chunk.array->length != 0) chunks.push_back(plain(*table.data().schema, chunk));
  }
  return make_table(table.data().schema, std::move(chunks));
}

void append_stamped(const Table& table, const TurnHeader& header, std::vector<Chunk>& chunks) {
  for (const Chunk& given : table.data().chunks) {
    if (given.array->length == 0) continue;
    const Chunk source = plain(*table.data().schema, given);
    const std::int64_t rows = source.array->length;
    auto chunk = std::make_shared<StampedChunk>();
    chunk->source = source.array;
    chunk->nbytes = source.nbytes;
    chunk->children.assign(source.array->children,
                           source.array->children + source.array->n_children);
    for (std::size_t i = 0; i < chunk->children.size(); ++i) {
      const auto column = static_cast<std::int64_t>(i);
      const std::string_view name = table.column_name(column);
      const std::string_view format = table.column_format(column);
      std::unique_ptr<EqualColumn> stamp;
      if (name == "observed_time" && format == "tsu:UTC") {
        stamp = equal_integers(header.observed_time, rows);
      }
      if (name == "origin" && format == "l") stamp = equal_integers(header.origin, rows);
      if (name == "window_seq" && format == "l") stamp = equal_integers(header.window_seq, rows);
      if (name == "resource" && format == "u") stamp = equal_texts(header.resource, rows);
      if (stamp == nullptr) continue;
      stamp->array.length = rows;
      stamp->array.buffers = stamp->buffers;
      chunk->children[i] = &stamp->array;
      chunk->stamps.push_back(std::move(stamp));
    }
    chunk->root.length = rows;
    chunk->root.n_buffers = 1;
    chunk->root.buffers = &chunk->no_nulls;
    chunk->root.n_children = source.array->n_children;
    chunk->root.children = chunk->children.data();
    const auto nbytes = chunk->nbytes;
    const auto* root = &chunk->root;
    chunks.push_back({std::shared_ptr<const ArrowArray>(std::move(chunk), root), nbytes});
  }
}

}  // namespace inlay::detail
