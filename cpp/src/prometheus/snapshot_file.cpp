// Layout, all integers little-endian:
//
//     0  8 bytes "INLAYPRM"        8  u32 version = 1      12  u32 header size = 256
//    16  u64 worker id            24  i64 pid              32  u64 start ticks
//    40  u64 pid namespace        48  16 bytes boot id     64  u64 run
//    72  u64 checksum of 0..72
//    80  u64 newest generation    88  u64 closed
//    96  two slots of 40 bytes: u64 generation, u64 offset, u64 length, u64 checksum, i64 time
//   256  the states
//
// Generation g lies in slot g mod 2. The checksum of a state covers its generation, so a reader
// that meets a state half overwritten by a younger one sees it.

#include "prometheus/snapshot_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <inlay/error.hpp>
#include <utility>

#include "prometheus/snapshot.hpp"

namespace inlay::prometheus {
namespace {

constexpr char kMagic[] = "INLAYPRM";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderSize = 256;
constexpr std::size_t kIdentitySize = 72;
constexpr std::size_t kGenerationAt = 80;
constexpr std::size_t kClosedAt = 88;
constexpr std::size_t kSlotsAt = 96;
constexpr std::size_t kSlotSize = 40;
constexpr std::size_t kMinCapacity = 4096;
constexpr int kReadAttempts = 4;

void store(char* out, std::uint64_t value, std::size_t size = 8) {
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(value >> (8 * i));
}

std::uint64_t load(const char* in, std::size_t size = 8) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(in[i])) << (8 * i);
  }
  return value;
}

/// A word of the mapped file that other processes read while we write it.
std::atomic_ref<std::uint64_t> shared_word(char* address) {
  return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(address));
}

std::uint64_t little_endian(std::uint64_t value) {
  std::uint64_t out = 0;
  char bytes[8];
  store(bytes, value);
  std::memcpy(&out, bytes, sizeof out);
  return out;
}

[[noreturn]] void fail_with_errno(const std::string& what, const std::string& path) {
  throw Error(what + " (" + std::strerror(errno) + "): '" + path + "'");
}

void write_identity(char* out, const SnapshotHeader& identity) {
  std::memcpy(out, kMagic, 8);
  store(out + 8, kVersion, 4);
  store(out + 12, kHeaderSize, 4);
  store(out + 16, identity.worker_id);
  store(out + 24, static_cast<std::uint64_t>(identity.process.pid));
  store(out + 32, identity.process.start_ticks);
  store(out + 40, identity.process.pid_namespace);
  std::memcpy(out + 48, identity.process.boot.data(), identity.process.boot.size());
  store(out + 64, identity.run);
  store(out + kIdentitySize, checksum({out, kIdentitySize}, 0));
}

struct Slot {
  std::uint64_t generation;
  std::uint64_t offset;
  std::uint64_t length;
  std::uint64_t sum;
  std::int64_t time_us;
};

Slot read_slot(const char* header, std::uint64_t generation) {
  const char* at = header + kSlotsAt + kSlotSize * (generation & 1U);
  return {load(at), load(at + 8), load(at + 16), load(at + 24),
          static_cast<std::int64_t>(load(at + 32))};
}

void write_slot(char* header, const Slot& slot) {
  char* at = header + kSlotsAt + kSlotSize * (slot.generation & 1U);
  store(at, slot.generation);
  store(at + 8, slot.offset);
  store(at + 16, slot.length);
  store(at + 24, slot.sum);
  store(at + 32, static_cast<std::uint64_t>(slot.time_us));
}

std::optional<SnapshotHeader> parse_header(const char* bytes) {
  if (std::memcmp(bytes, kMagic, 8) != 0 || load(bytes + 8, 4) != kVersion ||
      load(bytes + 12, 4) != kHeaderSize ||
      load(bytes + kIdentitySize) != checksum({bytes, kIdentitySize}, 0)) {
    return std::nullopt;
  }
  SnapshotHeader header;
  header.worker_id = load(bytes + 16);
  header.process.pid = static_cast<std::int64_t>(load(bytes + 24));
  header.process.start_ticks = load(bytes + 32);
  header.process.pid_namespace = load(bytes + 40);
  std::memcpy(header.process.boot.data(), bytes + 48, header.process.boot.size());
  header.run = load(bytes + 64);
  header.generation = load(bytes + kGenerationAt);
  header.closed = load(bytes + kClosedAt) != 0;
  header.time_us = read_slot(bytes, header.generation).time_us;
  return header;
}

/// Writes one state over the older of the two and makes it the newest.
void write_state(char* map, std::size_t capacity, std::uint64_t generation, std::string_view state,
                 std::int64_t time_us) {
  const std::size_t offset = kHeaderSize + capacity * (generation & 1U);
  std::memcpy(map + offset, state.data(), state.size());
  write_slot(map, {generation, offset, state.size(), checksum(state, generation), time_us});
  shared_word(map + kGenerationAt).store(little_endian(generation), std::memory_order_release);
}

}  // namespace

std::optional<SnapshotHeader> read_snapshot_header(const ReadAt& read) {
  char bytes[kHeaderSize];
  if (read(0, bytes, sizeof bytes) != sizeof bytes) return std::nullopt;
  return parse_header(bytes);
}

std::optional<std::string> read_snapshot_state(const ReadAt& read, std::uint64_t file_size,
                                               SnapshotHeader& header) {
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    char bytes[kHeaderSize];
    if (read(0, bytes, sizeof bytes) != sizeof bytes) return std::nullopt;
    const auto parsed = parse_header(bytes);
    if (!parsed || parsed->generation == 0) return std::nullopt;
    // The state before the newest serves when the newest is damaged, which only a machine that lost
    // its memory can leave behind.
    for (std::uint64_t generation = parsed->generation;
         generation > 0 && parsed->generation - generation < 2; --generation) {
      const Slot slot = read_slot(bytes, generation);
      if (slot.generation != generation || slot.offset < kHeaderSize || slot.offset > file_size ||
          slot.length > file_size - slot.offset) {
        continue;
      }
      std::string state(static_cast<std::size_t>(slot.length), '\0');
      if (read(slot.offset, state.data(), state.size()) != state.size()) continue;
      if (checksum(state, generation) != slot.sum) continue;
      header = *parsed;
      header.generation = generation;
      header.time_us = slot.time_us;
      return state;
    }
  }
  return std::nullopt;
}

SnapshotFile::SnapshotFile(std::string path, const SnapshotHeader& identity, std::size_t state_size)
    : path_(std::move(path)), identity_(identity) {
  create(state_size);
}

SnapshotFile::~SnapshotFile() { unmap(); }

void SnapshotFile::unmap() {
  if (map_ != nullptr) ::munmap(map_, size_);
  if (fd_ >= 0) ::close(fd_);
  map_ = nullptr;
  fd_ = -1;
}

void SnapshotFile::create(std::size_t state_size) {
  // Twice what is needed now, so that a service whose series still appear rarely gets here.
  const std::size_t capacity = std::max(kMinCapacity, (2 * state_size + 4095) / 4096 * 4096);
  const std::size_t size = kHeaderSize + 2 * capacity;
  const std::string temporary = path_ + ".tmp";
  ::unlink(temporary.c_str());
  const int fd =
      ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) fail_with_errno("cannot create the metrics file", temporary);
  const auto give_up = [&](const char* what) {
    const int error = errno;
    ::close(fd);
    ::unlink(temporary.c_str());
    errno = error;
    fail_with_errno(what, temporary);
  };
  // Reserved now: a page that finds no room when it is first written would kill the process.
  const int error = ::posix_fallocate(fd, 0, static_cast<off_t>(size));
  if (error != 0) {
    errno = error;
    give_up("no room for the metrics file");
  }
  void* map = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) give_up("cannot map the metrics file");
  unmap();
  fd_ = fd;
  map_ = static_cast<char*>(map);
  size_ = size;
  capacity_ = capacity;
  named_ = false;
  write_identity(map_, identity_);
  // Generations go on, so that a file that happens to get the old one's inode is told from it.
  shared_word(map_ + kGenerationAt).store(little_endian(generation_), std::memory_order_relaxed);
}

void SnapshotFile::publish(std::string_view state, std::int64_t time_us) {
  struct stat info{};
  // Someone may have cut the file short; touching what is missing would kill the process.
  const bool whole =
      fd_ >= 0 && ::fstat(fd_, &info) == 0 && static_cast<std::size_t>(info.st_size) >= size_;
  if (!whole || state.size() > capacity_) create(state.size());
  write_state(map_, capacity_, ++generation_, state, time_us);
  if (named_) return;
  // A new file appears under its name with its first state in it, never empty.
  if (::rename((path_ + ".tmp").c_str(), path_.c_str()) != 0) {
    fail_with_errno("cannot name the metrics file", path_);
  }
  named_ = true;
}

void SnapshotFile::close() {
  struct stat info{};
  if (fd_ >= 0 && ::fstat(fd_, &info) == 0 && static_cast<std::size_t>(info.st_size) >= size_) {
    shared_word(map_ + kClosedAt).store(little_endian(1), std::memory_order_release);
  }
  unmap();
}

bool SnapshotFile::is_linked() const {
  struct stat own{};
  struct stat named{};
  return fd_ >= 0 && ::fstat(fd_, &own) == 0 && ::stat(path_.c_str(), &named) == 0 &&
         own.st_ino == named.st_ino && own.st_dev == named.st_dev;
}

void replace_snapshot_file(const std::string& path, const SnapshotHeader& identity,
                           std::string_view state, std::int64_t time_us) {
  SnapshotFile file(path, identity, state.size());
  file.publish(state, time_us);
}

}  // namespace inlay::prometheus
