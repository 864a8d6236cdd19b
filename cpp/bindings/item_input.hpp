#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "column_source.hpp"

namespace inlay::python {

/// A column of items to tell apart and to count: integers, floats, booleans, text, bytes, Arrow's
/// dates and times (as their integers).
///
/// Integers come as int64, unsigned ones of 64 bits as uint64, floats as double (all exact),
/// booleans as bool, text as UTF-8. Numpy's fixed-width text loses its padding. Byte-swapped,
/// complex, decimal and nested values are refused with a TypeError that names them. A sequence may
/// mix kinds.
class ItemInput : public ColumnSource {
 public:
  /// @throws pybind11::type_error if the object is no such column, and whatever it raises itself.
  explicit ItemInput(PyObject* object);

  /// Calls f(const T*, size) for blocks of items that are not null, in order, T being int64_t,
  /// uint64_t, double, bool or string_view, and returns the number of nulls. f returns nothing and
  /// must not throw. Texts are valid during the call only. Touches no Python object.
  template <class F>
  std::size_t for_each_block(F&& f) const noexcept {
    return visit_all<false>(
        [&](const auto* items, std::size_t size, std::size_t) { f(items, size); });
  }

  /// The same as f(items, size, at): block item i stands at `at` + i of the column.
  template <class F>
  std::size_t for_each_placed_block(F&& f) const noexcept {
    return visit_all<true>(f);
  }

  /// What for_each_distinct_block passed over.
  struct Passed {
    std::size_t nulls = 0;
    std::size_t repeats = 0;
  };
  /// For readers to whom an item is the same once or twice: as for_each_block, but of a dictionary
  /// with no more entries than its column has items, each entry that occurs comes once. Floats,
  /// which may be NaN, come as often as they occur.
  template <class F>
  Passed for_each_distinct_block(F&& f) const noexcept {
    Passed passed{0, 0};
    Block block;
    auto placed = [&](const auto* items, std::size_t size, std::size_t) { f(items, size); };
    for_each_run([&](const Run& run) {
      if (!is_read_once(run)) {
        passed.nulls += visit<false>(run, 0, block, placed);
        return;
      }
      const std::size_t valid = mark_used(run);
      passed.nulls += run.size - valid;
      passed.repeats += valid;
      std::size_t from = 0;
      while (const std::size_t size = fill_used(*run.dictionary, from, block)) {
        pass_block<false>(kind_of(run), block, true, size, 0, placed);
        passed.repeats -= size;
      }
    });
    return passed;
  }

  /// Calls f(items, size, counts) for blocks of items that are not null: items[i] counts counts[i]
  /// times, or once if `counts` is null. The entries of a dictionary come once each, with what
  /// refers to them added up, unless they are many beside the column. `weights`, if not null, says
  /// how often each entry of the column counts; their sum must fit. Returns how often nulls count.
  /// f must not throw; memory may run out. Touches no Python object.
  template <class F>
  std::uint64_t for_each_counted_block(const std::int64_t* weights, F&& f) const {
    const auto sum = [](const std::int64_t* counts, std::size_t size) {
      std::uint64_t total = size;
      if (counts == nullptr) return total;
      total = 0;
      for (std::size_t i = 0; i < size; ++i) total += static_cast<std::uint64_t>(counts[i]);
      return total;
    };
    std::uint64_t valid = 0;
    std::size_t before = 0;
    Block block;
    std::vector<std::int64_t> tally;
    for_each_run([&](const Run& run) {
      const std::int64_t* of_run = weights == nullptr ? nullptr : weights + before;
      const auto pass_on = [&](const std::int64_t* counts) {
        return [&f, &valid, &sum, counts](const auto* items, std::size_t size, std::size_t at) {
          const std::int64_t* own = counts == nullptr ? nullptr : counts + at;
          valid += sum(own, size);
          f(items, size, own);
        };
      };
      if (run.dictionary != nullptr && run.dictionary->size <= run.size) {
        add_up(run, of_run, tally);
        auto counted = pass_on(tally.data());
        visit<true>(*run.dictionary, 0, block, counted);
      } else if (weights != nullptr) {
        auto counted = pass_on(of_run);
        visit<true>(run, 0, block, counted);
      } else {
        auto counted = pass_on(nullptr);
        visit<false>(run, 0, block, counted);
      }
      before += run.size;
    });
    return sum(weights, size()) - valid;
  }

 private:
  // Room for one block of items of any kind.
  struct Block {
    union {
      std::int64_t whole[kBlock];
      std::uint64_t natural[kBlock];
      double real[kBlock];
      bool truth[kBlock];
    };
    std::string_view text[kBlock];
    bool valid[kBlock];
  };
  enum class Kind : std::uint8_t { kInt, kUint, kReal, kBool, kText };

  static Kind kind_of(const Run& run) noexcept;
  static bool is_read_once(const Run& run) noexcept;
  /// Reads items where(0) to where(size - 1) of a run without a dictionary, those that are valid.
  template <class Where>
  static void read(const Run& run, std::size_t size, Block& block, const Where& where) noexcept;
  /// Calls f(i, index) for those of the items at..at+size-1 that refer to an entry that is not
  /// null.
  template <class F>
  static void for_each_index(const Run& run, std::size_t at, std::size_t size, F&& f) noexcept;
  /// Fills the arrays of the kind and `valid`; returns whether all are valid.
  bool fill(const Run& run, std::size_t at, std::size_t size, Block& block) const noexcept;
  void fill_python(std::size_t at, std::size_t size, Block& block) const noexcept;
  /// Marks the entries of the run's dictionary that occur; returns how often any does.
  std::size_t mark_used(const Run& run) const noexcept;
  /// Reads the next marked entries from `from` on, which moves behind them; returns how many.
  std::size_t fill_used(const Run& dictionary, std::size_t& from, Block& block) const noexcept;

  template <bool kPlaced, class T, class F>
  static std::size_t pass_on(T* items, Block& block, bool all_valid, std::size_t size,
                             std::size_t at, F& f) noexcept {
    if (all_valid) {
      f(static_cast<const T*>(items), size, at);
      return size;
    }
    std::size_t kept = 0;
    if constexpr (kPlaced) {
      for (std::size_t i = 0; i < size;) {
        if (!block.valid[i]) {
          ++i;
          continue;
        }
        std::size_t end = i + 1;
        while (end < size && block.valid[end]) ++end;
        f(static_cast<const T*>(items + i), end - i, at + i);
        kept += end - i;
        i = end;
      }
    } else {
      for (std::size_t i = 0; i < size; ++i) {
        items[kept] = items[i];
        kept += block.valid[i] ? 1U : 0U;
      }
      if (kept != 0) f(static_cast<const T*>(items), kept, at);
    }
    return kept;
  }

  template <bool kPlaced, class F>
  static std::size_t pass_block(Kind kind, Block& block, bool all_valid, std::size_t size,
                                std::size_t at, F& f) noexcept {
    switch (kind) {
      case Kind::kInt:
        return pass_on<kPlaced>(block.whole, block, all_valid, size, at, f);
      case Kind::kUint:
        return pass_on<kPlaced>(block.natural, block, all_valid, size, at, f);
      case Kind::kReal:
        return pass_on<kPlaced>(block.real, block, all_valid, size, at, f);
      case Kind::kBool:
        return pass_on<kPlaced>(block.truth, block, all_valid, size, at, f);
      default:
        return pass_on<kPlaced>(block.text, block, all_valid, size, at, f);
    }
  }

  template <bool kPlaced, class F>
  std::size_t visit_all(F&& f) const noexcept {
    std::size_t nulls = 0;
    std::size_t before = 0;
    Block block;
    for_each_run([&](const Run& run) {
      nulls += visit<kPlaced>(run, before, block, f);
      before += run.size;
    });
    return nulls;
  }

  template <bool kPlaced, class F>
  std::size_t visit(const Run& run, std::size_t before, Block& block, F& f) const noexcept {
    const bool plain = run.validity == nullptr && run.dictionary == nullptr;
    if (plain && run.element == Element::kI64 && is_packed<std::int64_t>(run)) {
      f(reinterpret_cast<const std::int64_t*>(run.data), run.size, before);
      return 0;
    }
    if (plain && run.element == Element::kU64 && is_packed<std::uint64_t>(run)) {
      f(reinterpret_cast<const std::uint64_t*>(run.data), run.size, before);
      return 0;
    }
    if (plain && run.element == Element::kF64 && is_packed<double>(run)) {
      f(reinterpret_cast<const double*>(run.data), run.size, before);
      return 0;
    }
    std::size_t valid = 0;
    for (std::size_t at = 0; at < run.size;) {
      std::size_t size = run.size - at < kBlock ? run.size - at : kBlock;
      Kind kind = kind_of(run);
      if (run.element == Element::kPython) size = alike(at, size, kind);
      const bool all = fill(run, at, size, block);
      const std::size_t place = before + at;
      valid += pass_block<kPlaced>(kind, block, all, size, place, f);
      at += size;
    }
    return run.size - valid;
  }

  /// For each entry of the run's dictionary, how often valid indices refer to it, or the sum of
  /// their weights.
  static void add_up(const Run& run, const std::int64_t* weights, std::vector<std::int64_t>& tally);

  /// How many entries of the sequence from `at` on are of one kind, at most `size`.
  std::size_t alike(std::size_t at, std::size_t size, Kind& kind) const noexcept;

  mutable std::vector<bool> used_;  // as many as the largest dictionary that is read once
};

}  // namespace inlay::python
