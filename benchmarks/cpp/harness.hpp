/// What the C++ benchmarks share: repeats, a clock, JSON lines as `benchmarks/harness.py` prints.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// Seconds of a clock that only goes forward.
inline double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Keeps the compiler from dropping or hoisting what makes `value`.
template <class T>
inline void keep(T& value) {
  asm volatile("" : "+r,m"(value) : : "memory");
}

/// One run of one executable: its options, and where its figures go. One thread.
class Run {
 public:
  /// Read `--quick` (small sizes: shows that it runs) from the command line.
  Run(std::string section, int argc, char** argv) : section_(std::move(section)) {
    for (int i = 1; i < argc; ++i) {
      if (std::strcmp(argv[i], "--quick") == 0) {
        quick_ = true;
      } else {
        std::fprintf(stderr, "unknown option: %s\n", argv[i]);
        std::exit(2);
      }
    }
  }

  int repeats() const { return quick_ ? 3 : 7; }

  /// Return the full size, or a hundredth of it in a quick run.
  long size(long full) const { return quick_ ? std::max(1L, full / 100) : full; }

  /// Call `figure()` once as a warm-up, then once per repeat.
  template <class Figure>
  std::vector<double> repeat(Figure&& figure) const {
    figure();
    std::vector<double> samples;
    for (int i = 0; i < repeats(); ++i) samples.push_back(figure());
    return samples;
  }

  /// Print the figures of one work; `role` is "inlay", "peer" or "floor".
  void report(std::string_view work, std::string_view peer, std::string_view role,
              const std::vector<double>& samples) const {
    std::printf(
        "{\"section\": \"%s\", \"work\": \"%.*s\", \"peer\": \"%.*s\", \"role\": \"%.*s\", ",
        section_.c_str(), static_cast<int>(work.size()), work.data(), static_cast<int>(peer.size()),
        peer.data(), static_cast<int>(role.size()), role.data());
    std::printf("\"samples\": [");
    for (std::size_t i = 0; i < samples.size(); ++i) {
      std::printf("%s%.6g", i == 0 ? "" : ", ", samples[i]);
    }
    std::printf("]}\n");
    std::fflush(stdout);
  }

  /// Stop with an error when the work a figure stands for was not done.
  void check(long actual, long expected, std::string_view what) const {
    if (actual == expected) return;
    std::fprintf(stderr, "%s: %.*s: expected %ld, got %ld\n", section_.c_str(),
                 static_cast<int>(what.size()), what.data(), expected, actual);
    std::exit(1);
  }

 private:
  std::string section_;
  bool quick_ = false;
};

}  // namespace bench
