#pragma once

#include <inlay/data/tally.hpp>
#include <string>
#include <vector>

#include "data/leaf.hpp"
#include "data/schema_shape.hpp"
#include "data/value_positions.hpp"
#include "summary/bytes.hpp"
#include "summary/top_k_sieve.hpp"

namespace inlay::detail {

/// Which leaves of a schema go into which columns of a tally. Immutable once made.
struct TallyPlan {
  static constexpr std::size_t kNone = SIZE_MAX;

  SchemaShape shape;
  std::vector<std::size_t> skip;
  std::vector<Leaf> leaves;          // of columns of the schema that a column is fed from
  std::vector<std::size_t> targets;  // the column of each leaf, or kNone
  std::vector<Tally::Problem> problems;
};

/// Memory of one thread that feeds columns, whatever their number and length. Too large for a
/// stack; not initialised.
struct TallyMemory : PositionMemory {
  TallyMemory() noexcept {}  // NOLINT: nothing is read before it is written

  union {
    double real[kFeedChunk];
    float single[kFeedChunk];
  };
  union {
    std::int64_t whole[kFeedChunk];
    std::uint64_t natural[kFeedChunk];
  };
  static constexpr std::size_t kTexts = 2048;
  union {
    std::string_view text[kTexts];
  };
  union {
    std::string_view outside[kTexts];
    std::int64_t outside_whole[kTexts];
    std::uint64_t outside_natural[kTexts];
  };
  union {
    TopKSieve sieve;  // without state between blocks
  };
};
static_assert(TallyMemory::kTexts <= TopKSieve::kBlock);

inline bool is_number(LeafKind kind) noexcept {
  return kind == LeafKind::kInteger || kind == LeafKind::kUnsigned || kind == LeafKind::kFloat ||
         kind == LeafKind::kDecimal;
}

/// What makes, fills, merges and reads a TallyColumn: its only friend.
struct TallyAccess {
  static TallyColumn make(const Leaf& leaf, const TallyOptions& options);
  /// Gives a new column its cells, with their counts.
  /// @throws InvalidArgument if its kind cannot have them
  static void set_cells(TallyColumn& column, std::variant<EdgeHistogram, Categories> cells,
                        const TallyOptions& options);
  /// Forgets the counts of the cells, or counts their rows as the column's.
  static void forget(TallyColumn& column) noexcept;
  static void adopt_counts(TallyColumn& column) noexcept;

  /// Why values of a leaf cannot go into the column; empty if they can.
  static std::string mismatch(const TallyColumn& column, const LeafType& type);
  /// Throws InvalidArgument if merging would.
  static void check_merge(const TallyColumn& column, const TallyColumn& other);
  /// @throws std::bad_alloc, with a part added
  static void merge(TallyColumn& column, const TallyColumn& other);
  static void reset(TallyColumn& column);
  /// Throws InvalidArgument if add_counted() would.
  static void check_counted(const TallyColumn& column, const Tally::Counted& counted,
                            std::uint64_t rows);
  static void add_counted(TallyColumn& column, const Tally::Counted& counted, std::uint64_t rows);

  /// @throws as Tally::redact()
  static void redact(TallyColumn& column,
                     const std::function<std::string(std::string_view)>& rename);

  static void write(const TallyColumn& column, ByteWriter& out);
  static TallyColumn read(ByteReader& in, const TallyOptions& options);

  /// Adds the rows of a view, whose type must fit. False if memory ran out: moments, quantiles or
  /// unseen names then lack some of the values.
  static bool feed(TallyColumn& column, const LeafView& view, TallyMemory& memory) noexcept;

 private:
  static void add_summaries(TallyColumn& column, const TallyOptions& options);
  static void add_unseen(TallyColumn& column, const TallyOptions& options);
  static void name_cells(TallyColumn& column);

  static bool feed_numbers(TallyColumn& column, const LeafView& view, TallyMemory& memory) noexcept;
  static bool feed_booleans(TallyColumn& column, const LeafView& view,
                            TallyMemory& memory) noexcept;
  static bool feed_texts(TallyColumn& column, const LeafView& view, TallyMemory& memory);
  static bool feed_lists(TallyColumn& column, const LeafView& view) noexcept;
  static bool feed_dictionary(TallyColumn& column, const LeafView& view, TallyMemory& memory);
  template <class Item>
  static bool add_items(TallyColumn& column, const Item* items, std::size_t size, Item* outside,
                        TallyMemory& memory) noexcept;
  template <class Item>
  static bool add_unseen_items(TallyColumn& column, const Item* items, std::size_t size,
                               TallyMemory& memory) noexcept;
  static bool add_reals_by_digits(TallyColumn& column, const double* values, std::size_t size,
                                  TallyMemory& memory) noexcept;
  template <class Float>
  static bool add_reals(TallyColumn& column, const Float* values, std::size_t size) noexcept;
  static bool add_texts(TallyColumn& column, TallyMemory& memory, std::size_t size);
  /// Gives memory of the quantiles back.
  static bool settle_after(TallyColumn& column, bool complete) noexcept;
  /// Counts rows, and nulls everywhere.
  static void add_rows(TallyColumn& column, std::uint64_t rows, std::uint64_t nulls) noexcept;
};

}  // namespace inlay::detail
