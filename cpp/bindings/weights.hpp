#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace inlay::python {

/// How often each entry of a column counts: integers of 0 or more, none of them null. Made with the
/// GIL; immutable.
class Weights {
 public:
  /// @throws InvalidArgument naming the first weight that is none and its position, or if there are
  /// not `num_values`, or they do not fit a signed 64-bit total.
  Weights(PyObject* object, std::size_t num_values);

  const std::int64_t* data() const noexcept { return weights_.data(); }
  std::uint64_t total() const noexcept { return total_; }

 private:
  std::vector<std::int64_t> weights_;
  std::uint64_t total_ = 0;
};

}  // namespace inlay::python
