// What a distinct count costs a value: arrays in cache, by what they hold and how many differ.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <inlay/summary/hll.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "harness.hpp"

namespace {

// Nanoseconds a value of the best of 20 passes, since a pass is short beside a time slice.
template <class Pass>
double best_ns(std::size_t values, Pass pass) {
  double best = 1e300;
  for (int i = 0; i < 20; ++i) {
    const double start = bench::now_s();
    pass();
    best = std::min(best, bench::now_s() - start);
  }
  return best * 1e9 / static_cast<double>(values);
}

void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong result: %s\n", what);
  std::exit(1);
}

// Each pass starts empty, so that the time holds the steps from coupons to full registers.
template <class T>
void bench_array(const bench::Run& run, const char* what, const std::vector<T>& items,
                 double distinct) {
  inlay::Hll sketch;
  run.report(what, "inlay", "inlay", run.repeat([&] {
    return best_ns(items.size(), [&] {
      sketch.reset();
      require(sketch.update(items.data(), items.size()) == items.size(), "items lost");
    });
  }));
  require(std::abs(sketch.estimate() / distinct - 1) < 4 * sketch.relative_error(), "estimate");
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Run run("cpp_hll", argc, argv);
  const auto size = static_cast<std::size_t>(run.size(100'000));
  std::mt19937_64 random(1);
  std::vector<std::int64_t> whole(size);
  std::vector<double> real(size);
  std::vector<std::string> strings(size);
  std::vector<std::string_view> texts(size);
  for (std::size_t i = 0; i < size; ++i) {
    whole[i] = static_cast<std::int64_t>(i * 7);
    real[i] = static_cast<double>(i) * 0.37;
    strings[i] = "user-" + std::to_string(1'000'000 + i);
    texts[i] = strings[i];
  }
  const auto all = static_cast<double>(size);
  bench_array(run, "int64", whole, all);
  bench_array(run, "float64", real, all);
  bench_array(run, "text", texts, all);
  for (std::size_t i = 0; i < size; ++i) {
    whole[i] = static_cast<std::int64_t>(random() % 100);
    texts[i] = strings[static_cast<std::size_t>(whole[i])];
  }
  bench_array(run, "int64_few", whole, 100);
  bench_array(run, "text_few", texts, 100);
  run.report("merge", "inlay", "inlay", run.repeat([&] {
    inlay::Hll a, b;
    for (std::int64_t i = 0; i < 100'000; ++i) (i % 3 != 0 ? a : b).update(i);
    return best_ns(1, [&] { require(a.merge(b), "merge"); });
  }));
  return 0;
}
