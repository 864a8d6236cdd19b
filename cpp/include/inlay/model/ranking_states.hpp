#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <inlay/model/segment_states.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace inlay {

namespace detail {
class ByteReader;
class ByteWriter;
}  // namespace detail

struct INLAY_API RankingSettings {
  /// Where lists are cut, ascending.
  std::vector<std::int32_t> k = {1, 5, 10};

  static constexpr std::size_t kMaxCuts = 16;
  static constexpr std::int32_t kMaxK = 1'000'000;
  /// @throws InvalidArgument naming what is out of range.
  void check() const;
  std::string text() const;
  void write(detail::ByteWriter& out) const;
  static RankingSettings read(detail::ByteReader& in);
  friend bool operator==(const RankingSettings& a, const RankingSettings& b) noexcept {
    return a.k == b.k;
  }
};

/// How well lists are ordered, one list of rows a query.
///
/// A row's label is its relevance, 0 to kMaxRelevance, and it is relevant above 0. Rows are taken
/// by falling score; equal scores keep the order in which they came, and the query is counted as
/// tied. With rel_i the relevance at place i: reciprocal rank is 1 / the first place of a relevant
/// row; average precision the mean, over relevant rows, of the share of relevant ones up to their
/// place; DCG@k the sum of (2^rel_i - 1) / log2(i + 1) over i <= k, NDCG@k that by the largest
/// there could be; hit@k whether a relevant row is among the first k; precision@k their number
/// by k, recall@k by all relevant ones.
///
/// A query with a bad row is left out whole, as any figure of the rest would be another's;
/// RowFaults counts queries here. One without relevant rows is counted apart: it has no figures.
class INLAY_API RankingState {
 public:
  using Settings = RankingSettings;
  static constexpr std::string_view kName = "a RankingStates";
  static constexpr std::string_view kMagic = "inRK";
  static constexpr double kMaxRelevance = 64;

  explicit RankingState(const Settings& settings);

  /// Counts one query.
  /// @throws std::bad_alloc; nothing is counted then.
  void add(const Settings& settings, const double* relevance, const double* scores,
           std::size_t size, double weight);
  void add_fault(const RowFaults& fault) noexcept { faults_.merge(fault); }
  void add_mixed() noexcept { ++mixed_; }
  void merge(const RankingState& other);

  /// Of one figure, over queries times their weights.
  struct Sum {
    double total = 0;
    double squares = 0;
  };
  struct AtK {
    std::int64_t hits = 0;
    double hit_weight = 0;
    Sum ndcg;
    Sum precision;
    Sum recall;
  };

  /// Queries with figures, and those without relevant rows.
  std::int64_t queries() const noexcept { return queries_; }
  std::int64_t irrelevant() const noexcept { return irrelevant_; }
  /// Rows of both.
  std::int64_t rows() const noexcept { return rows_; }
  /// Queries of either with equal scores.
  std::int64_t tied() const noexcept { return tied_; }
  /// Queries left out, since their rows were in several segments or had several weights.
  std::int64_t mixed() const noexcept { return mixed_; }
  const RowFaults& faults() const noexcept { return faults_; }
  bool weighted() const noexcept { return weighted_; }
  void set_weighted() noexcept { weighted_ = true; }
  double weight() const noexcept { return weight_; }
  double weight_squares() const noexcept { return weight_squares_; }
  const Sum& reciprocal_rank() const noexcept { return reciprocal_rank_; }
  const Sum& average_precision() const noexcept { return average_precision_; }
  const std::vector<AtK>& at_k() const noexcept { return at_k_; }

  void write(const Settings& settings, detail::ByteWriter& out) const;
  static RankingState read(const Settings& settings, detail::ByteReader& in);

  friend INLAY_API bool operator==(const RankingState& a, const RankingState& b) noexcept;

 private:
  std::int64_t queries_ = 0;
  std::int64_t irrelevant_ = 0;
  std::int64_t rows_ = 0;
  std::int64_t tied_ = 0;
  std::int64_t mixed_ = 0;
  RowFaults faults_;
  bool weighted_ = false;
  double weight_ = 0;
  double weight_squares_ = 0;
  Sum reciprocal_rank_;
  Sum average_precision_;
  std::vector<AtK> at_k_;
};

using RankingStates = SegmentStates<RankingState>;
extern template class INLAY_API SegmentStates<RankingState>;

/// Rows of queries. All rows of a query are in one batch; `queries` may be in any order.
struct INLAY_API RankingBatch {
  const double* relevance = nullptr;
  const double* scores = nullptr;
  const double* weights = nullptr;          ///< or null; the same in all rows of a query
  const std::int64_t* queries = nullptr;    ///< each row's; null: `offsets` are given
  const std::int64_t* offsets = nullptr;    ///< query i has rows offsets[i] to offsets[i + 1] - 1
  std::size_t num_queries = 0;              ///< that offsets tell of
  const std::uint32_t* segments = nullptr;  ///< each row's; null: `segment`
  std::uint32_t segment = 0;
  std::size_t size = 0;
};
/// Counts each query in the segment of its rows.
/// @throws InvalidArgument if a segment is kMaxSegments or above, or offsets do not ascend from 0
/// to `size`; nothing is counted then. std::bad_alloc; queries may then have been counted.
INLAY_API void update(RankingStates& states, const RankingBatch& batch);

}  // namespace inlay
