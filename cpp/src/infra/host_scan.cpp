#include "infra/host_scan.hpp"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include <inlay/names.hpp>

namespace inlay::infra::detail {
namespace {

/// Names of devices and sensors come from firmware: what is no UTF-8 is shown as '?'.
void clean(Attributes& attributes) {
  for (auto& [key, value] : attributes) {
    if (is_utf8(value)) continue;
    for (char& c : value) {
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    }
  }
}

}  // namespace

HostScan::HostScan(std::string root, std::size_t held_files, Readings& readings,
                   IntervalLog& intervals)
    : root_(std::move(root)),
      readings_(readings),
      intervals_(intervals),
      budget_(FileBudget{held_files}) {}

std::uint32_t HostScan::series(Series series) {
  std::string key = series.metric + '\x1f' + series.attrs;
  const auto found = series_.find(key);
  if (found != series_.end()) return found->second;
  const std::uint32_t id = readings_.add(std::move(series));
  series_.emplace(std::move(key), id);
  return id;
}

std::uint32_t HostScan::counter(std::string_view metric, std::string_view unit,
                                Attributes attributes, double factor, std::uint64_t modulus,
                                std::uint64_t saturates_at, bool sparse) {
  clean(attributes);
  Series made;
  made.metric = metric;
  made.unit = unit;
  made.attrs = canonical_json(std::move(attributes));
  made.kind = ReadingKind::kCounter;
  made.factor = factor;
  made.modulus = modulus;
  made.saturates_at = saturates_at;
  made.sparse = sparse;
  return series(std::move(made));
}

std::uint32_t HostScan::gauge(std::string_view metric, std::string_view unit, Attributes attributes,
                              double factor) {
  clean(attributes);
  Series made;
  made.metric = metric;
  made.unit = unit;
  made.attrs = canonical_json(std::move(attributes));
  made.factor = factor;
  return series(std::move(made));
}

std::uint32_t HostScan::track(std::string_view name, Attributes attributes, std::string_view amount,
                              double factor, std::int32_t severity, std::string_view share) {
  clean(attributes);
  std::string key(name);
  for (const auto& [attribute, value] : attributes) key += '\x1f' + attribute + '\x1f' + value;
  const auto found = tracks_.find(key);
  if (found != tracks_.end()) return found->second;
  IntervalTrack made;
  made.name = name;
  made.attrs = std::move(attributes);
  made.amount = amount;
  made.factor = factor;
  made.severity = severity;
  made.share = share;
  const std::uint32_t id = intervals_.add(std::move(made));
  tracks_.emplace(std::move(key), id);
  return id;
}

void HostScan::none(std::string_view metric, std::string_view unit, Status status,
                    ReadingKind kind) {
  const std::uint32_t id =
      kind == ReadingKind::kCounter ? counter(metric, unit) : gauge(metric, unit);
  statements_.emplace_back(id, status);
}

std::vector<std::string> HostScan::names(const std::string& directory, Status* status) const {
  std::vector<std::string> found;
  struct Closes {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  const std::unique_ptr<DIR, Closes> open(::opendir(directory.c_str()));
  if (status != nullptr) *status = open == nullptr ? status_of_errno(errno) : Status::kOk;
  if (open == nullptr) return found;
  while (const dirent* entry = ::readdir(open.get())) {
    if (entry->d_name[0] != '.') found.emplace_back(entry->d_name);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::pair<std::uint32_t, Status>> HostScan::take_statements() {
  return std::exchange(statements_, {});
}

}  // namespace inlay::infra::detail
