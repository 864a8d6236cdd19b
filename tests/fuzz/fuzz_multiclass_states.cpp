#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/model/multiclass_states.hpp>
#include <new>
#include <vector>

// Bytes either are refused or are the one form of states that can be used.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::MulticlassStates states = inlay::MulticlassStates::from_bytes(data, size);
    if (states.to_bytes() != std::vector<std::uint8_t>(data, data + size)) std::abort();
    const inlay::MulticlassStates other = states;
    if (states != other) std::abort();
    try {
      states.merge(other);
    } catch (const std::bad_alloc&) {
      return 0;  // counts that no histogram can hold
    }
    if (states.size() != other.size()) std::abort();
  } catch (const inlay::SerializationError&) {
    return 0;
  }
  return 0;
}
