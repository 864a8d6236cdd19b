#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <inlay/error.hpp>
#include <string>
#include <vector>

#include "prometheus/snapshot.hpp"
#include "prometheus/snapshot_file.hpp"
#include "prometheus/worker_directory.hpp"

namespace inlay::prometheus {
namespace {

namespace fs = std::filesystem;

/// A directory that goes with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "inlay-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::size_t count(const std::string& prefix) const {
    std::size_t number = 0;
    for (const auto& entry : fs::directory_iterator(path_)) {
      if (entry.path().filename().string().starts_with(prefix)) ++number;
    }
    return number;
  }

 private:
  std::string path_;
};

PointDelta delta_of(double value) {
  PointDelta delta;
  delta.value = value;
  delta.has_value = true;
  delta.start_us = 1;
  delta.time_us = 10'000'000;
  return delta;
}

/// The snapshot of a process with one counter, one gauge and one histogram.
std::string state_of(double jobs, double temperature, std::size_t padding = 0) {
  Catalog catalog;
  SeriesTotals counter(Kind::kCounter);
  counter.add(delta_of(jobs));
  SeriesTotals gauge(Kind::kGauge);
  gauge.add(delta_of(temperature));
  SeriesTotals histogram(Kind::kHistogram);
  const std::vector<std::int64_t> counts{1, 0, 2};
  PointDelta observed = delta_of(0);
  observed.sum = 4.5;
  observed.buckets.scale = 3;
  observed.buckets.positive = {-4, counts.data(), counts.size()};
  histogram.add(observed);
  Exemplar exemplar;
  exemplar.value = 0.75;
  exemplar.time_us = 5;
  exemplar.labels.add("trace_id", "abc");
  histogram.add_exemplar(exemplar, 4);
  LabelSet labels;
  labels.add("pad", std::string(padding, 'x'));
  const auto a = catalog.series(catalog.family("jobs", "", Kind::kCounter), 1, LabelSet());
  const auto b = catalog.series(catalog.family("heat", "Cel", Kind::kGauge), 2, labels);
  const auto c = catalog.series(catalog.family("wait", "s", Kind::kHistogram), 3, LabelSet());
  MergedView view(catalog);
  view.add(counter, a, 0);
  view.add(gauge, b, 0);
  view.add(histogram, c, 0);
  return encode_snapshot(catalog, view, "{\"service.name\":\"t\"}", 10'000'000, {5, 6},
                         ExpositionOptions());
}

double jobs_in(const TotalsTable& totals, const Catalog& catalog) {
  double sum = 0;
  for (const auto& entry : totals.entries) {
    if (catalog.family_at(catalog.series_at(entry.series).family).metric == "jobs") {
      sum += entry.totals.sum().value();
    }
  }
  return sum;
}

TEST(Snapshot, reads_back_what_was_written) {
  Catalog catalog;
  const Snapshot snapshot = decode_snapshot(state_of(41, 20), catalog, 160);
  EXPECT_EQ(snapshot.resource, "{\"service.name\":\"t\"}");
  EXPECT_EQ(snapshot.folded, (std::vector<std::uint64_t>{5, 6}));
  ASSERT_EQ(snapshot.totals.entries.size(), 3U);
  EXPECT_EQ(jobs_in(snapshot.totals, catalog), 41);
  EXPECT_EQ(snapshot.totals.entries[1].totals.gauge(), 20);
  const SeriesTotals& histogram = snapshot.totals.entries[2].totals;
  EXPECT_EQ(histogram.buckets().count(), 3);
  EXPECT_EQ(histogram.buckets().scale(), 3);
  EXPECT_EQ(histogram.buckets().positive().offset(), -4);
  EXPECT_EQ(histogram.sum().value(), 4.5);
  ASSERT_EQ(histogram.exemplars().size(), 1U);
  EXPECT_EQ(histogram.exemplars()[0].value, 0.75);
}

TEST(Snapshot, refuses_every_prefix_and_survives_every_flipped_byte) {
  const std::string whole = state_of(41, 20);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Catalog catalog;
    EXPECT_THROW(decode_snapshot(whole.substr(0, size), catalog, 160), SerializationError) << size;
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int flip : {1, 0x80, 0xFF}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      Catalog catalog;
      try {
        const Snapshot snapshot = decode_snapshot(damaged, catalog, 160);
        EXPECT_EQ(snapshot.totals.entries.size(), 3U);
      } catch (const SerializationError&) {
        continue;  // noticed
      }
    }
  }
}

ReadAt reader_of(const std::string& bytes) {
  return [&bytes](std::uint64_t offset, char* out, std::size_t size) {
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t there = std::min(size, bytes.size() - static_cast<std::size_t>(offset));
    std::memcpy(out, bytes.data() + offset, there);
    return there;
  };
}

std::string file_bytes(const std::string& path) {
  std::string bytes(fs::file_size(path), '\0');
  FILE* file = std::fopen(path.c_str(), "rb");
  EXPECT_EQ(std::fread(bytes.data(), 1, bytes.size(), file), bytes.size());
  std::fclose(file);
  return bytes;
}

TEST(SnapshotFile, a_write_cut_short_leaves_the_previous_state) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  SnapshotHeader identity;
  identity.worker_id = 9;
  SnapshotFile file(path, identity, 100);
  file.publish("first state", 1);
  const std::string before = file_bytes(path);
  file.publish("the second one", 2);
  const std::string after = file_bytes(path);
  // Wherever the writer is killed: any number of the bytes that differ has been written, in the
  // order states, slot, generation. All but the last step must read as the first state.
  std::vector<std::size_t> order;
  constexpr std::size_t kGeneration = 80;
  for (std::size_t i = 256; i < after.size(); ++i) order.push_back(i);
  for (std::size_t i = 96; i < 256; ++i) order.push_back(i);
  std::string torn = before;
  for (const std::size_t i : order) {
    if (torn[i] == after[i]) continue;
    torn[i] = after[i];
    SnapshotHeader header;
    const auto state = read_snapshot_state(reader_of(torn), torn.size(), header);
    ASSERT_TRUE(state.has_value());
    EXPECT_EQ(*state, "first state");
  }
  torn[kGeneration] = after[kGeneration];
  SnapshotHeader header;
  EXPECT_EQ(read_snapshot_state(reader_of(torn), torn.size(), header).value_or(""),
            "the second one");
  // And damage to the newest state brings the one before it back.
  torn[256 + 4096] ^= 1;  // generation 1 lies in the second half
  torn[256] ^= 1;
  EXPECT_FALSE(read_snapshot_state(reader_of(torn), torn.size(), header).has_value());
  torn[256 + 4096] ^= 1;
  EXPECT_EQ(read_snapshot_state(reader_of(torn), torn.size(), header).value_or(""), "first state");
}

TEST(SnapshotFile, grows_without_a_moment_in_which_nothing_can_be_read) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  SnapshotFile file(path, SnapshotHeader(), 10);
  file.publish("small", 1);
  const std::string old_bytes = file_bytes(path);
  const std::string large(100'000, 'x');
  file.publish(large, 2);
  const std::string bytes = file_bytes(path);
  SnapshotHeader header;
  EXPECT_EQ(read_snapshot_state(reader_of(bytes), bytes.size(), header).value_or(""), large);
  EXPECT_EQ(header.generation, 2U);  // goes on counting
  EXPECT_EQ(read_snapshot_state(reader_of(old_bytes), old_bytes.size(), header).value_or(""),
            "small");
}

TEST(SnapshotFile, survives_a_file_cut_short_by_someone_else) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  SnapshotFile file(path, SnapshotHeader(), 10);
  file.publish("small", 1);
  ASSERT_EQ(::truncate(path.c_str(), 0), 0);
  file.publish("again", 2);
  const std::string bytes = file_bytes(path);
  SnapshotHeader header;
  EXPECT_EQ(read_snapshot_state(reader_of(bytes), bytes.size(), header).value_or(""), "again");
}

WorkerDirectory::Options options_for(const TemporaryDirectory& directory, std::int64_t pid = 0) {
  WorkerDirectory::Options options;
  options.path = directory.path();
  if (pid != 0) {
    // A process of this boot and namespace that does not run.
    options.process.pid = pid;
    options.process.start_ticks = 1;
  }
  return options;
}

double jobs_of(const std::vector<WorkerDirectory::Source>& sources, const Catalog& catalog) {
  double sum = 0;
  for (const auto& source : sources) sum += jobs_in(*source.totals, catalog);
  return sum;
}

TEST(WorkerDirectory, living_siblings_are_read_and_left_alone) {
  const TemporaryDirectory directory;
  WorkerDirectory one(options_for(directory));
  WorkerDirectory other(options_for(directory));
  one.publish(state_of(1, 20), 0);
  other.publish(state_of(2, 30), 0);
  Catalog catalog;
  const auto sources = one.gather(catalog, 0);
  ASSERT_EQ(sources.size(), 1U);
  EXPECT_FALSE(sources[0].dead);
  EXPECT_EQ(jobs_of(sources, catalog), 2);
  other.publish(state_of(5, 30), 1);
  EXPECT_EQ(jobs_of(one.gather(catalog, 0), catalog), 5);
  EXPECT_EQ(directory.count("worker-"), 2U);
}

TEST(WorkerDirectory, the_dead_are_added_up_once_and_their_gauges_go) {
  const TemporaryDirectory directory;
  // The number of a process that runs, started at another time: it was used again.
  for (int i = 0; i < 50; ++i) {
    WorkerDirectory dead(options_for(directory, i % 2 == 0 ? ::getpid() : 999'999'999));
    dead.publish(state_of(1, 20), 0);
  }
  EXPECT_EQ(directory.count("worker-"), 50U);
  WorkerDirectory reader(options_for(directory));
  Catalog catalog;
  for (int look = 0; look < 3; ++look) {
    const auto sources = reader.gather(catalog, 0);
    ASSERT_EQ(sources.size(), 1U);
    EXPECT_TRUE(sources[0].dead);
    EXPECT_EQ(jobs_of(sources, catalog), 50);
    for (const auto& entry : sources[0].totals->entries) {
      if (entry.totals.kind() == Kind::kGauge) {
        EXPECT_FALSE(entry.totals.has_value());
      } else if (entry.totals.kind() == Kind::kHistogram) {
        EXPECT_EQ(entry.totals.buckets().count(), 150);
      }
    }
  }
  EXPECT_EQ(directory.count("worker-"), 0U);
  EXPECT_EQ(reader.counts().folded, 50);
  // Another reader, later, and one more death.
  WorkerDirectory late(options_for(directory, 999'999'998));
  late.publish(state_of(8, 20), 0);
  WorkerDirectory second(options_for(directory));
  Catalog fresh;
  EXPECT_EQ(jobs_of(second.gather(fresh, 0), fresh), 58);
  EXPECT_EQ(jobs_of(reader.gather(catalog, 0), catalog), 58);
}

TEST(WorkerDirectory, a_file_left_after_it_was_added_up_is_not_added_again) {
  const TemporaryDirectory directory;
  const std::string saved = directory.path() + "/saved";
  std::string name;
  {
    WorkerDirectory dead(options_for(directory, 999'999'999));
    dead.publish(state_of(3, 20), 0);
    for (const auto& entry : fs::directory_iterator(directory.path())) name = entry.path().string();
    fs::copy_file(name, saved);
  }
  WorkerDirectory reader(options_for(directory));
  Catalog catalog;
  EXPECT_EQ(jobs_of(reader.gather(catalog, 0), catalog), 3);
  fs::rename(saved, name);  // as if the folder had been killed before it removed the file
  EXPECT_EQ(jobs_of(reader.gather(catalog, 0), catalog), 3);
  EXPECT_FALSE(fs::exists(name));
}

TEST(WorkerDirectory, who_was_taken_for_dead_starts_again_from_nothing) {
  const TemporaryDirectory directory;
  WorkerDirectory paused(options_for(directory, 999'999'999));
  paused.publish(state_of(3, 20), 0);
  EXPECT_FALSE(paused.was_folded());
  WorkerDirectory reader(options_for(directory));
  Catalog catalog;
  reader.gather(catalog, 0);
  EXPECT_TRUE(paused.was_folded());
  paused.publish(state_of(1, 20), 0);
  EXPECT_EQ(jobs_of(reader.gather(catalog, 0), catalog), 4);
}

TEST(WorkerDirectory, other_runs_and_boots_do_not_count) {
  const TemporaryDirectory directory;
  auto old_run = options_for(directory, 999'999'999);
  old_run.run = "yesterday";
  WorkerDirectory(old_run).publish(state_of(3, 20), 0);
  auto old_boot = options_for(directory);
  old_boot.process.boot[0] = static_cast<std::uint8_t>(old_boot.process.boot[0] ^ 1U);
  WorkerDirectory(old_boot).publish(state_of(5, 20), 0);
  auto other_live = options_for(directory);
  other_live.run = "tomorrow";
  WorkerDirectory alive(other_live);
  alive.publish(state_of(7, 20), 0);
  WorkerDirectory reader(options_for(directory));
  Catalog catalog;
  EXPECT_TRUE(reader.gather(catalog, 0).empty());
  EXPECT_EQ(directory.count("worker-"), 1U);  // the living one of the other run
}

TEST(WorkerDirectory, another_namespace_is_believed_until_it_falls_silent) {
  const TemporaryDirectory directory;
  auto options = options_for(directory, 999'999'999);
  options.process.pid_namespace += 1;
  WorkerDirectory foreign(options);
  foreign.publish(state_of(3, 20), 0);
  WorkerDirectory reader(options_for(directory));
  Catalog catalog;
  EXPECT_FALSE(reader.gather(catalog, 299'000'000).at(0).dead);
  EXPECT_TRUE(reader.gather(catalog, 301'000'000).at(0).dead);
  EXPECT_EQ(jobs_of(reader.gather(catalog, 301'000'000), catalog), 3);
}

TEST(WorkerDirectory, rubbish_and_other_peoples_files_are_passed_over) {
  const TemporaryDirectory directory;
  for (const char* name : {"worker-1-a.prom", "dead-0.prom", "notes.txt"}) {
    FILE* file = std::fopen((directory.path() + "/" + name).c_str(), "wb");
    std::fputs("this is no snapshot", file);
    std::fclose(file);
  }
  fs::create_symlink("/dev/zero", directory.path() + "/worker-2-b.prom");
  WorkerDirectory reader(options_for(directory));
  reader.publish(state_of(1, 1), 0);
  Catalog catalog;
  EXPECT_TRUE(reader.gather(catalog, 0).empty());
  EXPECT_GE(reader.counts().unreadable, 2);
}

TEST(WorkerDirectory, goodbye_counts_as_death) {
  const TemporaryDirectory directory;
  WorkerDirectory leaving(options_for(directory));
  leaving.publish(state_of(3, 20), 0);
  leaving.close();
  WorkerDirectory reader(options_for(directory));
  Catalog catalog;
  EXPECT_EQ(jobs_of(reader.gather(catalog, 0), catalog), 3);
  EXPECT_EQ(directory.count("worker-"), 0U);
}

}  // namespace
}  // namespace inlay::prometheus
