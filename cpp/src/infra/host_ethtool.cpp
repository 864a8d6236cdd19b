// Pauses and discards that network drivers count, from the ioctl SIOCETHTOOL.

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "infra/host_family.hpp"
#include "infra/host_text.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {

bool parse_ethtool_line(std::string_view line, std::string_view& name,
                        std::uint64_t& value) noexcept {
  const std::size_t colon = line.rfind(':');
  if (colon == std::string_view::npos) return false;
  name = trimmed(line.substr(0, colon));
  return !name.empty() && to_number(trimmed(line.substr(colon + 1)), value);
}

namespace {

constexpr std::size_t kMostInterfaces = 32, kMostCounters = 64;
constexpr std::uint32_t kMostStatistics = 16384;

enum class Kind : std::uint8_t { kOther, kPause, kPauseTime, kDiscard };

/// Names are the driver's own: "rx_prio3_pause", "tx_pause_frames", "rx_out_of_buffer".
Kind kind_of(std::string_view name) noexcept {
  const auto has = [name](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  };
  if (has("pause") || has("pfc") || has("xoff")) {
    if (has("duration")) return Kind::kPauseTime;
    return has("transition") || has("storm") ? Kind::kOther : Kind::kPause;
  }
  return has("discard") || has("out_of_buffer") || has("no_buffer") || has("nobuf") ? Kind::kDiscard
                                                                                    : Kind::kOther;
}

/// Of a name in any spelling.
std::string lower(std::string_view name) {
  std::string text(name);
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

class Ethtool final : public HostFamily {
 public:
  Ethtool() = default;
  Ethtool(const Ethtool&) = delete;
  Ethtool& operator=(const Ethtool&) = delete;
  ~Ethtool() override {
    if (socket_ >= 0) ::close(socket_);
  }

  void scan(HostScan& scan) override {
    if (socket_ < 0) socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (Interface& interface : interfaces_) interface.text.refresh();
    // Where the root has this folder, as the trees of tests do, texts as `ethtool -S` prints them
    // stand for the ioctl.
    Status recorded = Status::kOk;
    const std::string folder = scan.path("/sys/inlay-ethtool");
    const std::vector<std::string> texts = scan.names(folder, &recorded);
    if (recorded == Status::kOk) {
      for (const std::string& name : texts) add(scan, name, folder + "/" + name);
    } else {
      const std::string base = scan.path("/sys/class/net");
      for (const std::string& name : scan.names(base)) {
        if (::access((base + "/" + name + "/device").c_str(), F_OK) == 0) add(scan, name, "");
      }
    }
    bool any = false;
    for (const Interface& interface : interfaces_) any = any || !interface.counters.empty();
    if (!any) {
      scan.none("host.network.pause", "{frame}",
                interfaces_.empty() ? Status::kAbsent : Status::kUnsupported,
                ReadingKind::kCounter);
    }
  }

  void tick(HostTick& tick) noexcept override {
    for (Interface& interface : interfaces_) {
      if (interface.counters.empty()) continue;
      const Status status = read(tick, interface);
      for (Counter& counter : interface.counters) {
        if (status == Status::kOk && counter.seen) continue;
        tick.writer.status(counter.id, status == Status::kOk ? Status::kAbsent : status);
        counter.lost = true;
      }
    }
  }

 private:
  struct Counter {
    std::string name;
    std::size_t index = 0;
    std::uint32_t id = 0;
    Kind kind = Kind::kOther;
    bool received = false, seen = false, lost = false;
  };
  struct Interface {
    std::string name;
    HeldFile text;  // or none: the ioctl is asked
    bool recorded = false;
    std::uint32_t statistics = 0;
    std::vector<std::uint64_t> answer;  // struct ethtool_stats and its values
    std::vector<Counter> counters;
    std::uint32_t received_track = 0, sent_track = 0;
  };

  void add(HostScan& scan, const std::string& name, const std::string& recorded) {
    auto known = std::find_if(interfaces_.begin(), interfaces_.end(),
                              [&](const Interface& other) { return other.name == name; });
    if (known == interfaces_.end()) {
      if (interfaces_.size() >= kMostInterfaces || name.size() >= IFNAMSIZ) return;
      Interface interface;
      interface.name = name;
      interface.recorded = !recorded.empty();
      if (interface.recorded) interface.text = scan.file(recorded);
      interface.received_track =
          scan.track("net.pause", {{"direction", "receive"}, {"interface", name}}, "frames");
      interface.sent_track =
          scan.track("net.pause", {{"direction", "transmit"}, {"interface", name}}, "frames");
      interfaces_.push_back(std::move(interface));
      known = interfaces_.end() - 1;
    }
    const std::vector<std::string> names =
        known->recorded ? recorded_names(*known) : driver_names(*known);
    if (!known->recorded && names.size() == known->statistics) return;  // as before
    known->statistics = static_cast<std::uint32_t>(names.size());
    known->answer.assign(names.size() + 1 + kSpare, 0);
    for (Counter& counter : known->counters) counter.index = names.size();
    for (std::size_t i = 0; i < names.size(); ++i) find_counter(scan, *known, names[i], i);
  }

  static void find_counter(HostScan& scan, Interface& interface, const std::string& name,
                           std::size_t index) {
    for (Counter& counter : interface.counters) {
      if (counter.name != name) continue;
      counter.index = index;
      return;
    }
    const std::string spelled = lower(name);
    const Kind kind = kind_of(spelled);
    if (kind == Kind::kOther || interface.counters.size() >= kMostCounters) return;
    Counter counter;
    counter.name = name;
    counter.index = index;
    counter.kind = kind;
    counter.received = spelled.find("tx") == std::string::npos;
    Attributes attributes = {{"counter", name}, {"interface", interface.name}};
    if (kind == Kind::kDiscard) {
      counter.id = scan.counter("host.network.discards", "{packet}", std::move(attributes));
    } else {
      attributes.emplace_back("direction", counter.received ? "receive" : "transmit");
      counter.id = kind == Kind::kPause
                       ? scan.counter("host.network.pause", "{frame}", std::move(attributes))
                       : scan.counter("host.network.pause.time", "s", std::move(attributes), 1e-6);
    }
    interface.counters.push_back(std::move(counter));
  }

  static std::vector<std::string> recorded_names(Interface& interface) {
    std::vector<std::string> names;
    std::string buffer(1 << 16, '\0');
    std::string_view text, name;
    interface.text.read(buffer.data(), buffer.size(), text, true);
    Lines lines(text);
    std::uint64_t value = 0;
    for (std::string_view line; lines.next(line);) {
      if (parse_ethtool_line(line, name, value)) names.emplace_back(name);
    }
    return names;
  }

  int ask(const std::string& name, void* command) const noexcept {
    ifreq request = {};
    std::memcpy(request.ifr_name, name.data(), std::min(name.size(), sizeof request.ifr_name - 1));
    request.ifr_data = static_cast<char*>(command);
    return ::ioctl(socket_, SIOCETHTOOL, &request) == 0 ? 0 : errno;
  }

  std::uint32_t count_of(const Interface& interface) const noexcept {
    ethtool_drvinfo info = {};
    info.cmd = ETHTOOL_GDRVINFO;
    if (socket_ < 0 || ask(interface.name, &info) != 0) return 0;
    return std::min(info.n_stats, kMostStatistics);
  }

  std::vector<std::string> driver_names(const Interface& interface) const {
    std::vector<std::string> names;
    const std::uint32_t count = count_of(interface);
    if (count == 0) return names;
    // The kernel writes as many as there are now, so there is room for some more.
    std::vector<std::uint64_t> memory(2 + (std::size_t{count} + kSpare) * ETH_GSTRING_LEN / 8, 0);
    auto* strings = reinterpret_cast<ethtool_gstrings*>(memory.data());
    strings->cmd = ETHTOOL_GSTRINGS;
    strings->string_set = ETH_SS_STATS;
    strings->len = count;
    if (ask(interface.name, strings) != 0 || strings->len != count) return names;
    const char* text = reinterpret_cast<const char*>(memory.data()) + sizeof(ethtool_gstrings);
    for (std::uint32_t i = 0; i < count; ++i, text += ETH_GSTRING_LEN) {
      names.emplace_back(text, ::strnlen(text, ETH_GSTRING_LEN));
    }
    return names;
  }

  Status read(HostTick& tick, Interface& interface) const noexcept {
    for (Counter& counter : interface.counters) counter.seen = false;
    std::uint64_t received = 0, sent = 0;
    const auto take = [&](Counter& counter, std::uint64_t value) noexcept {
      const std::uint64_t delta = write_counter(tick, counter.id, value, counter.lost);
      counter.seen = true;
      if (counter.kind == Kind::kPause) (counter.received ? received : sent) += delta;
    };
    Status status = Status::kOk;
    if (interface.recorded) {
      std::string_view text, name;
      status = interface.text.read(tick.buffer, tick.buffer_size, text, true);
      Lines lines(text);
      std::uint64_t value = 0;
      for (std::string_view line; lines.next(line);) {
        if (!parse_ethtool_line(line, name, value)) continue;
        for (Counter& counter : interface.counters) {
          if (counter.name == name) take(counter, value);
        }
      }
    } else {
      // The kernel writes what the driver has now, whatever room is said to be: ask first.
      if (count_of(interface) != interface.statistics) return Status::kAbsent;
      auto* answer = reinterpret_cast<ethtool_stats*>(interface.answer.data());
      answer->cmd = ETHTOOL_GSTATS;
      answer->n_stats = interface.statistics;
      const int error = ask(interface.name, answer);
      if (error != 0) return status_of_errno(error);
      for (Counter& counter : interface.counters) {
        if (counter.index < interface.statistics) {
          take(counter, interface.answer[1 + counter.index]);
        }
      }
    }
    mark(tick, interface.received_track, received);
    mark(tick, interface.sent_track, sent);
    return status;
  }

  static void mark(HostTick& tick, std::uint32_t track, std::uint64_t frames) noexcept {
    if (frames > 0 && tick.elapsed_us > 0) {
      tick.intervals.extend(track, tick.since_us, tick.time_us, static_cast<double>(frames));
    } else {
      tick.intervals.quiet(track);
    }
  }

  static constexpr std::size_t kSpare = 64;

  int socket_ = -1;
  std::vector<Interface> interfaces_;
};

static_assert(sizeof(ethtool_stats) == sizeof(std::uint64_t), "values follow at once");

}  // namespace

std::unique_ptr<HostFamily> make_ethtool() { return std::make_unique<Ethtool>(); }

}  // namespace inlay::infra::detail
