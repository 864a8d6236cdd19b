#include "metric/process.hpp"

#include <pthread.h>

#include "metric/core.hpp"

namespace inlay::detail {

namespace {

struct Process {
  std::mutex mutex;
  std::vector<Core*> cores;  // by index; null where one left
  uint64_t next_id = 1;
  std::mutex installed_mutex;  // of its own: letting a Core go takes the one above
  std::shared_ptr<Core> installed;
};

// Never destroyed: threads may outlive static destructors.
Process& process() {
  static auto* const instance = new Process;
  return *instance;
}

/// Gives the thread's shards back when it ends.
struct ThreadEnd {
  bool armed = false;
  ~ThreadEnd() {
    const ThreadShards mine = t_shards;
    t_shards = {nullptr, 0, true};
    {
      std::lock_guard lock(process().mutex);
      const auto& cores = process().cores;
      for (uint32_t i = 0; i < mine.size && i < cores.size(); ++i) {
        if (cores[i] != nullptr && cores[i]->registration().id == mine.entries[i].id) {
          cores[i]->shards().release(mine.entries[i].shard);
        }
      }
    }
    delete[] mine.entries;
  }
};
thread_local ThreadEnd t_end;

void before_fork() {
  process().installed_mutex.lock();
  process().mutex.lock();
  for (Core* core : process().cores) {
    if (core != nullptr) core->before_fork();
  }
}

void after_fork_in_parent() {
  for (Core* core : process().cores) {
    if (core != nullptr) core->after_fork_in_parent();
  }
  process().mutex.unlock();
  process().installed_mutex.unlock();
}

void after_fork_in_child() {
  for (uint32_t i = 0; i < t_shards.size; ++i) t_shards.entries[i] = {0, nullptr};
  for (Core* core : process().cores) {
    if (core != nullptr) core->after_fork_in_child();
  }
  process().mutex.unlock();
  process().installed_mutex.unlock();
}

}  // namespace

void install_fork_handlers() {
  static const int installed =
      pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  static_cast<void>(installed);
}

Registration enter_process(Core* core) {
  install_fork_handlers();
  std::lock_guard lock(process().mutex);
  auto& cores = process().cores;
  uint32_t index = 0;
  while (index < cores.size() && cores[index] != nullptr) ++index;
  if (index == cores.size()) cores.push_back(nullptr);
  cores[index] = core;
  return {index, process().next_id++};
}

void leave_process(Core* core) noexcept {
  std::lock_guard lock(process().mutex);
  process().cores[core->registration().index] = nullptr;
}

void install(std::shared_ptr<Core> core) {
  std::lock_guard lock(process().installed_mutex);
  process().installed.swap(core);
}

void uninstall(const Core* core) noexcept {
  std::shared_ptr<Core> gone;
  std::lock_guard lock(process().installed_mutex);
  if (process().installed.get() == core) process().installed.swap(gone);
}

std::shared_ptr<Core> installed() {
  std::lock_guard lock(process().installed_mutex);
  return process().installed;
}

INLAY_TLS ThreadShards t_shards{nullptr, 0, false};

Shard* attach_shard(Core* core, Registration registration) noexcept {
  if (t_shards.ended) return nullptr;
  try {
    t_end.armed = true;  // makes the thread run its destructor
    if (registration.index >= t_shards.size) {
      const uint32_t size = registration.index + 4;
      auto* const grown = new ThreadShards::Entry[size]();
      for (uint32_t i = 0; i < t_shards.size; ++i) grown[i] = t_shards.entries[i];
      delete[] t_shards.entries;
      t_shards.entries = grown;
      t_shards.size = size;
    }
    Shard* const shard = core->shards().acquire();
    t_shards.entries[registration.index] = {registration.id, shard};
    core->restart_after_fork();
    return shard;
  } catch (...) {
    return nullptr;
  }
}

Shard* ShardList::acquire() {
  std::lock_guard lock(mutex_);
  for (const auto& shard : shards_) {
    if (!shard->owned) {
      shard->owned = true;
      return shard.get();
    }
  }
  shards_.push_back(std::make_unique<Shard>());
  shards_.back()->owned = true;
  return shards_.back().get();
}

void ShardList::release(Shard* shard) noexcept {
  std::lock_guard lock(mutex_);
  shard->owned = false;
}

void ShardList::snapshot(std::vector<Shard*>& out) {
  std::lock_guard lock(mutex_);
  out.clear();
  for (const auto& shard : shards_) out.push_back(shard.get());
}

void ShardList::abandon() noexcept {
  for (auto& shard : shards_) static_cast<void>(shard.release());
  shards_.clear();
}

}  // namespace inlay::detail
