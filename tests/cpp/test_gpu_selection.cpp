// Names of GPUs, as CUDA_VISIBLE_DEVICES has them.

#include "infra/gpu_selection.hpp"

#include <gtest/gtest.h>

#include "infra/gpu_discovery.hpp"
#include "inlay/error.hpp"

namespace inlay::infra {
namespace {

constexpr const char* kUuid = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6";

TEST(GpuSelection, indices_uuids_and_instances_are_names) {
  EXPECT_EQ(parse_gpu_token("3")->index, 3u);
  EXPECT_EQ(parse_gpu_token(" 12 ")->index, 12u);
  EXPECT_EQ(parse_gpu_token(kUuid)->kind, GpuToken::Kind::kUuid);
  EXPECT_EQ(parse_gpu_token("GPU-8932")->uuid, "GPU-8932");
  const auto instance = parse_gpu_token("MIG-cd8d6dc5-1a3b-5b9e-9b5f-0f6d6dc5a3b1");
  ASSERT_TRUE(instance);
  EXPECT_EQ(instance->kind, GpuToken::Kind::kMig);
  EXPECT_FALSE(instance->gpu_instance);
  const auto old = parse_gpu_token(std::string("MIG-") + kUuid + "/1/0");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->uuid, kUuid);
  EXPECT_EQ(*old->gpu_instance, 1u);
  EXPECT_EQ(*old->compute_instance, 0u);
}

TEST(GpuSelection, everything_else_is_none) {
  for (const char* text :
       {"", " ", "-1", "1.5", "x", "GPU-", "MIG-", "GPU-xyz", "gpu-8932", "MIG-GPU-12/1",
        "MIG-GPU-12/1/", "MIG-GPU-12/a/0", "MIG-GPU-/1/0", "99999999999999", "NoDevFiles"}) {
    EXPECT_FALSE(parse_gpu_token(text)) << text;
  }
}

TEST(GpuSelection, visible_devices_end_at_the_first_that_is_none) {
  EXPECT_EQ(parse_visible_devices("0,2,5").size(), 3u);
  EXPECT_EQ(parse_visible_devices("0,-1,5").size(), 1u);
  EXPECT_EQ(parse_visible_devices("").size(), 0u);
  EXPECT_EQ(parse_visible_devices(",1").size(), 0u);
  EXPECT_EQ(parse_visible_devices("1,").size(), 1u);
  EXPECT_EQ(parse_visible_devices("1,2,1").size(), 0u);  // CUDA then sees none
  EXPECT_EQ(parse_visible_devices(std::string("1,") + kUuid).size(), 2u);
}

TEST(GpuSelection, uuids_may_be_cut_short_and_are_of_any_case) {
  EXPECT_TRUE(names_gpu(*parse_gpu_token("GPU-8932"), 7, kUuid));
  EXPECT_TRUE(names_gpu(*parse_gpu_token("GPU-8932F937"), 7, kUuid));
  EXPECT_FALSE(names_gpu(*parse_gpu_token("GPU-8933"), 7, kUuid));
  EXPECT_FALSE(names_gpu(*parse_gpu_token(std::string(kUuid) + "00"), 7, kUuid));
  EXPECT_TRUE(names_gpu(*parse_gpu_token("7"), 7, kUuid));
  EXPECT_FALSE(names_gpu(*parse_gpu_token("6"), 7, kUuid));
  EXPECT_TRUE(names_gpu(*parse_gpu_token(std::string("MIG-") + kUuid + "/1/0"), 7, kUuid));
  EXPECT_FALSE(names_gpu(*parse_gpu_token("MIG-8932f937"), 7, kUuid));
}

TEST(GpuSelection, options_with_other_names_are_refused) {
  GpuOptions options;
  options.devices = {"0", "cuda:1"};
  EXPECT_THROW(check_devices(options), InvalidArgument);
  options.devices = {"0", kUuid};
  EXPECT_NO_THROW(check_devices(options));
}

}  // namespace
}  // namespace inlay::infra
