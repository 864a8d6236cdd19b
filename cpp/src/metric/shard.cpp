#include "metric/shard.hpp"

#include <algorithm>
#include <new>

#include "summary/fused.hpp"

namespace inlay::detail {

HistogramTable::~HistogramTable() {
  for (const uint32_t slot : touched) delete states[slot];
}

HistogramState* HistogramTable::make_state(uint32_t key) noexcept {
  const uint32_t slot = slot_of(key);
  try {
    if (slot >= states.size()) states.resize(slot + slot / 4 + 1, nullptr);
    touched.push_back(slot);
    try {
      return states[slot] = new HistogramState(scale_of(key));
    } catch (...) {
      touched.pop_back();
      throw;
    }
  } catch (...) {
    return nullptr;
  }
}

void HistogramTable::clear() noexcept {
  for (const uint32_t slot : touched) states[slot] = nullptr;
  touched.clear();
}

Shard::~Shard() {
  for (uint32_t i = 0; i < num_blocks; ++i) delete blocks[i];
  delete[] blocks;
}

CounterCell* Shard::grow_counters(uint32_t slot) noexcept {
  const uint32_t block = slot / CounterBlock::kCells;
  std::lock_guard lock(mutex);  // the collector may be reading the directory
  if (block >= num_blocks) {
    const uint32_t capacity = block + block / 4 + 1;
    auto** const grown = new (std::nothrow) CounterBlock*[capacity]();
    if (grown == nullptr) return nullptr;
    std::copy(blocks, blocks + num_blocks, grown);
    delete[] blocks;
    blocks = grown;
    num_blocks = capacity;
  }
  if (blocks[block] == nullptr) blocks[block] = new (std::nothrow) CounterBlock;
  if (blocks[block] == nullptr) return nullptr;
  return &blocks[block]->cells[slot % CounterBlock::kCells];
}

void Shard::fold(uint32_t end) noexcept {
  if (log_folded == end) return;
  for (uint32_t i = log_folded; i < end;) {
    const uint32_t key = keys[i];
    uint32_t next = i + 1;
    while (next < end && keys[next] == key) ++next;
    size_t kept = 0;
    if (HistogramState* const state = table->state(key); state != nullptr) [[likely]] {
      // Inline: with many series most runs are of one value, and the call costs a sixth of it.
      kept = next - i == 1 ? SummaryAccess::update(state->moments, state->histogram, values[i])
                           : update(state->moments, state->histogram, values + i, next - i);
    }
    lost += next - i - kept;
    i = next;
  }
  records += end - log_folded;
  ++folds;
  log_folded = end;
}

void Shard::flush() noexcept {
  std::lock_guard lock(mutex);
  fold(size.load(std::memory_order_relaxed));
  log_folded = 0;
  size.store(0, std::memory_order_relaxed);
}

template <typename T>
void Shard::record_many(uint32_t key, const T* batch, size_t count) noexcept {
  // The lock is let go between chunks so that a cut waits for some microseconds at most.
  constexpr size_t kChunk = 4096;
  while (count > 0) {
    const size_t part = std::min(count, kChunk);
    std::lock_guard lock(mutex);
    HistogramState* const state = table->state(key);
    lost += part - (state == nullptr ? 0 : update(state->moments, state->histogram, batch, part));
    records += part;
    batch += part;
    count -= part;
  }
}

template void Shard::record_many(uint32_t, const double*, size_t) noexcept;
template void Shard::record_many(uint32_t, const float*, size_t) noexcept;

void flush(Log* log) noexcept { static_cast<Shard*>(log)->flush(); }

}  // namespace inlay::detail
