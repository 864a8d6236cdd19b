#pragma once

#include <cstdint>
#include <memory>

namespace inlay::infra {

/// Something with locks and threads that a fork must not find in the middle of things.
/// Registering is thread-safe.
class ForkGuarded {
 public:
  /// In which order locks are taken before a fork: those of threads at work, then what they write.
  enum class Order : std::uint8_t { kThreads, kStores };

  virtual void before_fork() noexcept = 0;
  virtual void after_fork_in_parent() noexcept = 0;
  virtual void after_fork_in_child() noexcept = 0;

 protected:
  ~ForkGuarded() = default;
};

/// Enters an object into the table that the process's fork handlers walk.
void enter_fork_table(ForkGuarded* guarded, ForkGuarded::Order order);

/// Takes it out; afterwards no handler touches it.
void leave_fork_table(ForkGuarded* guarded) noexcept;

/// Leaves what a thread of the parent may wait at or run as behind, in a child of a fork.
template <class T>
void leave_behind(std::unique_ptr<T>& held) noexcept {
  [[maybe_unused]] const T* const left = held.release();
}

/// The same, with a new one in its place.
template <class T>
void renew(std::unique_ptr<T>& held) noexcept {
  leave_behind(held);
  held = std::make_unique<T>();
}

}  // namespace inlay::infra
