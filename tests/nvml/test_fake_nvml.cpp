// The fake under load, for the sanitizers: threads that poll and wait while the clock moves and
// scenarios are replaced, and scenarios with damaged bytes. The arguments are scenario files.

#include <atomic>
#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "src/nvml_types.hpp"

using namespace fake_nvml;

struct EventSet;

extern "C" {
int nvmlInit_v2();
int nvmlShutdown();
int nvmlDeviceGetCount_v2(unsigned*);
int nvmlDeviceGetHandleByIndex_v2(unsigned, Device**);
int nvmlDeviceGetFieldValues(Device*, int, FieldValue*);
int nvmlDeviceGetUtilizationRates(Device*, Utilization*);
int nvmlDeviceGetSamples(Device*, int, unsigned long long, int*, unsigned*, Sample*);
int nvmlDeviceGetComputeRunningProcesses_v3(Device*, unsigned*, ProcessInfo*);
int nvmlDeviceRegisterEvents(Device*, unsigned long long, EventSet*);
int nvmlEventSetCreate(EventSet**);
int nvmlEventSetFree(EventSet*);
int nvmlEventSetWait_v2(EventSet*, EventData*, unsigned);
int nvmlGpmSampleAlloc(GpmSample**);
int nvmlGpmSampleFree(GpmSample*);
int nvmlGpmSampleGet(Device*, GpmSample*);
int nvmlGpmMetricsGet(GpmMetricsGet*);
int inlay_fake_nvml_load_text(const char*);
void inlay_fake_nvml_advance(double);
const char* inlay_fake_nvml_error();
}

namespace {

std::atomic<int> failures{0};

void expect(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "not so: %s\n", what);
    ++failures;
  }
}

std::string read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void poll_all(GpmSample* before, GpmSample* after) {
  unsigned count = 0;
  nvmlDeviceGetCount_v2(&count);
  for (unsigned i = 0; i < count; ++i) {
    Device* device = nullptr;
    if (nvmlDeviceGetHandleByIndex_v2(i, &device) != kSuccess) {
      continue;
    }
    FieldValue fields[310] = {};
    for (unsigned id = 0; id < 310; ++id) {
      fields[id].field_id = id;
      fields[id].scope_id = id % 3 == 0 ? 0xffffffffU : id % 4;
    }
    nvmlDeviceGetFieldValues(device, 310, fields);
    Utilization rates;
    nvmlDeviceGetUtilizationRates(device, &rates);
    int type = 0;
    unsigned samples = 16;
    Sample ring[16];
    for (int kind = 0; kind < 10; ++kind) {
      nvmlDeviceGetSamples(device, kind, 0, &type, &samples, ring);
      samples = 16;
    }
    unsigned processes = 4;
    ProcessInfo infos[4];
    nvmlDeviceGetComputeRunningProcesses_v3(device, &processes, infos);
    nvmlGpmSampleGet(device, before);
    nvmlGpmSampleGet(device, after);
    GpmMetricsGet metrics{1, 1, before, after, {}};
    metrics.metrics[0].id = i % 300;
    nvmlGpmMetricsGet(&metrics);
  }
}

void poll_until(const std::atomic<bool>& done) {
  GpmSample* before = nullptr;
  GpmSample* after = nullptr;
  nvmlGpmSampleAlloc(&before);
  nvmlGpmSampleAlloc(&after);
  while (!done) {
    poll_all(before, after);
  }
  nvmlGpmSampleFree(before);
  nvmlGpmSampleFree(after);
}

void wait_until(const std::atomic<bool>& done) {
  while (!done) {
    EventSet* set = nullptr;
    nvmlEventSetCreate(&set);
    for (unsigned i = 0; i < 8; ++i) {
      Device* device = nullptr;
      if (nvmlDeviceGetHandleByIndex_v2(i, &device) == kSuccess) {
        nvmlDeviceRegisterEvents(device, 0x4008, set);
      }
    }
    EventData data{};
    for (int round = 0; round < 4 && !done; ++round) {
      nvmlEventSetWait_v2(set, &data, 5);
    }
    nvmlEventSetFree(set);
  }
}

void test_threads(const std::vector<std::string>& scenarios) {
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back(poll_until, std::cref(done));
  }
  threads.emplace_back(wait_until, std::cref(done));
  threads.emplace_back(wait_until, std::cref(done));
  for (int round = 0; round < 4; ++round) {
    for (const std::string& text : scenarios) {
      const std::string manual = text + "\nclock manual\nlatency_us 0\n";
      expect(inlay_fake_nvml_load_text(manual.c_str()) == 0, inlay_fake_nvml_error());
      for (int step = 0; step < 5; ++step) {
        inlay_fake_nvml_advance(1.5);
        std::this_thread::yield();
      }
    }
  }
  done = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
}

void test_damaged(const std::vector<std::string>& scenarios) {
  std::mt19937 random(7);  // NOLINT: the same every time
  const std::string letters = "0123456789 .:*\n\"#abgmpsxz-e";
  int accepted = 0;
  for (int round = 0; round < 600; ++round) {
    std::string text = scenarios[random() % scenarios.size()];
    for (unsigned i = random() % 6; i > 0 && !text.empty(); --i) {
      const std::size_t at = random() % text.size();
      if (random() % 3 == 0) {
        text.erase(at, 1 + random() % 8);
      } else {
        text[at] = letters[random() % letters.size()];
      }
    }
    accepted += inlay_fake_nvml_load_text(text.c_str()) == 0 ? 1 : 0;
  }
  expect(accepted > 0 && accepted < 600, "some damaged scenarios are refused and some are not");
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::string> scenarios;
  for (int i = 1; i < count; ++i) {
    scenarios.push_back(read(arguments[i]));
    expect(!scenarios.back().empty(), arguments[i]);
  }
  if (scenarios.empty()) {
    std::fprintf(stderr, "usage: %s SCENARIO...\n", arguments[0]);
    return 2;
  }
  expect(inlay_fake_nvml_load_text(scenarios.front().c_str()) == 0, inlay_fake_nvml_error());
  expect(nvmlInit_v2() == kSuccess, "initialised");
  test_threads(scenarios);
  test_damaged(scenarios);
  expect(nvmlShutdown() == kSuccess, "shut down");
  return failures == 0 ? 0 : 1;
}
