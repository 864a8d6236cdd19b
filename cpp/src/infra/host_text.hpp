#pragma once

/// Reads whole texts of procfs, sysfs and cgroups. Nothing here allocates, throws or trusts a text;
/// each is the subject of a fuzz driver.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include <inlay/infra/readings.hpp>

namespace inlay::infra::detail {

/// The line "cpu" of /proc/stat, in ticks: user, nice, system, idle, iowait, irq, softirq, steal.
/// What an old kernel has not is 0. `user` and `nice` contain what guests used.
struct CpuTimes {
  static constexpr std::size_t kModes = 8;
  std::array<std::uint64_t, kModes> ticks{};
  std::size_t modes = 0;
};
struct ProcStat {
  CpuTimes cpu;
  std::optional<std::uint64_t> switches, forks, running, blocked;
};
/// Returns whether there is a line "cpu" with four numbers at least.
bool parse_stat(std::string_view text, ProcStat& stat) noexcept;

/// One of /proc/pressure, in microseconds.
struct Pressure {
  std::optional<std::uint64_t> some_us, full_us;
};
bool parse_pressure(std::string_view text, Pressure& pressure) noexcept;

/// A line of /proc/diskstats.
struct DiskLine {
  std::string_view name;
  /// reads, merged, sectors, ms; writes, merged, sectors, ms; in flight, ms busy, ms weighted;
  /// discards …
  std::array<std::uint64_t, 17> fields{};
  std::size_t size = 0;
};
bool parse_disk_line(std::string_view line, DiskLine& disk) noexcept;

/// A line of /proc/net/dev.
struct NetworkLine {
  std::string_view name;
  std::array<std::uint64_t, 16> fields{};  ///< 8 of receiving, 8 of sending
};
bool parse_network_line(std::string_view line, NetworkLine& network) noexcept;

/// "max 100000" or "200000 100000": the quota and the period in microseconds.
struct CpuMax {
  std::optional<std::uint64_t> quota_us;
  std::uint64_t period_us = 0;
};
bool parse_cpu_max(std::string_view text, CpuMax& limit) noexcept;

/// What all devices of io.stat did.
struct IoStat {
  std::uint64_t read_bytes = 0, write_bytes = 0, reads = 0, writes = 0;
};
void parse_io_stat(std::string_view text, IoStat& io) noexcept;

/// "4: ACTIVE".
bool parse_port_state(std::string_view text, std::uint64_t& state) noexcept;
/// "100 Gb/sec (4X EDR)", in bit/s.
bool parse_port_rate(std::string_view text, double& rate) noexcept;

/// A line of `ethtool -S`: "     rx_pause: 12".
bool parse_ethtool_line(std::string_view line, std::string_view& name,
                        std::uint64_t& value) noexcept;

}  // namespace inlay::infra::detail
