// Importing: taking over foreign structs, checked before anything reads them.

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <inlay/error.hpp>
#include "arrow/layout.hpp"
#include "arrow/table_data.hpp"

namespace inlay {

namespace {

/// A foreign struct we have to release. Thread-safety: none.
template <class Struct>
struct Foreign {
  Struct value{};

  Foreign() = default;
  Foreign(const Foreign&) = delete;
  Foreign& operator=(const Foreign&) = delete;
  ~Foreign() {
    if (value.release != nullptr) {
      value.release(&value);
    }
  }
};

template <class Struct>
std::shared_ptr<Foreign<Struct>> take_over(Struct* source) {
  auto foreign = std::make_shared<Foreign<Struct>>();
  foreign->value = *source;
  source->release = nullptr;
  return foreign;
}

template <class Struct>
std::shared_ptr<const Struct> view_of(std::shared_ptr<Foreign<Struct>> foreign) {
  const auto* value = &foreign->value;
  return {std::move(foreign), value};
}

template <class Struct>
void require_live(const Struct* value, const char* what) {
  if (value == nullptr) {
    throw InvalidArgument(std::string("the ") + what + " pointer is null: 0x0");
  }
  if (value->release == nullptr) {
    throw InvalidArgument(std::string("the ") + what + " was already released");
  }
}

void require_struct(const ArrowSchema& schema) {
  detail::check_schema(schema);
  if (std::string_view(schema.format) != "+s" || schema.dictionary != nullptr) {
    throw InvalidArgument("a table needs a struct array (format '+s'), got format '" +
                          std::string(schema.format) + "'");
  }
}

void require_no_null_rows(const ArrowArray& array) {
  if (array.null_count == 0 || array.buffers == nullptr || array.buffers[0] == nullptr) {
    return;
  }
  const auto* bits = static_cast<const std::uint8_t*>(array.buffers[0]);
  for (std::int64_t i = 0; i < array.length; ++i) {
    const auto bit = array.offset + i;
    if ((bits[bit / 8] >> (bit % 8) & 1) == 0) {
      throw InvalidArgument("a table has no null rows, but the struct array is null at row " +
                            std::to_string(i));
    }
  }
}

detail::Chunk make_chunk(const ArrowSchema& schema, std::shared_ptr<Foreign<ArrowArray>> foreign) {
  detail::check_layout(schema, foreign->value);
  require_no_null_rows(foreign->value);
  const auto nbytes = detail::array_nbytes(schema, foreign->value);
  return {view_of(std::move(foreign)), nbytes};
}

[[noreturn]] void throw_stream_error(ArrowArrayStream& stream, int code) {
  const char* message = stream.get_last_error == nullptr ? nullptr : stream.get_last_error(&stream);
  throw InvalidArgument(
      "the Arrow stream failed: " +
      (message == nullptr ? std::generic_category().message(code) : std::string(message)) +
      " (code " + std::to_string(code) + ")");
}

}  // namespace

Table Table::import_from(ArrowSchema* schema, ArrowArray* array) {
  // Take over whatever is live first: the contract releases both on failure.
  const bool schema_live = schema != nullptr && schema->release != nullptr;
  const bool array_live = array != nullptr && array->release != nullptr;
  auto owned_schema = schema_live ? take_over(schema) : nullptr;
  auto owned_array = array_live ? take_over(array) : nullptr;
  if (!schema_live) {
    require_live(schema, "ArrowSchema");
  }
  if (!array_live) {
    require_live(array, "ArrowArray");
  }
  require_struct(owned_schema->value);
  auto chunk = make_chunk(owned_schema->value, std::move(owned_array));
  return detail::make_table(view_of(std::move(owned_schema)), {std::move(chunk)});
}

Table Table::import_stream(ArrowArrayStream* stream) {
  require_live(stream, "ArrowArrayStream");
  const auto owned = take_over(stream);
  auto& source = owned->value;
  if (source.get_schema == nullptr || source.get_next == nullptr) {
    throw InvalidArgument("the ArrowArrayStream lacks a callback: " +
                          std::string(source.get_schema == nullptr ? "get_schema" : "get_next"));
  }
  auto schema = std::make_shared<Foreign<ArrowSchema>>();
  if (const int code = source.get_schema(&source, &schema->value); code != 0) {
    schema->value.release = nullptr;  // not filled
    throw_stream_error(source, code);
  }
  require_live(&schema->value, "ArrowSchema of the stream");
  require_struct(schema->value);
  std::vector<detail::Chunk> chunks;
  while (true) {
    auto array = std::make_shared<Foreign<ArrowArray>>();
    if (const int code = source.get_next(&source, &array->value); code != 0) {
      array->value.release = nullptr;  // not filled
      throw_stream_error(source, code);
    }
    if (array->value.release == nullptr) {
      break;
    }
    chunks.push_back(make_chunk(schema->value, std::move(array)));
  }
  return detail::make_table(view_of(std::move(schema)), std::move(chunks));
}

}  // namespace inlay
