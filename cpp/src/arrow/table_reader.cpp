#include "arrow/table_reader.hpp"

#include <cstring>
#include <inlay/error.hpp>
#include <string>
#include <utility>

#include "arrow/table_data.hpp"

namespace inlay {

namespace {

[[noreturn]] void throw_type(const ArrowSchema& schema, const char* wanted) {
  detail::fail<InvalidArgument>("column '" +
                                    std::string(schema.name == nullptr ? "" : schema.name) +
                                    "' does not hold " + wanted + "; Arrow format",
                                schema.format);
}

bool is_integer(std::string_view format) {
  return format.size() == 1 &&
         std::string_view("cCsSiIlL").find(format[0]) != std::string_view::npos;
}

template <class T>
T load(const void* values, std::int64_t index) noexcept {
  T value;  // memcpy: foreign buffers need not be aligned
  std::memcpy(&value, static_cast<const std::byte*>(values) + index * std::int64_t{sizeof(T)},
              sizeof value);
  return value;
}

/// An Arrow view: 12 bytes inline, or a prefix and where the rest lies.
struct StringView {
  std::int32_t size;
  char prefix[4];
  std::int32_t buffer;
  std::int32_t offset;
};
static_assert(sizeof(StringView) == 16);

constexpr std::int32_t kMaxInline = 12;

}  // namespace

namespace detail {

ColumnBase::ColumnBase(const ArrowArray& array, std::int64_t offset)
    : all_null_(false), exists_(true), offset_(offset) {
  if (array.null_count != 0 && array.n_buffers > 0) {
    validity_ = static_cast<const std::uint8_t*>(array.buffers[0]);
  }
}

}  // namespace detail

Int64Column::Int64Column(const ArrowSchema& schema, const ArrowArray& array, std::int64_t begin)
    : ColumnBase(array, begin) {
  const std::string_view format = schema.format;
  const bool timestamp = format.size() > 3 && format.substr(0, 2) == "ts";
  if ((!is_integer(format) && !timestamp) || schema.dictionary != nullptr) {
    throw_type(schema, "integers");
  }
  type_ = timestamp ? 'l' : format[0];
  values_ = array.buffers[1];
  if (timestamp) {
    switch (format[2]) {
      case 's':
        multiply_ = 1'000'000;
        break;
      case 'm':
        multiply_ = 1'000;
        break;
      case 'n':
        divide_ = 1'000;
        break;
      default:
        break;
    }
  }
}

std::int64_t Int64Column::value(std::int64_t row) const noexcept {
  if (is_null(row)) return 0;
  const auto index = offset_ + row;
  switch (type_) {
    case 'c':
      return load<std::int8_t>(values_, index);
    case 'C':
      return load<std::uint8_t>(values_, index);
    case 's':
      return load<std::int16_t>(values_, index);
    case 'S':
      return load<std::uint16_t>(values_, index);
    case 'i':
      return load<std::int32_t>(values_, index);
    case 'I':
      return load<std::uint32_t>(values_, index);
    case 'L':
      return static_cast<std::int64_t>(load<std::uint64_t>(values_, index));
    default:
      break;
  }
  const auto raw = load<std::int64_t>(values_, index);
  if (divide_ != 1) {  // towards minus infinity, so that order is kept around 1970
    return raw / divide_ - (raw % divide_ < 0 ? 1 : 0);
  }
  std::int64_t scaled = 0;
  if (__builtin_mul_overflow(raw, multiply_, &scaled)) {
    return raw < 0 ? INT64_MIN : INT64_MAX;
  }
  return scaled;
}

void Int64Column::copy_values(std::int64_t begin, std::int64_t count,
                              std::int64_t* out) const noexcept {
  const bool plain = type_ == 'l' && multiply_ == 1 && divide_ == 1;
  if (plain && validity_ == nullptr && !all_null_) {
    if (count > 0) {
      std::memcpy(out, static_cast<const char*>(values_) + (offset_ + begin) * 8,
                  static_cast<std::size_t>(count) * 8);
    }
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) out[i] = value(begin + i);
}

Float64Column::Float64Column(const ArrowSchema& schema, const ArrowArray& array, std::int64_t begin)
    : ColumnBase(array, begin) {
  const std::string_view format = schema.format;
  if (is_integer(format) && schema.dictionary == nullptr) {
    type_ = 'i';
    integers_ = Int64Column(schema, array, begin);
    return;
  }
  if ((format != "g" && format != "f") || schema.dictionary != nullptr) {
    throw_type(schema, "numbers");
  }
  type_ = format[0];
  values_ = array.buffers[1];
}

double Float64Column::value(std::int64_t row) const noexcept {
  if (is_null(row)) return 0.0;
  switch (type_) {
    case 'g':
      return load<double>(values_, offset_ + row);
    case 'f':
      return static_cast<double>(load<float>(values_, offset_ + row));
    default:
      return static_cast<double>(integers_.value(row));
  }
}

StringColumnReader::StringColumnReader(const ArrowSchema& schema, const ArrowArray& array,
                                       std::int64_t begin)
    : ColumnBase(array, begin), array_(&array) {
  const std::string_view format = schema.format;
  if (schema.dictionary != nullptr && schema.dictionary->dictionary == nullptr &&
      is_integer(format)) {
    ArrowSchema plain = schema;
    plain.dictionary = nullptr;
    indices_ = Int64Column(plain, array, begin);
    dictionary_ = std::make_shared<const StringColumnReader>(*schema.dictionary, *array.dictionary,
                                                             array.dictionary->offset);
    return;
  }
  view_ = format == "vu" || format == "vz";
  large_ = format == "U" || format == "Z";
  if (schema.dictionary != nullptr || !(view_ || large_ || format == "u" || format == "z")) {
    throw_type(schema, "strings");
  }
}

std::string_view StringColumnReader::value(std::int64_t row) const {
  if (is_null(row)) return {};
  if (dictionary_ != nullptr) {
    const auto index = indices_.value(row);
    const auto size = dictionary_->array_->length;
    if (index < 0 || index >= size) {
      detail::fail<InvalidArgument>(
          "a dictionary index is outside its dictionary of " + std::to_string(size) + " values",
          index);
    }
    return dictionary_->value(index);
  }
  const auto position = offset_ + row;
  if (view_) return view_at(position);
  const auto* offsets = array_->buffers[1];
  const auto begin = large_ ? load<std::int64_t>(offsets, position)
                            : std::int64_t{load<std::int32_t>(offsets, position)};
  const auto end = large_ ? load<std::int64_t>(offsets, position + 1)
                          : std::int64_t{load<std::int32_t>(offsets, position + 1)};
  if (begin < 0 || end < begin) {
    detail::fail<InvalidArgument>("a string column has decreasing offsets; offset", end);
  }
  if (begin == end) return std::string_view("", 0);
  const auto* bytes = static_cast<const char*>(array_->buffers[2]);
  if (bytes == nullptr) {
    detail::fail<InvalidArgument>("a string column has no bytes; offset", end);
  }
  return {bytes + begin, static_cast<std::size_t>(end - begin)};
}

std::string_view StringColumnReader::view_at(std::int64_t position) const {
  const auto* views = static_cast<const char*>(array_->buffers[1]);
  const auto* entry = views + position * std::int64_t{sizeof(StringView)};
  const auto view = load<StringView>(views, position);
  if (view.size < 0) {
    detail::fail<InvalidArgument>("a string view has a negative size", view.size);
  }
  const auto size = static_cast<std::size_t>(view.size);
  if (view.size <= kMaxInline) {
    return {entry + sizeof view.size, size};
  }
  const auto num_buffers = array_->n_buffers - 3;  // bitmap, views, and the sizes at the end
  if (view.buffer < 0 || view.buffer >= num_buffers) {
    detail::fail<InvalidArgument>("a string view names a buffer that is not there", view.buffer);
  }
  const auto bytes = load<std::int64_t>(array_->buffers[array_->n_buffers - 1], view.buffer);
  if (view.offset < 0 || std::int64_t{view.offset} + view.size > bytes) {
    detail::fail<InvalidArgument>("a string view points outside its buffer", view.offset);
  }
  return {static_cast<const char*>(array_->buffers[2 + view.buffer]) + view.offset, size};
}

template <class Item>
ListColumnReader<Item>::ListColumnReader(const ArrowSchema& schema, const ArrowArray& array,
                                         std::int64_t begin)
    : ColumnBase(array, begin) {
  const std::string_view format = schema.format;
  if (format != "+l" && format != "+L") {
    throw_type(schema, "lists");
  }
  large_ = format == "+L";
  offsets_ = array.buffers[1];
  const auto& child = *array.children[0];
  num_items_ = child.length;
  items_ = Item(*schema.children[0], child, child.offset);
}

template <class Item>
typename ListColumnReader<Item>::Range ListColumnReader<Item>::range(std::int64_t row) const {
  if (is_null(row)) return {0, 0};
  const auto position = offset_ + row;
  const auto begin = large_ ? load<std::int64_t>(offsets_, position)
                            : std::int64_t{load<std::int32_t>(offsets_, position)};
  const auto end = large_ ? load<std::int64_t>(offsets_, position + 1)
                          : std::int64_t{load<std::int32_t>(offsets_, position + 1)};
  if (begin < 0 || end < begin || end > num_items_) {
    detail::fail<InvalidArgument>(
        "the offsets of a list point outside its " + std::to_string(num_items_) + " items; offset",
        end);
  }
  return {begin, end - begin};
}

template class ListColumnReader<Int64Column>;
template class ListColumnReader<Float64Column>;
template class ListColumnReader<StringColumnReader>;

TableReader::TableReader(Table table, std::size_t chunk) : table_(std::move(table)), chunk_(chunk) {
  if (chunk >= table_.num_chunks()) {
    detail::fail<OutOfRange>(
        "the table has " + std::to_string(table_.num_chunks()) + " chunks, not chunk", chunk);
  }
}

std::int64_t TableReader::num_rows() const noexcept {
  return table_.data().chunks[chunk_].array->length;
}

std::int64_t TableReader::find(std::string_view name) const noexcept {
  const auto& schema = *table_.data().schema;
  for (std::int64_t i = 0; i < schema.n_children; ++i) {
    const auto* candidate = schema.children[i]->name;
    if (candidate != nullptr && name == candidate) return i;
  }
  return -1;
}

template <class Column>
Column TableReader::column(std::string_view name) const {
  const auto index = find(name);
  if (index < 0) return Column{};
  const auto& root = *table_.data().chunks[chunk_].array;
  const auto& array = *root.children[index];
  return Column(*table_.data().schema->children[index], array, root.offset + array.offset);
}

Int64Column TableReader::integers(std::string_view name) const { return column<Int64Column>(name); }

Float64Column TableReader::floats(std::string_view name) const {
  return column<Float64Column>(name);
}

StringColumnReader TableReader::strings(std::string_view name) const {
  return column<StringColumnReader>(name);
}

Int64ListColumn TableReader::integer_lists(std::string_view name) const {
  return column<Int64ListColumn>(name);
}

Float64ListColumn TableReader::float_lists(std::string_view name) const {
  return column<Float64ListColumn>(name);
}

StringListColumn TableReader::string_lists(std::string_view name) const {
  return column<StringListColumn>(name);
}

}  // namespace inlay
