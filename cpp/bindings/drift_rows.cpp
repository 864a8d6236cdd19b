#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <inlay/drift/distances.hpp>
#include <inlay/error.hpp>
#include <inlay/parallel_for.hpp>
#include <limits>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "components.hpp"
#include "python_bytes.hpp"

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

// A thread is worth its start from about so many rows on.
constexpr std::size_t kRowsPerThread = 2048;

// Numbers of reasons, which are static texts, from 1 on. Safe for concurrent use.
class Reasons {
 public:
  char number(const char* reason) {
    const std::lock_guard<std::mutex> guard(mutex_);
    std::size_t number = 0;
    while (number < known_.size() && std::strcmp(known_[number], reason) != 0) ++number;
    if (number == known_.size()) known_.push_back(reason);
    return static_cast<char>(number + 1);
  }
  std::vector<std::string> texts() const { return {known_.begin(), known_.end()}; }

 private:
  std::mutex mutex_;
  std::vector<const char*> known_;
};

// Calls work(from, to) for parts of the rows, on as many threads as that is worth.
template <class Work>
void share_out(std::size_t rows, const Work& work) {
  const std::size_t parts = std::min(detail::threads_for(0), rows / kRowsPerThread + 1);
  detail::parallel_for(parts, parts,
                       [&](std::size_t i) { work(rows * i / parts, rows * (i + 1) / parts); });
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
  Reasons known;
  {
    // No Python object is touched: the buffers stay requested.
    const py::gil_scoped_release release;
    const auto put = [&](std::size_t row, std::size_t kind, const Distance& distance,
                         double effect) {
      const std::size_t at = row * kAll + kind;
      if (distance.reason != nullptr) {
        reasons[at] = known.number(distance.reason);
        return;
      }
      double* numbers = out.data() + at * kNumbers;
      numbers[0] = distance.value;
      numbers[1] = distance.low;
      numbers[2] = distance.high;
      if (distance.p_value) numbers[3] = *distance.p_value;
      numbers[4] = effect;
    };
    const auto judge = [&](std::size_t row) {
      const std::size_t number = static_cast<std::size_t>(which.data()[row]);
      const std::uint64_t* old_counts = theirs.data() + number * cells;
      const std::uint64_t* new_counts = ours.data() + row * cells;
      const CellDistances found = cell_distances(old_counts, new_counts, cells, is_ordered);
      for (std::size_t kind = 0; kind < kCellDistances; ++kind) {
        put(row, kind, found.each[kind], found.effects[kind]);
      }
      if (!has_edges) return;
      OrderedCells ordered;
      ordered.edges = bounds.data() + number * (cells - 1);
      ordered.num_edges = cells - 1;
      ordered.reference = old_counts;
      ordered.current = new_counts;
      const OrderedDistances between = ordered_distances(ordered);
      for (std::size_t kind = 0; kind < kOrderedDistances; ++kind) {
        put(row, kCellDistances + kind, between.each[kind], between.each[kind].low);
      }
    };
    share_out(which.size(), [&](std::size_t from, std::size_t to) {
      for (std::size_t row = from; row < to; ++row) judge(row);
    });
  }
  return {bytes_of(out), py::bytes(reasons), known.texts()};
}

}  // namespace

void register_drift_rows(py::module_& m) {
  m.def("distances_of_rows", &rows, py::arg("reference"), py::arg("edges"), py::arg("current"),
        py::arg("of_row"), py::pos_only(), py::kw_only(), py::arg("cells"), py::arg("is_ordered"));
}

}  // namespace inlay::python
