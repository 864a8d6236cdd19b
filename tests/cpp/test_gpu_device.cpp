// Reading one GPU through functions made here: what they return is what happens.

#include "infra/gpu_device.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <map>
#include <new>

#include "points_view.hpp"

namespace {
std::atomic<std::int64_t> g_allocations{0};
}  // namespace

// Counts what this program allocates.
[[gnu::noinline]] void* operator new(std::size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace inlay::infra {
namespace {

// What the functions below answer; C pointers carry no state.
struct Answers {
  nvml::Return call = nvml::kSuccess;             // of field_values as a whole
  std::map<std::uint32_t, nvml::Return> fields;   // of one; else success
  std::map<std::uint32_t, std::uint64_t> totals;  // of one; else `total`
  std::map<std::uint32_t, nvml::Return> gpm;
  std::uint64_t total = 1000;
  std::uint32_t type = nvml::kUnsignedLongLong;
  int calls = 0;
} g_answers;

nvml::Return field_values(nvml::Device, std::int32_t count, nvml::FieldValue* values) {
  ++g_answers.calls;
  if (g_answers.call != nvml::kSuccess) return g_answers.call;
  for (std::int32_t i = 0; i < count; ++i) {
    const auto code = g_answers.fields.find(values[i].field);
    const auto total = g_answers.totals.find(values[i].field);
    values[i].result = code == g_answers.fields.end() ? nvml::kSuccess : code->second;
    values[i].value_type = g_answers.type;
    values[i].value.wide = values[i].field == nvml::kFieldRecoveryAction ? 0 : g_answers.total;
    if (total != g_answers.totals.end()) values[i].value.wide = total->second;
  }
  return nvml::kSuccess;
}

nvml::Return gpm_support(nvml::Device, nvml::GpmSupport* support) {
  support->supported = 1;
  return nvml::kSuccess;
}

nvml::Return gpm_sample_alloc(nvml::GpmSample* sample) {
  *sample = &g_answers;
  return nvml::kSuccess;
}

nvml::Return gpm_sample_free(nvml::GpmSample) { return nvml::kSuccess; }

nvml::Return gpm_sample_get(nvml::Device, nvml::GpmSample) {
  ++g_answers.calls;
  return nvml::kSuccess;
}

nvml::Return gpm_metrics_get(nvml::GpmMetrics* metrics) {
  ++g_answers.calls;
  for (std::uint32_t i = 0; i < metrics->num_metrics; ++i) {
    const auto code = g_answers.gpm.find(metrics->metrics[i].id);
    metrics->metrics[i].result = code == g_answers.gpm.end() ? nvml::kSuccess : code->second;
    metrics->metrics[i].value = 50;
  }
  return nvml::kSuccess;
}

struct GpuDeviceTest : testing::Test {
  Readings readings;
  IntervalLog intervals;
  GpuShared shared;
  std::vector<Event> told;
  std::unique_ptr<GpuDevice> device;
  std::int64_t time_us = 1'700'000'000'000'000;

  void SetUp() override {
    g_answers = {};
    auto library = std::make_shared<NvmlLibrary>();
    library->field_values.address = field_values;
    library->gpm_support.address = gpm_support;
    library->gpm_sample_alloc.address = gpm_sample_alloc;
    library->gpm_sample_free.address = gpm_sample_free;
    library->gpm_sample_get.address = gpm_sample_get;
    library->gpm_metrics_get.address = gpm_metrics_get;
    shared.nvml = library;
    shared.readings = &readings;
    shared.intervals = &intervals;
    shared.emit = [this](Event event) { told.push_back(std::move(event)); };
    shared.gpm_refresh_ns = 0;
    shared.gpm_room = std::make_unique<nvml::GpmMetrics>();
    shared.processes.resize(4);
    shared.shares.resize(4);
    shared.samples.resize(4);
  }

  void make(std::uint32_t links = 0) {
    GpuInfo info;
    info.uuid = "GPU-1";
    info.links = links;
    device = std::make_unique<GpuDevice>(shared, nullptr, info);
    device->set_up();
  }

  void fast() {
    time_us += 100'000;
    device->fast({time_us, 0, 100'000});
  }

  std::vector<PointView> rows(const std::string& metric) {
    std::vector<Event> events;
    NativeBatch batch;
    batch.points = readings.take({0, 1, "tests"}, events);
    return points_of(batch, metric);
  }
};

TEST_F(GpuDeviceTest, a_fast_tick_is_three_calls_and_allocates_nothing) {
  make(18);
  for (int i = 0; i < 3; ++i) fast();
  g_answers.calls = 0;
  const std::int64_t before = g_allocations;
  for (int i = 0; i < 10; ++i) {
    g_answers.total += 1'000'000;
    fast();
  }
  EXPECT_EQ(g_allocations, before);
  EXPECT_EQ(g_answers.calls, 30);
}

TEST_F(GpuDeviceTest, each_field_has_its_own_status) {
  g_answers.fields = {{83, nvml::kNoPermission},
                      {191, nvml::kNoPermission},
                      {186, nvml::kNotSupported},
                      {185, nvml::kNotSupported}};
  make();
  fast();
  g_answers.total += 500;
  fast();
  std::vector<Event> events;
  NativeBatch batch;
  batch.points = readings.take({0, 1, "tests"}, events);
  EXPECT_EQ(points_of(batch, "gpu.energy")[0].status, "no_permission");
  EXPECT_EQ(points_of(batch, "gpu.power")[0].status, "unsupported");
  EXPECT_EQ(*points_of(batch, "gpu.pcie.replays")[0].value, 500);
}

TEST_F(GpuDeviceTest, a_field_may_fail_for_a_while) {
  make();
  fast();
  rows("gpu.energy");
  g_answers.fields[83] = 999;
  fast();
  auto found = rows("gpu.energy");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].status, "error");
  fast();
  EXPECT_TRUE(rows("gpu.energy").empty());
  g_answers.fields.clear();
  g_answers.total += 2000;
  fast();
  EXPECT_DOUBLE_EQ(*rows("gpu.energy")[0].value, 2.0);  // what came meanwhile is not lost
}

TEST_F(GpuDeviceTest, another_field_stands_in_for_one_that_is_not_there) {
  g_answers.fields = {{83, nvml::kNotSupported}};
  make();
  fast();
  g_answers.totals[191] = g_answers.total + 3000;
  fast();
  EXPECT_DOUBLE_EQ(*rows("gpu.energy")[0].value, 3.0);
}

TEST_F(GpuDeviceTest, rates_make_bytes_where_there_is_no_counter) {
  g_answers.fields = {{197, nvml::kNotSupported}, {198, nvml::kNotSupported}};
  make();
  for (int i = 0; i < 5; ++i) fast();
  const auto found = rows("gpu.pcie.io");
  ASSERT_EQ(found.size(), 2u);
  for (const auto& row : found) {
    EXPECT_EQ(row.kind, "counter");
    EXPECT_EQ(row.status, "ok");
  }
}

TEST_F(GpuDeviceTest, an_activity_may_be_unknown) {
  g_answers.gpm = {{11, nvml::kNotSupported}};
  make();
  fast();
  fast();
  std::vector<Event> events;
  NativeBatch batch;
  batch.points = readings.take({0, 1, "tests"}, events);
  EXPECT_EQ(points_of(batch, "gpu.fp64.activity")[0].status, "unsupported");
  EXPECT_DOUBLE_EQ(*points_of(batch, "gpu.sm.activity")[0].value, 0.5);
}

TEST_F(GpuDeviceTest, a_lost_gpu_is_told_once_and_read_no_more) {
  make();
  fast();
  g_answers.call = nvml::kGpuIsLost;
  fast();
  fast();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].name, "gpu.lost");
  EXPECT_TRUE(device->info().lost);
  g_answers.calls = 0;
  fast();
  device->medium({time_us, 0, 1});
  device->slow({time_us, 0, 1});
  EXPECT_EQ(g_answers.calls, 0);
  g_answers.call = nvml::kSuccess;
  g_answers.total = 5;
  device->came_back(nullptr, 3);
  fast();
  g_answers.total = 1005;
  fast();
  EXPECT_DOUBLE_EQ(*rows("gpu.energy")[0].value, 1.0);
  EXPECT_EQ(device->info().index, 3u);
}

TEST_F(GpuDeviceTest, functions_that_are_missing_are_a_status) {
  make();
  device->medium({time_us, 0, 1});
  device->slow({time_us, 0, 1});
  std::vector<Event> events;
  NativeBatch batch;
  batch.points = readings.take({0, 1, "tests"}, events);
  for (const char* metric : {"gpu.memory.used", "gpu.pstate", "gpu.fabric.state", "gpu.fan.speed",
                             "gpu.process.memory", "gpu.utilization"}) {
    const auto found = points_of(batch, metric);
    ASSERT_EQ(found.size(), 1u) << metric;
    EXPECT_EQ(found[0].status, "unsupported") << metric;
  }
}

TEST_F(GpuDeviceTest, values_of_any_type_are_read) {
  nvml::Value value{};
  value.real = 2.5;
  EXPECT_EQ(real_value(value, nvml::kDouble), 2.5);
  EXPECT_EQ(whole_value(value, nvml::kDouble), 2u);
  value.real = -1;
  EXPECT_EQ(whole_value(value, nvml::kDouble), 0u);
  value.wide = 0;
  value.signed_word = -7;
  EXPECT_EQ(real_value(value, nvml::kSigned), -7);
  EXPECT_EQ(whole_value(value, nvml::kSigned), 0u);
  value.half = 40'000;
  EXPECT_EQ(real_value(value, nvml::kUnsignedShort), 40'000);
  value.signed_wide = -3;
  EXPECT_EQ(real_value(value, nvml::kSignedLongLong), -3);
  EXPECT_TRUE(std::isnan(real_value(value, 77)));
}

}  // namespace
}  // namespace inlay::infra
