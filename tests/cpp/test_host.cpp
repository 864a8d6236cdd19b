#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <inlay/error.hpp>
#include <inlay/infra/host.hpp>
#include <new>
#include <string>

#include "infra/held_file.hpp"
#include "infra/host_cgroup_place.hpp"
#include "infra/host_text.hpp"
#include "infra/proc_text.hpp"

namespace {

std::atomic<std::size_t> allocations{0};

}  // namespace

// Counts what ticks allocate, which shall be nothing.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace inlay::infra {
namespace {

using namespace detail;

/// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "inlay-host-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::bad_alloc();
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator()() const { return path_.string(); }
  void write(const std::string& below, const std::string& text) const {
    const std::filesystem::path file = path_.string() + below;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }

 private:
  std::filesystem::path path_;
};

TEST(ProcText, NumbersAreWholeOrNone) {
  std::uint64_t value = 7;
  EXPECT_EQ(number_in("42\n", value), Status::kOk);
  EXPECT_EQ(value, 42u);
  EXPECT_EQ(number_in("18446744073709551615", value), Status::kOk);
  EXPECT_EQ(number_in("18446744073709551616", value), Status::kError);
  EXPECT_EQ(number_in("0x1f", value), Status::kOk);
  EXPECT_EQ(value, 31u);
  for (const char* bad : {"", "-1", "4 2", "4.2", "4x", "0x", "+4"}) {
    EXPECT_EQ(number_in(bad, value), Status::kError) << bad;
  }
  EXPECT_EQ(number_in("N/A (no PMA)\n", value), Status::kUnsupported);
  EXPECT_EQ(number_in("Unavailable\n", value), Status::kUndefined);
  std::int64_t negative = 0;
  EXPECT_EQ(signed_number_in("-40000\n", negative), Status::kOk);
  EXPECT_EQ(negative, -40000);
}

TEST(HostText, ReadsWhatTheKernelWrites) {
  ProcStat stat;
  EXPECT_TRUE(parse_stat("cpu  1 2 3 4\ncpu0 9 9 9 9\nctxt 5\n", stat));
  EXPECT_EQ(stat.cpu.modes, 4u);
  EXPECT_EQ(stat.switches, 5u);
  EXPECT_FALSE(stat.forks);
  EXPECT_FALSE(parse_stat("cpu 1 2 3\n", stat));

  Pressure pressure;
  EXPECT_TRUE(parse_pressure("full avg10=0.00 total=12\n", pressure));
  EXPECT_EQ(pressure.full_us, 12u);
  EXPECT_FALSE(pressure.some_us);
  Pressure none;
  EXPECT_FALSE(parse_pressure("some avg10=0.00 total=x\n", none));

  NetworkLine line;
  EXPECT_TRUE(parse_network_line("eth0:1 1:1 2 3", line) == false);
  EXPECT_TRUE(parse_network_line("  eth0:9 2 3 4 5 6 7 8 1 2 3 4 5 6 7 8", line));
  EXPECT_EQ(line.name, "eth0");
  EXPECT_EQ(line.fields[0], 9u);

  double rate = 0;
  EXPECT_TRUE(parse_port_rate("2.5 Gb/sec (1X SDR)\n", rate));
  EXPECT_EQ(rate, 2.5e9);
  for (const char* bad : {"nan Gb/sec", "-1 Gb/sec", "1e400 Gb/sec", "5", "5 furlongs"}) {
    EXPECT_FALSE(parse_port_rate(bad, rate)) << bad;
  }

  CpuMax limit;
  EXPECT_TRUE(parse_cpu_max("max 100000\n", limit));
  EXPECT_FALSE(limit.quota_us);
  EXPECT_FALSE(parse_cpu_max("1000 0\n", limit));
}

TEST(HostText, FindsTheCgroupOfTheProcess) {
  const auto everywhere = [](const std::string&) { return true; };
  const CgroupPlace two =
      find_cgroup("0::/a/b\n", "30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n",
                  "cpu", everywhere);
  EXPECT_EQ(two.version, 2);
  EXPECT_EQ(two.directory, "/sys/fs/cgroup/a/b");
  const CgroupPlace one = find_cgroup("3:cpu,cpuacct:/x\n0::/a\n",
                                      "1 1 0:1 / /mnt/cg\\040v1 rw - cgroup none rw,cpu,cpuacct\n",
                                      "cpuacct", everywhere);
  EXPECT_EQ(one.version, 1);
  EXPECT_EQ(one.directory, "/mnt/cg v1/x");
  // A container's mount shows a part of the tree: the part's name is not below the mount.
  const CgroupPlace part =
      find_cgroup("0::/pod/c\n", "1 1 0:1 /pod /cg rw - cgroup2 none rw\n", "memory", everywhere);
  EXPECT_EQ(part.directory, "/cg/c");
  const CgroupPlace usual = find_cgroup("0::/\n", "", "memory", everywhere);
  EXPECT_EQ(usual.directory, "/sys/fs/cgroup");
  EXPECT_EQ(find_cgroup("", "", "cpu", everywhere).version, 0);
}

TEST(HeldFile, ACutOffLineIsLeftOut) {
  const Folder folder;
  folder.write("/text", "one 1\ntwo 22\nthree 333\n");
  FileBudget budget{1};
  HeldFile file(folder() + "/text", budget);
  EXPECT_EQ(budget.left, 0u);
  char buffer[16];
  std::string_view text;
  EXPECT_EQ(file.read(buffer, sizeof buffer, text, true), Status::kOk);
  EXPECT_EQ(text, "one 1\ntwo 22\n");
  HeldFile second(folder() + "/text", budget);  // over the budget: opened for each reading
  EXPECT_FALSE(second.held());
  EXPECT_EQ(second.read(buffer, sizeof buffer, text, true), Status::kOk);
  file = HeldFile();
  EXPECT_EQ(budget.left, 1u);
}

TEST(HeldFile, WhatIsNoFileIsAStatus) {
  FileBudget budget{4};
  std::uint64_t value = 0;
  EXPECT_EQ(HeldFile("/no/such/file", budget).number(value), Status::kAbsent);
  EXPECT_EQ(HeldFile("/proc", budget).number(value), Status::kError);
  EXPECT_EQ(HeldFile().number(value), Status::kAbsent);
}

void fill(const Folder& folder) {
  folder.write("/proc/stat", "cpu  1 2 3 4 5 6 7 8\nctxt 5\nprocesses 1\n");
  folder.write("/proc/meminfo", "MemTotal: 10 kB\nMemAvailable: 5 kB\n");
  folder.write("/proc/vmstat", "pgfault 5\npgmajfault 1\n");
  folder.write("/proc/diskstats", " 8 0 sda 1 1 1 1 1 1 1 1 0 1 1\n");
  folder.write("/proc/net/dev", " eth0: 1 2 3 4 5 6 7 8 1 2 3 4 5 6 7 8\n");
  folder.write("/proc/pressure/cpu", "some total=1\nfull total=0\n");
  folder.write("/proc/self/cgroup", "0::/\n");
  folder.write("/sys/fs/cgroup/cpu.stat", "usage_usec 1\nthrottled_usec 1\n");
  folder.write("/sys/fs/cgroup/memory.current", "1\n");
  folder.write("/sys/fs/cgroup/cpu.pressure", "some total=1\nfull total=0\n");
  folder.write("/sys/fs/cgroup/io.stat", "8:0 rbytes=1 wbytes=1\n");
  folder.write("/sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 1 kB\n");
  folder.write("/sys/devices/system/node/node0/numastat", "numa_hit 1\n");
  folder.write("/sys/class/hwmon/hwmon0/temp1_input", "1\n");
  folder.write("/sys/class/powercap/intel-rapl:0/energy_uj", "1\n");
  folder.write("/sys/inlay-ethtool/eth0", "  rx_pause: 1\n");
  for (const char* device : {"/a", "/b"}) {
    const std::string port = std::string("/sys/class/infiniband") + device + "/ports/1";
    folder.write(port + "/state", "4: ACTIVE\n");
    folder.write(port + "/rate", "100 Gb/sec (4X EDR)\n");
    folder.write(port + "/counters/port_xmit_data", "1\n");
    folder.write(port + "/counters/symbol_error", "65535\n");
    folder.write(port + "/hw_counters/np_cnp_sent", "1\n");
    folder.write(port + "/counters/port_rcv_errors", "N/A (no PMA)\n");
  }
}

TEST(Host, TicksAllocateNothing) {
  const Folder folder;
  fill(folder);
  HostOptions options;
  options.root = folder();
  Host host(options);
  host.tick(1'000'000, 1'000'000'000);
  host.tick_slow(1'000'000, 1'000'000'000);
  folder.write("/proc/pressure/cpu", "some total=900001\nfull total=0\n");
  folder.write("/sys/inlay-ethtool/eth0", "  rx_pause: 9\n");
  const std::size_t before = allocations.load();
  for (std::int64_t second = 2; second < 5; ++second) {
    host.tick(second * 1'000'000, second * 1'000'000'000);
    host.tick_slow(second * 1'000'000, second * 1'000'000'000);
  }
  EXPECT_EQ(allocations.load(), before);
  std::vector<Event> events;
  host.intervals().take(events);
  EXPECT_EQ(events.size(), 2u);  // the stall and the pause
}

TEST(Host, ATreeThatGoesAwayIsAbsent) {
  HostOptions options;
  {
    const Folder folder;
    fill(folder);
    options.root = folder();
    Host host(options);
    std::filesystem::remove_all(folder());
    host.scan();
    host.tick(1, 1);
    std::vector<Event> events;
    ReadingsWindow window;
    window.time_us = 2;
    EXPECT_GT(host.readings().take(window, events).num_rows(), 0);
  }
  const Host nothing(options);  // not even the root
}

TEST(Host, RefusesWhatIsNoFamily) {
  HostOptions options;
  options.families = {"gpu"};
  EXPECT_THROW(Host{options}, InvalidArgument);
  options.families = {"cpu"};
  options.congestion = 0;
  EXPECT_THROW(Host{options}, InvalidArgument);
}

}  // namespace
}  // namespace inlay::infra
