// One record from C++, on one and two threads, while a collector turns the window 100 times a
// second. Every record is accounted for: the counts of all windows are added up and compared.

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "atomic_histogram.hpp"
#include "harness.hpp"
#include "inlay/observer.hpp"

namespace {

constexpr std::size_t kInputs = 1 << 14;
constexpr std::size_t kSeries = 1000;

struct Inputs {
  std::vector<double> values = std::vector<double>(kInputs);
  std::vector<std::uint16_t> series = std::vector<std::uint16_t>(kInputs);

  Inputs() {
    std::mt19937_64 random(7);
    std::lognormal_distribution<double> latency(-3.9, 1.0);
    std::uniform_int_distribution<int> pick(0, static_cast<int>(kSeries) - 1);
    for (auto& value : values) value = latency(random);
    for (auto& index : series) index = static_cast<std::uint16_t>(pick(random));
  }
};

/// Adds up a column of one points table: `count` of histograms, `value` of counters.
long counted(const inlay::Table& points, const char* column) {
  ArrowSchema schema;
  ArrowArray array;
  points.export_to(&schema, &array);
  long total = 0;
  for (int64_t c = 0; c < schema.n_children; ++c) {
    if (std::strcmp(schema.children[c]->name, column) != 0) continue;
    const ArrowArray& values = *array.children[c];
    const auto* valid = static_cast<const std::uint8_t*>(values.buffers[0]);
    for (int64_t i = 0; i < array.length; ++i) {
      const int64_t at = i + values.offset;
      if (valid != nullptr && ((valid[at / 8] >> (at % 8)) & 1) == 0) continue;
      total += static_cast<const int64_t*>(values.buffers[1])[at];
    }
  }
  array.release(&array);
  schema.release(&schema);
  return total;
}

/// Turns the window of an observer 100 times a second and adds up what the windows hold. Its
/// constructor starts the thread; `finish` ends it and returns the sum of all histograms' counts.
class CollectorThread {
 public:
  explicit CollectorThread(inlay::Observer observer) : observer_(std::move(observer)) {
    thread_ = std::thread([this] {
      while (!stop_.load()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        take();
      }
    });
  }

  long finish() {
    stop_.store(true);
    thread_.join();
    take();
    return total_;
  }

 private:
  void take() {
    total_ += counted(observer_.turn()->points, "count");
    observer_.next(0);  // nobody else takes the queued batch
  }

  inlay::Observer observer_;
  std::atomic<bool> stop_{false};
  long total_ = 0;
  std::thread thread_;
};

using Work = std::function<void(long first, long last)>;

/// How often the scheduler took the processor away from the calling thread.
long preemptions() {
  rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

/// Nanoseconds per record of the calling thread. Stretches in which the scheduler gave the
/// processor to somebody else do not count; waiting for a lock does.
double timed(long records, const Work& work) {
  constexpr long kStretch = 1 << 14;
  double seconds = 0;
  long counted_records = 0;
  for (long first = 0; first < records; first += kStretch) {
    const long last = std::min(records, first + kStretch);
    const long before = preemptions();
    const double start = bench::now_s();
    work(first, last);
    const double took = bench::now_s() - start;
    if (preemptions() != before) continue;
    seconds += took;
    counted_records += last - first;
  }
  return seconds * 1e9 / static_cast<double>(std::max(counted_records, 1L));
}

/// The same for so many threads at once; the slowest one's.
double ns_per_record(int threads, long records, const std::function<Work()>& make_work) {
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  std::vector<double> figures(static_cast<std::size_t>(threads));
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t) {
    pool.emplace_back([&, t] {
      const Work work = make_work();
      ready.fetch_add(1);
      while (!go.load(std::memory_order_acquire)) {
      }
      figures[static_cast<std::size_t>(t)] = timed(records, work);
    });
  }
  while (ready.load() < threads) std::this_thread::yield();
  go.store(true, std::memory_order_release);
  for (auto& thread : pool) thread.join();
  return *std::max_element(figures.begin(), figures.end());
}

/// Touches nothing but registers: how two threads of this machine scale at best.
Work register_loop() {
  return [](long first, long last) {
    std::uint64_t state = 88172645463325252ULL;
    for (long i = first; i < last; ++i) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      bench::keep(state);
    }
  };
}

/// One and two threads beside the register loop, in turn; reports both and the scaling.
void measure(const bench::Run& run, const std::string& work, const char* peer, const char* role,
             long records, const std::function<Work()>& body) {
  std::vector<double> one, two, scaling;
  for (int i = 0; i <= run.repeats(); ++i) {
    const double control =
        2 * ns_per_record(1, records, register_loop) / ns_per_record(2, records, register_loop);
    const double alone = ns_per_record(1, records, body);
    const double both = ns_per_record(2, records, body);
    if (i == 0) continue;  // warm-up
    one.push_back(alone);
    two.push_back(both);
    scaling.push_back(2 * alone / both / control);
  }
  run.report(work, peer, role, one);
  run.report(work + "_2", peer, role, two);
  run.report(work + "_scaling", peer, role, scaling);
}

/// All records one `measure` makes, its warm-up included.
long made(const bench::Run& run, long records) { return 3 * records * (run.repeats() + 1); }

inlay::Observer make_observer() {
  inlay::ObserverOptions options;
  options.service_name = "bench";
  options.max_series = static_cast<std::uint32_t>(kSeries) + 1;
  return inlay::Observer(options);
}

void bench_ours(const bench::Run& run, const Inputs& in) {
  const long records = run.size(10'000'000);
  inlay::Observer observer = make_observer();
  inlay::InstrumentOptions options;
  options.unit = "s";
  const inlay::BoundHistogram single = observer.histogram("single", options).bind();
  options.attributes = {"user"};
  const inlay::Histogram many = observer.histogram("many", options);
  std::vector<inlay::BoundHistogram> series;
  for (std::size_t i = 0; i < kSeries; ++i) {
    series.push_back(many.bind({std::string_view("user-" + std::to_string(i))}));
  }

  CollectorThread collector(observer);
  measure(run, "one", "inlay", "inlay", records, [&]() -> Work {
    return [&, writer = observer.writer()](long i, long last) mutable {
      for (; i < last; ++i) {
        writer.record(single, in.values[static_cast<std::size_t>(i) % kInputs]);
      }
    };
  });
  measure(run, "many", "inlay", "inlay", records, [&]() -> Work {
    return [&, writer = observer.writer()](long i, long last) mutable {
      for (; i < last; ++i) {
        const std::size_t at = static_cast<std::size_t>(i) % kInputs;
        writer.record(series[in.series[at]], in.values[at]);
      }
    };
  });
  measure(run, "bound", "inlay", "inlay", records, [&]() -> Work {
    return [&](long i, long last) {
      for (; i < last; ++i) single.record(in.values[static_cast<std::size_t>(i) % kInputs]);
    };
  });
  run.check(collector.finish(), 3 * made(run, records), "records of all windows");
}

void bench_counter(const bench::Run& run) {
  const long records = run.size(20'000'000);
  inlay::Observer observer = make_observer();
  const inlay::BoundCounter hits = observer.counter("hits").bind();
  CollectorThread collector(observer);
  measure(run, "counter", "inlay", "inlay", records, [&]() -> Work {
    return [&](long i, long last) {
      for (; i < last; ++i) hits.add(std::int64_t{1});
    };
  });
  collector.finish();
  run.check(observer.stats().records, made(run, records), "records counted");
}

void bench_latency(const bench::Run& run, const Inputs& in) {
  const long records = run.size(1'000'000);
  inlay::Observer observer = make_observer();
  const inlay::BoundHistogram single = observer.histogram("single").bind();
  CollectorThread collector(observer);
  std::vector<float> taken(static_cast<std::size_t>(records));
  inlay::Writer writer = observer.writer();
  const auto p999 = run.repeat([&] {
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      writer.record(single, in.values[i % kInputs]);
      taken[i] =
          std::chrono::duration<float, std::nano>(std::chrono::steady_clock::now() - start).count();
    }
    const auto at = taken.begin() + static_cast<std::ptrdiff_t>(taken.size() * 999 / 1000);
    std::nth_element(taken.begin(), at, taken.end());
    return static_cast<double>(*at);
  });
  run.report("p999", "inlay", "inlay", p999);
  run.check(collector.finish(), records * (run.repeats() + 1), "records of all windows");
}

void bench_atomics(const bench::Run& run, const Inputs& in) {
  const long records = run.size(1'000'000);
  const auto single = std::make_unique<bench::AtomicHistogram>();
  measure(run, "one", "shared atomics", "peer", records, [&]() -> Work {
    return [&](long i, long last) {
      for (; i < last; ++i) single->record(in.values[static_cast<std::size_t>(i) % kInputs]);
    };
  });
  run.check(single->count(), made(run, records), "atomic records");
  std::vector<bench::AtomicHistogram> series(kSeries);
  measure(run, "many", "shared atomics", "peer", records, [&]() -> Work {
    return [&](long i, long last) {
      for (; i < last; ++i) {
        const std::size_t at = static_cast<std::size_t>(i) % kInputs;
        series[in.series[at]].record(in.values[at]);
      }
    };
  });
  std::atomic<long> hits{0};
  measure(run, "counter", "shared atomics", "peer", records, [&]() -> Work {
    return [&](long i, long last) {
      for (; i < last; ++i) hits.fetch_add(1, std::memory_order_relaxed);
    };
  });
  run.check(hits.load(), made(run, records), "atomic counts");
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Run run("cpp_record", argc, argv);
  const Inputs inputs;
  bench_ours(run, inputs);
  bench_counter(run);
  bench_latency(run, inputs);
  bench_atomics(run, inputs);
}
