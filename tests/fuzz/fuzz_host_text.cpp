#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "infra/host_cgroup_place.hpp"
#include "infra/host_text.hpp"
#include "infra/proc_text.hpp"

using namespace inlay::infra;
using namespace inlay::infra::detail;

namespace {

void within(std::string_view text, std::string_view part) {
  const bool inside = part.empty() || (part.data() >= text.data() &&
                                       part.data() + part.size() <= text.data() + text.size());
  if (!inside) std::abort();
}

}  // namespace

// Texts of the kernel's files are read or refused; what is read lies within them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string held(reinterpret_cast<const char*>(data), size);  // its own, for sanitizers
  const std::string_view text = held;
  std::uint64_t number = 0;
  std::int64_t negative = 0;
  number_in(text, number);
  signed_number_in(text, negative);
  ProcStat stat;
  if (parse_stat(text, stat) && stat.cpu.modes < 4) std::abort();
  Pressure pressure;
  parse_pressure(text, pressure);
  CpuMax limit;
  if (parse_cpu_max(text, limit) && limit.period_us == 0) std::abort();
  IoStat io;
  parse_io_stat(text, io);
  double rate = 0;
  if (parse_port_rate(text, rate) && !(std::isfinite(rate) && rate >= 0)) std::abort();
  parse_port_state(text, number);
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    within(text, line);
    std::string_view key;
    if (keyed_number(line, key, number)) within(line, key);
    DiskLine disk;
    if (parse_disk_line(line, disk)) within(line, disk.name);
    NetworkLine network;
    if (parse_network_line(line, network)) within(line, network.name);
    if (parse_ethtool_line(line, key, number)) within(line, key);
    CgroupLine cgroup;
    if (parse_cgroup_line(line, cgroup)) within(line, cgroup.path);
    CgroupMount mount;
    if (parse_cgroup_mount(line, mount)) within(line, mount.super);
  }
  const std::size_t half = text.size() / 2;
  find_cgroup(text.substr(0, half), text.substr(half), "cpu",
              [](const std::string& directory) { return directory.size() % 2 == 0; });
  return 0;
}
