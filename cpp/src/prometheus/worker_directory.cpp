#include "prometheus/worker_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <inlay/error.hpp>
#include <optional>
#include <random>
#include <thread>
#include <utility>

namespace inlay::prometheus {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".prom";
constexpr std::string_view kWorkerPrefix = "worker-";
constexpr std::string_view kDeadPrefix = "dead-";
constexpr std::size_t kMaxFoldedIds = 1024;
constexpr int kGatherAttempts = 20;
constexpr std::int64_t kTemporaryLifeS = 600;

std::uint64_t random_id() {
  std::random_device source;
  std::uint64_t id = 0;
  while (id == 0) id = (static_cast<std::uint64_t>(source()) << 32) | source();
  return id;
}

std::string hex(std::uint64_t value) {
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[(value >> shift) & 0xFU];
  return out;
}

/// An open file of ours. Used by one thread.
class OwnFile {
 public:
  /// Opens a regular file of this user; `ours` tells a stranger's from one that is gone.
  explicit OwnFile(const std::string& path) {
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd_ < 0) return;
    ours_ = ::fstat(fd_, &info_) == 0 && S_ISREG(info_.st_mode) && info_.st_uid == ::geteuid();
  }
  OwnFile(const OwnFile&) = delete;
  OwnFile& operator=(const OwnFile&) = delete;
  ~OwnFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool opened() const { return fd_ >= 0; }
  bool ours() const { return ours_; }
  std::uint64_t inode() const { return static_cast<std::uint64_t>(info_.st_ino); }
  /// When it was last changed; 0 if it is not there.
  std::int64_t changed_ns() const {
    return static_cast<std::int64_t>(info_.st_mtim.tv_sec) * 1'000'000'000 + info_.st_mtim.tv_nsec;
  }
  std::uint64_t size() const { return static_cast<std::uint64_t>(info_.st_size); }
  ReadAt reader() const {
    return [fd = fd_](std::uint64_t offset, char* out, std::size_t size) {
      std::size_t done = 0;
      while (done < size) {
        const ssize_t got = ::pread(fd, out + done, size - done, static_cast<off_t>(offset + done));
        if (got <= 0) break;
        done += static_cast<std::size_t>(got);
      }
      return done;
    };
  }

 private:
  int fd_ = -1;
  bool ours_ = false;
  struct stat info_{};
};

/// The directory's lock, if nobody has it. A record lock: a forked child does not inherit it, and
/// the system takes it back from a process that dies.
class FoldLock {
 public:
  explicit FoldLock(const std::string& path) {
    // Record locks do not keep two threads of one process apart.
    const std::int64_t self = ::getpid();
    std::int64_t holder = holder_.load();
    if (holder == self || !holder_.compare_exchange_strong(holder, self)) return;
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    held_ = fd_ >= 0 && ::fcntl(fd_, F_SETLK, &lock) == 0;
    if (!held_) release();
  }
  FoldLock(const FoldLock&) = delete;
  FoldLock& operator=(const FoldLock&) = delete;
  ~FoldLock() {
    if (held_) release();
  }
  bool held() const { return held_; }

 private:
  void release() {
    if (fd_ >= 0) ::close(fd_);
    holder_.store(0);
  }
  static std::atomic<std::int64_t> holder_;
  int fd_ = -1;
  bool held_ = false;
};

std::atomic<std::int64_t> FoldLock::holder_{0};

bool contains(const std::vector<std::uint64_t>& ids, std::uint64_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// A gauge says what is, and a dead worker is not; what it could not count stays.
void drop_gauge(SeriesTotals& totals) {
  if (totals.kind() == Kind::kGauge) totals.restore_gauge(0, false);
}

/// Adds up totals by series, without gauges and exemplars: what remains of a worker.
class DeadTotals {
 public:
  void add(TotalsTable&& table) {
    for (auto& [series, totals] : table.entries) {
      totals.drop_exemplars();
      drop_gauge(totals);
      if (series >= totals_.size()) totals_.resize(series + 1);
      if (totals_[series]) {
        totals_[series]->merge(totals, GaugeMerge::kLast);
      } else {
        totals_[series] = std::move(totals);
      }
    }
  }
  /// Series that are worth keeping, in a view of `catalog`.
  MergedView view(const Catalog& catalog, std::int64_t oldest_us) const {
    MergedView view(catalog);
    for (std::uint32_t series = 0; series < totals_.size(); ++series) {
      const auto& totals = totals_[series];
      if (!totals || totals->updated_us() < oldest_us) continue;
      if (totals->has_value() || totals->excluded().any()) view.add(*totals, series, 0);
    }
    return view;
  }

 private:
  std::vector<std::optional<SeriesTotals>> totals_;
};

}  // namespace

WorkerDirectory::WorkerDirectory(Options options)
    : options_(std::move(options)), run_hash_(checksum(options_.run, 0)), worker_id_(random_id()) {
  std::error_code error;
  if (fs::create_directories(options_.path, error)) {
    fs::permissions(options_.path, fs::perms::owner_all, error);
  }
  if (!fs::is_directory(options_.path)) {
    detail::fail<Error>("cannot open the directory that workers share", options_.path);
  }
}

std::string WorkerDirectory::dead_path() const {
  return options_.path + "/" + std::string(kDeadPrefix) + hex(run_hash_) + std::string(kSuffix);
}

void WorkerDirectory::publish(std::string_view state, std::int64_t now_us) {
  if (!file_ || !file_->is_linked()) {
    SnapshotHeader identity;
    identity.worker_id = worker_id_;
    identity.process = options_.process;
    identity.run = run_hash_;
    const std::string path = options_.path + "/" + std::string(kWorkerPrefix) +
                             std::to_string(options_.process.pid) + "-" + hex(worker_id_) +
                             std::string(kSuffix);
    file_.reset();
    file_ = std::make_unique<SnapshotFile>(path, identity, state.size());
  }
  file_->publish(state, now_us);
}

bool WorkerDirectory::was_folded() {
  if (!file_ || file_->is_linked()) return false;
  Catalog unused;
  load_dead(unused);
  const bool folded = contains(dead_.snapshot.folded, worker_id_);
  forget();  // its series are numbered by a catalog that goes
  if (!folded) return false;
  file_.reset();
  worker_id_ = random_id();
  return true;
}

bool WorkerDirectory::is_alive(const SnapshotHeader& header, std::int64_t now_us) const {
  if (header.closed) return false;
  switch (liveness(header.process, options_.process)) {
    case Liveness::kAlive:
      return true;
    case Liveness::kDead:
      return false;
    case Liveness::kUnknown:
      break;
  }
  return static_cast<double>(now_us - header.time_us) < options_.foreign_grace_s * 1e6;
}

WorkerDirectory::Look WorkerDirectory::look(std::int64_t now_us) {
  Look found;
  std::set<std::uint64_t> live_runs{run_hash_};
  std::vector<std::pair<std::uint64_t, std::string>> dead_files;
  std::error_code error;
  fs::directory_iterator entries(options_.path, error);
  if (error) {
    detail::fail<Error>("cannot read the directory that workers share (" + error.message() + ")",
                        options_.path);
  }
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename();
    const std::string path = entry.path();
    if (name.ends_with(".tmp")) {
      // Left by a process killed while it made a file; a living one renames it within milliseconds.
      struct stat info{};
      if (::lstat(path.c_str(), &info) == 0 &&
          now_us / 1'000'000 - static_cast<std::int64_t>(info.st_mtime) > kTemporaryLifeS) {
        found.abandoned.push_back(path);
      }
      continue;
    }
    const bool worker = name.starts_with(kWorkerPrefix);
    if (!name.ends_with(kSuffix) || (!worker && !name.starts_with(kDeadPrefix))) continue;
    if (file_ && path == file_->path()) continue;
    const OwnFile file(path);
    if (!file.opened()) continue;  // its owner or another folder was quicker
    if (!file.ours()) {
      ++counts_.not_ours;
      continue;
    }
    const auto header = read_snapshot_header(file.reader());
    if (!header) {
      ++counts_.unreadable;
      continue;
    }
    if (!worker) {
      dead_files.emplace_back(header->process.boot == options_.process.boot ? header->run : 0,
                              path);
      continue;
    }
    const bool alive = is_alive(*header, now_us);
    if (alive) live_runs.insert(header->run);
    if (header->run == run_hash_ && header->process.boot == options_.process.boot) {
      found.workers.push_back({path, *header, {file.inode(), header->generation}, alive});
    } else if (!alive) {
      found.abandoned.push_back(path);
    }
  }
  for (const auto& [run, path] : dead_files) {
    if (live_runs.count(run) == 0) found.abandoned.push_back(path);
  }
  return found;
}

bool WorkerDirectory::load(const Found& found, Known& known, Catalog& catalog) {
  if (known.key == found.key) return true;
  const OwnFile file(found.path);
  if (!file.ours()) return false;
  SnapshotHeader header;
  const auto state = read_snapshot_state(file.reader(), file.size(), header);
  if (!state) return false;
  try {
    known.snapshot = decode_snapshot(*state, catalog, options_.max_buckets);
  } catch (const SerializationError&) {
    ++counts_.unreadable;
    return false;
  }
  known.header = header;
  known.key = {file.inode(), header.generation};
  return true;
}

void WorkerDirectory::load_dead(Catalog& catalog) {
  const OwnFile file(dead_path());
  const auto header = file.ours() ? read_snapshot_header(file.reader()) : std::nullopt;
  if (!header || !(header->process.boot == options_.process.boot)) {
    dead_ = Known();
    dead_.key = {file.inode(), 0, file.changed_ns()};
    return;
  }
  const Found found{
      dead_path(), *header, {file.inode(), header->generation, file.changed_ns()}, false};
  if (dead_.key == found.key) return;
  dead_ = Known();
  if (!load(found, dead_, catalog)) dead_ = Known();
  dead_.key = found.key;
}

std::vector<WorkerDirectory::Source> WorkerDirectory::gather(Catalog& catalog,
                                                             std::int64_t now_us) {
  bool may_fold = true;
  for (int attempt = 0; attempt < kGatherAttempts; ++attempt) {
    load_dead(catalog);
    const Look found = look(now_us);
    for (auto& [id, known] : known_) known.seen = false;
    bool dead_workers = !found.abandoned.empty();
    for (const Found& worker : found.workers) {
      if (contains(dead_.snapshot.folded, worker.header.worker_id)) {
        dead_workers = true;  // its file should be gone
        continue;
      }
      Known& known = known_[worker.header.worker_id];
      load(worker, known, catalog);
      known.seen = true;
      known.alive = worker.alive;
      if (worker.alive) continue;
      dead_workers = true;
      for (auto& entry : known.snapshot.totals.entries) drop_gauge(entry.totals);
    }
    std::erase_if(known_, [](const auto& item) { return !item.second.seen; });
    // A worker may have been added up between the two looks: then it is in neither.
    const OwnFile dead(dead_path());
    if (dead.inode() != dead_.key.inode || dead.changed_ns() != dead_.key.changed_ns) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    counts_.siblings = std::count_if(known_.begin(), known_.end(),
                                     [](const auto& item) { return item.second.alive; });
    if (!dead_workers || !may_fold) return known_sources();
    may_fold = false;
    fold(now_us);
  }
  detail::fail<Error>("the workers' directory changed each time it was read", options_.path);
}

std::vector<WorkerDirectory::Source> WorkerDirectory::known_sources() const {
  std::vector<Source> sources;
  for (const auto& [id, known] : known_) {
    if (known.key.generation == 0) continue;
    sources.push_back(
        {&known.snapshot.totals, &known.snapshot.resource, known.header.process.pid, !known.alive});
  }
  if (!dead_.snapshot.totals.entries.empty()) {
    sources.push_back({&dead_.snapshot.totals, &dead_.snapshot.resource, 0, true});
  }
  return sources;
}

void WorkerDirectory::forget() {
  known_.clear();
  dead_ = Known();
}

void WorkerDirectory::fold(std::int64_t now_us) {
  const FoldLock lock(options_.path + "/lock");
  if (lock.held()) add_up(now_us);
}

void WorkerDirectory::add_up(std::int64_t now_us) {
  Catalog catalog;
  Known dead;
  std::swap(dead, dead_);  // read afresh, in a catalog of its own
  load_dead(catalog);
  std::swap(dead, dead_);
  const Look found = look(now_us);
  std::vector<std::string> to_remove = found.abandoned;
  auto folded = dead.snapshot.folded;
  std::int64_t latest_us = dead.snapshot.latest_us;
  DeadTotals totals;
  totals.add(std::move(dead.snapshot.totals));
  std::int64_t number = 0;
  for (const Found& worker : found.workers) {
    const bool already = contains(folded, worker.header.worker_id);
    if (worker.alive && !already) continue;
    to_remove.push_back(worker.path);
    if (already) continue;
    Known known;
    if (!load(worker, known, catalog)) continue;
    latest_us = std::max(latest_us, known.snapshot.latest_us);
    totals.add(std::move(known.snapshot.totals));
    folded.push_back(worker.header.worker_id);
    ++number;
  }
  if (number != 0) {
    if (folded.size() > kMaxFoldedIds) {
      folded.erase(folded.begin(), folded.end() - static_cast<std::ptrdiff_t>(kMaxFoldedIds));
    }
    const std::int64_t oldest_us =
        options_.expire_s > 0 ? latest_us - static_cast<std::int64_t>(options_.expire_s * 1e6) : 0;
    MergedView view = totals.view(catalog, oldest_us);
    SnapshotHeader identity;
    identity.process = options_.process;
    identity.run = run_hash_;
    ExpositionOptions options;
    options.max_buckets = options_.max_buckets;
    replace_snapshot_file(dead_path(), identity,
                          encode_snapshot(catalog, view, "{}", latest_us, folded, options), now_us);
    counts_.folded += number;
  }
  for (const std::string& path : to_remove) ::unlink(path.c_str());
}

void WorkerDirectory::close() {
  if (file_) file_->close();
  file_.reset();
}

}  // namespace inlay::prometheus
