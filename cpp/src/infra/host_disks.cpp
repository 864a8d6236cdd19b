// Disks, from /proc/diskstats.

#include <array>
#include <string>
#include <vector>

#include "infra/host_family.hpp"
#include "infra/host_text.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {

bool parse_disk_line(std::string_view line, DiskLine& disk) noexcept {
  Words words(line);
  std::uint64_t major = 0, minor = 0;
  if (!words.number(major) || !words.number(minor) || !words.next(disk.name)) return false;
  disk.size = words.numbers(disk.fields.data(), disk.fields.size());
  return disk.size >= 11;
}

namespace {

constexpr std::size_t kMostDisks = 256;
constexpr double kSector = 512;  // of diskstats, whatever the device's sectors are
constexpr std::uint64_t kNarrow = std::uint64_t{1} << 32;  // times are 32 bits of milliseconds

struct DiskField {
  std::size_t index;
  const char* metric;
  const char* unit;
  const char* direction;  // or null
  double factor;
  std::uint64_t modulus;
};
constexpr std::array<DiskField, 7> kFields = {{
    {0, "host.disk.operations", "{operation}", "read", 1, 0},
    {2, "host.disk.io", "By", "read", kSector, 0},
    {3, "host.disk.time", "s", "read", 1e-3, kNarrow},
    {4, "host.disk.operations", "{operation}", "write", 1, 0},
    {6, "host.disk.io", "By", "write", kSector, 0},
    {7, "host.disk.time", "s", "write", 1e-3, kNarrow},
    {9, "host.disk.busy", "s", nullptr, 1e-3, kNarrow},
}};

bool is_virtual(std::string_view name) noexcept {
  return name.substr(0, 4) == "loop" || name.substr(0, 3) == "ram";
}

class Disks final : public HostFamily {
 public:
  void scan(HostScan& scan) override {
    if (!known_) {
      file_ = scan.file(scan.path("/proc/diskstats"));
      known_ = true;
    } else {
      file_.refresh();
    }
    // Whole disks have a directory in /sys/block, partitions have none; without /sys all count.
    Status listed = Status::kOk;
    const std::vector<std::string> whole = scan.names(scan.path("/sys/block"), &listed);
    std::string text(1 << 16, '\0');
    std::string_view lines_text;
    const Status status = file_.read(text.data(), text.size(), lines_text, true);
    Lines lines(lines_text);
    for (std::string_view line; lines.next(line) && disks_.size() < kMostDisks;) {
      DiskLine found;
      if (!parse_disk_line(line, found) || is_virtual(found.name)) continue;
      if (listed == Status::kOk && !whole.empty()) {
        bool is_whole = false;
        for (const std::string& name : whole) is_whole = is_whole || in_sys(found.name) == name;
        if (!is_whole) continue;
      }
      bool has = false;
      for (const Disk& disk : disks_) has = has || disk.name == found.name;
      if (has) continue;
      Disk disk;
      disk.name = found.name;
      for (std::size_t i = 0; i < kFields.size(); ++i) {
        const DiskField& field = kFields[i];
        Attributes attributes = {{"device", disk.name}};
        if (field.direction != nullptr) attributes.emplace_back("direction", field.direction);
        disk.ids[i] = scan.counter(field.metric, field.unit, std::move(attributes), field.factor,
                                   field.modulus);
      }
      disks_.push_back(std::move(disk));
    }
    if (disks_.empty()) {
      scan.none("host.disk.io", "By", status == Status::kOk ? Status::kAbsent : status,
                ReadingKind::kCounter);
    }
  }

  void tick(HostTick& tick) noexcept override {
    if (disks_.empty()) return;
    std::string_view text;
    const Status status = file_.read(tick.buffer, tick.buffer_size, text, true);
    for (Disk& disk : disks_) disk.seen = false;
    std::size_t next = 0;
    Lines lines(text);
    for (std::string_view line; lines.next(line);) {
      DiskLine found;
      if (!parse_disk_line(line, found)) continue;
      for (std::size_t tried = 0; tried < disks_.size(); ++tried) {
        Disk& disk = disks_[(next + tried) % disks_.size()];
        if (disk.name != found.name) continue;
        next += tried + 1;
        disk.seen = true;
        for (std::size_t i = 0; i < kFields.size(); ++i) {
          bool lost = disk.lost;
          write_counter(tick, disk.ids[i], found.fields[kFields[i].index], lost);
        }
        disk.lost = false;
        break;
      }
    }
    for (Disk& disk : disks_) {
      if (disk.seen) continue;
      disk.lost = true;
      for (const std::uint32_t id : disk.ids) {
        tick.writer.status(id, status == Status::kOk ? Status::kAbsent : status);
      }
    }
  }

 private:
  struct Disk {
    std::string name;
    std::array<std::uint32_t, kFields.size()> ids{};
    bool seen = false, lost = false;
  };

  /// "cciss/c0d0" is "cciss!c0d0" in /sys.
  static std::string in_sys(std::string_view name) {
    std::string path(name);
    for (char& c : path) {
      if (c == '/') c = '!';
    }
    return path;
  }

  bool known_ = false;
  HeldFile file_;
  std::vector<Disk> disks_;
};

}  // namespace

std::unique_ptr<HostFamily> make_disks() { return std::make_unique<Disks>(); }

}  // namespace inlay::infra::detail
