#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <inlay/arrow/c_data.hpp>
#include <inlay/arrow/table.hpp>
#include <inlay/data/leaf_kind.hpp>
#include <inlay/export.hpp>
#include <inlay/summary/categories.hpp>
#include <inlay/summary/edge_histogram.hpp>
#include <inlay/summary/kll.hpp>
#include <inlay/summary/moments.hpp>
#include <inlay/summary/top_k.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace inlay {

namespace detail {
struct TallyAccess;
struct TallyPlan;
}  // namespace detail

/// What a tally keeps beside the counts of its cells. A plain value.
struct TallyOptions {
  bool moments = true;        ///< of numbers, times and booleans
  bool quantiles = true;      ///< of numbers and times
  unsigned k = 200;           ///< of quantiles, as Kll's
  std::uint32_t unseen = 32;  ///< counters for names outside the cells, as TopK's; 0: none

  friend bool operator==(const TallyOptions& a, const TallyOptions& b) noexcept {
    return a.moments == b.moments && a.quantiles == b.quantiles && a.k == b.k &&
           a.unseen == b.unseen;
  }
  friend bool operator!=(const TallyOptions& a, const TallyOptions& b) noexcept {
    return !(a == b);
  }
};

/// One column of a Tally. Every row is in one cell, or counted apart as null, NaN or infinite:
/// cells between edges hold what is finite, names and "other" all but NaN. Rows of a dictionary
/// that refer to no entry count as null. Not safe for concurrent use of one object when any of the
/// uses changes it.
class INLAY_API TallyColumn {
 public:
  const std::string& path() const noexcept { return path_; }
  /// For people: "int64", "timestamp[us, UTC]".
  const std::string& type() const noexcept { return type_; }
  LeafKind kind() const noexcept { return kind_; }
  /// "s", "ms", "us", "ns" or "D" of what is temporal; else null.
  const char* unit() const noexcept;

  std::uint64_t rows() const noexcept { return rows_; }
  std::uint64_t null_count() const noexcept { return null_count_; }
  std::uint64_t nan_count() const noexcept { return nan_count_; }
  std::uint64_t pos_inf_count() const noexcept { return pos_inf_count_; }
  std::uint64_t neg_inf_count() const noexcept { return neg_inf_count_; }

  /// What the values are counted in: one of both, or neither.
  const EdgeHistogram* edges() const noexcept { return pointer(edges_); }
  const Categories* categories() const noexcept { return pointer(categories_); }
  /// 16 hexadecimal digits of the SHA-256 of the edges or names; empty without cells. As rows of
  /// points have it.
  const std::string& reference_id() const noexcept { return reference_id_; }

  const Moments* moments() const noexcept { return pointer(moments_); }
  /// Of floats of 32 bits or fewer.
  const Kll<float>* float_quantiles() const noexcept { return pointer(float_quantiles_); }
  const Kll<double>* quantiles() const noexcept { return pointer(quantiles_); }
  /// Of text, bytes and integers counted by names: the frequent ones among the others. Long texts
  /// stand under their beginning and a hash.
  const TopK* unseen() const noexcept { return pointer(unseen_); }

  /// Object and all it holds, in bytes; what columns share is counted for each.
  std::size_t memory_bytes() const noexcept;

  friend INLAY_API bool operator==(const TallyColumn& a, const TallyColumn& b);
  friend bool operator!=(const TallyColumn& a, const TallyColumn& b) { return !(a == b); }

 private:
  friend struct detail::TallyAccess;

  TallyColumn() = default;
  template <class T>
  static const T* pointer(const std::optional<T>& member) noexcept {
    return member ? &*member : nullptr;
  }

  std::string path_;
  std::string type_;
  std::string timezone_;
  std::string reference_id_;
  LeafKind kind_ = LeafKind::kNull;
  char unit_ = 0;
  bool single_ = false;  // floats of 32 bits or fewer
  int scale_ = 0;

  std::uint64_t rows_ = 0;
  std::uint64_t null_count_ = 0;
  std::uint64_t nan_count_ = 0;
  std::uint64_t pos_inf_count_ = 0;
  std::uint64_t neg_inf_count_ = 0;

  std::optional<EdgeHistogram> edges_;
  std::optional<Categories> categories_;
  std::optional<Moments> moments_;
  std::optional<Kll<float>> float_quantiles_;
  std::optional<Kll<double>> quantiles_;
  std::optional<TopK> unseen_;
};

/// What the rows of Tally::points() share; times are Unix microseconds. A plain value.
struct TallyStamp {
  std::string metric = "data.column";
  std::int64_t time = 0;
  std::int64_t start_time = 0;
  std::int64_t observed_time = 0;
  std::int64_t origin = 0;
  std::int64_t window_seq = 0;
  std::int32_t revision = 0;
  bool derived = false;
  std::string resource = "{}";
  std::string service_name;  ///< of the resource; a part of a series' number
};

/// Counts of a table's rows in the cells of a reference: what its distribution is compared by.
///
/// Leaves of nested columns are named as Profile names them. Columns of a batch are found by name,
/// in any order. Numbers are compared with edges as doubles, times as integers of their unit,
/// decimals as the nearest double; text is counted by its bytes, booleans as "True" and "False",
/// integers by their digits. Numbers of every kind go into a column of any: rounded to float32 if
/// it is one of floats of 32 bits or fewer, by their digits if these are its names. Of a column of
/// type null it is counted whether values are there.
///
/// Merging adds. Copies share edges, names and what is remembered of the last schema. Not safe for
/// concurrent use of one object when any of the uses changes it.
class INLAY_API Tally {
 public:
  /// By the number of a leaf.
  using Cells = std::map<std::size_t, std::variant<EdgeHistogram, Categories>>;

  /// The cells keep their counts if `counted`, and the columns have these rows; else they begin at
  /// 0.
  /// @throws InvalidArgument for a schema that is no struct, a type that no profile has, an option
  ///         out of its range, a leaf that is not there, or cells that its kind cannot have: edges
  ///         of text, bytes, lists and nulls, names of lists, nulls and decimals
  explicit Tally(const ArrowSchema& schema, const Cells& cells = {},
                 const TallyOptions& options = {}, bool counted = false);

  /// Why a column of batches of this schema is not counted. A plain value.
  struct Problem {
    std::string path;
    std::string what;  ///< "missing", "added" or "has the type …"
  };
  /// What update() leaves out; nothing if all columns fit.
  /// @throws InvalidArgument for a schema that is no struct or makes no sense
  std::vector<Problem> fit(const ArrowSchema& schema) const;

  /// Counts a struct array, a record batch; the structs stay the caller's. Returns the rows read.
  /// Columns that are missing, or whose values are of another kind, stay as they are; others than
  /// the known ones, and the leaves `skip`, are not looked at. Columns are shared out to `threads`
  /// threads, or to as many as there are cores if 0; fewer for small batches. The outcome does not
  /// depend on their number.
  /// @throws InvalidArgument naming the column if the batch makes no sense or the rows of a column
  ///         would reach 2^63; nothing changed then
  /// @throws std::bad_alloc; a part of the batch may have been counted
  std::uint64_t update(const ArrowSchema& schema, const ArrowArray& batch, unsigned threads = 0,
                       const std::vector<std::size_t>& skip = {});

  /// Counts an array, which is no struct, in one column. Its rows are none of rows().
  /// @throws InvalidArgument if the type does not fit, and as update(); nothing changed then
  /// @throws OutOfRange if there is no such column
  void update_column(std::size_t column, const ArrowSchema& schema, const ArrowArray& array);

  /// Values of one column that were counted elsewhere, on another device for instance.
  struct Counted {
    std::size_t column;
    std::optional<EdgeHistogram> edges;  ///< if the column has some
    Moments moments;                     ///< of all values; NaN and infinities are told here
  };
  /// Adds `rows` rows; columns that are not listed stay as they are. Quantiles and unseen names
  /// cannot be added to: the tally must have neither.
  /// @throws InvalidArgument if it has, a column has names for cells or is not there, edges differ
  ///         or lack, or a column has not as many values as there are rows; nothing changed then
  /// @throws std::bad_alloc
  void add_counted(std::uint64_t rows, const std::vector<Counted>& columns);

  /// @throws InvalidArgument naming the column if names, types, options, edges or names of
  ///         categories differ or rows would reach 2^63; nothing changed then
  /// @throws std::bad_alloc; nothing changed
  void merge(const Tally& other);
  /// Forgets the counts and keeps the cells.
  void reset();

  /// Replaces the names that a column keeps by what `rename` gives for them; counts of names that
  /// become one are added.
  /// @throws InvalidArgument if the column has no text or bytes, or what `rename` gives is no UTF-8
  /// @throws OutOfRange if there is no such column
  /// @throws std::bad_alloc, and what `rename` throws; nothing changed then
  void redact(std::size_t column, const std::function<std::string(std::string_view)>& rename);

  const TallyOptions& options() const noexcept { return options_; }
  std::uint64_t rows() const noexcept { return rows_; }
  const std::vector<TallyColumn>& columns() const noexcept { return columns_; }
  /// Object and all it holds, in bytes.
  std::size_t memory_bytes() const noexcept;

  /// Rows of points: of each column one for its cells, moments and quantiles, and under the metric
  /// with ".unseen" one for the names outside; of a column without cells one of kind "presence",
  /// with the number of its values and what is apart. A column of which no row was seen has
  /// cells, or presence, with counts of 0: of status "insufficient" if none of the table was, else
  /// "absent", and then in revision 0 alone. `attrs` are canonical JSON, one a column.
  /// @throws InvalidArgument if there are not as many attrs as columns
  /// @throws std::bad_alloc
  Table points(const TallyStamp& stamp, const std::vector<std::string>& attrs) const;

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static Tally from_bytes(const std::uint8_t* bytes, std::size_t size);

  friend INLAY_API bool operator==(const Tally& a, const Tally& b);
  friend bool operator!=(const Tally& a, const Tally& b) { return !(a == b); }

 private:
  Tally() = default;
  const detail::TallyPlan& plan_for(const ArrowSchema& schema,
                                    const std::vector<std::size_t>& skip);

  TallyOptions options_;
  std::uint64_t rows_ = 0;
  std::vector<TallyColumn> columns_;
  // Of the last schema that was seen; refilled by whoever meets another.
  std::shared_ptr<const detail::TallyPlan> plan_;
};

}  // namespace inlay
