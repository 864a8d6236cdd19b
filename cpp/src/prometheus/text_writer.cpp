#include <cmath>
#include <limits>

#include "prometheus/exposition_writer.hpp"
#include "prometheus/number_text.hpp"

namespace inlay::prometheus {
namespace {

/// The latest exemplar with a value above `low` and at most `high`, or null.
const Exemplar* exemplar_between(const std::vector<Exemplar>& exemplars, double low, double high) {
  for (auto it = exemplars.rbegin(); it != exemplars.rend(); ++it) {
    if (it->value > low && it->value <= high) return &*it;
  }
  return nullptr;
}

}  // namespace

const std::vector<std::string>& EdgeTexts::of(const EdgeGrid& grid) {
  auto& texts = texts_[{grid.low, grid.high, grid.resolution}];
  if (texts.empty()) {
    for (int j = grid.low; j <= grid.high; ++j) {
      texts.push_back("le=\"" + edge_text(bucket_edge(j, grid.resolution)) + "\"} ");
    }
    texts.emplace_back("le=\"+Inf\"} ");
  }
  return texts;
}

void TextWriter::begin_family(std::string_view name, std::string_view unit, Kind kind,
                              std::string_view help) {
  name_ = name;
  const auto line = [&](std::string_view keyword) {
    out_ += "# ";
    out_ += keyword;
    out_ += ' ';
    out_ += name_;
    // The older text format knows a counter by the name of its only sample.
    if (kind == Kind::kCounter && !open_metrics_) out_ += "_total";
    out_ += ' ';
  };
  line("HELP");
  append_help(out_, help, open_metrics_);
  out_ += '\n';
  line("TYPE");
  out_ += kind_text(kind);
  out_ += '\n';
  if (open_metrics_ && !unit.empty()) {
    line("UNIT");
    out_ += unit;
    out_ += '\n';
  }
}

void TextWriter::render_labels(const SampleLabels& labels) {
  labels_.clear();
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!labels_.empty()) labels_ += ',';
    labels_ += name;
    labels_ += "=\"";
    append_escaped(labels_, value);
    labels_ += '"';
  };
  labels.own->for_each(add);
  if (!labels.extra_name.empty()) add(labels.extra_name, labels.extra_value);
}

void TextWriter::sample(std::string_view suffix) {
  out_ += name_;
  out_ += suffix;
  if (!labels_.empty()) {
    out_ += '{';
    out_ += labels_;
    out_ += '}';
  }
  out_ += ' ';
}

void TextWriter::created(const SeriesTotals& totals) {
  if (!open_metrics_ || !options_.created_samples || totals.created_us() == 0) return;
  sample("_created");
  append_seconds(out_, totals.created_us());
  out_ += '\n';
}

void TextWriter::exemplar(const Exemplar& exemplar) {
  out_ += " # {";
  bool first = true;
  exemplar.labels.for_each([&](std::string_view name, std::string_view value) {
    if (!first) out_ += ',';
    first = false;
    out_ += name;
    out_ += "=\"";
    append_escaped(out_, value);
    out_ += '"';
  });
  out_ += "} ";
  append_number(out_, exemplar.value);
  out_ += ' ';
  append_seconds(out_, exemplar.time_us);
}

void TextWriter::counter(const SampleLabels& labels, const SeriesTotals& totals) {
  render_labels(labels);
  sample("_total");
  if (totals.sum().is_whole()) {
    append_number(out_, totals.sum().whole());
  } else {
    append_number(out_, totals.sum().value());
  }
  if (open_metrics_ && !totals.exemplars().empty()) exemplar(totals.exemplars().back());
  out_ += '\n';
  created(totals);
}

void TextWriter::counter(const SampleLabels& labels, std::int64_t value) {
  render_labels(labels);
  sample("_total");
  append_number(out_, value);
  out_ += '\n';
}

void TextWriter::gauge(const SampleLabels& labels, double value) {
  render_labels(labels);
  sample("");
  append_number(out_, value);
  out_ += '\n';
}

void TextWriter::histogram(const SampleLabels& labels, const SeriesTotals& totals,
                           const EdgeGrid& edges) {
  render_labels(labels);
  bucket_start_.assign(name_);
  bucket_start_ += "_bucket{";
  if (!labels_.empty()) {
    bucket_start_ += labels_;
    bucket_start_ += ',';
  }
  const auto& texts = edge_texts_.of(edges);
  const bool exemplars = open_metrics_ && !totals.exemplars().empty();
  double previous = -std::numeric_limits<double>::infinity();
  const auto bucket = [&](const std::string& edge, std::int64_t count, double high) {
    out_ += bucket_start_;
    out_ += edge;
    append_number(out_, count);
    if (exemplars) {
      const Exemplar* found = exemplar_between(totals.exemplars(), previous, high);
      if (found != nullptr) exemplar(*found);
      previous = high;
    }
    out_ += '\n';
  };
  CumulativeCounts counts(totals.buckets());
  for (int j = edges.low; j <= edges.high; ++j) {
    if (!totals.buckets().is_edge(j, edges.resolution)) continue;
    bucket(texts[static_cast<std::size_t>(j - edges.low)], counts.at_most(j, edges.resolution),
           exemplars ? bucket_edge(j, edges.resolution) : 0);
  }
  const std::int64_t count = totals.buckets().count();
  bucket(texts.back(), count, std::numeric_limits<double>::infinity());
  sample("_sum");
  append_number(out_, totals.sum().value());
  out_ += '\n';
  sample("_count");
  append_number(out_, count);
  out_ += '\n';
  created(totals);
}

void TextWriter::target_info(const LabelSet& labels) {
  // OpenMetrics has a type for this, the older format says gauge.
  name_ = open_metrics_ ? "target" : "target_info";
  out_ += "# HELP " + name_ + " Target metadata\n# TYPE " + name_ +
          (open_metrics_ ? " info\n" : " gauge\n");
  render_labels({&labels});
  sample(open_metrics_ ? "_info" : "");
  out_ += "1\n";
}

void TextWriter::finish() {
  if (open_metrics_) out_ += "# EOF\n";
}

}  // namespace inlay::prometheus
