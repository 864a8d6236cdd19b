#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "prometheus/catalog.hpp"
#include "prometheus/process_identity.hpp"
#include "prometheus/snapshot.hpp"
#include "prometheus/snapshot_file.hpp"

namespace inlay::prometheus {

/// A directory in which the worker processes of one service leave their totals for each other.
///
/// A live worker's file belongs to it alone. The totals of dead ones are added up in one file,
/// once, by whichever worker finds them first and gets the lock; their files go, so what a scrape
/// costs does not depend on how many have died. Gauges die with their worker. The file names who is
/// in it: a worker killed between writing it and removing the files cannot cause a count to be
/// taken twice.
///
/// Used by one thread at a time, and by one process: a forked child opens its own.
class WorkerDirectory {
 public:
  struct Options {
    std::string path;
    std::string run;  ///< totals of dead workers of another run are thrown away
    ProcessIdentity process = ProcessIdentity::current();
    double expire_s = 0;
    std::size_t max_buckets = 160;
    /// A worker of another pid namespace counts as dead when its file is older than this.
    double foreign_grace_s = 300;
  };

  /// What one other process, or all dead ones, contribute. Valid until the next call.
  struct Source {
    const TotalsTable* totals;
    const std::string* resource;
    std::int64_t pid;
    bool dead;
  };

  /// What became of the files. A plain value.
  struct Counts {
    std::int64_t siblings = 0;    ///< live ones at the last look
    std::int64_t folded = 0;      ///< dead ones added up by this process
    std::int64_t unreadable = 0;  ///< files that were no snapshot, over all looks
    std::int64_t not_ours = 0;    ///< files of another user, passed over
  };

  /// Opens the directory, creating it for this user alone if there is none.
  /// @throws Error if that fails
  explicit WorkerDirectory(Options options);
  WorkerDirectory(const WorkerDirectory&) = delete;
  WorkerDirectory& operator=(const WorkerDirectory&) = delete;
  ~WorkerDirectory() = default;

  /// Makes `state` what the others see of this process.
  /// @throws Error if the directory does not let us
  void publish(std::string_view state, std::int64_t now_us);

  /// Whether others took this process for dead and have its published totals in the file of the
  /// dead: then it must start from nothing. Draws a new identity when so.
  bool was_folded();

  /// Reads the others' totals; what did not change since the last call is not read again. Adds up
  /// workers found dead.
  /// @throws Error if the directory cannot be read; `known_sources` then has what was read before
  std::vector<Source> gather(Catalog& catalog, std::int64_t now_us);

  /// The others' totals as last read.
  std::vector<Source> known_sources() const;

  /// Forgets what was read, since its catalog goes.
  void forget();

  /// Says goodbye: the others count this process as dead.
  void close();

  const Counts& counts() const { return counts_; }

 private:
  struct FileKey {
    std::uint64_t inode = 0;
    std::uint64_t generation = 0;
    std::int64_t changed_ns = 0;  ///< of the file of the dead, which is replaced, never changed
    bool operator==(const FileKey& other) const {
      return inode == other.inode && generation == other.generation &&
             changed_ns == other.changed_ns;
    }
  };
  struct Known {
    FileKey key;
    SnapshotHeader header;
    Snapshot snapshot;
    bool seen = false;
    bool alive = true;
  };
  /// A worker's file as found at one look.
  struct Found {
    std::string path;
    SnapshotHeader header;
    FileKey key;
    bool alive = false;
  };
  struct Look {
    std::vector<Found> workers;          // of this run, this process excepted
    std::vector<std::string> abandoned;  // files nobody needs any more
  };

  std::string dead_path() const;
  Look look(std::int64_t now_us);
  bool is_alive(const SnapshotHeader& header, std::int64_t now_us) const;
  bool load(const Found& found, Known& known, Catalog& catalog);
  void load_dead(Catalog& catalog);
  void fold(std::int64_t now_us);
  void add_up(std::int64_t now_us);

  Options options_;
  std::uint64_t run_hash_;
  std::uint64_t worker_id_;
  std::unique_ptr<SnapshotFile> file_;
  std::map<std::uint64_t, Known> known_;
  Known dead_;
  Counts counts_;
};

}  // namespace inlay::prometheus
