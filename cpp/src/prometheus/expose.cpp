#include "prometheus/expose.hpp"

#include "prometheus/exposition_writer.hpp"

namespace inlay::prometheus {
namespace {

struct ExcludedSeries {
  const LabelSet* labels;
  Excluded counts;
};

bool has_label(const LabelSet& labels, std::string_view wanted) {
  bool found = false;
  labels.for_each(
      [&](std::string_view name, std::string_view) { found = found || name == wanted; });
  return found;
}

/// The name of the label that tells processes apart, which may not be one the series has.
std::string_view pid_label(const LabelSet& labels) {
  return has_label(labels, "pid") ? "worker_pid" : "pid";
}

template <class Writer>
void write_excluded(Writer& writer, const Family& family,
                    const std::vector<ExcludedSeries>& excluded) {
  writer.begin_family(family.name.family + "_excluded", "", Kind::kCounter,
                      "Values of " + family.metric + " that are no finite number");
  for (const ExcludedSeries& series : excluded) {
    const std::string_view label =
        has_label(*series.labels, "reason") ? "excluded_reason" : "reason";
    const auto sample = [&](std::string_view reason, std::int64_t count) {
      if (count != 0) writer.counter({series.labels, label, reason}, count);
    };
    sample("nan", series.counts.nan);
    sample("pos_inf", series.counts.pos_inf);
    sample("neg_inf", series.counts.neg_inf);
    sample("null", series.counts.null);
  }
  writer.end_family();
}

template <class Writer>
void write_all(Writer& writer, Catalog& catalog, MergedView& view,
               const std::vector<std::string>& group_pids, const LabelSet* target,
               const ExpositionOptions& options) {
  std::vector<ExcludedSeries> excluded;
  if (target != nullptr && !target->empty()) writer.target_info(*target);
  for (const std::uint32_t index : catalog.in_order()) {
    const Family& family = catalog.family_at(index);
    bool begun = false;
    const auto begin = [&] {
      if (begun) return;
      writer.begin_family(family.name.family, family.name.unit, family.kind,
                          family.description.empty() ? family.metric : family.description);
      begun = true;
    };
    excluded.clear();
    const bool by_pid =
        family.kind == Kind::kGauge && family.gauges == GaugeMerge::kPid && !group_pids.empty();
    for (const std::uint32_t series : family.series) {
      if (!view.has(series)) continue;
      const LabelSet& labels = catalog.series_at(series).labels;
      if (by_pid) {
        Excluded sum;
        view.for_each_group(
            series, family.kind, options, [&](std::uint32_t group, const SeriesTotals& totals) {
              sum.add(totals.excluded());
              if (!totals.has_value()) return;
              begin();
              writer.gauge({&labels, pid_label(labels), group_pids[group]}, totals.gauge());
            });
        if (sum.any()) excluded.push_back({&labels, sum});
        continue;
      }
      const SeriesTotals& totals = view.merged(series, family.kind, family.gauges, options);
      if (totals.excluded().any()) excluded.push_back({&labels, totals.excluded()});
      if (!totals.has_value()) continue;
      begin();
      switch (family.kind) {
        case Kind::kCounter:
          writer.counter({&labels}, totals);
          break;
        case Kind::kGauge:
          writer.gauge({&labels}, totals.gauge());
          break;
        case Kind::kHistogram:
          writer.histogram({&labels}, totals, family.edges);
          break;
      }
    }
    if (begun) writer.end_family();
    if (!excluded.empty()) write_excluded(writer, family, excluded);
  }
  writer.finish();
}

}  // namespace

void expose(std::string& out, Format format, Catalog& catalog, MergedView& view,
            const std::vector<std::string>& group_pids, const LabelSet* target,
            const ExpositionOptions& options) {
  if (format == Format::kProtobuf) {
    ProtobufWriter writer(out, options);
    write_all(writer, catalog, view, group_pids, target, options);
    return;
  }
  TextWriter writer(out, format == Format::kOpenMetrics, options);
  write_all(writer, catalog, view, group_pids, target, options);
}

}  // namespace inlay::prometheus
