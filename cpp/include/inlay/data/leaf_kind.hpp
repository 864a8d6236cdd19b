#pragma once

#include <cstdint>
#include <inlay/export.hpp>

namespace inlay {

/// What the values of a column are, whatever their physical format.
enum class LeafKind : std::uint8_t {
  kNull,
  kBoolean,
  kInteger,   ///< signed
  kUnsigned,  ///< integers from 0 to 2^64 - 1
  kFloat,
  kDecimal,
  kDate,
  kTime,  ///< of a day
  kTimestamp,
  kDuration,
  kText,
  kBinary,
  kList,  ///< the lengths of lists and maps; their items are leaves of their own
};
inline constexpr unsigned kLeafKinds = 13;

/// Return "null", "boolean", "integer", "unsigned", "float", "decimal", "date", "time",
/// "timestamp", "duration", "text", "binary" or "list".
INLAY_API const char* leaf_kind_name(LeafKind kind) noexcept;

}  // namespace inlay
