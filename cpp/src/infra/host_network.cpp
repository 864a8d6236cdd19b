// Network interfaces, from /proc/net/dev and /sys/class/net.

#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "infra/host_family.hpp"
#include "infra/host_text.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {

bool parse_network_line(std::string_view line, NetworkLine& network) noexcept {
  // Aliases have colons in their names, and the first number may follow the last one at once.
  const std::size_t colon = line.rfind(':');
  if (colon == std::string_view::npos) return false;
  network.name = trimmed(line.substr(0, colon));
  if (network.name.empty()) return false;
  Words words(line.substr(colon + 1));
  return words.numbers(network.fields.data(), network.fields.size()) == network.fields.size();
}

namespace {

constexpr std::size_t kMostInterfaces = 64;
constexpr std::size_t kHalf = 8;  // where sending begins
struct NetworkField {
  std::size_t index;
  const char* metric;
  const char* unit;
};
constexpr std::array<NetworkField, 4> kFields = {{{0, "host.network.io", "By"},
                                                  {1, "host.network.packets", "{packet}"},
                                                  {2, "host.network.errors", "{error}"},
                                                  {3, "host.network.dropped", "{packet}"}}};

/// The ends of containers come and go by the hundred.
bool is_container_end(std::string_view name) noexcept {
  for (const std::string_view prefix : {"veth", "cali", "lxc", "tap", "ifb"}) {
    if (name.substr(0, prefix.size()) == prefix) return true;
  }
  return false;
}

class Network final : public HostFamily {
 public:
  void scan(HostScan& scan) override {
    if (!known_) {
      file_ = scan.file(scan.path("/proc/net/dev"));
      known_ = true;
    } else {
      file_.refresh();
    }
    for (Interface& interface : interfaces_) interface.refresh();
    std::string buffer(1 << 16, '\0');
    std::string_view text;
    const Status status = file_.read(buffer.data(), buffer.size(), text, true);
    Lines lines(text);
    for (std::string_view line; lines.next(line) && interfaces_.size() < kMostInterfaces;) {
      NetworkLine found;
      if (!parse_network_line(line, found) || is_container_end(found.name)) continue;
      bool has = false;
      for (const Interface& interface : interfaces_) has = has || interface.name == found.name;
      if (!has) add(scan, std::string(found.name));
    }
    if (interfaces_.empty()) {
      scan.none("host.network.io", "By", status == Status::kOk ? Status::kAbsent : status,
                ReadingKind::kCounter);
    }
  }

  void tick(HostTick& tick) noexcept override {
    if (interfaces_.empty()) return;
    std::string_view text;
    const Status status = file_.read(tick.buffer, tick.buffer_size, text, true);
    for (Interface& interface : interfaces_) interface.seen = false;
    std::size_t next = 0;
    Lines lines(text);
    for (std::string_view line; lines.next(line);) {
      NetworkLine found;
      if (!parse_network_line(line, found)) continue;
      for (std::size_t tried = 0; tried < interfaces_.size(); ++tried) {
        Interface& interface = interfaces_[(next + tried) % interfaces_.size()];
        if (interface.name != found.name) continue;
        next += tried + 1;
        interface.seen = true;
        for (std::size_t i = 0; i < interface.ids.size(); ++i) {
          const std::size_t from = kFields[i % kFields.size()].index;
          bool lost = interface.lost;
          write_counter(tick, interface.ids[i],
                        found.fields[i < kFields.size() ? from : kHalf + from], lost);
        }
        interface.lost = false;
        break;
      }
    }
    for (Interface& interface : interfaces_) {
      if (!interface.seen) {
        interface.lost = true;
        for (const std::uint32_t id : interface.ids) {
          tick.writer.status(id, status == Status::kOk ? Status::kAbsent : status);
        }
      }
      if (interface.physical) read_link(tick, interface);
    }
  }

 private:
  struct Interface {
    std::string name;
    std::array<std::uint32_t, 2 * kFields.size()> ids{};
    bool seen = false, lost = false;
    bool physical = false;
    HeldFile carrier, speed;
    std::uint32_t up_id = 0, speed_id = 0;
    NumberFile downs;

    void refresh() noexcept {
      carrier.refresh();
      speed.refresh();
      downs.file.refresh();
    }
  };

  void add(HostScan& scan, std::string name) {
    Interface interface;
    for (std::size_t i = 0; i < interface.ids.size(); ++i) {
      const NetworkField& field = kFields[i % kFields.size()];
      const char* direction = i < kFields.size() ? "receive" : "transmit";
      interface.ids[i] =
          scan.counter(field.metric, field.unit, {{"direction", direction}, {"interface", name}});
    }
    const std::string base = scan.path("/sys/class/net/" + name);
    interface.physical = ::access((base + "/device").c_str(), F_OK) == 0;
    if (interface.physical) {
      interface.up_id = scan.gauge("host.network.up", "1", {{"interface", name}});
      interface.speed_id = scan.gauge("host.network.speed", "bit/s", {{"interface", name}}, 1e6);
      interface.downs.id =
          scan.counter("host.network.link_downs", "{event}", {{"interface", name}});
      interface.carrier = scan.file(base + "/carrier");
      interface.speed = scan.file(base + "/speed");
      interface.downs.file = scan.file(base + "/carrier_down_count");
    }
    interface.name = std::move(name);
    interfaces_.push_back(std::move(interface));
  }

  static void read_link(HostTick& tick, Interface& interface) noexcept {
    std::uint64_t up = 0;
    Status status = interface.carrier.number(up);
    if (status == Status::kUnsupported) status = Status::kOk;  // switched off: the kernel refuses
    if (status == Status::kOk) {
      tick.writer.gauge(interface.up_id, up != 0 ? 1.0 : 0.0, tick.time_us);
    } else {
      tick.writer.status(interface.up_id, status);
    }
    std::int64_t speed = 0;
    status = interface.speed.signed_number(speed);
    if (status == Status::kOk && speed > 0) {
      tick.writer.gauge(interface.speed_id, static_cast<double>(speed), tick.time_us);
    } else {  // -1: unknown, as of a virtual device or without a link
      tick.writer.status(interface.speed_id, status == Status::kOk ? Status::kUndefined : status);
    }
    interface.downs.counter(tick);
  }

  bool known_ = false;
  HeldFile file_;
  std::vector<Interface> interfaces_;
};

}  // namespace

std::unique_ptr<HostFamily> make_network() { return std::make_unique<Network>(); }

}  // namespace inlay::infra::detail
