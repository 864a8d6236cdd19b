// What can be checked of foreign structs without reading values, and how much
// memory they refer to.

#include <cstdint>
#include <string>

#include <inlay/error.hpp>
#include "arrow/layout.hpp"
#include "arrow/table_data.hpp"

namespace inlay::detail {

namespace {

// Deeper nesting than any real type; a guard against structs that contain
// themselves.
constexpr int kMaxDepth = 64;

[[noreturn]] void fail(const std::string& column, const std::string& what) {
  throw InvalidArgument("column '" + column + "': " + what);
}

std::string child_path(const std::string& parent, const ArrowSchema& child, std::int64_t index) {
  const std::string name =
      child.name == nullptr || *child.name == '\0' ? std::to_string(index) : child.name;
  return parent.empty() ? name : parent + "." + name;
}

void check_schema_node(const ArrowSchema& schema, const std::string& path, int depth) {
  if (depth > kMaxDepth) {
    fail(path, "nested deeper than " + std::to_string(kMaxDepth));
  }
  if (schema.release == nullptr) {
    fail(path, "its ArrowSchema was already released");
  }
  if (schema.format == nullptr) {
    fail(path, "its ArrowSchema has no format");
  }
  const auto layout = parse_layout(schema.format, path);
  if (schema.n_children < 0 ||
      (layout.num_children >= 0 && schema.n_children != layout.num_children)) {
    fail(path, "format '" + std::string(schema.format) +
                   "' with a wrong number of children: " + std::to_string(schema.n_children));
  }
  if (schema.n_children > 0 && schema.children == nullptr) {
    fail(path, "no pointer to its children: 0x0");
  }
  for (std::int64_t i = 0; i < schema.n_children; ++i) {
    if (schema.children[i] == nullptr) {
      fail(path, "no child " + std::to_string(i));
    }
    const auto& child = *schema.children[i];
    check_schema_node(child, child_path(path, child, i), depth + 1);
  }
  if (schema.dictionary != nullptr) {
    if (std::string_view("cCsSiIlL").find(schema.format) == std::string_view::npos ||
        std::string_view(schema.format).size() != 1) {
      fail(path,
           "a dictionary needs integer indices, not format '" + std::string(schema.format) + "'");
    }
    check_schema_node(*schema.dictionary, path + ".dictionary", depth + 1);
  }
}

void check_buffers(const Layout& layout, const ArrowArray& array, const std::string& path) {
  const bool enough =
      layout.num_buffers < 0 ? array.n_buffers >= 3 : array.n_buffers == layout.num_buffers;
  if (!enough) {
    fail(path, "wrong number of buffers: " + std::to_string(array.n_buffers));
  }
  if (array.n_buffers > 0 && array.buffers == nullptr) {
    fail(path, "no pointer to its buffers: 0x0");
  }
  const bool unions =
      layout.kind == LayoutKind::kSparseUnion || layout.kind == LayoutKind::kDenseUnion;
  if (!unions && array.n_buffers > 0 && array.null_count > 0 && array.buffers[0] == nullptr) {
    fail(path, "no null bitmap for a null count of " + std::to_string(array.null_count));
  }
  if (array.length == 0) {
    return;
  }
  // Offsets and fixed-width values must be there; bytes of strings may be
  // missing when all are empty, and values when they have no width.
  const bool second =
      layout.num_buffers >= 2 && (layout.kind != LayoutKind::kFixed || layout.width_bits > 0);
  if ((second || layout.kind == LayoutKind::kView) && array.buffers[1] == nullptr) {
    fail(path, "buffer 1 is missing for a length of " + std::to_string(array.length));
  }
}

std::int64_t required_child_length(const Layout& layout, const ArrowArray& array) {
  const auto end = array.offset + array.length;
  switch (layout.kind) {
    case LayoutKind::kStruct:
    case LayoutKind::kSparseUnion:
      return end;
    case LayoutKind::kFixedList: {
      std::int64_t items = 0;  // of a long array of long lists, more than 64 bits hold
      return __builtin_mul_overflow(end, layout.list_size, &items) ? INT64_MAX : items;
    }
    default:
      return 0;
  }
}

void check_array_node(const ArrowSchema& schema, const ArrowArray& array, const std::string& path) {
  constexpr std::int64_t kMaxLength = std::int64_t{1} << 48;  // keeps the sums below from overflow
  if (array.release == nullptr) {
    fail(path, "its ArrowArray was already released");
  }
  if (array.length < 0 || array.length > kMaxLength) {
    fail(path, "impossible length: " + std::to_string(array.length));
  }
  if (array.offset < 0 || array.offset > kMaxLength) {
    fail(path, "impossible offset: " + std::to_string(array.offset));
  }
  if (array.null_count < -1 || array.null_count > array.length) {
    fail(path, "impossible null count: " + std::to_string(array.null_count));
  }
  const auto layout = parse_layout(schema.format, path);
  check_buffers(layout, array, path);
  if (array.n_children != schema.n_children) {
    fail(path, "the schema has " + std::to_string(schema.n_children) + " children, the array has " +
                   std::to_string(array.n_children));
  }
  if (array.n_children > 0 && array.children == nullptr) {
    fail(path, "no pointer to its children: 0x0");
  }
  const auto required = required_child_length(layout, array);
  for (std::int64_t i = 0; i < array.n_children; ++i) {
    const auto name = child_path(path, *schema.children[i], i);
    if (array.children[i] == nullptr) {
      fail(name, "its ArrowArray is missing");
    }
    check_array_node(*schema.children[i], *array.children[i], name);
    if (array.children[i]->length < required) {
      fail(name, "length " + std::to_string(array.children[i]->length) +
                     " is less than its parent needs: " + std::to_string(required));
    }
  }
  if ((schema.dictionary == nullptr) != (array.dictionary == nullptr)) {
    fail(path, schema.dictionary == nullptr ? "the array has a dictionary, the schema has none"
                                            : "the schema has a dictionary, the array has none");
  }
  if (schema.dictionary != nullptr) {
    check_array_node(*schema.dictionary, *array.dictionary, path + ".dictionary");
  }
}

template <class Offset>
std::int64_t span_of(const ArrowArray& array) {
  if (array.length == 0) {
    return 0;
  }
  const auto* offsets = static_cast<const Offset*>(array.buffers[1]) + array.offset;
  return static_cast<std::int64_t>(offsets[array.length]) - static_cast<std::int64_t>(offsets[0]);
}

std::int64_t buffers_nbytes(const Layout& layout, const ArrowArray& array) {
  const bool bitmap = array.n_buffers > 0 && array.buffers[0] != nullptr;
  auto total = bitmap ? (array.length + 7) / 8 : std::int64_t{0};
  switch (layout.kind) {
    case LayoutKind::kFixed:
      return total + (array.length * layout.width_bits + 7) / 8;
    case LayoutKind::kVarBinary32:
      return total + 4 * (array.length + 1) + span_of<std::int32_t>(array);
    case LayoutKind::kVarBinary64:
      return total + 8 * (array.length + 1) + span_of<std::int64_t>(array);
    case LayoutKind::kList32:
    case LayoutKind::kMap:
      return total + 4 * (array.length + 1);
    case LayoutKind::kList64:
      return total + 8 * (array.length + 1);
    case LayoutKind::kListView:
      return total + 8 * array.length;
    case LayoutKind::kView: {
      total += 16 * array.length;
      const auto* sizes = static_cast<const std::int64_t*>(array.buffers[array.n_buffers - 1]);
      for (std::int64_t i = 0; i < array.n_buffers - 3 && sizes != nullptr; ++i) {
        total += sizes[i];
      }
      return total;
    }
    case LayoutKind::kSparseUnion:
      return array.length;
    case LayoutKind::kDenseUnion:
      return 5 * array.length;
    case LayoutKind::kNull:
    case LayoutKind::kFixedList:
    case LayoutKind::kStruct:
    case LayoutKind::kRunEnd:
      return total;
  }
  return total;
}

}  // namespace

void check_schema(const ArrowSchema& schema) { check_schema_node(schema, "", 0); }

void check_layout(const ArrowSchema& schema, const ArrowArray& array) {
  check_array_node(schema, array, "");
}

std::int64_t array_nbytes(const ArrowSchema& schema, const ArrowArray& array) {
  auto total = buffers_nbytes(parse_layout(schema.format, ""), array);
  for (std::int64_t i = 0; i < schema.n_children; ++i) {
    total += array_nbytes(*schema.children[i], *array.children[i]);
  }
  if (schema.dictionary != nullptr) {
    total += array_nbytes(*schema.dictionary, *array.dictionary);
  }
  return total;
}

}  // namespace inlay::detail
