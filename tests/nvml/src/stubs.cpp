// Every other name that callers look up: "not supported", as by a driver of another product.
// tests/nvml/stub_names.py writes the list.

#include "call.hpp"

using namespace fake_nvml;

namespace {

int stub(Entry& entry) {
  Call call(entry);
  return call.failed() ? call.code() : call.gives(kNotSupported);
}

}  // namespace

#define FAKE_NVML_STUB(function) \
  FAKE_NVML_FUNCTION(function) { return stub(entry_of_##function); }
#include "stub_names.inc"
