#pragma once

// An Arrow schema flattened to its leaves: the columns of values that a profile or a check sees.

#include <cstdint>
#include <inlay/arrow/c_data.hpp>
#include <inlay/data/leaf_kind.hpp>
#include <string>
#include <vector>

namespace inlay::detail {

/// How the values of a leaf lie in memory.
enum class LeafFormat : std::uint8_t {
  kNull,
  kBits,
  kSigned,      // two's complement, `width` bytes: 1, 2, 4 or 8
  kUnsigned,    // the same without a sign
  kFloat,       // 2, 4 or 8 bytes
  kDecimal,     // unscaled two's complement, 4, 8, 16 or 32 bytes
  kOffsets32,   // text or bytes behind offsets
  kOffsets64,   // the same, large
  kView,        // text or bytes behind views of 16 bytes
  kFixedBytes,  // `width` bytes each
  kList32,      // lists and maps
  kList64,
  kListView32,
  kListView64,
  kFixedList,  // `width` items each
};

/// The type of a leaf. Of a dictionary, kind and format are those of its values. Immutable once
/// made.
struct LeafType {
  LeafKind kind = LeafKind::kNull;
  LeafFormat format = LeafFormat::kNull;
  std::int64_t width = 0;
  char unit = 0;  // of what is temporal: 'D' days, 's', 'm' milli-, 'u' micro-, 'n' nanoseconds
  std::string timezone;  // empty: none
  int precision = 0;     // of decimals
  int scale = 0;
  bool is_dictionary = false;
  bool signed_index = false;
  int index_width = 0;       // bytes of a dictionary's indices
  std::string arrow_format;  // of the values
  std::string name;          // for people: "int64", "dictionary<int32, utf8>"
};

/// One leaf of a schema. Immutable once made.
struct Leaf {
  std::string path;  // "price", "address.city", "tags", "tags[]", "attrs.key"
  LeafType type;
  std::int64_t column = 0;  // of the schema, that it lies in
  bool nested = false;      // whether it is a part of that column, or has parts itself
};

/// Return the leaves of a struct schema (a record batch's) in its order; a list comes before its
/// items. Equal paths get "#2", "#3", … from the second on.
/// @throws InvalidArgument for a schema that is no struct or makes no sense, and naming column and
///         type for a union, an interval, a run-end encoded column or a dictionary of nested values
std::vector<Leaf> flatten(const ArrowSchema& schema);

/// A column of a type that has no leaves. A plain value.
struct RefusedColumn {
  std::string path;
  std::string reason;  // "has a type that is not supported: …"
};

/// As flatten(), but columns of types that are not supported are left out and listed.
/// @throws InvalidArgument for a schema that is no struct or makes no sense
std::vector<Leaf> flatten_known(const ArrowSchema& schema, std::vector<RefusedColumn>& refused);

/// Return the readable name of any Arrow type, e.g. "timestamp[us, UTC]" or "list<utf8>". The
/// schema must have passed check_schema().
std::string type_name(const ArrowSchema& schema);

/// Return "s", "ms", "us", "ns" or "D"; null without a unit.
const char* unit_name(char unit) noexcept;

/// Return the path of a child of a struct, and of the items of a list.
std::string child_path(const std::string& parent, const ArrowSchema& child, std::int64_t index);

}  // namespace inlay::detail
