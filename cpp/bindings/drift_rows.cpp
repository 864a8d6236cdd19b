#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <cstring>
#include <inlay/drift/distances.hpp>
#include <inlay/error.hpp>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "components.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

constexpr std::size_t kAll = kCellDistances + kOrderedDistances;
constexpr std::size_t kNumbers = 5;  // value, low, high, p-value, effect

// A one-dimensional buffer of 8-byte numbers, contiguous.
template <class T>
struct Numbers {
  py::buffer_info info;

  explicit Numbers(const py::buffer& buffer, const char* what) : info(buffer.request()) {
    if (info.itemsize != sizeof(T) || info.ndim != 1 ||
        (info.shape[0] > 1 && info.strides[0] != static_cast<py::ssize_t>(sizeof(T)))) {
      detail::fail<InvalidArgument>(std::string(what) + " must be one row of 8-byte numbers",
                                    info.ndim);
    }
  }
  const T* data() const { return static_cast<const T*>(info.ptr); }
  std::size_t size() const { return static_cast<std::size_t>(info.shape[0]); }
};

void require_size(const char* what, std::size_t found, std::size_t expected) {
  if (found != expected) {
    detail::fail<InvalidArgument>(
        std::string(what) + " must be " + std::to_string(expected) + " numbers", found);
  }
}

// Distances of many rows: doubles (rows, kAll, kNumbers), NaN where undefined; the number of the
// reason of each (rows, kAll), 0 where there is none; the reasons from 1 on.
std::tuple<py::bytes, py::bytes, std::vector<std::string>> rows(
    const py::buffer& reference, const py::buffer& edges, const py::buffer& current,
    const py::buffer& of_row, std::size_t cells, bool is_ordered) {
  const Numbers<std::uint64_t> theirs(reference, "reference counts");
  const Numbers<double> bounds(edges, "edges");
  const Numbers<std::uint64_t> ours(current, "counts");
  const Numbers<std::int64_t> which(of_row, "references of rows");
  if (cells == 0) detail::fail<InvalidArgument>("there must be a cell", cells);
  const std::size_t references = theirs.size() / cells;
  require_size("reference counts", theirs.size(), references * cells);
  require_size("counts", ours.size(), which.size() * cells);
  const bool has_edges = bounds.size() > 0;
  if (has_edges) require_size("edges", bounds.size(), references * (cells - 1));
  for (std::size_t row = 0; row < which.size(); ++row) {
    const std::int64_t number = which.data()[row];
    if (number < 0 || static_cast<std::size_t>(number) >= references) {
      detail::fail<InvalidArgument>("there is no such reference", number);
    }
  }
  std::vector<double> out(which.size() * kAll * kNumbers, std::numeric_limits<double>::quiet_NaN());
  std::string reasons(which.size() * kAll, '\0');
  std::vector<const char*> known;
  {
    // No Python object is touched: the buffers stay requested.
    const py::gil_scoped_release release;
    const auto put = [&](std::size_t row, std::size_t kind, const Distance& distance,
                         double effect) {
      const std::size_t at = row * kAll + kind;
      if (distance.reason != nullptr) {
        std::size_t number = 0;
        while (number < known.size() && std::strcmp(known[number], distance.reason) != 0) ++number;
        if (number == known.size()) known.push_back(distance.reason);
        reasons[at] = static_cast<char>(number + 1);
        return;
      }
      double* numbers = out.data() + at * kNumbers;
      numbers[0] = distance.value;
      numbers[1] = distance.low;
      numbers[2] = distance.high;
      if (distance.p_value) numbers[3] = *distance.p_value;
      numbers[4] = effect;
    };
    for (std::size_t row = 0; row < which.size(); ++row) {
      const std::size_t number = static_cast<std::size_t>(which.data()[row]);
      const std::uint64_t* old_counts = theirs.data() + number * cells;
      const std::uint64_t* new_counts = ours.data() + row * cells;
      const CellDistances found = cell_distances(old_counts, new_counts, cells, is_ordered);
      for (std::size_t kind = 0; kind < kCellDistances; ++kind) {
        put(row, kind, found.each[kind], found.effects[kind]);
      }
      if (!has_edges) continue;
      OrderedCells ordered;
      ordered.edges = bounds.data() + number * (cells - 1);
      ordered.num_edges = cells - 1;
      ordered.reference = old_counts;
      ordered.current = new_counts;
      const OrderedDistances between = ordered_distances(ordered);
      for (std::size_t kind = 0; kind < kOrderedDistances; ++kind) {
        put(row, kCellDistances + kind, between.each[kind], between.each[kind].low);
      }
    }
  }
  return {py::bytes(reinterpret_cast<const char*>(out.data()), out.size() * sizeof(double)),
          py::bytes(reasons), std::vector<std::string>(known.begin(), known.end())};
}

}  // namespace

void register_drift_rows(py::module_& m) {
  m.def("distances_of_rows", &rows, py::arg("reference"), py::arg("edges"), py::arg("current"),
        py::arg("of_row"), py::pos_only(), py::kw_only(), py::arg("cells"), py::arg("is_ordered"));
}

}  // namespace inlay::python
