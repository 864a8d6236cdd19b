#include "infra/held_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "infra/proc_text.hpp"

namespace inlay::infra::detail {
namespace {

constexpr std::size_t kSmall = 256;  // a file of one number

int open_to_read(const char* path) noexcept {
  // Without O_NONBLOCK a pipe among the files would hold the thread up.
  return ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

ssize_t read_at(int fd, char* buffer, std::size_t size, std::size_t offset) noexcept {
  ssize_t got = -1;
  do {
    got = ::pread(fd, buffer, size, static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  return got;
}

/// Returns 0 or an error number.
int read_all(int fd, char* buffer, std::size_t size, bool whole, std::string_view& text) noexcept {
  std::size_t used = 0;
  while (used < size) {
    const ssize_t got = read_at(fd, buffer + used, size - used, used);
    if (got < 0) return errno;
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
    if (!whole) break;
  }
  text = std::string_view(buffer, used);
  if (whole && used == size) {
    const std::size_t end = text.rfind('\n');
    text = text.substr(0, end == std::string_view::npos ? 0 : end + 1);
  }
  return 0;
}

}  // namespace

Status status_of_errno(int error) noexcept {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case ENXIO:
    case ESTALE:
    case ESRCH:
    case ELOOP:
      return Status::kAbsent;
    case EACCES:
    case EPERM:
      return Status::kNoPermission;
    case EOPNOTSUPP:
    case ENOSYS:
    case EINVAL:
    case ENODATA:
    case ENOTTY:
      return Status::kUnsupported;
    default:
      return Status::kError;
  }
}

Status HeldFile::read(char* buffer, std::size_t size, std::string_view& text, bool whole) noexcept {
  text = {};
  const bool once = fd_ < 0 && status_ == Status::kOk;
  if (fd_ < 0 && !once) return status_;
  const int fd = once ? open_to_read(path_.c_str()) : fd_;
  const int error = fd < 0 ? errno : read_all(fd, buffer, size, whole, text);
  if (once && fd >= 0) ::close(fd);
  if (error == 0) return Status::kOk;
  const Status found = status_of_errno(error);
  if (found == Status::kAbsent) {  // its device is gone; refresh() looks for it again
    close();
    status_ = found;
  }
  return found;
}

Status HeldFile::number(std::uint64_t& value) noexcept {
  char buffer[kSmall];
  std::string_view text;
  const Status status = read(buffer, sizeof buffer, text);
  return status == Status::kOk ? number_in(text, value) : status;
}

Status HeldFile::signed_number(std::int64_t& value) noexcept {
  char buffer[kSmall];
  std::string_view text;
  const Status status = read(buffer, sizeof buffer, text);
  return status == Status::kOk ? signed_number_in(text, value) : status;
}

void HeldFile::refresh() noexcept {
  if (budget_ == nullptr) return;
  if (fd_ >= 0) {
    struct stat ours = {}, there = {};
    const bool same = ::fstat(fd_, &ours) == 0 && ::stat(path_.c_str(), &there) == 0 &&
                      ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
    if (same) return;
    close();
  }
  const int fd = open_to_read(path_.c_str());
  if (fd < 0) {
    status_ = status_of_errno(errno);
    return;
  }
  status_ = Status::kOk;
  if (budget_->left == 0) {
    ::close(fd);
    return;
  }
  --budget_->left;
  fd_ = fd;
}

void HeldFile::close() noexcept {
  if (fd_ < 0) return;
  ::close(fd_);
  fd_ = -1;
  ++budget_->left;
}

void HeldFile::swap(HeldFile& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(budget_, other.budget_);
  std::swap(fd_, other.fd_);
  std::swap(status_, other.status_);
}

std::string text_of(const std::string& path, Status* status) {
  char buffer[4096];
  std::string_view text;
  const int fd = open_to_read(path.c_str());
  const int error = fd < 0 ? errno : read_all(fd, buffer, sizeof buffer, false, text);
  if (fd >= 0) ::close(fd);
  if (status != nullptr) *status = error == 0 ? Status::kOk : status_of_errno(error);
  return std::string(trimmed(text));
}

}  // namespace inlay::infra::detail
