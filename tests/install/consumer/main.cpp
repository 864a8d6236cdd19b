// What an embedder in C++ does first. Prints one line per fact for the test to compare.

#include <inlay/version.h>
#include <inlay/error.hpp>

#include <cstdio>

int main() {
  std::printf("version %s\n", inlay_version());
  std::printf("build %s\n", inlay_build_id());
  try {
    inlay::detail::fail<inlay::InvalidArgument>("thrown here, caught as the base", 7);
  } catch (const inlay::Error& error) {
    std::printf("error %s\n", error.what());
  }
  return inlay_abi_version() == INLAY_ABI_VERSION ? 0 : 1;
}
