#pragma once

// What an Arrow format string says about buffers and children.

#include <cstdint>
#include <string>
#include <string_view>

namespace inlay::detail {

enum class LayoutKind : std::uint8_t {
  kNull,
  kFixed,        // width_bits a value
  kVarBinary32,  // utf8, binary
  kVarBinary64,  // large_utf8, large_binary
  kView,         // utf8 and binary views: a variable number of data buffers
  kList32,
  kList64,
  kListView,
  kFixedList,  // width values a row
  kStruct,
  kMap,
  kSparseUnion,
  kDenseUnion,
  kRunEnd,
};

/// The physical layout of one Arrow type. Immutable, hence thread-safe.
struct Layout {
  LayoutKind kind;
  int num_buffers;                // -1: at least three (views)
  std::int64_t width_bits = 0;    // kFixed
  std::int64_t list_size = 0;     // kFixedList
  std::int64_t num_children = 0;  // -1: any number
};

/// Parse an Arrow format string.
/// @throws InvalidArgument naming `format` and `column` when it is unknown
Layout parse_layout(std::string_view format, const std::string& column);

}  // namespace inlay::detail
