#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "metric/shard.hpp"

namespace inlay::detail {

/// The shards of one observer: one for each thread that records, kept when the thread ends and
/// given to the next one. Thread-safe.
class ShardList {
 public:
  /// A shard for the calling thread. Throws std::bad_alloc.
  Shard* acquire();
  void release(Shard*) noexcept;
  void snapshot(std::vector<Shard*>& out);

  std::mutex& mutex() noexcept { return mutex_; }

  /// Child of a fork: abandons all shards, whose locks and halves of records belong to threads that
  /// are not here any more.
  void abandon() noexcept;

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

/// Where the process keeps track of an observer: threads find their shard by index, and see by the
/// id whether the observer at that index is still the same.
struct Registration {
  uint32_t index;
  uint64_t id;
};

/// Installs the handlers that look after observers when the process forks. Those installed later
/// run earlier before a fork: they may wait for threads that use observers.
void install_fork_handlers();

/// Enters an observer into the table of the process, whose fork handlers then look after it.
Registration enter_process(Core*);

/// Takes it out again; afterwards no ending thread touches it.
void leave_process(Core*) noexcept;

/// The one observer that code which has none of its own records into.
void install(std::shared_ptr<Core> core);
void uninstall(const Core* core) noexcept;
std::shared_ptr<Core> installed();

#if defined(__GLIBC__)
#define INLAY_TLS __attribute__((tls_model("initial-exec"))) constinit thread_local
#else
#define INLAY_TLS constinit thread_local
#endif

/// The calling thread's shards by index of observer. Plain data: reading it runs no guard.
struct ThreadShards {
  struct Entry {
    uint64_t id;
    Shard* shard;
  };
  Entry* entries;
  uint32_t size;
  bool ended;
};
extern INLAY_TLS ThreadShards t_shards;

/// The slow path of current_shard: this thread's first record for this observer.
Shard* attach_shard(Core* core, Registration registration) noexcept;

/// The calling thread's shard; null when it can have none (out of memory, or the thread is ending).
inline Shard* current_shard(Core* core, Registration registration) noexcept {
  if (registration.index < t_shards.size) [[likely]] {
    const auto& entry = t_shards.entries[registration.index];
    if (entry.id == registration.id) [[likely]]
      return entry.shard;
  }
  return attach_shard(core, registration);
}

}  // namespace inlay::detail
