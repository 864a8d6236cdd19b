#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "inlay/metric/writer.hpp"
#include "metric/histogram_state.hpp"
#include "metric/series.hpp"

namespace inlay::detail {

/// The window states of one thread by slot; null where the window saw no record.
struct HistogramTable {
  std::vector<HistogramState*> states;
  std::vector<uint32_t> touched;

  HistogramTable() = default;
  HistogramTable(const HistogramTable&) = delete;
  ~HistogramTable();

  /// The state of a slot, null where there is none yet.
  HistogramState* find(uint32_t slot) const noexcept {
    return slot < states.size() ? states[slot] : nullptr;
  }

  /// The state of a key, made when missing; null when memory ran out.
  HistogramState* state(uint32_t key) noexcept {
    const uint32_t slot = slot_of(key);
    if (slot < states.size() && states[slot] != nullptr) [[likely]]
      return states[slot];
    return make_state(key);
  }

  /// Gives up the states (their new owner deletes them) and keeps the array.
  void clear() noexcept;

 private:
  HistogramState* make_state(uint32_t key) noexcept;
};

/// Running totals of one counter series in one thread; its thread alone writes, with plain stores.
struct CounterCell {
  std::atomic<int64_t> whole{0};
  std::atomic<double> real{0.0};
};

struct CounterBlock {
  static constexpr uint32_t kCells = 64;
  CounterCell cells[kCells];
  // What the collector had seen at the last cut; on cache lines of its own.
  alignas(128) int64_t seen_whole[kCells] = {};
  double seen_real[kCells] = {};
};

/// Everything one thread records for one observer. Its thread writes the log and the counters
/// without a lock and folds the log under `mutex`; the collector takes `mutex` for a moment to fold
/// the tail and to swap the table. When a thread ends, its shard waits for the next one.
struct alignas(128) Shard : Log {
  Shard() = default;
  Shard(const Shard&) = delete;
  ~Shard();

  // Like the log, written by the owner only.
  CounterBlock** blocks = nullptr;  // replaced under `mutex`
  uint32_t num_blocks = 0;
  std::atomic<int64_t> add_steps{0};  // two for each call of a counter: begun and done

  alignas(128) std::mutex mutex;
  uint32_t log_folded = 0;  // entries of the log below this are in the table already
  std::unique_ptr<HistogramTable> table{new HistogramTable};
  int64_t records = 0;  // values folded
  int64_t folds = 0;
  int64_t lost = 0;  // values for which there was no memory

  // Collector only.
  std::unique_ptr<HistogramTable> spare{new HistogramTable};
  int64_t seen_adds = 0, seen_records = 0, seen_folds = 0, seen_lost = 0;

  // Guarded by the mutex of the list of shards.
  bool owned = false;

  /// The cell of a slot, or null when memory ran out. Owner only.
  CounterCell* counter(uint32_t slot) noexcept {
    const uint32_t block = slot / CounterBlock::kCells;
    if (block < num_blocks && blocks[block] != nullptr) [[likely]] {
      return &blocks[block]->cells[slot % CounterBlock::kCells];
    }
    return grow_counters(slot);
  }

  /// Folds the log up to `end` entries. Call with `mutex` held.
  void fold(uint32_t end) noexcept;

  /// Owner: folds the whole log and starts it anew.
  void flush() noexcept;

  /// Owner: puts values straight into the window's state.
  template <typename T>
  void record_many(uint32_t key, const T* batch, size_t count) noexcept;
  void add_nulls(uint32_t key, uint64_t count) noexcept;

 private:
  CounterCell* grow_counters(uint32_t slot) noexcept;
};

}  // namespace inlay::detail
