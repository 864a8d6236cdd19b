// Temperatures, fans and power, from /sys/class/hwmon and /sys/class/thermal.

#include <string>
#include <vector>

#include "infra/host_family.hpp"
#include "infra/proc_text.hpp"

namespace inlay::infra::detail {
namespace {

constexpr std::size_t kMostSensors = 192;

struct SensorKind {
  std::string_view prefix, suffix;  // "temp" … "_input"
  const char* metric;
  const char* unit;
  double factor;
};
constexpr SensorKind kKinds[] = {
    {"temp", "_input", "host.temperature", "Cel", 1e-3},
    {"fan", "_input", "host.fan.speed", "rpm", 1},
    {"power", "_input", "host.power", "W", 1e-6},
    {"power", "_average", "host.power", "W", 1e-6},
};

class Sensors final : public HostFamily {
 public:
  void scan(HostScan& scan) override {
    for (Sensor& sensor : sensors_) sensor.number.file.refresh();
    Status status = Status::kOk;
    const std::string monitors = scan.path("/sys/class/hwmon");
    for (const std::string& name : scan.names(monitors, &status)) {
      scan_monitor(scan, monitors + "/" + name, name);
    }
    const std::string zones = scan.path("/sys/class/thermal");
    for (const std::string& name : scan.names(zones)) {
      if (name.substr(0, 12) != "thermal_zone") continue;
      const std::string type = text_of(zones + "/" + name + "/type");
      const std::string label = (type.empty() ? "thermal" : type) + "/" + name;
      add(scan, zones + "/" + name + "/temp", kKinds[0], label);
    }
    if (sensors_.empty()) {
      scan.none("host.temperature", "Cel", status == Status::kOk ? Status::kAbsent : status);
    }
  }

  void tick(HostTick& tick) noexcept override {
    for (Sensor& sensor : sensors_) sensor.number.gauge(tick);
  }

 private:
  struct Sensor {
    std::string path;
    NumberFile number;
  };

  void scan_monitor(HostScan& scan, const std::string& directory, const std::string& folder) {
    std::string chip = text_of(directory + "/name");
    if (chip.empty()) chip = folder;
    // Two sockets have two chips of one name; what tells them apart is the folder.
    for (const std::string& file : scan.names(directory)) {
      for (const SensorKind& kind : kKinds) {
        if (file.size() <= kind.prefix.size() + kind.suffix.size() ||
            file.compare(0, kind.prefix.size(), kind.prefix) != 0 ||
            file.compare(file.size() - kind.suffix.size(), kind.suffix.size(), kind.suffix) != 0) {
          continue;
        }
        const std::string stem = file.substr(0, file.size() - kind.suffix.size());
        const std::string label = text_of(directory + "/" + stem + "_label");
        add(scan, directory + "/" + file, kind,
            chip + "/" + folder + "/" + (label.empty() ? stem : label));
      }
    }
  }

  void add(HostScan& scan, std::string path, const SensorKind& kind, const std::string& label) {
    for (const Sensor& sensor : sensors_) {
      if (sensor.path == path) return;
    }
    if (sensors_.size() >= kMostSensors) return;
    Sensor sensor;
    sensor.number.id = scan.gauge(kind.metric, kind.unit, {{"sensor", label}}, kind.factor);
    sensor.number.file = scan.file(path);
    sensor.path = std::move(path);
    sensors_.push_back(std::move(sensor));
  }

  std::vector<Sensor> sensors_;
};

}  // namespace

std::unique_ptr<HostFamily> make_sensors() { return std::make_unique<Sensors>(); }

}  // namespace inlay::infra::detail
