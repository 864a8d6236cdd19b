#include "data/column_crew.hpp"

#include <inlay/parallel_for.hpp>
#include <numeric>

namespace inlay::detail {
namespace {

// Below, starting a thread costs more than it saves.
constexpr std::int64_t kValuesPerThread = 50000;

}  // namespace

std::int64_t feed_cost(const LeafView& view) noexcept {
  switch (view.type->kind) {
    case LeafKind::kNull:
    case LeafKind::kBoolean:
    case LeafKind::kList:
      return view.rows / 8;
    case LeafKind::kText:
    case LeafKind::kBinary:
      return view.dictionary != nullptr ? view.rows : 4 * view.rows;
    case LeafKind::kDecimal:
      return 8 * view.rows;
    default:
      return 2 * view.rows;
  }
}

unsigned crew_size(unsigned asked, std::int64_t values, std::size_t columns) noexcept {
  if (values < 2 * kValuesPerThread) return 1;
  const auto most = static_cast<std::int64_t>(std::min(threads_for(asked), columns));
  return static_cast<unsigned>(
      std::clamp(values / kValuesPerThread, std::int64_t{1}, std::max(most, std::int64_t{1})));
}

ColumnCrew::ColumnCrew(const std::vector<std::int64_t>& costs) : order_(costs.size()) {
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::stable_sort(order_.begin(), order_.end(),
                   [&](std::size_t a, std::size_t b) { return costs[a] > costs[b]; });
}

void ColumnCrew::run_all(unsigned threads, Task task) {
  on_threads(threads, [task] { task.call(task.object); });
  if (!complete_.load(std::memory_order_relaxed)) throw std::bad_alloc();
}

}  // namespace inlay::detail
