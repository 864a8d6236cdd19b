#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "prometheus/process_identity.hpp"

namespace inlay::prometheus {

/// What the head of a snapshot file says of its writer. A plain value.
struct SnapshotHeader {
  std::uint64_t worker_id = 0;  ///< random; 0 for the totals of dead workers
  ProcessIdentity process;
  std::uint64_t run = 0;         ///< hash of the run's name
  std::uint64_t generation = 0;  ///< of the newest complete state; 0: none yet
  std::int64_t time_us = 0;      ///< when that state was written
  bool closed = false;           ///< the writer said goodbye
};

/// Reads up to `size` bytes at `offset` into `out` and returns how many there were.
using ReadAt = std::function<std::size_t(std::uint64_t offset, char* out, std::size_t size)>;

/// Reads the head. Nothing is believed before it was checked.
/// @returns nothing if the bytes are no snapshot file of this version
std::optional<SnapshotHeader> read_snapshot_header(const ReadAt& read);

/// Reads the newest complete state: its bytes, as `encode_snapshot` made them.
/// @param header set to what the head said when the state was read
/// @returns nothing if there is none, or it was overwritten each time it was read
std::optional<std::string> read_snapshot_state(const ReadAt& read, std::uint64_t file_size,
                                               SnapshotHeader& header);

/// A file of one process' totals, mapped into memory. It holds two states: a new one is written
/// over the older, and only then named the newest, so whenever the writer is killed a whole one
/// remains. A state that outgrows the file goes to a new file that takes the old one's name.
///
/// Used by one thread at a time; other processes read the file at any time.
class SnapshotFile {
 public:
  /// Creates the file; nothing in the directory is replaced but a file of the same name.
  /// @throws Error if the directory does not let us
  SnapshotFile(std::string path, const SnapshotHeader& identity, std::size_t state_size);
  SnapshotFile(const SnapshotFile&) = delete;
  SnapshotFile& operator=(const SnapshotFile&) = delete;
  ~SnapshotFile();

  /// Makes `state` the newest.
  /// @throws Error if there is no room; the previous state then stays the newest
  void publish(std::string_view state, std::int64_t time_us);

  /// Says that this process writes no more. The file stays.
  void close();

  /// Whether the file is still in the directory under its name.
  bool is_linked() const;
  const std::string& path() const { return path_; }

 private:
  void create(std::size_t state_size);
  void unmap();

  std::string path_;
  SnapshotHeader identity_;
  int fd_ = -1;
  char* map_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;  // of one state
  std::uint64_t generation_ = 0;
  bool named_ = false;  // under its own name, not the temporary one
};

/// Writes a complete snapshot file and puts it in the place of `path` at once.
/// @throws Error if the directory does not let us
void replace_snapshot_file(const std::string& path, const SnapshotHeader& identity,
                           std::string_view state, std::int64_t time_us);

}  // namespace inlay::prometheus
