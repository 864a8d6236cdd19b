#include "emulator.hpp"

// Dozens of instances of a long body: they would take minutes to optimise.
#pragma GCC optimize("O1")

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "../cuda/column_cases.hpp"
#include "summary/column_kernel.cuh"
#include "summary/edge_lookup.hpp"

namespace inlay::cuda {
namespace {

using emu::machine;
using emu::Order;

template <class T>
void launch_one(ColumnArgs args, bool edges) {
  args.block.threads = kMergers;  // fewer fibers
  const auto go = [&]<Walk kWalk, bool kEdges>() {
    const ColumnShared shared = column_shared(
        args.block, args.edge_steps, args.edges_shared && args.edge_steps != 0, sizeof(Real<T>));
    emu::launch(args.walk.groups * args.walk.slices, args.block.threads, shared.bytes,
                [&] { count_columns<T, kWalk, kEdges>(args); });
  };
  EXPECT_EQ(has_fast_walks(args.walk.element), kHasFastWalks<T>);
  if constexpr (kHasFastWalks<T>) {
    if (args.walk.kind == Walk::kRows) {
      return edges ? go.template operator()<Walk::kRows, true>()
                   : go.template operator()<Walk::kRows, false>();
    }
    if (args.walk.kind == Walk::kRun) {
      return edges ? go.template operator()<Walk::kRun, true>()
                   : go.template operator()<Walk::kRun, false>();
    }
  }
  ASSERT_EQ(args.walk.kind, Walk::kGeneral);
  go.template operator()<Walk::kGeneral, true>();
}

/// What a monitor does, by the emulator.
std::vector<unsigned char> run_emulated(const cases::Case& c, const ColumnLayout& layout) {
  std::vector<std::uint64_t> states[1];
  states[0].resize(layout.bytes() / 8);
  std::vector<ColumnPart> parts(column_parts(layout.columns, c.target_blocks));
  std::vector<std::uint32_t> arrived(layout.columns + 1);
  WindowControl control{};
  ColumnArgs args;
  args.control = &control;
  args.states[0] = reinterpret_cast<unsigned char*>(states[0].data());
  args.layout = layout;
  args.parts = parts.data();
  args.arrived = arrived.data();
  args.block = column_block(c.shared_bytes);
  args.scale = std::max(c.scale, 0);
  args.table_scale = std::max(args.scale, 5);
  const auto cells32 = make_bucket_cells<std::uint32_t>(args.table_scale);
  const auto cells64 = make_bucket_cells<std::uint64_t>(args.table_scale);
  std::vector<float> edges32;
  std::vector<double> edges64;
  if (layout.cells != 0) {
    args.edge_steps = static_cast<std::uint32_t>(std::bit_width(layout.cells) - 1);
    for (const auto& edges : c.edges) {
      for (std::uint32_t i = 0; i + 1 < layout.cells; ++i) {
        const bool given = i < edges.size();
        edges64.push_back(given ? edges[i] : HUGE_VAL);
        edges32.push_back(given ? detail::float_not_above(edges[i]) : HUGE_VALF);
      }
    }
  }
  for (const cases::Batch& batch : c.batches) {
    Tensor tensor = batch.tensor;
    const std::size_t size = size_of(tensor.element);
    // Aligned as device memory is.
    std::vector<Bytes16> memory(batch.memory.size() / 16 + 1);
    std::copy(batch.memory.begin(), batch.memory.end(),
              reinterpret_cast<unsigned char*>(memory.data()));
    tensor.data = reinterpret_cast<const unsigned char*>(memory.data()) +
                  static_cast<std::size_t>(batch.offset) * size;
    args.walk = plan_columns(tensor, c.axis, c.target_blocks);
    if (args.walk.rows == 0) continue;
    args.window = window_for(args.walk, args.scale, args.block);
    with_element(tensor.element, [&]<class T>() {
      args.bucket_cells = sizeof(Real<T>) == 4 ? static_cast<const void*>(cells32.data())
                                               : static_cast<const void*>(cells64.data());
      args.edges = sizeof(Real<T>) == 4 ? static_cast<const void*>(edges32.data())
                                        : static_cast<const void*>(edges64.data());
      args.edges_shared = edges_fit(args.block, args.edge_steps, sizeof(Real<T>), c.shared_bytes);
      EXPECT_LE(args.walk.groups, arrived.size());
      EXPECT_LE(std::size_t{args.walk.groups} * args.walk.slices * args.walk.per_group,
                parts.size());
      launch_one<Walked<T>>(args, layout.cells != 0);
    });
  }
  std::vector<unsigned char> result(column_result_bytes(layout));
  emu::launch(3, 128, 0, [&] { extract_columns(args.states[0], layout, result.data()); });
  EXPECT_TRUE(std::all_of(states[0].begin(), states[0].end(), [](std::uint64_t word) {
    return word == 0;
  })) << "a state that is not as new";
  return result;
}

// One list of all: which they are is slow to make up again.
const std::vector<cases::Case>& list() {
  static const std::vector<cases::Case> the_list = cases::all_cases();
  return the_list;
}

class EmulatedColumns : public testing::TestWithParam<Order> {
 protected:
  void SetUp() override { machine().order = GetParam(); }
  void TearDown() override { machine().order = Order::kForward; }
};

TEST_P(EmulatedColumns, EqualTheCpu) {
  unsigned number = 0;
  for (const cases::Case& c : list()) {
    // Other orders than forward take a part each.
    if (GetParam() != Order::kForward && number++ % 8 != (GetParam() == Order::kReverse ? 0 : 3))
      continue;
    cases::check_case(c, run_emulated);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, EmulatedColumns,
                         testing::Values(Order::kForward, Order::kReverse, Order::kRandom));

}  // namespace
}  // namespace inlay::cuda
