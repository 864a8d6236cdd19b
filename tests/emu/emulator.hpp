#pragma once

// Runs kernel bodies on the CPU: one fiber a thread, one block after the other. Include it before
// any .cuh. It knows barriers, warp shuffles and votes, atomics and dynamic shared memory, and it
// finds divergent barriers, reads past shared memory (under ASan) and, by running the fibers in
// reverse and in random order, most missing barriers. It finds no data race as such.

#define INLAY_EMULATOR 1

// getcontext() returns once alone here.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wclobbered"
#endif

#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __constant__ static
// Blocks run one after the other, so a static is what a block shares.
#define __shared__ static
#define INLAY_DYNAMIC_SHARED(name) unsigned char* const name = ::inlay::emu::machine().shared()

namespace inlay::emu {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};
struct Extent {
  unsigned x = 1, y = 1, z = 1;
  Extent() = default;
  Extent(unsigned x_, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  unsigned count() const { return x * y * z; }
};

/// In which order the fibers of a block, and the blocks of a grid, get their turns.
enum class Order { kForward, kReverse, kRandom };

class Machine;
Machine& machine();

class Machine {
 public:
  Index thread, block;
  Extent block_size, grid_size;
  Order order = Order::kForward;
  unsigned seed = 1;
  std::size_t launches = 0;

  unsigned char* shared() { return shared_.get(); }

  void launch(Extent grid, Extent block_extent, std::size_t shared_bytes,
              const std::function<void()>& body) {
    if (block_extent.count() == 0 || block_extent.count() > 1024)
      fail("a block of no or over 1,024 threads");
    if (shared_bytes > 227 * 1024) fail("over 227 KiB of shared memory");
    ++launches;
    body_ = &body;
    grid_size = grid;
    block_size = block_extent;
    std::vector<unsigned> blocks(grid.count());
    std::iota(blocks.begin(), blocks.end(), 0U);
    arrange(blocks);
    for (const unsigned b : blocks) {
      block = Index{b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y};
      run_block(shared_bytes);
    }
  }

  /// Waits until all threads of the block that have not ended are here.
  void sync_block() {
    Fiber& me = *current_;
    me.waits_block = true;
    const std::uint64_t generation = block_generation_;
    while (block_generation_ == generation) yield();
  }

  /// Waits until all lanes of `mask` are here, with a value of each; returns lane `from`'s, or the
  /// own one where `from` is not in the mask.
  std::uint64_t exchange(unsigned mask, std::uint64_t value, unsigned from) {
    Warp& warp = meet(mask, value);
    const std::uint64_t result = (from < 32 && (mask >> from & 1U)) ? warp.read[from] : value;
    return result;
  }
  unsigned ballot(unsigned mask, bool predicate) {
    Warp& warp = meet(mask, predicate ? 1 : 0);
    unsigned votes = 0;
    for (unsigned lane = 0; lane < 32; ++lane) {
      if ((mask >> lane & 1U) && warp.read[lane] != 0) votes |= 1U << lane;
    }
    return votes;
  }
  unsigned match(unsigned mask, std::uint64_t value) {
    Warp& warp = meet(mask, value);
    unsigned same = 0;
    for (unsigned lane = 0; lane < 32; ++lane) {
      if ((mask >> lane & 1U) && warp.read[lane] == value) same |= 1U << lane;
    }
    return same;
  }
  unsigned lane() const { return current_->number % 32; }

 private:
  struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    unsigned number = 0;
    bool ended = false;
    bool waits_block = false;
    bool waits_warp = false;
    void* fake_stack = nullptr;
  };
  struct Warp {
    std::uint64_t written[32];
    std::uint64_t read[32];
    unsigned arrived = 0;
    unsigned mask = 0;
    std::uint64_t generation = 0;
  };
  static constexpr std::size_t kStack = 128 * 1024;

  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "emulator: %s\n", what);
    std::abort();
  }

  void arrange(std::vector<unsigned>& numbers) {
    if (order == Order::kReverse) std::reverse(numbers.begin(), numbers.end());
    if (order == Order::kRandom) std::shuffle(numbers.begin(), numbers.end(), random_);
  }

  static void entry() {
    Machine& m = machine();
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &m.main_stack_, &m.main_stack_size_);
#endif
    (*m.body_)();
    m.current_->ended = true;
    m.yield();
  }

  void resume(Fiber& fiber) {
    current_ = &fiber;
    const unsigned n = fiber.number;
    thread =
        Index{n % block_size.x, n / block_size.x % block_size.y, n / block_size.x / block_size.y};
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, fiber.stack.get(), kStack);
#endif
    swapcontext(&main_, &fiber.context);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  }

  void yield() {
    Fiber& me = *current_;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(me.ended ? nullptr : &me.fake_stack, main_stack_,
                                   main_stack_size_);
#endif
    swapcontext(&me.context, &main_);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(me.fake_stack, &main_stack_, &main_stack_size_);
#endif
  }

  Warp& meet(unsigned mask, std::uint64_t value) {
    Fiber& me = *current_;
    Warp& warp = warps_[me.number / 32];
    const unsigned lane_bit = 1U << (me.number % 32);
    if ((mask & lane_bit) == 0) fail("a lane outside the mask it gives");
    if (warp.arrived == 0) {
      warp.mask = mask;
    } else if (warp.mask != mask) {
      fail("lanes meet with different masks");
    }
    warp.written[me.number % 32] = value;
    warp.arrived |= lane_bit;
    const std::uint64_t generation = warp.generation;
    if (warp.arrived == warp.mask) {
      std::memcpy(warp.read, warp.written, sizeof(warp.read));
      warp.arrived = 0;
      ++warp.generation;
    } else {
      me.waits_warp = true;
      while (warp.generation == generation) yield();
      me.waits_warp = false;
    }
    return warp;
  }

  // A function of its own, since getcontext could return twice into its caller.
  [[gnu::noinline]] static void prepare(Fiber& fiber) {
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStack;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, &Machine::entry, 0);
  }

  void run_block(std::size_t shared_bytes) {
    const unsigned threads = block_size.count();
    shared_.reset(new unsigned char[shared_bytes == 0 ? 1 : shared_bytes]);
    std::memset(shared_.get(), 0xCB, shared_bytes);
    warps_.assign((threads + 31) / 32, Warp());
    while (fibers_.size() < threads) {
      fibers_.push_back(std::make_unique<Fiber>());
      fibers_.back()->stack.reset(new char[kStack]);
    }
    random_.seed(seed);
    std::vector<unsigned> turn(threads);
    std::iota(turn.begin(), turn.end(), 0U);
    for (const unsigned n : turn) {
      Fiber& fiber = *fibers_[n];
      fiber.number = n;
      fiber.ended = fiber.waits_block = fiber.waits_warp = false;
      fiber.fake_stack = nullptr;
      prepare(fiber);
    }
    unsigned alive = threads;
    while (alive != 0) {
      arrange(turn);
      if (order == Order::kReverse) std::sort(turn.rbegin(), turn.rend());
      unsigned progressed = 0;
      for (const unsigned n : turn) {
        Fiber& fiber = *fibers_[n];
        if (fiber.ended || fiber.waits_block) continue;
        if (fiber.waits_warp && warps_[n / 32].arrived >> (n % 32) & 1U) continue;
        resume(fiber);
        ++progressed;
        if (fiber.ended) --alive;
      }
      unsigned waiting = 0;
      for (unsigned n = 0; n < threads; ++n)
        waiting += !fibers_[n]->ended && fibers_[n]->waits_block;
      if (waiting == alive && alive != 0) {
        if (alive != threads) fail("a barrier that ended threads never reach");
        for (unsigned n = 0; n < threads; ++n) fibers_[n]->waits_block = false;
        ++block_generation_;
      } else if (progressed == 0) {
        fail("threads wait for each other for ever");
      }
    }
  }

  friend Machine& machine();
  ucontext_t main_;
  const void* main_stack_ = nullptr;
  std::size_t main_stack_size_ = 0;
  Fiber* current_ = nullptr;
  const std::function<void()>* body_ = nullptr;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Warp> warps_;
  std::unique_ptr<unsigned char[]> shared_;
  std::uint64_t block_generation_ = 0;
  std::mt19937 random_;
};

inline Machine& machine() {
  static Machine the_machine;
  return the_machine;
}

/// Runs `body` once per thread: launch(grid, block, shared bytes, [&] { kernel(arguments); }).
template <class Body>
void launch(Extent grid, Extent block, std::size_t shared_bytes, Body&& body) {
  machine().launch(grid, block, shared_bytes, std::function<void()>(std::forward<Body>(body)));
}

template <class T>
std::uint64_t to_word(T value) {
  static_assert(sizeof(T) <= 8);
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof(T));
  return word;
}
template <class T>
T of_word(std::uint64_t word) {
  T value;
  std::memcpy(&value, &word, sizeof(T));
  return value;
}

}  // namespace inlay::emu

#define threadIdx (::inlay::emu::machine().thread)
#define blockIdx (::inlay::emu::machine().block)
#define blockDim (::inlay::emu::machine().block_size)
#define gridDim (::inlay::emu::machine().grid_size)

inline void __syncthreads() { inlay::emu::machine().sync_block(); }
inline void __syncwarp(unsigned mask = 0xFFFFFFFFU) { inlay::emu::machine().ballot(mask, true); }
inline void __threadfence() {}
inline void __threadfence_block() {}
inline int __syncthreads_or(int predicate) {
  static int any = 0;
  __syncthreads();
  any = 0;
  __syncthreads();
  if (predicate != 0) any = 1;
  __syncthreads();
  return any;
}

template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32) {
  const unsigned lane = inlay::emu::machine().lane();
  const unsigned base = lane / static_cast<unsigned>(width) * static_cast<unsigned>(width);
  return inlay::emu::of_word<T>(inlay::emu::machine().exchange(
      mask, inlay::emu::to_word(value),
      base + static_cast<unsigned>(from) % static_cast<unsigned>(width)));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits) {
  return inlay::emu::of_word<T>(
      inlay::emu::machine().exchange(mask, inlay::emu::to_word(value),
                                     inlay::emu::machine().lane() ^ static_cast<unsigned>(bits)));
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by) {
  return inlay::emu::of_word<T>(inlay::emu::machine().exchange(mask, inlay::emu::to_word(value),
                                                               inlay::emu::machine().lane() + by));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by) {
  const unsigned lane = inlay::emu::machine().lane();
  return inlay::emu::of_word<T>(inlay::emu::machine().exchange(mask, inlay::emu::to_word(value),
                                                               lane >= by ? lane - by : lane));
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return inlay::emu::machine().ballot(mask, predicate != 0);
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) == mask;
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value) {
  return inlay::emu::machine().match(mask, inlay::emu::to_word(value));
}
inline unsigned __activemask() { return 0xFFFFFFFFU; }

template <class T>
T atomicAdd(T* at, T by) {
  const T old = *at;
  *at = static_cast<T>(old + by);
  return old;
}
template <class T>
T atomicMax(T* at, T by) {
  const T old = *at;
  *at = std::max(old, by);
  return old;
}
template <class T>
T atomicMin(T* at, T by) {
  const T old = *at;
  *at = std::min(old, by);
  return old;
}
template <class T>
T atomicOr(T* at, T by) {
  const T old = *at;
  *at = old | by;
  return old;
}
template <class T>
T atomicXor(T* at, T by) {
  const T old = *at;
  *at = old ^ by;
  return old;
}
template <class T>
T atomicAnd(T* at, T by) {
  const T old = *at;
  *at = old & by;
  return old;
}
template <class T>
T atomicSub(T* at, T by) {
  const T old = *at;
  *at = static_cast<T>(old - by);
  return old;
}
template <class T>
T atomicExch(T* at, T by) {
  const T old = *at;
  *at = by;
  return old;
}
template <class T>
T atomicCAS(T* at, T expected, T by) {
  const T old = *at;
  if (std::memcmp(&old, &expected, sizeof(T)) == 0) *at = by;
  return old;
}
template <class T>
T __ldg(const T* from) {
  return *from;
}
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline int __clz(int v) { return v == 0 ? 32 : __builtin_clz(static_cast<unsigned>(v)); }
inline int __clzll(long long v) {
  return v == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(v));
}
inline float __uint_as_float(unsigned v) { return inlay::emu::of_word<float>(v); }
inline unsigned __float_as_uint(float v) { return static_cast<unsigned>(inlay::emu::to_word(v)); }
inline long long __double_as_longlong(double v) {
  return static_cast<long long>(inlay::emu::to_word(v));
}
inline double __longlong_as_double(long long v) {
  return inlay::emu::of_word<double>(static_cast<std::uint64_t>(v));
}
inline float __expf(float v) { return std::exp(v); }
inline float __logf(float v) { return std::log(v); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
