// What frequent items and samples cost a value, in arrays of a million.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <inlay/summary/reservoir.hpp>
#include <inlay/summary/top_k.hpp>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "harness.hpp"

namespace {

// Ids of a Zipf distribution with exponent 1 over `distinct` items, drawn exactly by its inverse,
// and scattered over 64 bits.
std::vector<std::int64_t> zipf_ids(std::size_t size, std::size_t distinct) {
  std::vector<double> cumulated(distinct);
  double sum = 0;
  for (std::size_t i = 0; i < distinct; ++i) {
    sum += 1.0 / static_cast<double>(i + 1);
    cumulated[i] = sum;
  }
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> draw(0, sum);
  std::vector<std::int64_t> ids(size);
  for (std::int64_t& id : ids) {
    const auto at = std::lower_bound(cumulated.begin(), cumulated.end(), draw(random));
    const auto rank = static_cast<std::uint64_t>(at - cumulated.begin());
    id = static_cast<std::int64_t>(rank * 0x9E3779B97F4A7C15);
  }
  return ids;
}

// Nanoseconds a value of the best of 5 passes.
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

void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong result: %s\n", what);
  std::exit(1);
}

template <class Item>
void bench_items(const bench::Run& run, const std::vector<Item>& items, const std::string& work) {
  const std::size_t size = items.size();
  for (const std::uint32_t capacity : {1024U, 256U, 4096U}) {
    inlay::TopK sketch(capacity);
    const std::string which = capacity == 1024 ? work : work + "_" + std::to_string(capacity);
    run.report(which, "inlay", "inlay", run.repeat([&] {
      sketch.reset();
      return best_ns(size,
                     [&] { require(sketch.update(items.data(), size) == size, "values counted"); });
    }));
    require(sketch.total() == 5 * size, "total");
  }
  inlay::TopK sketch;
  run.report(work + "_single", "inlay", "inlay", run.repeat([&] {
    sketch.reset();
    return best_ns(size, [&] {
      for (const Item& item : items) require(sketch.update(item), "value counted");
    });
  }));
  run.report(work, "std::unordered_map, exact", "peer", run.repeat([&] {
    std::unordered_map<Item, std::uint64_t> counts;
    return best_ns(size, [&] {
      for (const Item& item : items) ++counts[item];
    });
  }));
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Run run("cpp_top_k", argc, argv);
  const auto size = static_cast<std::size_t>(run.size(1'000'000));
  const std::vector<std::int64_t> ids = zipf_ids(size, 100'000);
  bench_items(run, ids, "ids");

  std::vector<std::string> names;
  names.reserve(size);
  for (const std::int64_t id : ids) names.push_back("/v1/items/" + std::to_string(id));
  const std::vector<std::string_view> texts(names.begin(), names.end());
  bench_items(run, texts, "names");

  std::vector<double> values(size);
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> draw(0, 1);
  for (double& value : values) value = draw(random);
  run.report("sample", "sum alone", "floor", run.repeat([&] {
    return best_ns(size, [&] {
      double lanes[8] = {};
      for (std::size_t i = 0; i + 8 <= size; i += 8) {
        for (std::size_t lane = 0; lane < 8; ++lane) lanes[lane] += values[i + lane];
      }
      bench::keep(lanes[0]);
    });
  }));
  inlay::Reservoir reservoir;
  run.report("sample", "inlay", "inlay", run.repeat([&] {
    return best_ns(size,
                   [&] { require(reservoir.update(values.data(), size) == size, "values shown"); });
  }));
  run.report("sample_single", "inlay", "inlay", run.repeat([&] {
    return best_ns(size, [&] {
      for (const double value : values) require(reservoir.update(value), "value shown");
    });
  }));
  // What is written by hand: one random number a value (Vitter's algorithm R).
  std::vector<double> sample(1024);
  run.report("sample", "algorithm R, std::mt19937_64", "peer", run.repeat([&] {
    std::size_t seen = 0;
    return best_ns(size, [&] {
      for (const double value : values) {
        const std::size_t at = seen < sample.size() ? seen : random() % (seen + 1);
        if (at < sample.size()) sample[at] = value;
        ++seen;
      }
    });
  }));
  require(reservoir.size() == std::min<std::size_t>(size, 1024), "sample size");
  return 0;
}
