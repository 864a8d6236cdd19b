#include "infra/fork_guard.hpp"

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "metric/process.hpp"

namespace inlay::infra {

namespace {

struct ForkTable {
  std::mutex mutex;
  std::vector<ForkGuarded*> threads, stores;
};

// Never destroyed: a fork may come after static destructors.
ForkTable& table() {
  static auto* const instance = new ForkTable;
  return *instance;
}

void before_fork() {
  table().mutex.lock();
  for (ForkGuarded* each : table().threads) each->before_fork();
  for (ForkGuarded* each : table().stores) each->before_fork();
}

void after_fork_in_parent() {
  for (ForkGuarded* each : table().stores) each->after_fork_in_parent();
  for (ForkGuarded* each : table().threads) each->after_fork_in_parent();
  table().mutex.unlock();
}

void after_fork_in_child() {
  for (ForkGuarded* each : table().stores) each->after_fork_in_child();
  for (ForkGuarded* each : table().threads) each->after_fork_in_child();
  table().mutex.unlock();
}

}  // namespace

void enter_fork_table(ForkGuarded* guarded, ForkGuarded::Order order) {
  static const int installed = [] {
    // Before ours: threads at work may hand events to observers, and a fork waits for them here.
    detail::install_fork_handlers();
    return pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  }();
  static_cast<void>(installed);
  std::lock_guard lock(table().mutex);
  auto& list = order == ForkGuarded::Order::kThreads ? table().threads : table().stores;
  list.push_back(guarded);
}

void leave_fork_table(ForkGuarded* guarded) noexcept {
  std::lock_guard lock(table().mutex);
  for (auto* const list : {&table().threads, &table().stores}) {
    list->erase(std::remove(list->begin(), list->end(), guarded), list->end());
  }
}

}  // namespace inlay::infra
