#pragma once

#include <cstdint>
#include <cstring>
#include <inlay/arrow/c_data.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace inlay::test {

/// A buffer of exactly as many bytes as given, so that the address sanitizer sees what lies beyond.
class Buffer {
 public:
  Buffer() = default;
  template <class T>
  static Buffer of(const std::vector<T>& values) {
    Buffer out;
    out.bytes_ = std::make_shared<std::vector<char>>(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(out.bytes_->data(), values.data(), out.bytes_->size());
    return out;
  }
  static Buffer of(const std::string& text) {
    return of(std::vector<char>(text.begin(), text.end()));
  }
  const void* data() const { return bytes_ == nullptr ? nullptr : bytes_->data(); }

 private:
  std::shared_ptr<std::vector<char>> bytes_;
};

/// A schema and an array under one's own control, consistent or not.
struct Column {
  Column(std::string format_string, std::string column_name)
      : format(std::move(format_string)), name(std::move(column_name)) {}

  std::string format;
  std::string name;
  std::int64_t length = 0;
  std::int64_t null_count = -1;
  std::int64_t offset = 0;
  std::vector<Buffer> buffers;
  std::vector<Column> children;
  std::vector<Column> dictionary;  // none or one

  /// Structs that borrow this column, which must outlive them and stay where it is.
  const ArrowSchema& schema() {
    schema_ = {};
    schema_.format = format.c_str();
    schema_.name = name.c_str();
    child_schemas_.clear();
    for (Column& child : children)
      child_schemas_.push_back(const_cast<ArrowSchema*>(&child.schema()));
    schema_.n_children = static_cast<std::int64_t>(children.size());
    schema_.children = child_schemas_.data();
    if (!dictionary.empty()) {
      schema_.dictionary = const_cast<ArrowSchema*>(&dictionary.front().schema());
    }
    schema_.release = [](ArrowSchema*) {};
    return schema_;
  }
  const ArrowArray& array() {
    array_ = {};
    array_.length = length;
    array_.null_count = null_count;
    array_.offset = offset;
    pointers_.clear();
    for (const Buffer& buffer : buffers) pointers_.push_back(buffer.data());
    array_.n_buffers = static_cast<std::int64_t>(buffers.size());
    array_.buffers = pointers_.data();
    child_arrays_.clear();
    for (Column& child : children) child_arrays_.push_back(const_cast<ArrowArray*>(&child.array()));
    array_.n_children = static_cast<std::int64_t>(children.size());
    array_.children = child_arrays_.data();
    if (!dictionary.empty()) {
      array_.dictionary = const_cast<ArrowArray*>(&dictionary.front().array());
    }
    array_.release = [](ArrowArray*) {};
    return array_;
  }

 private:
  ArrowSchema schema_{};
  ArrowArray array_{};
  std::vector<ArrowSchema*> child_schemas_;
  std::vector<ArrowArray*> child_arrays_;
  std::vector<const void*> pointers_;
};

template <class T>
Column numbers(std::string format, std::string name, const std::vector<T>& values) {
  Column out{std::move(format), std::move(name)};
  out.length = static_cast<std::int64_t>(values.size());
  out.buffers = {Buffer(), Buffer::of(values)};
  return out;
}

inline Column texts(std::string name, const std::vector<std::string>& values) {
  std::vector<std::int32_t> offsets{0};
  std::string bytes;
  for (const std::string& value : values) {
    bytes += value;
    offsets.push_back(static_cast<std::int32_t>(bytes.size()));
  }
  Column out{"u", std::move(name)};
  out.length = static_cast<std::int64_t>(values.size());
  out.buffers = {Buffer(), Buffer::of(offsets), Buffer::of(bytes)};
  return out;
}

/// A record batch.
inline Column table(std::vector<Column> columns) {
  Column out{"+s", ""};
  if (!columns.empty()) out.length = columns.front().length;
  out.null_count = 0;
  out.buffers = {Buffer()};
  out.children = std::move(columns);
  return out;
}

}  // namespace inlay::test
