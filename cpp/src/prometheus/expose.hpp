#pragma once

#include <inlay/prometheus/exposition.hpp>
#include <string>
#include <vector>

#include "prometheus/catalog.hpp"
#include "prometheus/merged_view.hpp"

namespace inlay::prometheus {

/// Writes everything a view holds.
/// @param group_pids the process ids behind the view's groups when there are several processes,
/// which
///        gauges kept apart by process show as a label; else empty.
/// @param target the resource's labels, or null.
void expose(std::string& out, Format format, Catalog& catalog, MergedView& view,
            const std::vector<std::string>& group_pids, const LabelSet* target,
            const ExpositionOptions& options);

}  // namespace inlay::prometheus
