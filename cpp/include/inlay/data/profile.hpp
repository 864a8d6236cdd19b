#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <inlay/arrow/c_data.hpp>
#include <inlay/data/column_profile.hpp>
#include <inlay/export.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace inlay {

/// A profile of a table: one ColumnProfile for each leaf of its schema, from one pass over the
/// rows, in constant memory.
///
/// Leaves are named "price", "address.city" (struct), "tags" (the lengths of lists) and "tags[]"
/// (their items), "attrs.key" and "attrs.value" (map); of equal names the later ones get "#2", …
/// Columns of a batch are found by name; one whose physical type differs from the profile's is
/// welcome if its kind, unit, time zone and scale are the same, unless doubles meet a profile of
/// floats; so is one of type null. A batch that is refused changes nothing.
///
/// Merging adds; what is exact for the whole is exact for merged parts, down to the order of
/// points, where the other's rows come after this one's. Profiles of different schemas or options
/// are refused, and change nothing.
///
/// Not safe for concurrent use of one object when any of the uses changes it.
class INLAY_API Profile {
 public:
  /// @throws InvalidArgument for a schema that is no struct, a type that no profile has (union,
  ///         interval, run-end encoded; column and type are named), or an option out of its range.
  explicit Profile(const ArrowSchema& schema, const ProfileOptions& options = {});

  /// Reads a struct array, a record batch; the structs stay the caller's. Returns the rows read.
  /// Columns are shared out to `threads` threads, or to as many as there are cores if 0; fewer for
  /// small batches. The outcome does not depend on their number.
  /// @throws InvalidArgument naming the column, if the batch lacks one, has one more, has another
  ///         type or makes no sense; nothing changed then
  /// @throws std::bad_alloc; a part of the batch may have been counted
  std::uint64_t update(const ArrowSchema& schema, const ArrowArray& batch, unsigned threads = 0);

  /// @throws InvalidArgument naming the column and both types, or the option; nothing changed then
  /// @throws std::bad_alloc; nothing changed
  void merge(const Profile& other);

  /// Replaces the texts that a column keeps: frequent ones by what `rename` gives for them (see
  /// TopK::renamed), the smallest and the largest by nothing. Its counts stay.
  /// @throws InvalidArgument if the column has no text or bytes
  /// @throws OutOfRange if there is no such column
  /// @throws std::bad_alloc, and what `rename` throws; nothing changed then
  void redact(std::size_t column, const std::function<std::string(std::string_view)>& rename);

  const ProfileOptions& options() const noexcept { return options_; }
  std::uint64_t rows() const noexcept { return rows_; }
  const std::vector<ColumnProfile>& columns() const noexcept { return columns_; }
  /// Object and all it holds, in bytes.
  std::size_t memory_bytes() const noexcept;

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static Profile from_bytes(const std::uint8_t* bytes, std::size_t size);

  friend INLAY_API bool operator==(const Profile& a, const Profile& b);
  friend bool operator!=(const Profile& a, const Profile& b) { return !(a == b); }

 private:
  Profile() = default;

  ProfileOptions options_;
  std::uint64_t rows_ = 0;
  std::vector<ColumnProfile> columns_;
};

}  // namespace inlay
