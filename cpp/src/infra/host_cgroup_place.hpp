#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inlay::infra::detail {

/// A line of /proc/self/cgroup: "4:memory:/jobs/7"; no controllers: the unified hierarchy.
struct CgroupLine {
  std::string_view controllers, path;
};
bool parse_cgroup_line(std::string_view line, CgroupLine& cgroup) noexcept;

/// A line of /proc/self/mountinfo, of a cgroup file system.
struct CgroupMount {
  std::string root, point;       ///< unescaped
  std::string_view kind, super;  ///< "cgroup" or "cgroup2", and "rw,memory"
};
bool parse_cgroup_mount(std::string_view line, CgroupMount& mount);

/// Whether a list with commas has a word.
bool lists(std::string_view list, std::string_view word) noexcept;

/// Where this process's files of a controller are. A plain value.
struct CgroupPlace {
  int version = 0;        ///< 1 or 2; 0: nowhere
  std::string directory;  ///< below the root
};

/// Finds it in the texts of /proc/self/cgroup and mountinfo. `exists` tells whether there is such a
/// directory: inside a container the path may be one of the host's.
template <class Exists>
CgroupPlace find_cgroup(std::string_view cgroups, std::string_view mounts,
                        std::string_view controller, Exists&& exists);

}  // namespace inlay::infra::detail

#include "infra/proc_text.hpp"

namespace inlay::infra::detail {

template <class Exists>
CgroupPlace find_cgroup(std::string_view cgroups, std::string_view mounts,
                        std::string_view controller, Exists&& exists) {
  CgroupPlace place;
  std::string path;
  Lines lines(cgroups);
  for (std::string_view line; lines.next(line);) {
    CgroupLine cgroup;
    if (!parse_cgroup_line(line, cgroup)) continue;
    if (lists(cgroup.controllers, controller)) {
      place.version = 1;
      path = cgroup.path;
      break;
    }
    if (cgroup.controllers.empty()) {
      place.version = 2;
      path = cgroup.path;
    }
  }
  if (place.version == 0) return place;
  std::vector<CgroupMount> found;
  Lines rows(mounts);
  for (std::string_view line; rows.next(line);) {
    CgroupMount mount;
    if (!parse_cgroup_mount(line, mount)) continue;
    const bool fits = place.version == 2 ? mount.kind == "cgroup2"
                                         : mount.kind == "cgroup" && lists(mount.super, controller);
    if (fits) found.push_back(std::move(mount));
  }
  if (found.empty()) {  // mountinfo cannot be read: where it usually is
    CgroupMount usual;
    usual.root = "/";
    usual.point =
        place.version == 2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/" + std::string(controller);
    found.push_back(std::move(usual));
  }
  for (const CgroupMount& mount : found) {
    std::string below = path;
    if (mount.root != "/" && below.compare(0, mount.root.size(), mount.root) == 0) {
      below.erase(0, mount.root.size());
    }
    if (below == "/") below.clear();
    for (const std::string& directory : {mount.point + below, mount.point}) {
      if (!exists(directory)) continue;
      place.directory = directory;
      return place;
    }
  }
  place.version = 0;
  return place;
}

}  // namespace inlay::infra::detail
