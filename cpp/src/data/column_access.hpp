#pragma once

#include <cstdint>
#include <functional>
#include <inlay/data/column_profile.hpp>
#include <string>
#include <string_view>

#include "data/leaf.hpp"
#include "data/leaf_view.hpp"
#include "summary/bytes.hpp"

namespace inlay::detail {

/// What makes, fills, merges and reads a ColumnProfile: its only friend.
struct ColumnAccess {
  static ColumnProfile make(const Leaf& leaf, const ProfileOptions& options);
  /// Adds the summaries of the kind, all empty.
  static void add_summaries(ColumnProfile& column, const ProfileOptions& options);

  /// Why values of a leaf cannot go into the column, for the end of a message; empty if they can.
  static std::string mismatch(const ColumnProfile& column, const LeafType& type);
  static std::string mismatch(const ColumnProfile& column, const ColumnProfile& other);

  /// @throws std::bad_alloc, with a part added
  static void merge(ColumnProfile& column, const ColumnProfile& other);

  static void write(const ColumnProfile& column, ByteWriter& out);
  static ColumnProfile read(ByteReader& in, const ProfileOptions& options);

  /// Counts what a feeder has seen.
  static void add_rows(ColumnProfile& column, std::uint64_t rows, std::uint64_t nulls,
                       std::uint64_t invalid_indices) noexcept;
  static void add_exact(ColumnProfile& column, const ExactInteger& min, const ExactInteger& max,
                        const ExactInteger& sum) noexcept;
  static void add_extremes(ColumnProfile& column, const ColumnProfile::Extreme& min,
                           const ColumnProfile::Extreme& max);
  /// @throws std::bad_alloc, and what `rename` throws; nothing changed then
  static void redact(ColumnProfile& column,
                     const std::function<std::string(std::string_view)>& rename);
  static void add_order(ColumnProfile& column, const std::int64_t* points,
                        std::size_t size) noexcept;

  static Moments* moments(ColumnProfile& c) noexcept { return pointer(c.moments_); }
  static ExpHistogram* histogram(ColumnProfile& c) noexcept { return pointer(c.histogram_); }
  static Kll<float>* float_quantiles(ColumnProfile& c) noexcept {
    return pointer(c.float_quantiles_);
  }
  static Kll<double>* quantiles(ColumnProfile& c) noexcept { return pointer(c.quantiles_); }
  static Hll* cardinality(ColumnProfile& c) noexcept { return pointer(c.cardinality_); }
  static TopK* top_k(ColumnProfile& c) noexcept { return pointer(c.top_k_); }
  static Moments* lengths(ColumnProfile& c) noexcept { return pointer(c.lengths_); }
  static ExpHistogram* length_histogram(ColumnProfile& c) noexcept {
    return pointer(c.length_histogram_);
  }
  static TimeCoverage* coverage(ColumnProfile& c) noexcept { return pointer(c.coverage_); }
  static std::uint64_t& empty_count(ColumnProfile& c) noexcept { return c.empty_count_; }
  static std::uint64_t& invalid_utf8_count(ColumnProfile& c) noexcept {
    return c.invalid_utf8_count_;
  }

 private:
  template <class T>
  static T* pointer(std::optional<T>& member) noexcept {
    return member ? &*member : nullptr;
  }
};

}  // namespace inlay::detail
