#pragma once

#include <pybind11/pybind11.h>

#include <inlay/model/prediction_id.hpp>

#include "item_input.hpp"

namespace inlay::python {

/// A column of ids of predictions: integers, text, bytes or UUIDs, all of one type; one id alone is
/// a column of one. Arrow's dates and times are their integers, a UUID its 16 bytes.
class IdInput : public ItemInput {
 public:
  /// @throws pybind11::type_error if the object is no such column
  explicit IdInput(const pybind11::handle& object);

  /// kNone if there is no id.
  IdKind kind() const noexcept { return kind_; }

  /// Calls f(const IdHash*, size, at) for blocks of ids that are not null: block item i stands at
  /// `at` + i of the column. f must not throw. Touches no Python object.
  template <class F>
  void for_each_hashed_block(F&& f) const noexcept {
    constexpr std::size_t kHashed = 512;
    IdHash hashes[kHashed];
    for_each_placed_block([&](const auto* items, std::size_t size, std::size_t at) {
      for (std::size_t from = 0; from < size; from += kHashed) {
        const std::size_t part = size - from < kHashed ? size - from : kHashed;
        hash(items + from, part, hashes);
        f(static_cast<const IdHash*>(hashes), part, at + from);
      }
    });
  }

 private:
  void hash(const std::int64_t* ids, std::size_t size, IdHash* out) const noexcept {
    hash_ids(reinterpret_cast<const std::uint64_t*>(ids), size, out);
  }
  void hash(const std::uint64_t* ids, std::size_t size, IdHash* out) const noexcept {
    hash_ids(ids, size, out);
  }
  void hash(const std::string_view* ids, std::size_t size, IdHash* out) const noexcept {
    hash_ids(ids, size, kind_, out);
  }
  void hash(const double*, std::size_t, IdHash*) const noexcept {}  // refused before
  void hash(const bool*, std::size_t, IdHash*) const noexcept {}

  void take_kind(IdKind kind);
  void take_run_kind(const Run& run);

  IdKind kind_ = IdKind::kNone;
};

}  // namespace inlay::python
