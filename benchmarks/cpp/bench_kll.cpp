// What a Kll costs a value from C++: whole arrays, small batches, value by value.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <inlay/summary/kll.hpp>
#include <random>
#include <string>
#include <vector>

#include "harness.hpp"

namespace {

void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong result: %s\n", what);
  std::exit(1);
}

// Nanoseconds a value of the best of 5 passes, since a pass is short beside a time slice.
template <class Pass>
double best_ns(std::size_t values, Pass pass) {
  double best = 1e300;
  for (int i = 0; i < 5; ++i) {
    const double start = bench::now_s();
    pass();
    best = std::min(best, bench::now_s() - start);
  }
  return best * 1e9 / static_cast<double>(values);
}

template <class T>
void bench_type(const bench::Run& run, const std::string& type) {
  const auto size = static_cast<std::size_t>(run.size(1'000'000));
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> draw(0, 1);
  std::vector<T> values(size);
  for (T& value : values) value = static_cast<T>(draw(random));

  const auto sorted = [&] {
    std::vector<T> copy = values;
    std::sort(copy.begin(), copy.end());
    bench::keep(copy[size / 2]);
  };
  run.report(type + ", ns a value", "std::sort of all", "floor",
             run.repeat([&] { return best_ns(size, sorted); }));
  run.report(type + ", ns a value", "one array, new sketch", "inlay", run.repeat([&] {
    return best_ns(size, [&] {
      inlay::Kll<T> sketch;
      require(sketch.update(values.data(), size) == size, "size");
      bench::keep(sketch);
    });
  }));
  inlay::Kll<T> kept;
  run.report(type + ", ns a value", "one array, sketch kept", "inlay",
             run.repeat([&] { return best_ns(size, [&] { kept.update(values.data(), size); }); }));
  run.report(type + ", ns a value", "batches of 256", "inlay", run.repeat([&] {
    inlay::Kll<T> sketch;
    return best_ns(size / 256 * 256, [&] {
      for (std::size_t i = 0; i + 256 <= size; i += 256) sketch.update(values.data() + i, 256);
    });
  }));
  run.report(type + ", ns a value", "value by value", "inlay", run.repeat([&] {
    inlay::Kll<T> sketch;
    const double ns = best_ns(size, [&] {
      for (const T value : values) sketch.update(static_cast<double>(value));
    });
    require(sketch.count() == 5 * size, "values lost");
    return ns;
  }));
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Run run("kll", argc, argv);
  bench_type<float>(run, "float32");
  bench_type<double>(run, "float64");
  return 0;
}
