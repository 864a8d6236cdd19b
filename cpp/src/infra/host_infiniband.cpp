// Ports of InfiniBand and RoCE devices, from /sys/class/infiniband.

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "infra/host_family.hpp"
#include "infra/host_text.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {

bool parse_port_state(std::string_view text, std::uint64_t& state) noexcept {
  text = trimmed(text);
  return to_number(text.substr(0, text.find(':')), state);
}

bool parse_port_rate(std::string_view text, double& rate) noexcept {
  Words words(text);
  std::string_view number, unit;
  if (!words.next(number) || !words.next(unit)) return false;
  const char* end = number.data() + number.size();
  double value = 0;
  const auto [stop, error] = std::from_chars(number.data(), end, value, std::chars_format::fixed);
  if (error != std::errc() || stop != end || !std::isfinite(value) || value < 0) return false;
  const double factor = unit == "Gb/sec" ? 1e9 : unit == "Mb/sec" ? 1e6 : 0;
  if (factor == 0 || value > 1e9) return false;
  rate = value * factor;
  return true;
}

namespace {

constexpr std::uint64_t kActive = 4, kLinkUp = 5;
constexpr std::size_t kMostCounters = 128;  // of a port

enum class Role : std::uint8_t { kNone, kSent, kWaited, kDowns, kCongestion };

struct KnownCounter {
  const char* file;
  const char* metric;
  const char* unit;
  const char* attribute;  // null: "kind" and the file's name
  const char* value;
  double factor;
  std::uint64_t saturates_at;  // by the widths of the management attribute PortCounters
  Role role;
};
constexpr std::uint64_t k4 = 15, k8 = 255, k16 = 65535, k32 = 4294967295;
constexpr std::array<KnownCounter, 25> kKnown = {{
    // Data is counted in words of four octets, in 64 bits.
    {"port_xmit_data", "ib.io", "By", "direction", "transmit", 4, 0, Role::kSent},
    {"port_rcv_data", "ib.io", "By", "direction", "receive", 4, 0, Role::kNone},
    {"port_xmit_packets", "ib.packets", "{packet}", "direction", "transmit", 1, 0, Role::kNone},
    {"port_rcv_packets", "ib.packets", "{packet}", "direction", "receive", 1, 0, Role::kNone},
    {"port_xmit_wait", "ib.wait", "{tick}", "", "", 1, k32, Role::kWaited},
    {"symbol_error", "ib.errors", "{error}", nullptr, nullptr, 1, k16, Role::kNone},
    {"link_error_recovery", "ib.errors", "{error}", nullptr, nullptr, 1, k8, Role::kNone},
    {"link_downed", "ib.errors", "{error}", nullptr, nullptr, 1, k8, Role::kDowns},
    {"port_rcv_errors", "ib.errors", "{error}", nullptr, nullptr, 1, k16, Role::kNone},
    {"port_rcv_remote_physical_errors", "ib.errors", "{error}", nullptr, nullptr, 1, k16,
     Role::kNone},
    {"port_rcv_switch_relay_errors", "ib.errors", "{error}", nullptr, nullptr, 1, k16, Role::kNone},
    {"port_xmit_discards", "ib.errors", "{error}", nullptr, nullptr, 1, k16, Role::kNone},
    {"port_xmit_constraint_errors", "ib.errors", "{error}", nullptr, nullptr, 1, k8, Role::kNone},
    {"port_rcv_constraint_errors", "ib.errors", "{error}", nullptr, nullptr, 1, k8, Role::kNone},
    {"local_link_integrity_errors", "ib.errors", "{error}", nullptr, nullptr, 1, k4, Role::kNone},
    {"excessive_buffer_overrun_errors", "ib.errors", "{error}", nullptr, nullptr, 1, k4,
     Role::kNone},
    {"VL15_dropped", "ib.errors", "{error}", nullptr, nullptr, 1, k16, Role::kNone},
    // Notices of congestion of RoCE.
    {"np_cnp_sent", "ib.congestion", "{packet}", nullptr, nullptr, 1, 0, Role::kCongestion},
    {"rp_cnp_handled", "ib.congestion", "{packet}", nullptr, nullptr, 1, 0, Role::kCongestion},
    {"np_ecn_marked_roce_packets", "ib.congestion", "{packet}", nullptr, nullptr, 1, 0,
     Role::kCongestion},
    {"rp_cnp_ignored", "ib.congestion", "{packet}", nullptr, nullptr, 1, 0, Role::kNone},
    // Elastic Fabric Adapters count so.
    {"tx_bytes", "ib.io", "By", "direction", "transmit", 1, 0, Role::kNone},
    {"rx_bytes", "ib.io", "By", "direction", "receive", 1, 0, Role::kNone},
    {"tx_pkts", "ib.packets", "{packet}", "direction", "transmit", 1, 0, Role::kNone},
    {"rx_pkts", "ib.packets", "{packet}", "direction", "receive", 1, 0, Role::kNone},
}};

bool has(std::string_view name, std::string_view part) noexcept {
  return name.find(part) != std::string_view::npos;
}

/// What a counter of hw_counters that the table has not is: drivers have names of their own.
const char* metric_of(std::string_view name) noexcept {
  for (const std::string_view part :
       {"err", "drop", "out_of_sequence", "retry", "retrans", "out_of_buffer", "timeout", "discard",
        "duplicate", "nak", "implied"}) {
    if (has(name, part)) return "ib.errors";
  }
  return "ib.other";
}

class Infiniband final : public HostFamily {
 public:
  explicit Infiniband(double share) : share_(share) {}

  void scan(HostScan& scan) override {
    for (Port& port : ports_) port.refresh();
    const std::string base = scan.path("/sys/class/infiniband");
    Status status = Status::kOk;
    for (const std::string& device : scan.names(base, &status)) {
      for (const std::string& number : scan.names(base + "/" + device + "/ports")) {
        bool known = false;
        for (Port& port : ports_) {
          if (port.device != device || port.number != number) continue;
          known = true;
          find_counters(scan, port);
        }
        if (!known) add(scan, base, device, number);
      }
    }
    if (!ports_.empty()) return;
    const Status why = status == Status::kOk ? Status::kAbsent : status;
    scan.none("ib.state", "1", why);
    scan.none("ib.io", "By", why, ReadingKind::kCounter);
    scan.none("ib.errors", "{error}", why, ReadingKind::kCounter);
  }

  void tick(HostTick& tick) noexcept override {
    for (Port& port : ports_) read(tick, port);
  }

 private:
  struct Counter {
    std::string name;
    NumberFile number;
    Role role = Role::kNone;
  };
  struct Port {
    std::string device, number, directory;
    HeldFile state, physical, rate;
    std::uint32_t state_id = 0, physical_id = 0, rate_id = 0;
    std::uint32_t down_track = 0, congestion_track = 0;
    bool was_active = false;
    std::vector<Counter> counters;

    void refresh() noexcept {
      state.refresh();
      physical.refresh();
      rate.refresh();
      for (Counter& counter : counters) counter.number.file.refresh();
    }
  };

  static Attributes of(const Port& port) {
    return {{"device", port.device}, {"port", port.number}};
  }

  void add(HostScan& scan, const std::string& base, const std::string& device,
           const std::string& number) {
    Port port;
    port.device = device;
    port.number = number;
    port.directory = base + "/" + device + "/ports/" + number;
    port.state_id = scan.gauge("ib.state", "1", of(port));
    port.physical_id = scan.gauge("ib.physical_state", "1", of(port));
    port.rate_id = scan.gauge("ib.rate", "bit/s", of(port));
    port.down_track = scan.track("ib.link_down", of(port), "", 1, kSevere);
    port.congestion_track = scan.track("ib.congestion", of(port), "amount");
    port.state = scan.file(port.directory + "/state");
    port.physical = scan.file(port.directory + "/phys_state");
    port.rate = scan.file(port.directory + "/rate");
    find_counters(scan, port);
    ports_.push_back(std::move(port));
  }

  static void find_counters(HostScan& scan, Port& port) {
    for (const char* folder : {"counters", "hw_counters"}) {
      const std::string directory = port.directory + "/" + folder;
      for (const std::string& name : scan.names(directory)) {
        if (name == "lifespan" || port.counters.size() >= kMostCounters) continue;
        bool known = false;
        for (const Counter& counter : port.counters) known = known || counter.name == name;
        if (!known) port.counters.push_back(make(scan, port, directory, name));
      }
    }
  }

  static Counter make(HostScan& scan, const Port& port, const std::string& directory,
                      const std::string& name) {
    Counter counter;
    counter.name = name;
    counter.number.file = scan.file(directory + "/" + name);
    Attributes attributes = of(port);
    for (const KnownCounter& known : kKnown) {
      if (name != known.file) continue;
      if (known.attribute == nullptr) {
        attributes.emplace_back("kind", name);
      } else if (known.attribute[0] != '\0') {
        attributes.emplace_back(known.attribute, known.value);
      }
      // Of the many counters of errors most stay at 0.
      const bool sparse = known.attribute == nullptr;
      counter.number.id = scan.counter(known.metric, known.unit, std::move(attributes),
                                       known.factor, 0, known.saturates_at, sparse);
      counter.number.limit = known.saturates_at;
      counter.role = known.role;
      return counter;
    }
    attributes.emplace_back("kind", name);
    const char* metric = metric_of(name);
    counter.number.id =
        scan.counter(metric, metric == std::string_view("ib.errors") ? "{error}" : "{event}",
                     std::move(attributes), 1, 0, 0, true);
    return counter;
  }

  void read(HostTick& tick, Port& port) const noexcept {
    const bool active = read_state(tick, port);
    std::uint64_t sent = 0, waited = 0, downs = 0, notices = 0;
    for (Counter& counter : port.counters) {
      const std::uint64_t delta = counter.number.counter(tick);
      switch (counter.role) {
        case Role::kSent:
          sent += delta;
          break;
        case Role::kWaited:
          waited += delta;
          break;
        case Role::kDowns:
          downs += delta;
          break;
        case Role::kCongestion:
          notices += delta;
          break;
        case Role::kNone:
          break;
      }
    }
    if (tick.elapsed_us > 0) {
      // A port that was never up is one that nobody uses.
      if ((port.was_active && !active) || downs > 0) {
        tick.intervals.extend(port.down_track, tick.since_us, tick.time_us);
      } else {
        tick.intervals.quiet(port.down_track);
      }
      find_congestion(tick, port, sent, waited, notices);
    }
    port.was_active = port.was_active || active;
  }

  void find_congestion(HostTick& tick, const Port& port, std::uint64_t sent, std::uint64_t waited,
                       std::uint64_t notices) const noexcept {
    const double all = static_cast<double>(sent) + static_cast<double>(waited);
    const bool waits = waited >= kFewTicks && static_cast<double>(waited) >= share_ * all;
    const double per_second =
        static_cast<double>(notices) * 1e6 / static_cast<double>(tick.elapsed_us);
    if (waits || per_second >= kManyNotices) {
      tick.intervals.extend(port.congestion_track, tick.since_us, tick.time_us,
                            static_cast<double>(waited) + static_cast<double>(notices));
    } else {
      tick.intervals.quiet(port.congestion_track);
    }
  }

  /// Returns whether the port is up.
  static bool read_state(HostTick& tick, Port& port) noexcept {
    char buffer[256];
    std::string_view text;
    const auto number = [&](HeldFile& file, std::uint32_t id, std::uint64_t& value) noexcept {
      Status status = file.read(buffer, sizeof buffer, text);
      if (status == Status::kOk && !parse_port_state(text, value)) status = Status::kError;
      if (status == Status::kOk) {
        tick.writer.gauge(id, static_cast<double>(value), tick.time_us);
      } else {
        tick.writer.status(id, status);
      }
      return status == Status::kOk;
    };
    std::uint64_t state = 0, physical = 0;
    const bool has_state = number(port.state, port.state_id, state);
    const bool has_physical = number(port.physical, port.physical_id, physical);
    double rate = 0;
    Status status = port.rate.read(buffer, sizeof buffer, text);
    if (status == Status::kOk && !parse_port_rate(text, rate)) status = Status::kError;
    if (status == Status::kOk) {
      tick.writer.gauge(port.rate_id, rate, tick.time_us);
    } else {
      tick.writer.status(port.rate_id, status);
    }
    if (has_state) return state == kActive;
    return has_physical && physical == kLinkUp;
  }

  static constexpr std::uint64_t kFewTicks = 1000;
  static constexpr double kManyNotices = 1000;  // packets a second

  const double share_;
  std::vector<Port> ports_;
};

}  // namespace

std::unique_ptr<HostFamily> make_infiniband(const HostOptions& options) {
  return std::make_unique<Infiniband>(options.congestion);
}

}  // namespace inlay::infra::detail
