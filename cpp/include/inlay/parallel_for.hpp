#pragma once

// Work that is shared out among threads which end with it.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace inlay::detail {

/// Threads to use: `asked`, or as many as there are cores if 0.
inline std::size_t threads_for(unsigned asked) noexcept {
  return asked != 0 ? asked : std::max(1U, std::thread::hardware_concurrency());
}

/// Calls work(), which throws nothing, on `threads` threads, this one among them; on fewer where no
/// more are to be had.
/// @throws std::bad_alloc if memory for them is; no work was begun then.
template <class Work>
void on_threads(std::size_t threads, const Work& work) {
  std::vector<std::thread> others;
  if (threads > 1) others.reserve(threads - 1);
  for (std::size_t i = 1; i < threads; ++i) {
    try {
      others.emplace_back(std::cref(work));
    } catch (const std::system_error&) {
      break;
    } catch (const std::bad_alloc&) {
      break;
    }
  }
  work();
  for (std::thread& other : others) other.join();
}

/// Calls f(i) for each i below `size`, on `threads` threads at most.
/// @throws what f threw for the lowest i, after all others were called.
template <class F>
void parallel_for(std::size_t size, std::size_t threads, const F& f) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  std::size_t failed = size;
  on_threads(std::min(threads, size), [&] {
    for (std::size_t i = next++; i < size; i = next++) {
      try {
        f(i);
      } catch (...) {
        const std::lock_guard<std::mutex> guard(mutex);
        if (i < failed) error = std::current_exception();
        failed = std::min(failed, i);
      }
    }
  });
  if (error) std::rethrow_exception(error);
}

}  // namespace inlay::detail
