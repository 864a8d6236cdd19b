#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <exception>
#include <inlay/model/prediction_id.hpp>

#include "item_input.hpp"

namespace inlay::python {

/// Ids of predictions by their hashes, in blocks. Read without the GIL if the reader likes.
class HashedIds {
 public:
  static constexpr std::size_t kHashed = 512;  // ids of a block, at most

  HashedIds() = default;
  HashedIds(const HashedIds&) = delete;
  HashedIds& operator=(const HashedIds&) = delete;
  virtual ~HashedIds() = default;

  virtual std::size_t count() const noexcept = 0;
  /// kNone if there is no id, or it is not known.
  virtual IdKind kind() const noexcept = 0;

  /// Calls f(const IdHash*, size, at) for blocks of ids that are not null: block item i stands at
  /// `at` + i of the column. Touches no Python object. What f throws comes out.
  template <class F>
  void for_each_hashed_block(F&& f) const {
    Reader<F> reader(f);
    read(reader);
    if (reader.failed) std::rethrow_exception(reader.failed);
  }

 protected:
  struct Taker {
    virtual void take(const IdHash* ids, std::size_t size, std::size_t at) noexcept = 0;

   protected:
    ~Taker() = default;
  };
  /// One body for every reader, since reading any column is long.
  virtual void read(Taker& taker) const noexcept = 0;

 private:
  template <class F>
  struct Reader final : Taker {
    explicit Reader(F& function) : f(function) {}
    void take(const IdHash* ids, std::size_t size, std::size_t at) noexcept override {
      if (failed) return;
      try {
        f(ids, size, at);
      } catch (...) {  // memory may run out
        failed = std::current_exception();
      }
    }
    F& f;
    std::exception_ptr failed;
  };
};

/// A column of ids of predictions: integers, text, bytes or UUIDs, all of one type; one id alone is
/// a column of one. Arrow's dates and times are their integers, a UUID its 16 bytes.
class IdInput final : public HashedIds, private ItemInput {
 public:
  /// @throws pybind11::type_error if the object is no such column
  explicit IdInput(const pybind11::handle& object);

  std::size_t count() const noexcept override { return size(); }
  IdKind kind() const noexcept override { return kind_; }

 private:
  void read(Taker& taker) const noexcept override;
  void take_kind(IdKind kind);
  void take_run_kind(const Run& run);

  IdKind kind_ = IdKind::kNone;
};

}  // namespace inlay::python
