#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <inlay/infra/intervals.hpp>
#include <inlay/infra/readings.hpp>
#include "infra/held_file.hpp"

namespace inlay::infra::detail {

using Attributes = std::vector<std::pair<std::string, std::string>>;

/// What the families of a host look for devices with, now and again. A series or a track that was
/// made before is found again. Thread-safety: none.
class HostScan {
 public:
  HostScan(std::string root, std::size_t held_files, Readings& readings, IntervalLog& intervals);

  /// `below` begins with a slash: "/proc/stat".
  std::string path(std::string_view below) const { return root_ + std::string(below); }

  std::uint32_t counter(std::string_view metric, std::string_view unit, Attributes attributes = {},
                        double factor = 1, std::uint64_t modulus = 0,
                        std::uint64_t saturates_at = 0, bool sparse = false);
  std::uint32_t gauge(std::string_view metric, std::string_view unit, Attributes attributes = {},
                      double factor = 1);
  std::uint32_t track(std::string_view name, Attributes attributes, std::string_view amount = "",
                      double factor = 1, std::int32_t severity = kWarning,
                      std::string_view share = "");

  /// A metric has no series on this machine; `status` says why.
  void none(std::string_view metric, std::string_view unit, Status status,
            ReadingKind kind = ReadingKind::kGauge);

  HeldFile file(std::string path) { return HeldFile(std::move(path), budget_); }

  /// The names in a directory, sorted, without the hidden ones.
  std::vector<std::string> names(const std::string& directory, Status* status = nullptr) const;

  /// What `none` said since the last call, for a writer.
  std::vector<std::pair<std::uint32_t, Status>> take_statements();

 private:
  std::uint32_t series(Series series);

  const std::string root_;
  Readings& readings_;
  IntervalLog& intervals_;
  FileBudget budget_;
  std::unordered_map<std::string, std::uint32_t> series_, tracks_;
  std::vector<std::pair<std::uint32_t, Status>> statements_;
};

}  // namespace inlay::infra::detail
