// What the process's cgroup used and was refused, version 1 or 2.

#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "infra/host_cgroup_place.hpp"
#include "infra/host_family.hpp"
#include "infra/host_text.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {

bool parse_cgroup_line(std::string_view line, CgroupLine& cgroup) noexcept {
  const std::size_t first = line.find(':');
  if (first == std::string_view::npos) return false;
  const std::size_t second = line.find(':', first + 1);
  if (second == std::string_view::npos) return false;
  cgroup.controllers = line.substr(first + 1, second - first - 1);
  cgroup.path = trimmed(line.substr(second + 1));
  return !cgroup.path.empty() && cgroup.path[0] == '/';
}

bool lists(std::string_view list, std::string_view word) noexcept {
  while (!list.empty()) {
    const std::size_t end = list.find(',');
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
  return false;
}

namespace {

/// "\040" is a blank.
std::string unescaped(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && digit(text[i + 1]) && digit(text[i + 2]) &&
        digit(text[i + 3])) {
      const int code = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      out += static_cast<char>(code & 0xff);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

bool parse_cgroup_mount(std::string_view line, CgroupMount& mount) {
  Words words(line);
  std::string_view word, root, point;
  for (int i = 0; i < 3; ++i) {
    if (!words.next(word)) return false;
  }
  if (!words.next(root) || !words.next(point)) return false;
  bool dash = false;
  while (!dash && words.next(word)) dash = word == "-";
  if (!dash || !words.next(mount.kind)) return false;
  if (mount.kind != "cgroup" && mount.kind != "cgroup2") return false;
  if (!words.next(word) || !words.next(mount.super)) mount.super = {};
  mount.root = unescaped(root);
  mount.point = unescaped(point);
  return true;
}

bool parse_cpu_max(std::string_view text, CpuMax& limit) noexcept {
  Words words(text);
  std::string_view quota;
  if (!words.next(quota) || !words.number(limit.period_us) || limit.period_us == 0) return false;
  if (quota == "max") return true;
  std::uint64_t value = 0;
  if (!to_number(quota, value)) return false;
  limit.quota_us = value;
  return true;
}

void parse_io_stat(std::string_view text, IoStat& io) noexcept {
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    Words words(line);
    for (std::string_view word; words.next(word);) {
      const std::size_t is = word.find('=');
      std::uint64_t value = 0;
      if (is == std::string_view::npos || !to_number(word.substr(is + 1), value)) continue;
      const std::string_view key = word.substr(0, is);
      if (key == "rbytes") io.read_bytes += value;
      if (key == "wbytes") io.write_bytes += value;
      if (key == "rios") io.reads += value;
      if (key == "wios") io.writes += value;
    }
  }
}

namespace {

// What stands for "no limit" in version 1 is a page below 2^63.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;
constexpr std::array<const char*, 3> kResources = {"cpu", "memory", "io"};
constexpr std::array<const char*, 2> kKinds = {"some", "full"};
constexpr std::array<const char*, 5> kEvents = {"low", "high", "max", "oom", "oom_kill"};

class Cgroup final : public HostFamily {
 public:
  void scan(HostScan& scan) override {
    if (known_) {
      for (HeldFile* file : {&cpu_stat_, &cpu_max_, &memory_stat_, &memory_events_, &io_stat_,
                             &limit_, &usage_.file, &used_.file, &quota_, &period_}) {
        file->refresh();
      }
      for (HeldFile& file : pressures_) file.refresh();
      return;
    }
    known_ = true;
    const std::string cgroups = text_of(scan.path("/proc/self/cgroup"));
    const std::string mounts = whole_text(scan, scan.path("/proc/self/mountinfo"));
    const auto exists = [&scan](const std::string& directory) {
      return ::access(scan.path(directory).c_str(), F_OK) == 0;
    };
    const CgroupPlace cpu = find_cgroup(cgroups, mounts, "cpu", exists);
    const CgroupPlace memory = find_cgroup(cgroups, mounts, "memory", exists);
    cpu_version_ = cpu.version;
    memory_version_ = memory.version;
    if (cpu.version == 0) {
      scan.none("host.cgroup.cpu.throttled", "s", Status::kAbsent, ReadingKind::kCounter);
    } else {
      find_cpu(scan, cpu);
      if (cpu.version == 1) {
        const CgroupPlace usage = find_cgroup(cgroups, mounts, "cpuacct", exists);
        usage_.file = scan.file(scan.path(usage.directory) + "/cpuacct.usage");
      }
    }
    if (memory.version == 0) {
      scan.none("host.cgroup.memory.used", "By", Status::kAbsent);
    } else {
      find_memory(scan, memory);
    }
  }

  void tick(HostTick& tick) noexcept override {
    if (cpu_version_ != 0) read_cpu(tick);
    if (memory_version_ != 0) read_memory(tick);
    if (memory_version_ == 2) {
      read_io(tick);
      for (std::size_t i = 0; i < kResources.size(); ++i) read_pressure(tick, i);
    }
  }

 private:
  static std::string whole_text(HostScan& scan, const std::string& path) {
    std::string buffer(1 << 18, '\0');
    std::string_view text;
    scan.file(path).read(buffer.data(), buffer.size(), text, true);
    buffer.resize(text.size());
    return buffer;
  }

  void find_cpu(HostScan& scan, const CgroupPlace& place) {
    const std::string base = scan.path(place.directory);
    const bool two = place.version == 2;
    usage_.id = scan.counter("host.cgroup.cpu.time", "s", {}, two ? 1e-6 : 1e-9);
    throttled_ = scan.counter("host.cgroup.cpu.throttled", "s", {}, two ? 1e-6 : 1e-9);
    periods_ = scan.counter("host.cgroup.cpu.periods", "{period}", {{"kind", "all"}});
    throttled_periods_ =
        scan.counter("host.cgroup.cpu.periods", "{period}", {{"kind", "throttled"}});
    cpu_limit_ = scan.gauge("host.cgroup.cpu.limit", "{cpu}");
    track_ = scan.track("host.cpu_throttled", {}, "seconds", two ? 1e-6 : 1e-9);
    cpu_stat_ = scan.file(base + "/cpu.stat");
    if (two) {
      cpu_max_ = scan.file(base + "/cpu.max");
    } else {
      quota_ = scan.file(base + "/cpu.cfs_quota_us");
      period_ = scan.file(base + "/cpu.cfs_period_us");
    }
  }

  void find_memory(HostScan& scan, const CgroupPlace& place) {
    const std::string base = scan.path(place.directory);
    const bool two = place.version == 2;
    used_.id = scan.gauge("host.cgroup.memory.used", "By");
    memory_limit_ = scan.gauge("host.cgroup.memory.limit", "By");
    anonymous_ = scan.gauge("host.cgroup.memory.anonymous", "By");
    files_ = scan.gauge("host.cgroup.memory.file", "By");
    major_faults_ = scan.counter("host.cgroup.memory.faults", "{fault}", {{"kind", "major"}});
    used_.file = scan.file(base + (two ? "/memory.current" : "/memory.usage_in_bytes"));
    limit_ = scan.file(base + (two ? "/memory.max" : "/memory.limit_in_bytes"));
    memory_stat_ = scan.file(base + "/memory.stat");
    if (!two) return;
    for (std::size_t i = 0; i < kEvents.size(); ++i) {
      events_[i] = scan.counter("host.cgroup.memory.events", "{event}", {{"event", kEvents[i]}});
    }
    memory_events_ = scan.file(base + "/memory.events");
    for (std::size_t i = 0; i < 2; ++i) {
      const char* direction = i == 0 ? "read" : "write";
      io_bytes_[i] = scan.counter("host.cgroup.io", "By", {{"direction", direction}});
      io_operations_[i] =
          scan.counter("host.cgroup.io.operations", "{operation}", {{"direction", direction}});
    }
    io_stat_ = scan.file(base + "/io.stat");
    for (std::size_t i = 0; i < kResources.size(); ++i) {
      for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
        stalls_[i][kind] =
            scan.counter("host.cgroup.pressure", "s",
                         {{"kind", kKinds[kind]}, {"resource", kResources[i]}}, 1e-6);
      }
      pressures_[i] = scan.file(base + "/" + kResources[i] + ".pressure");
    }
  }

  void read_cpu(HostTick& tick) noexcept {
    std::string_view text;
    const Status status = cpu_stat_.read(tick.buffer, tick.buffer_size, text, true);
    const bool two = cpu_version_ == 2;
    bool has_usage = !two, has_periods = false, has_throttled = false, has_time = false;
    std::uint64_t throttled = 0;
    Lines lines(text);
    for (std::string_view line; lines.next(line);) {
      std::string_view key;
      std::uint64_t value = 0;
      if (!keyed_number(line, key, value)) continue;
      if (key == "usage_usec" && two) {
        tick.writer.counter(usage_.id, value, tick.time_us);
        has_usage = true;
      } else if (key == "nr_periods") {
        tick.writer.counter(periods_, value, tick.time_us);
        has_periods = true;
      } else if (key == "nr_throttled") {
        tick.writer.counter(throttled_periods_, value, tick.time_us);
        has_throttled = true;
      } else if (key == (two ? "throttled_usec" : "throttled_time")) {
        throttled = tick.writer.counter(throttled_, value, tick.time_us);
        has_time = true;
      }
    }
    if (!two) usage_.counter(tick);
    const Status missing = status == Status::kOk ? Status::kUnsupported : status;
    if (!has_usage) tick.writer.status(usage_.id, missing);
    if (!has_periods) tick.writer.status(periods_, missing);
    if (!has_throttled) tick.writer.status(throttled_periods_, missing);
    if (!has_time) tick.writer.status(throttled_, missing);
    if (throttled > 0 && tick.elapsed_us > 0) {
      tick.intervals.extend(track_, tick.since_us, tick.time_us, static_cast<double>(throttled));
    } else {
      tick.intervals.quiet(track_);
    }
    read_cpu_limit(tick);
  }

  void read_cpu_limit(HostTick& tick) noexcept {
    CpuMax limit;
    Status status = Status::kOk;
    if (cpu_version_ == 2) {
      std::string_view text;
      status = cpu_max_.read(tick.buffer, tick.buffer_size, text);
      if (status == Status::kOk && !parse_cpu_max(text, limit)) status = Status::kError;
    } else {
      std::int64_t quota = -1;
      status = quota_.signed_number(quota);
      if (status == Status::kOk && quota > 0) {
        limit.quota_us = static_cast<std::uint64_t>(quota);
        status = period_.number(limit.period_us);
        if (status == Status::kOk && limit.period_us == 0) status = Status::kError;
      }
    }
    if (status != Status::kOk) {
      tick.writer.status(cpu_limit_, status);
    } else if (!limit.quota_us) {
      tick.writer.status(cpu_limit_, Status::kUndefined);
    } else {
      tick.writer.gauge(cpu_limit_,
                        static_cast<double>(*limit.quota_us) / static_cast<double>(limit.period_us),
                        tick.time_us);
    }
  }

  void read_memory(HostTick& tick) noexcept {
    used_.gauge(tick);
    std::string_view text;
    Status status = limit_.read(tick.buffer, tick.buffer_size, text);
    std::uint64_t limit = 0;
    if (status == Status::kOk) {
      status = trimmed(text) == "max" ? Status::kUndefined : number_in(text, limit);
    }
    if (status == Status::kOk && limit >= kNoLimit) status = Status::kUndefined;
    if (status == Status::kOk) {
      tick.writer.gauge(memory_limit_, static_cast<double>(limit), tick.time_us);
    } else {
      tick.writer.status(memory_limit_, status);
    }
    status = memory_stat_.read(tick.buffer, tick.buffer_size, text, true);
    const bool two = memory_version_ == 2;
    bool has_anonymous = false, has_files = false, has_faults = false;
    Lines lines(text);
    for (std::string_view line; lines.next(line);) {
      std::string_view key;
      std::uint64_t value = 0;
      if (!keyed_number(line, key, value)) continue;
      if (key == (two ? "anon" : "rss")) {
        tick.writer.gauge(anonymous_, static_cast<double>(value), tick.time_us);
        has_anonymous = true;
      } else if (key == (two ? "file" : "cache")) {
        tick.writer.gauge(files_, static_cast<double>(value), tick.time_us);
        has_files = true;
      } else if (key == "pgmajfault") {
        tick.writer.counter(major_faults_, value, tick.time_us);
        has_faults = true;
      }
    }
    const Status missing = status == Status::kOk ? Status::kUnsupported : status;
    if (!has_anonymous) tick.writer.status(anonymous_, missing);
    if (!has_files) tick.writer.status(files_, missing);
    if (!has_faults) tick.writer.status(major_faults_, missing);
    if (two) read_events(tick);
  }

  void read_events(HostTick& tick) noexcept {
    std::string_view text;
    const Status status = memory_events_.read(tick.buffer, tick.buffer_size, text, true);
    std::array<bool, kEvents.size()> has{};
    Lines lines(text);
    for (std::string_view line; lines.next(line);) {
      std::string_view key;
      std::uint64_t value = 0;
      if (!keyed_number(line, key, value)) continue;
      for (std::size_t i = 0; i < kEvents.size(); ++i) {
        if (key != kEvents[i]) continue;
        tick.writer.counter(events_[i], value, tick.time_us);
        has[i] = true;
      }
    }
    for (std::size_t i = 0; i < kEvents.size(); ++i) {
      if (has[i]) continue;
      tick.writer.status(events_[i], status == Status::kOk ? Status::kUnsupported : status);
    }
  }

  void read_io(HostTick& tick) noexcept {
    std::string_view text;
    const Status status = io_stat_.read(tick.buffer, tick.buffer_size, text, true);
    if (status != Status::kOk) {
      for (std::size_t i = 0; i < 2; ++i) {
        tick.writer.status(io_bytes_[i], status);
        tick.writer.status(io_operations_[i], status);
      }
      return;
    }
    IoStat io;
    parse_io_stat(text, io);
    tick.writer.counter(io_bytes_[0], io.read_bytes, tick.time_us);
    tick.writer.counter(io_bytes_[1], io.write_bytes, tick.time_us);
    tick.writer.counter(io_operations_[0], io.reads, tick.time_us);
    tick.writer.counter(io_operations_[1], io.writes, tick.time_us);
  }

  void read_pressure(HostTick& tick, std::size_t resource) noexcept {
    std::string_view text;
    const Status status = pressures_[resource].read(tick.buffer, tick.buffer_size, text);
    Pressure pressure;
    parse_pressure(text, pressure);
    const Status missing = status == Status::kOk ? Status::kUnsupported : status;
    const std::array<std::optional<std::uint64_t>, 2> totals = {pressure.some_us, pressure.full_us};
    for (std::size_t kind = 0; kind < totals.size(); ++kind) {
      const std::uint32_t id = stalls_[resource][kind];
      if (totals[kind]) {
        tick.writer.counter(id, *totals[kind], tick.time_us);
      } else {
        tick.writer.status(id, missing);
      }
    }
  }

  bool known_ = false;
  int cpu_version_ = 0, memory_version_ = 0;
  HeldFile cpu_stat_, cpu_max_, memory_stat_, memory_events_, io_stat_, limit_, quota_, period_;
  std::array<HeldFile, kResources.size()> pressures_;
  NumberFile usage_, used_;
  std::uint32_t throttled_ = 0, periods_ = 0, throttled_periods_ = 0, cpu_limit_ = 0;
  std::uint32_t memory_limit_ = 0, anonymous_ = 0, files_ = 0, major_faults_ = 0, track_ = 0;
  std::array<std::uint32_t, kEvents.size()> events_{};
  std::array<std::uint32_t, 2> io_bytes_{}, io_operations_{};
  std::array<std::array<std::uint32_t, kKinds.size()>, kResources.size()> stalls_{};
};

}  // namespace

std::unique_ptr<HostFamily> make_cgroup() { return std::make_unique<Cgroup>(); }

}  // namespace inlay::infra::detail
