#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <inlay/infra/readings.hpp>

namespace inlay::infra::detail {

/// How many more files may be held open. A plain value.
struct FileBudget {
  std::size_t left = 0;
};

/// A file of procfs or sysfs that is read again and again. It stays open, so that a reading is one
/// system call; what is over the budget is opened for each reading. A file that is lost stays so
/// until refresh(). Reading neither allocates nor throws. Thread-safety: none.
class HeldFile {
 public:
  HeldFile() = default;
  HeldFile(std::string path, FileBudget& budget) noexcept
      : path_(std::move(path)), budget_(&budget) {
    refresh();
  }
  HeldFile(HeldFile&& other) noexcept { swap(other); }
  HeldFile& operator=(HeldFile&& other) noexcept {
    swap(other);
    return *this;
  }
  ~HeldFile() { close(); }

  /// Reads what the file holds now into `buffer`, as far as it goes: a line that is cut off is left
  /// out if `whole`; else one read must be enough.
  Status read(char* buffer, std::size_t size, std::string_view& text, bool whole = false) noexcept;

  /// Reads a file that holds one number.
  Status number(std::uint64_t& value) noexcept;
  Status signed_number(std::int64_t& value) noexcept;

  /// Opens the file again if it was lost, replaced or could not be read; allocates nothing.
  void refresh() noexcept;

  const std::string& path() const noexcept { return path_; }
  bool held() const noexcept { return fd_ >= 0; }
  /// Whether it could be opened, or is held.
  bool exists() const noexcept { return fd_ >= 0 || status_ == Status::kOk; }

 private:
  void swap(HeldFile& other) noexcept;
  void close() noexcept;

  std::string path_;
  FileBudget* budget_ = nullptr;
  int fd_ = -1;
  Status status_ = Status::kAbsent;  // why it is not open
};

/// The status that an error number of open() or read() stands for.
Status status_of_errno(int error) noexcept;

/// Reads a small file once, without blanks around; empty if it cannot be read.
std::string text_of(const std::string& path, Status* status = nullptr);

}  // namespace inlay::infra::detail
