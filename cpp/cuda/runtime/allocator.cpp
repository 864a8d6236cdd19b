#include "runtime/allocator.hpp"

#include <mutex>
#include <utility>

#include "runtime/error.hpp"

namespace inlay::cuda {
namespace {

class PoolAllocator final : public Allocator {
 public:
  void* allocate(std::size_t bytes, cudaStream_t stream) override {
    void* memory = nullptr;
    check(cudaMallocAsync(&memory, bytes == 0 ? 1 : bytes, stream), "allocating device memory");
    return memory;
  }
  void release(void* memory, std::size_t, cudaStream_t stream) noexcept override {
    // At the end of the process the driver may be gone, and the memory with it.
    static_cast<void>(cudaFreeAsync(memory, stream));
  }
};

struct Default {
  std::mutex mutex;
  std::shared_ptr<Allocator> allocator;
};

// Never destroyed: monitors that the interpreter's end destroys come after static objects.
Default& the_default() {
  static auto* const instance = new Default;
  return *instance;
}

}  // namespace

Allocator::~Allocator() = default;

std::shared_ptr<Allocator> pool_allocator() {
  static auto* const pool = new std::shared_ptr<Allocator>(std::make_shared<PoolAllocator>());
  return *pool;
}

std::shared_ptr<Allocator> default_allocator() {
  Default& all = the_default();
  const std::lock_guard lock(all.mutex);
  return all.allocator == nullptr ? pool_allocator() : all.allocator;
}

void set_default_allocator(std::shared_ptr<Allocator> allocator) {
  Default& all = the_default();
  // The old one may end here, which may run Python code: not under the lock.
  {
    const std::lock_guard lock(all.mutex);
    std::swap(all.allocator, allocator);
  }
}

}  // namespace inlay::cuda
