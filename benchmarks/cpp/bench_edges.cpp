// What counting between fixed edges and under fixed names costs a value, beside the standard
// library's search and hash table.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <inlay/summary/categories.hpp>
#include <inlay/summary/edge_histogram.hpp>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "harness.hpp"

namespace {

// Nanoseconds a value of the best of some passes, since a pass is short beside a time slice.
template <class Pass>
double best_ns(int passes, std::size_t values, Pass pass) {
  double best = 1e300;
  for (int i = 0; i < passes; ++i) {
    const double start = bench::now_s();
    pass();
    best = std::min(best, bench::now_s() - start);
  }
  return best * 1e9 / static_cast<double>(values);
}

// The peers take so long that a slice lost is a small part.
constexpr int kPasses = 20;
constexpr int kPeerPasses = 2;

void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong result: %s\n", what);
  std::exit(1);
}

template <class T>
void bench_edges(const bench::Run& run, const std::string& type, std::size_t num_edges) {
  const auto size = static_cast<std::size_t>(run.size(1'000'000));
  std::mt19937_64 random(1);
  std::normal_distribution<double> draw;
  std::vector<T> values(size);
  for (T& value : values) value = static_cast<T>(draw(random));
  const std::vector<double> edges = inlay::EdgeHistogram::quantile_edges(
      std::vector<double>(values.begin(), values.end()), num_edges + 1);
  const std::string work = std::to_string(num_edges) + " edges, array of " + type + ", ns a value";
  inlay::EdgeHistogram histogram(edges);
  run.report(work, "EdgeHistogram", "inlay", run.repeat([&] {
    return best_ns(kPasses, size, [&] {
      histogram.reset();
      histogram.update(values.data(), size);
    });
  }));
  std::vector<std::uint64_t> counts(edges.size() + 1);
  run.report(work, "std::lower_bound", "peer", run.repeat([&] {
    return best_ns(kPeerPasses, size, [&] {
      std::fill(counts.begin(), counts.end(), std::uint64_t{0});
      for (const T value : values) {
        const auto at = std::lower_bound(edges.begin(), edges.end(), static_cast<double>(value));
        ++counts[static_cast<std::size_t>(at - edges.begin())];
      }
    });
  }));
  require(histogram.counts() == counts, "the counts differ");
}

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>()(text);
  }
};

void bench_names(const bench::Run& run, std::size_t num_names) {
  const auto size = static_cast<std::size_t>(run.size(1'000'000));
  std::vector<std::string> names;
  std::unordered_map<std::string, std::size_t, TextHash, std::equal_to<>> places;
  for (std::size_t i = 0; i < num_names; ++i) {
    std::string name = "category" + std::to_string(10'000 + i).substr(1);  // 12 bytes
    places.emplace(name, i);
    names.push_back(std::move(name));
  }
  std::mt19937_64 random(2);
  std::vector<std::string_view> items(size);
  for (std::string_view& item : items) item = names[random() % num_names];
  const std::string work = std::to_string(num_names) + " names of 12 bytes, ns a value";
  inlay::Categories categories(names);
  run.report(work, "Categories", "inlay", run.repeat([&] {
    return best_ns(kPasses, size, [&] {
      categories.reset();
      categories.update(items.data(), size);
    });
  }));
  std::vector<std::uint64_t> counts(num_names);
  run.report(work, "std::unordered_map", "peer", run.repeat([&] {
    return best_ns(kPeerPasses, size, [&] {
      std::fill(counts.begin(), counts.end(), std::uint64_t{0});
      for (const std::string_view item : items) {
        const auto found = places.find(item);
        if (found != places.end()) ++counts[found->second];
      }
    });
  }));
  require(categories.counts() == counts, "the counts differ");
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Run run("cpp_edges", argc, argv);
  for (const std::size_t num_edges : {10U, 20U, 100U, 1000U}) {
    bench_edges<float>(run, "float32", num_edges);
    bench_edges<double>(run, "float64", num_edges);
  }
  for (const std::size_t num_names : {10U, 100U, 10'000U}) bench_names(run, num_names);
  return 0;
}
