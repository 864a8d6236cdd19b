#include "prometheus/process_identity.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace inlay::prometheus {
namespace {

/// The first bytes of a small file, or nothing.
std::string read_small(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  char buffer[1024];
  const ssize_t size = ::read(fd, buffer, sizeof buffer);
  ::close(fd);
  return size > 0 ? std::string(buffer, static_cast<std::size_t>(size)) : std::string();
}

struct ProcessStat {
  bool found = false;
  char state = '?';
  std::uint64_t start_ticks = 0;
};

ProcessStat stat_of(std::int64_t pid) {
  const std::string text = read_small(("/proc/" + std::to_string(pid) + "/stat").c_str());
  // The command name, in parentheses, may hold anything; what follows the last one is fixed.
  const std::size_t end = text.rfind(')');
  ProcessStat stat;
  if (end == std::string::npos || end + 2 >= text.size()) return stat;
  stat.found = true;
  stat.state = text[end + 2];
  std::size_t position = end + 2;
  constexpr int kFieldsToStartTime = 19;  // from the state, field 3, to field 22
  for (int field = 0; field < kFieldsToStartTime; ++field) {
    position = text.find(' ', position);
    if (position == std::string::npos) return stat;
    ++position;
  }
  stat.start_ticks = std::strtoull(text.c_str() + position, nullptr, 10);
  return stat;
}

bool has_proc() {
  static const bool found = ::access("/proc/self/stat", R_OK) == 0;
  return found;
}

std::array<std::uint8_t, 16> boot_id() {
  const std::string text = read_small("/proc/sys/kernel/random/boot_id");
  std::array<std::uint8_t, 16> id{};
  std::size_t nibble = 0;
  for (const char c : text) {
    int digit = -1;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (digit < 0) continue;
    if (nibble >= 32) break;
    id[nibble / 2] = static_cast<std::uint8_t>(id[nibble / 2] << 4 | digit);
    ++nibble;
  }
  return id;
}

}  // namespace

ProcessIdentity ProcessIdentity::current() {
  ProcessIdentity identity;
  identity.pid = ::getpid();
  identity.start_ticks = stat_of(identity.pid).start_ticks;
  struct stat info{};
  if (::stat("/proc/self/ns/pid", &info) == 0) {
    identity.pid_namespace = static_cast<std::uint64_t>(info.st_ino);
  }
  identity.boot = boot_id();
  return identity;
}

Liveness liveness(const ProcessIdentity& process, const ProcessIdentity& own) {
  if (process.boot != own.boot) return Liveness::kDead;
  if (process.pid_namespace != own.pid_namespace) return Liveness::kUnknown;
  if (process.pid <= 0) return Liveness::kDead;
  if (!has_proc()) {
    const bool gone = ::kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == ESRCH;
    return gone ? Liveness::kDead : Liveness::kAlive;
  }
  const ProcessStat stat = stat_of(process.pid);
  // A killed process whose parent has not asked for its status is dead all the same.
  if (!stat.found || stat.state == 'Z' || stat.state == 'X') return Liveness::kDead;
  return stat.start_ticks == process.start_ticks ? Liveness::kAlive : Liveness::kDead;
}

}  // namespace inlay::prometheus
