#pragma once

// Threads that share out the columns of a batch.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "data/leaf_view.hpp"

namespace inlay::detail {

/// Return how much a view costs to feed, to begin with the dearest; relative, as measured.
std::int64_t feed_cost(const LeafView& view) noexcept;

/// Return how many threads are worth starting for `values` in `columns`: at most `asked`, or as
/// many as there are cores if 0.
unsigned crew_size(unsigned asked, std::int64_t values, std::size_t columns) noexcept;

/// A batch's columns, the dearest first, for threads to take one after the other. A column is one
/// thread's, so nothing depends on how many there are.
class ColumnCrew {
 public:
  /// `costs` by the number of the column.
  explicit ColumnCrew(const std::vector<std::int64_t>& costs);

  /// Calls work(column, memory), which is noexcept and says whether memory sufficed, for each
  /// column; each thread has a Memory of its own.
  /// @throws std::bad_alloc if one says no
  template <class Memory, class Work>
  void run(unsigned threads, const Work& work) {
    const auto take = [this, &work]() noexcept {
      const std::unique_ptr<Memory> memory(new (std::nothrow) Memory);
      if (memory == nullptr) {
        complete_.store(false, std::memory_order_relaxed);
        return;
      }
      for (;;) {
        const std::size_t next = next_.fetch_add(1, std::memory_order_relaxed);
        if (next >= order_.size()) return;
        if (!work(order_[next], *memory)) complete_.store(false, std::memory_order_relaxed);
      }
    };
    run_all(threads, Task{&take, [](const void* f) noexcept {
                            (*static_cast<const decltype(take)*>(f))();
                          }});
  }

 private:
  struct Task {
    const void* object;
    void (*call)(const void*) noexcept;
  };
  void run_all(unsigned threads, Task task);

  std::vector<std::size_t> order_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> complete_{true};
};

}  // namespace inlay::detail
