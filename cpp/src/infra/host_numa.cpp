// Memory by NUMA node, from /sys/devices/system/node.

#include <array>
#include <string>
#include <vector>

#include "infra/host_family.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {
namespace {

constexpr double kKibibyte = 1024;
constexpr std::array<const char*, 3> kMemory = {"MemTotal", "MemFree", "MemUsed"};
constexpr std::array<const char*, 3> kMetrics = {"host.numa.memory.total", "host.numa.memory.free",
                                                 "host.numa.memory.used"};
constexpr std::array<const char*, 6> kCounts = {"numa_hit",       "numa_miss",  "numa_foreign",
                                                "interleave_hit", "local_node", "other_node"};

class Numa final : public HostFamily {
 public:
  void scan(HostScan& scan) override {
    for (Node& node : nodes_) {
      node.meminfo.refresh();
      node.numastat.refresh();
    }
    const std::string base = scan.path("/sys/devices/system/node");
    Status status = Status::kOk;
    for (const std::string& name : scan.names(base, &status)) {
      std::uint64_t number = 0;
      if (name.substr(0, 4) != "node" || !to_number(std::string_view(name).substr(4), number)) {
        continue;
      }
      bool known = false;
      for (const Node& node : nodes_) known = known || node.number == number;
      if (known) continue;
      Node node;
      node.number = number;
      const std::string label = std::to_string(number);
      for (std::size_t i = 0; i < kMemory.size(); ++i) {
        node.memory[i] = scan.gauge(kMetrics[i], "By", {{"node", label}}, kKibibyte);
      }
      for (std::size_t i = 0; i < kCounts.size(); ++i) {
        node.counts[i] = scan.counter("host.numa.allocations", "{page}",
                                      {{"kind", kCounts[i]}, {"node", label}});
      }
      node.meminfo = scan.file(base + "/" + name + "/meminfo");
      node.numastat = scan.file(base + "/" + name + "/numastat");
      nodes_.push_back(std::move(node));
    }
    if (nodes_.empty()) {
      const Status why = status == Status::kOk ? Status::kAbsent : status;
      scan.none("host.numa.memory.used", "By", why);
    }
  }

  void tick(HostTick& tick) noexcept override {
    for (Node& node : nodes_) {
      read_memory(tick, node);
      read_counts(tick, node);
    }
  }

 private:
  struct Node {
    std::uint64_t number = 0;
    HeldFile meminfo, numastat;
    std::array<std::uint32_t, kMemory.size()> memory{};
    std::array<std::uint32_t, kCounts.size()> counts{};
    bool lost = false;
  };

  static void read_memory(HostTick& tick, Node& node) noexcept {
    std::string_view text;
    const Status status = node.meminfo.read(tick.buffer, tick.buffer_size, text, true);
    std::array<bool, kMemory.size()> has{};
    Lines lines(text);
    for (std::string_view line; lines.next(line);) {
      Words words(line);  // "Node 0 MemTotal:       65536 kB"
      std::string_view word, key;
      std::uint64_t value = 0;
      if (!words.next(word) || !words.next(word) || !words.next(key) || !words.number(value)) {
        continue;
      }
      if (key.back() == ':') key.remove_suffix(1);
      for (std::size_t i = 0; i < kMemory.size(); ++i) {
        if (key != kMemory[i]) continue;
        tick.writer.gauge(node.memory[i], static_cast<double>(value), tick.time_us);
        has[i] = true;
      }
    }
    for (std::size_t i = 0; i < kMemory.size(); ++i) {
      if (has[i]) continue;
      tick.writer.status(node.memory[i], status == Status::kOk ? Status::kUnsupported : status);
    }
  }

  static void read_counts(HostTick& tick, Node& node) noexcept {
    std::string_view text;
    const Status status = node.numastat.read(tick.buffer, tick.buffer_size, text, true);
    const bool was_lost = node.lost;
    node.lost = status != Status::kOk;
    std::array<bool, kCounts.size()> has{};
    Lines lines(text);
    for (std::string_view line; lines.next(line);) {
      std::string_view key;
      std::uint64_t value = 0;
      if (!keyed_number(line, key, value)) continue;
      for (std::size_t i = 0; i < kCounts.size(); ++i) {
        if (key != kCounts[i]) continue;
        bool lost = was_lost;
        write_counter(tick, node.counts[i], value, lost);
        has[i] = true;
      }
    }
    for (std::size_t i = 0; i < kCounts.size(); ++i) {
      if (has[i]) continue;
      tick.writer.status(node.counts[i], status == Status::kOk ? Status::kUnsupported : status);
    }
  }

  std::vector<Node> nodes_;
};

}  // namespace

std::unique_ptr<HostFamily> make_numa() { return std::make_unique<Numa>(); }

}  // namespace inlay::infra::detail
