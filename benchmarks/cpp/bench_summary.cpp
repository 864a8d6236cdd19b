// What the summaries cost a value: one pass over arrays in cache, small arrays, value by value.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <inlay/summary/fused.hpp>
#include <random>
#include <string>
#include <vector>

#include "harness.hpp"

namespace {

template <class T>
std::vector<T> lognormal(std::size_t size) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> draw(0, 1);
  std::vector<T> values(size);
  for (T& value : values) value = static_cast<T>(draw(random));
  return values;
}

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

template <class T>
void bench_arrays(const bench::Run& run, const std::vector<T>& values, const std::string& type) {
  const std::size_t size = values.size();
  run.report("array of " + type + ", ns a value", "sum alone", "floor", run.repeat([&] {
    return best_ns(size, [&] {
      double lanes[8] = {};
      for (std::size_t i = 0; i + 8 <= size; i += 8) {
        for (std::size_t lane = 0; lane < 8; ++lane) lanes[lane] += values[i + lane];
      }
      bench::keep(lanes[0]);
    });
  }));
  inlay::Moments moments;
  inlay::ExpHistogram histogram;
  run.report("array of " + type + ", ns a value", "Moments", "inlay", run.repeat([&] {
    return best_ns(size, [&] { moments.update(values.data(), size); });
  }));
  run.report("array of " + type + ", ns a value", "ExpHistogram", "inlay", run.repeat([&] {
    return best_ns(size, [&] { require(histogram.update(values.data(), size) == size, "size"); });
  }));
  require(moments.count() == histogram.count(), "counts differ");
  run.report("array of " + type + ", ns a value", "both", "inlay", run.repeat([&] {
    moments.reset();
    histogram.reset();
    return best_ns(size, [&] { inlay::update(moments, histogram, values.data(), size); });
  }));
  require(moments.count() == 20 * size && histogram.count() == 20 * size, "values lost");
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Run run("cpp_summary", argc, argv);
  const auto size = static_cast<std::size_t>(run.size(1'000'000));
  const std::vector<double> doubles = lognormal<double>(size);
  bench_arrays(run, lognormal<float>(size), "float32");
  bench_arrays(run, doubles, "float64");

  std::vector<double> both_signs = doubles;
  for (std::size_t i = 0; i < size; i += 3) both_signs[i] = -both_signs[i];
  bench_arrays(run, both_signs, "float64 of both signs");

  inlay::Moments moments;
  inlay::ExpHistogram histogram;
  run.report("array of 256 float64, ns a call", "both", "inlay", run.repeat([&] {
    return best_ns(size / 256, [&] {
      for (std::size_t i = 0; i + 256 <= size; i += 256) {
        inlay::update(moments, histogram, doubles.data() + i, 256);
      }
    });
  }));
  const std::size_t few = std::min<std::size_t>(size, 100'000);
  run.report("value by value, ns a value", "both", "inlay", run.repeat([&] {
    return best_ns(few, [&] {
      for (std::size_t i = 0; i < few; ++i) inlay::update(moments, histogram, doubles[i]);
    });
  }));

  struct Pair {
    inlay::Moments moments;
    inlay::ExpHistogram histogram;
  };
  std::vector<Pair> series(1000);
  std::mt19937_64 random(2);
  std::vector<std::size_t> order(few);
  for (std::size_t& slot : order) slot = random() % series.size();
  const auto all = [&] {
    for (std::size_t i = 0; i < few; ++i) {
      Pair& pair = series[order[i]];
      inlay::update(pair.moments, pair.histogram, doubles[i]);
    }
  };
  run.report("value by value, 1,000 pairs in random order, ns a value", "both", "inlay",
             run.repeat([&] { return best_ns(few, all); }));
  std::uint64_t total = 0;
  for (const Pair& pair : series) total += pair.histogram.count();
  require(total == few * 20 * static_cast<std::size_t>(run.repeats() + 1), "values lost");
  return 0;
}
