#pragma once

#include <inlay/prometheus/exposition.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "prometheus/catalog.hpp"
#include "prometheus/series_totals.hpp"

namespace inlay::prometheus {

/// The labels of one sample: the series' own and at most one more.
struct SampleLabels {
  const LabelSet* own;
  std::string_view extra_name{};
  std::string_view extra_value{};
};

/// The texts `le="…"} ` of a grid, made once per scrape. Used by one thread.
class EdgeTexts {
 public:
  /// One text per edge from `low` to `high`, then the one of +Inf.
  const std::vector<std::string>& of(const EdgeGrid& grid);

 private:
  std::map<std::vector<int>, std::vector<std::string>> texts_;
};

/// Writes families as Prometheus text 0.0.4 or OpenMetrics 1.0. Used by one thread.
class TextWriter {
 public:
  TextWriter(std::string& out, bool open_metrics, const ExpositionOptions& options)
      : out_(out), open_metrics_(open_metrics), options_(options) {}

  void begin_family(std::string_view name, std::string_view unit, Kind kind, std::string_view help);
  void counter(const SampleLabels& labels, const SeriesTotals& totals);
  void counter(const SampleLabels& labels, std::int64_t value);
  void gauge(const SampleLabels& labels, double value);
  void histogram(const SampleLabels& labels, const SeriesTotals& totals, const EdgeGrid& edges);
  void end_family() {}
  void target_info(const LabelSet& labels);
  void finish();

 private:
  void render_labels(const SampleLabels& labels);
  void sample(std::string_view suffix);
  void created(const SeriesTotals& totals);
  void exemplar(const Exemplar& exemplar);

  std::string& out_;
  bool open_metrics_;
  const ExpositionOptions& options_;
  std::string name_;
  std::string labels_;
  std::string bucket_start_;
  EdgeTexts edge_texts_;
};

/// Writes families as delimited io.prometheus.client.MetricFamily messages. Used by one thread.
class ProtobufWriter {
 public:
  ProtobufWriter(std::string& out, const ExpositionOptions& options)
      : out_(out), options_(options) {}

  void begin_family(std::string_view name, std::string_view unit, Kind kind, std::string_view help);
  void counter(const SampleLabels& labels, const SeriesTotals& totals);
  void counter(const SampleLabels& labels, std::int64_t value);
  void gauge(const SampleLabels& labels, double value);
  void histogram(const SampleLabels& labels, const SeriesTotals& totals, const EdgeGrid& edges);
  void end_family();
  void target_info(const LabelSet& labels);
  void finish() {}

 private:
  std::size_t begin_metric(const SampleLabels& labels);

  std::string& out_;
  const ExpositionOptions& options_;
  std::string family_;
  std::string packed_;  // kept for its memory
};

}  // namespace inlay::prometheus
