// What an embedder in C++ does first. Prints one line per fact for the test to compare.

#include <inlay/version.h>
#include <inlay/error.hpp>
#include <inlay/observer.hpp>

#include <cstdio>

int main() {
  std::printf("version %s\n", inlay_version());
  std::printf("build %s\n", inlay_build_id());

  inlay::Observer observer;
  inlay::InstrumentOptions options;
  options.attributes = {"route"};
  const inlay::BoundHistogram latency = observer.histogram("latency", options).bind({"chat"});
  for (int i = 1; i <= 4; ++i) latency.record(0.25 * i);
  const auto batch = observer.turn();
  std::printf("records %lld\n", static_cast<long long>(observer.stats().records));
  std::printf("columns %lld\n", static_cast<long long>(batch->points.num_columns()));

  try {
    (void)observer.counter("not a name");
    return 2;
  } catch (const inlay::Error& error) {
    // Thrown inside the library, caught here by its base class.
    std::printf("error %s\n", error.what());
  }
  return inlay_abi_version() == INLAY_ABI_VERSION ? 0 : 1;
}
