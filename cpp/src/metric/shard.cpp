#include "metric/shard.hpp"

#include <algorithm>
#include <new>

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
      return states[slot] = new HistogramState(key);
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

// Two rounds, so that neither waits for memory nor guesses: values go to their states, then the
// states that became full settle.
void Shard::fold(uint32_t end) noexcept {
  if (log_folded == end) return;
  constexpr uint32_t kAhead = 16;
  HistogramState* full[Log::kCapacity];
  uint32_t num_full = 0;
  for (uint32_t i = log_folded; i < end;) {
    const uint32_t key = keys[i];
    uint32_t next = i + 1;
    while (next < end && keys[next] == key) ++next;
    if (next + kAhead < end) {
      if (const auto* const ahead = table->find(slot_of(keys[next + kAhead])); ahead != nullptr)
        ahead->prefetch_waiting();
    }
    HistogramState* const state = table->state(key);
    if (state == nullptr) [[unlikely]] {
      lost += next - i;
    } else if (next - i > 1) {
      lost += state->record(values + i, next - i);
    } else {
      if (state->full()) [[unlikely]]
        lost += state->settle();
      state->put(values[i]);
      full[num_full] = state;
      num_full += state->full() ? 1 : 0;
    }
    i = next;
  }
  for (uint32_t i = 0; i < num_full; ++i) {
    if (i + 2 < num_full) full[i + 2]->prefetch_summaries();
    if (full[i]->full()) lost += full[i]->settle();
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
    lost += state == nullptr ? part : state->record(batch, part);
    records += part;
    batch += part;
    count -= part;
  }
}

void Shard::add_nulls(uint32_t key, uint64_t count) noexcept {
  std::lock_guard lock(mutex);
  if (HistogramState* const state = table->state(key); state != nullptr) {
    state->add_nulls(count);
  } else {
    lost += static_cast<int64_t>(count);
  }
}

template void Shard::record_many(uint32_t, const double*, size_t) noexcept;
template void Shard::record_many(uint32_t, const float*, size_t) noexcept;

void flush(Log* log) noexcept { static_cast<Shard*>(log)->flush(); }

}  // namespace inlay::detail
