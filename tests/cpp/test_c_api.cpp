#include <gtest/gtest.h>
#include <inlay/inlay.h>

#include <string>
#include <utility>

#include "inlay/arrow/table.hpp"
#include "points_view.hpp"

namespace inlay {
namespace {

struct CApi : testing::Test {
  inlay_observer* observer = nullptr;
  void SetUp() override {
    inlay_observer_options options{};
    options.struct_size = sizeof options;
    options.service_name = "plugin";
    ASSERT_EQ(inlay_observer_new(&options, &observer), INLAY_OK);
  }
  void TearDown() override { inlay_observer_free(observer); }

  inlay_series* series(int kind, const char* name) const {
    static const char* const keys[] = {"route"};
    static const char* const values[] = {"chat"};
    inlay_instrument instrument{};
    instrument.struct_size = sizeof instrument;
    instrument.kind = kind;
    instrument.name = name;
    instrument.attribute_keys = keys;
    instrument.attribute_values = values;
    instrument.num_attributes = 1;
    inlay_series* made = nullptr;
    EXPECT_EQ(inlay_series_new(observer, &instrument, &made), INLAY_OK) << inlay_last_error();
    return made;
  }

  NativeBatch turn() const {
    ArrowArrayStream stream{};
    EXPECT_EQ(inlay_observer_turn(observer, &stream), INLAY_OK);
    NativeBatch batch;
    batch.points = Table::import_stream(&stream);
    return batch;
  }
};

TEST_F(CApi, records_and_collects) {
  inlay_series* const counter = series(INLAY_COUNTER, "requests");
  inlay_series* const gauge = series(INLAY_GAUGE, "depth");
  inlay_series* const histogram = series(INLAY_HISTOGRAM, "latency");
  EXPECT_EQ(inlay_counter_add_i64(counter, 2), INLAY_OK);
  EXPECT_EQ(inlay_counter_add_f64(counter, 0.5), INLAY_OK);
  EXPECT_EQ(inlay_gauge_set(gauge, 4.0), INLAY_OK);
  EXPECT_EQ(inlay_gauge_add(gauge, -1.0), INLAY_OK);
  EXPECT_EQ(inlay_histogram_record(histogram, 1.0), INLAY_OK);
  const double doubles[] = {1.0, 2.0};
  const float floats[] = {3.0f};
  EXPECT_EQ(inlay_histogram_record_f64s(histogram, doubles, 2), INLAY_OK);
  EXPECT_EQ(inlay_histogram_record_f32s(histogram, floats, 1), INLAY_OK);
  const NativeBatch batch = turn();
  EXPECT_EQ(points_of(batch, "requests").at(0).value, 2.5);
  EXPECT_EQ(points_of(batch, "depth").at(0).value, 3.0);
  EXPECT_EQ(points_of(batch, "latency").at(0).count, 4);
  EXPECT_EQ(points_of(batch, "latency").at(0).attrs, R"({"route":"chat"})");
  for (inlay_series* made : {counter, gauge, histogram}) inlay_series_free(made);
}

TEST_F(CApi, says_what_is_wrong) {
  inlay_series* const counter = series(INLAY_COUNTER, "requests");
  EXPECT_EQ(inlay_counter_add_i64(counter, -3), INLAY_INVALID_ARGUMENT);
  EXPECT_NE(std::string(inlay_last_error()).find("-3"), std::string::npos);
  EXPECT_EQ(inlay_gauge_set(counter, 1.0), INLAY_INVALID_ARGUMENT);
  EXPECT_EQ(inlay_histogram_record(nullptr, 1.0), INLAY_INVALID_ARGUMENT);
  EXPECT_EQ(inlay_observer_new(nullptr, nullptr), INLAY_INVALID_ARGUMENT);
  inlay_observer_options options{};
  inlay_observer* other = nullptr;
  EXPECT_EQ(inlay_observer_new(&options, &other), INLAY_INVALID_ARGUMENT);
  inlay_instrument instrument{};
  instrument.struct_size = sizeof instrument;
  instrument.name = "9";
  inlay_series* made = nullptr;
  EXPECT_EQ(inlay_series_new(observer, &instrument, &made), INLAY_INVALID_ARGUMENT);
  instrument.name = "fine";
  instrument.kind = 7;
  EXPECT_EQ(inlay_series_new(observer, &instrument, &made), INLAY_INVALID_ARGUMENT);
  EXPECT_NE(std::string(inlay_last_error()).find('7'), std::string::npos);
  inlay_series_free(counter);
  EXPECT_EQ(inlay_observer_stop(observer), INLAY_OK);
  ArrowArrayStream stream{};
  EXPECT_EQ(inlay_observer_turn(observer, &stream), INLAY_ERROR);
}

TEST_F(CApi, the_installed_observer_is_shared) {
  EXPECT_EQ(inlay_observer_installed(), nullptr);
  ASSERT_EQ(inlay_observer_install(observer), INLAY_OK);
  inlay_observer* const own = std::exchange(observer, inlay_observer_installed());
  ASSERT_NE(observer, nullptr);
  inlay_series* const counter = series(INLAY_COUNTER, "shared");
  inlay_counter_add_i64(counter, 1);
  inlay_series_free(counter);
  inlay_observer_free(std::exchange(observer, own));
  EXPECT_EQ(points_of(turn(), "shared").size(), 1u);
}

}  // namespace
}  // namespace inlay
