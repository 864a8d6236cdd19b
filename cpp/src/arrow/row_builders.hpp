#pragma once

// Build the verdicts, events, exemplars and spans of one turn.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <inlay/arrow/table.hpp>
#include "arrow/assemble.hpp"
#include "arrow/columns.hpp"

namespace inlay {

/// What all rows of one turn share; times are Unix microseconds. A plain value.
struct TurnHeader {
  std::int64_t observed_time = 0;
  std::int64_t origin = 0;
  std::int64_t window_seq = 0;
  std::string resource = "{}";
};

/// One verdict. Views need only live until `append` returns. A plain value.
struct VerdictRow {
  std::int64_t time = 0;
  std::int64_t start_time = 0;
  std::int32_t revision = 0;
  std::int64_t series_id = 0;
  std::string_view layer = "app";
  std::string_view metric;
  std::string_view attrs = "{}";
  std::string_view method;
  std::string_view scope = "process";
  std::string_view verdict;
  std::optional<std::string_view> reason;
  std::optional<double> value;
  std::optional<double> low;
  std::optional<double> high;
  std::optional<double> threshold;
  std::optional<double> effect;
  std::optional<double> p_value;
  std::optional<double> log_e;
  std::optional<std::int64_t> n;
  std::optional<std::int64_t> n_reference;
  std::optional<std::string_view> reference_id;
  std::optional<std::span<const std::string_view>> part_names;
  std::optional<std::span<const double>> part_values;
  std::string_view judge;
  std::string_view judge_version;
};

/// One event. Views need only live until `append` returns. A plain value.
struct EventRow {
  std::int64_t time = 0;
  std::optional<std::int64_t> end_time;
  std::string_view layer = "app";
  std::string_view name;
  std::int32_t severity = 9;  ///< OTLP severity number; 9 is INFO
  std::optional<std::string_view> body;
  std::string_view attrs = "{}";
  std::optional<std::string_view> trace_id;  ///< 32 hex digits
  std::optional<std::string_view> span_id;   ///< 16 hex digits
  std::optional<std::int64_t> series_id;
};

/// One exemplar. Views need only live until `append` returns. A plain value.
struct ExemplarRow {
  std::int64_t time = 0;
  std::string_view layer = "app";
  std::int64_t series_id = 0;
  double value = 0.0;
  std::optional<std::string_view> trace_id;
  std::optional<std::string_view> span_id;
  std::string_view attrs = "{}";
};

/// One finished span. Views need only live until `append` returns. A plain
/// value.
struct SpanRow {
  std::string_view trace_id;
  std::string_view span_id;
  std::optional<std::string_view> parent_id;
  std::string_view name;
  std::optional<std::string_view> kind;
  std::int64_t start_time = 0;
  std::int64_t time = 0;
  std::string_view layer = "app";
  std::optional<std::string_view> status;
  std::string_view attrs = "{}";
};

/// Collects verdicts and yields a `Table`. Thread-safety: none.
class VerdictsBuilder {
 public:
  explicit VerdictsBuilder(TurnHeader header,
                           std::size_t max_chunk_weight = detail::ChunkGuard::kMaxWeight);

  /// @throws OutOfRange when the row alone exceeds what a chunk may hold
  void append(const VerdictRow& row);
  [[nodiscard]] std::int64_t num_rows() const noexcept { return sealed_rows_ + guard_.rows(); }

  /// Return the table; the builder is spent.
  Table finish() &&;

 private:
  void seal();

  TurnHeader header_;
  detail::ChunkGuard guard_;
  std::int64_t sealed_rows_ = 0;
  std::vector<detail::Chunk> chunks_;
  detail::FixedColumn<std::int64_t> time_, start_time_, series_id_, n_, n_reference_;
  detail::FixedColumn<std::int32_t> revision_;
  detail::StringColumn layer_, metric_, attrs_, method_, scope_, verdict_, reason_, reference_id_,
      judge_, judge_version_;
  detail::FixedColumn<double> value_, low_, high_, threshold_, effect_, p_value_, log_e_;
  detail::ListColumn<std::string_view> part_names_;
  detail::ListColumn<double> part_values_;
};

/// Collects events and yields a `Table`. Thread-safety: none.
class EventsBuilder {
 public:
  explicit EventsBuilder(TurnHeader header,
                         std::size_t max_chunk_weight = detail::ChunkGuard::kMaxWeight);

  /// @throws OutOfRange when the row alone exceeds what a chunk may hold
  void append(const EventRow& row);
  [[nodiscard]] std::int64_t num_rows() const noexcept { return sealed_rows_ + guard_.rows(); }

  /// Return the table; the builder is spent.
  Table finish() &&;

 private:
  void seal();

  TurnHeader header_;
  detail::ChunkGuard guard_;
  std::int64_t sealed_rows_ = 0;
  std::vector<detail::Chunk> chunks_;
  detail::FixedColumn<std::int64_t> time_, end_time_, series_id_;
  detail::FixedColumn<std::int32_t> severity_;
  detail::StringColumn layer_, name_, body_, attrs_, trace_id_, span_id_;
};

/// Collects exemplars and yields a `Table`. Thread-safety: none.
class ExemplarsBuilder {
 public:
  explicit ExemplarsBuilder(TurnHeader header,
                            std::size_t max_chunk_weight = detail::ChunkGuard::kMaxWeight);

  /// @throws OutOfRange when the row alone exceeds what a chunk may hold
  void append(const ExemplarRow& row);
  [[nodiscard]] std::int64_t num_rows() const noexcept { return sealed_rows_ + guard_.rows(); }

  /// Return the table; the builder is spent.
  Table finish() &&;

 private:
  void seal();

  TurnHeader header_;
  detail::ChunkGuard guard_;
  std::int64_t sealed_rows_ = 0;
  std::vector<detail::Chunk> chunks_;
  detail::FixedColumn<std::int64_t> time_, series_id_;
  detail::FixedColumn<double> value_;
  detail::StringColumn layer_, trace_id_, span_id_, attrs_;
};

/// Collects spans and yields a `Table`. Thread-safety: none.
class SpansBuilder {
 public:
  explicit SpansBuilder(TurnHeader header,
                        std::size_t max_chunk_weight = detail::ChunkGuard::kMaxWeight);

  /// @throws OutOfRange when the row alone exceeds what a chunk may hold
  void append(const SpanRow& row);
  [[nodiscard]] std::int64_t num_rows() const noexcept { return sealed_rows_ + guard_.rows(); }

  /// Return the table; the builder is spent.
  Table finish() &&;

 private:
  void seal();

  TurnHeader header_;
  detail::ChunkGuard guard_;
  std::int64_t sealed_rows_ = 0;
  std::vector<detail::Chunk> chunks_;
  detail::FixedColumn<std::int64_t> start_time_, time_;
  detail::StringColumn trace_id_, span_id_, parent_id_, name_, kind_, layer_, status_, attrs_;
};

}  // namespace inlay
