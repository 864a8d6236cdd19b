#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "prometheus/bucket_totals.hpp"
#include "prometheus/names.hpp"

namespace inlay::prometheus {

/// A double sum that keeps what each addition rounds away (Neumaier's variant of Kahan's sum), and
/// whole numbers exactly as long as all terms are whole.
class RunningSum {
 public:
  void add(double value);
  void add(const RunningSum& other);
  double value() const;
  /// Whether the sum is a whole number that `whole()` gives exactly.
  bool is_whole() const { return part_ == 0 && correction_ == 0; }
  std::int64_t whole() const { return whole_; }

  double part() const { return part_; }
  double correction() const { return correction_; }
  static RunningSum from_parts(std::int64_t whole, double part, double correction);

 private:
  void add_part(double value);
  std::int64_t whole_ = 0;
  double part_ = 0;
  double correction_ = 0;
};

/// What was kept apart from a series because it is no finite number.
struct Excluded {
  std::int64_t nan = 0;
  std::int64_t pos_inf = 0;
  std::int64_t neg_inf = 0;
  std::int64_t null = 0;

  bool any() const { return (nan | pos_inf | neg_inf | null) != 0; }
  void add(const Excluded& other);
};

struct Exemplar {
  double value = 0;
  std::int64_t time_us = 0;
  LabelSet labels;  ///< trace_id, span_id and what else fits the 128 characters OpenMetrics allows

  bool operator==(const Exemplar& other) const {
    return value == other.value && time_us == other.time_us && labels == other.labels;
  }
};

/// One table row of a series: what one window added. Views live as long as the table.
struct PointDelta {
  double value = 0;
  bool has_value = false;
  bool ok = true;  ///< false: the row says why there is no value
  std::int64_t start_us = 0;
  std::int64_t time_us = 0;
  double sum = 0;
  Excluded excluded;
  BucketsView buckets;
};

/// How gauges of one name from several worker processes become one.
enum class GaugeMerge : std::uint8_t { kPid = 0, kSum = 1, kMin = 2, kMax = 3, kLast = 4 };

/// The running total of one series. Used by one thread at a time.
class SeriesTotals {
 public:
  explicit SeriesTotals(Kind kind = Kind::kCounter, std::size_t max_buckets = 160);

  /// Adds a window of this process.
  void add(const PointDelta& delta);
  /// Adds another process' total, or joins its gauge.
  void merge(const SeriesTotals& other, GaugeMerge gauges);
  /// Keeps the latest `limit` exemplars; one that is already there is not taken twice.
  void add_exemplar(const Exemplar& exemplar, std::size_t limit);

  Kind kind() const { return kind_; }
  bool has_value() const { return has_value_; }
  double gauge() const { return gauge_; }
  const RunningSum& sum() const { return sum_; }
  const BucketTotals& buckets() const { return *buckets_; }
  const Excluded& excluded() const { return excluded_; }
  /// Oldest first.
  const std::vector<Exemplar>& exemplars() const { return exemplars_; }
  std::int64_t created_us() const { return created_us_; }
  std::int64_t updated_us() const { return updated_us_; }

  // For the snapshot reader.
  void restore_times(std::int64_t created_us, std::int64_t updated_us);
  void restore_gauge(double value, bool has_value);
  void restore_sum(const RunningSum& sum) { sum_ = sum; }
  void restore_excluded(const Excluded& excluded) { excluded_ = excluded; }
  void add_buckets(const BucketsView& view) { buckets_->add(view); }
  void drop_exemplars() { exemplars_.clear(); }

 private:
  // A histogram's buckets live apart, so that ten thousand counters stay small; copies are deep.
  class OwnedBuckets {
   public:
    OwnedBuckets() = default;
    explicit OwnedBuckets(std::size_t max_buckets)
        : buckets_(std::make_unique<BucketTotals>(max_buckets)) {}
    OwnedBuckets(const OwnedBuckets& other) { *this = other; }
    OwnedBuckets& operator=(const OwnedBuckets& other);
    OwnedBuckets(OwnedBuckets&&) noexcept = default;
    OwnedBuckets& operator=(OwnedBuckets&&) noexcept = default;
    ~OwnedBuckets() = default;
    BucketTotals& operator*() const { return *buckets_; }
    BucketTotals* operator->() const { return buckets_.get(); }

   private:
    std::unique_ptr<BucketTotals> buckets_;
  };

  Kind kind_;
  bool has_value_ = false;
  double gauge_ = 0;
  RunningSum sum_;
  std::int64_t created_us_ = 0;
  std::int64_t updated_us_ = 0;
  Excluded excluded_;
  OwnedBuckets buckets_;
  std::vector<Exemplar> exemplars_;
};

}  // namespace inlay::prometheus
