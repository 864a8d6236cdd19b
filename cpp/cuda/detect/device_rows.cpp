#include "detect/device_rows.hpp"

#include <string>

namespace inlay::cuda {
namespace {

void check_side(const DeviceRows& side) {
  if (side.tensor.dims != 1 && side.tensor.dims != 2) {
    throw InvalidArgument("rows must have the shape (rows, columns); dimensions: " +
                          std::to_string(side.tensor.dims));
  }
  if (side.dims() == 0) throw InvalidArgument("rows must have columns: 0");
  constexpr std::int64_t kMostRows = std::int64_t{1} << 30;
  if (side.tensor.shape[0] >= kMostRows) {
    throw InvalidArgument("a side has at most 2^30 - 1 rows: " +
                          std::to_string(side.tensor.shape[0]));
  }
}

}  // namespace

void check_sides(const DeviceRows& x, const DeviceRows& y) {
  check_side(x);
  check_side(y);
  if (x.dims() != y.dims()) {
    throw InvalidArgument("reference has " + std::to_string(x.dims()) + " columns; current has " +
                          std::to_string(y.dims()));
  }
  if (x.tensor.device != y.tensor.device) {
    throw InvalidArgument("reference is on device " + std::to_string(x.tensor.device) +
                          "; current on device " + std::to_string(y.tensor.device));
  }
}

}  // namespace inlay::cuda
