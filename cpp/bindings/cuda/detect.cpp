#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <cstring>
#include <inlay/error.hpp>
#include <memory>
#include <string>
#include <vector>

#include "../python_bytes.hpp"
#include "../two_sample_fields.hpp"
#include "components.hpp"
#include "detect/device_kernel_statistic.hpp"
#include "detect/device_row_moments.hpp"
#include "detect/device_sliced.hpp"
#include "detect/device_two_sample.hpp"
#include "detect/embedding_monitor.hpp"
#include "monitor_methods.hpp"
#include "runtime/device_memory.hpp"
#include "runtime/error.hpp"
#include "runtime/guards.hpp"
#include "stream_argument.hpp"
#include "tensor_input.hpp"

namespace inlay::python {
namespace {

using cuda::DeviceRows;

/// Contiguous numbers that Python lends, such as a numpy array.
template <class T>
class Numbers {
 public:
  explicit Numbers(const py::handle& object) {
    if (object.is_none()) return;
    info_ = py::reinterpret_borrow<py::buffer>(object).request();
    if (info_.itemsize != sizeof(T)) {
      throw InvalidArgument("numbers of another size: " + std::to_string(info_.itemsize));
    }
    given_ = true;
  }
  bool given() const { return given_; }
  const T* data() const { return static_cast<const T*>(info_.ptr); }
  std::int64_t size() const { return info_.size; }

 private:
  py::buffer_info info_;
  bool given_ = false;
};

/// Two tensors read for work on one stream, the first's unless one is given.
class Sides {
 public:
  Sides(const py::handle& x, const py::handle& y, const py::handle& stream)
      : x_(x, stream), y_(y, py::int_(dlpack_integer(x_.stream())), x_.tensor().device) {}
  const cuda::Tensor& x() const { return x_.tensor(); }
  const cuda::Tensor& y() const { return y_.tensor(); }
  cudaStream_t stream() const { return x_.stream(); }
  void finished() {
    x_.finished();
    y_.finished();
  }

 private:
  TensorInput x_;
  TensorInput y_;
};

DeviceRows rows_of(const cuda::Tensor& tensor, const Numbers<std::int32_t>& kept) {
  DeviceRows rows{tensor};
  if (kept.given()) {
    rows.kept = kept.data();
    rows.kept_count = kept.size();
    for (std::int64_t i = 0; i < rows.kept_count; ++i) {
      if (rows.kept[i] < 0 || tensor.dims < 1 || rows.kept[i] >= tensor.shape[0]) {
        throw OutOfRange("no row has this number: " + std::to_string(rows.kept[i]));
      }
    }
  }
  return rows;
}

py::dict odd_of(const cuda::OddRows& odd) {
  py::dict out;
  out["left_out"] = py::make_tuple(odd.left_out[0], odd.left_out[1]);
  out["marks"] = py::make_tuple(bytes_of(odd.marks[0]), bytes_of(odd.marks[1]));
  return out;
}

void check_chosen(const Numbers<std::int32_t>& chosen, std::int64_t rows) {
  for (std::int64_t i = 0; i < chosen.size(); ++i) {
    if (chosen.data()[i] < 0 || chosen.data()[i] >= rows) {
      throw OutOfRange("no row has this number: " + std::to_string(chosen.data()[i]));
    }
  }
}

py::list two_samples(const py::object& x, const py::object& y, const py::object& stream) {
  Sides sides(x, y, stream);
  std::vector<cuda::ComparedColumns> compared;
  {
    // Safe: the sides hold the memory, and no Python object is touched meanwhile.
    const py::gil_scoped_release release;
    compared = compare_columns(sides.x(), sides.y(), sides.stream());
  }
  sides.finished();
  py::list out;
  for (const cuda::ComparedColumns& each : compared) {
    TwoSampleFields fields = fields_of(each.result);
    fields["nan_counts"] = py::make_tuple(each.nan[0], each.nan[1]);
    fields["null_counts"] = py::make_tuple(0, 0);
    out.append(py::make_tuple(fields, each.rounded));
  }
  return out;
}

py::dict kernel_forms(const py::object& x, const py::object& y, bool gaussian, double bandwidth,
                      const py::object& chosen, const py::object& signs, const py::tuple& kept,
                      const py::object& stream) {
  Sides sides(x, y, stream);
  const Numbers<std::int32_t> kept_x(kept[0]);
  const Numbers<std::int32_t> kept_y(kept[1]);
  const Numbers<std::int32_t> chosen_rows(chosen);
  const Numbers<std::int8_t> all_signs(signs);
  cuda::KernelProblem problem;
  problem.x = rows_of(sides.x(), kept_x);
  problem.y = rows_of(sides.y(), kept_y);
  check_sides(problem.x, problem.y);
  const std::int64_t total = problem.x.count() + problem.y.count();
  check_chosen(chosen_rows, total);
  if (total == 0 || all_signs.size() % total != 0) {
    throw InvalidArgument("signs must have a row for each of the rows: " +
                          std::to_string(all_signs.size()));
  }
  problem.gaussian = gaussian;
  problem.bandwidth = bandwidth;
  problem.chosen = chosen_rows.data();
  problem.chosen_count = static_cast<std::int32_t>(chosen_rows.size());
  problem.signs = all_signs.data();
  problem.splits = static_cast<std::int32_t>(all_signs.size() / total);
  cuda::KernelForms forms;
  {
    // Safe: as above; buffers hold the numbers.
    const py::gil_scoped_release release;
    forms = cuda::kernel_forms(problem, sides.stream());
  }
  sides.finished();
  py::dict out = odd_of(forms.odd);
  out["forms"] = bytes_of(forms.forms);
  out["linear"] = bytes_of(forms.linear);
  out["total"] = forms.total;
  out["median"] = forms.median;
  out["offset"] = forms.offset;
  return out;
}

py::dict median_distance(const py::object& rows, const py::object& chosen, const py::object& kept,
                         const py::object& stream) {
  TensorInput input(rows, stream);
  const Numbers<std::int32_t> kept_rows(kept);
  const Numbers<std::int32_t> chosen_rows(chosen);
  const DeviceRows side = rows_of(input.tensor(), kept_rows);
  check_sides(side, side);
  check_chosen(chosen_rows, side.count());
  cuda::MedianDistance found;
  {
    // Safe: as above.
    const py::gil_scoped_release release;
    found = cuda::median_distance(side, chosen_rows.data(),
                                  static_cast<std::int32_t>(chosen_rows.size()), input.stream());
  }
  input.finished();
  py::dict out = odd_of(found.odd);
  out["median"] = found.median;
  return out;
}

py::dict sliced_distances(const py::object& x, const py::object& y, const py::object& directions,
                          int p, const py::tuple& kept, const py::object& stream) {
  Sides sides(x, y, stream);
  const Numbers<std::int32_t> kept_x(kept[0]);
  const Numbers<std::int32_t> kept_y(kept[1]);
  const Numbers<double> all(directions);
  const DeviceRows left = rows_of(sides.x(), kept_x);
  const DeviceRows right = rows_of(sides.y(), kept_y);
  check_sides(left, right);
  if (all.size() % left.dims() != 0) {
    throw InvalidArgument("directions must have " + std::to_string(left.dims()) + " columns");
  }
  cuda::SlicedDistances found;
  {
    // Safe: as above.
    const py::gil_scoped_release release;
    found = cuda::sliced_distances(left, right, all.data(),
                                   static_cast<std::int32_t>(all.size() / left.dims()), p,
                                   sides.stream());
  }
  sides.finished();
  py::dict out = odd_of(found.odd);
  out["powers"] = bytes_of(found.powers);
  return out;
}

py::dict row_moments(const py::object& rows, bool fourth, const py::object& stream) {
  TensorInput input(rows, stream);
  cuda::RowMoments found;
  {
    // Safe: as above.
    const py::gil_scoped_release release;
    found = cuda::row_moments({input.tensor()}, fourth, input.stream());
  }
  input.finished();
  py::dict out;
  out["mean"] = bytes_of(found.mean);
  out["scatter"] = bytes_of(found.scatter);
  out["fourth"] = found.fourth;
  out["left_out"] = found.odd.left_out[0];
  return out;
}

/// Rows of the host, copied to a device: the other side of a test is there.
class RowsOnDevice {
 public:
  RowsOnDevice(const py::object& rows, int device) {
    const py::buffer_info info = py::reinterpret_borrow<py::buffer>(rows).request();
    for (const py::ssize_t size : info.shape) shape_.append(size);
    typestr_ = info.itemsize == 4 ? "<f4" : "<f8";
    const auto bytes = static_cast<std::size_t>(info.size * info.itemsize);
    const cuda::BesideCaptures beside;
    const cuda::DeviceGuard guard(device);
    cuda::check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
    try {
      memory_ = cuda::DeviceMemory(cuda::default_allocator(), bytes == 0 ? 1 : bytes, stream_);
      cuda::check(cudaMemcpyAsync(memory_.get(), info.ptr, bytes, cudaMemcpyHostToDevice, stream_),
                  "copying to a device");
      cuda::check(cudaStreamSynchronize(stream_), "copying to a device");
    } catch (...) {
      release();
      throw;
    }
  }
  RowsOnDevice(const RowsOnDevice&) = delete;
  RowsOnDevice& operator=(const RowsOnDevice&) = delete;
  ~RowsOnDevice() { release(); }

  py::dict interface() const {
    py::dict out;
    out["shape"] = py::tuple(shape_);
    out["typestr"] = typestr_;
    out["data"] = py::make_tuple(reinterpret_cast<std::uintptr_t>(memory_.get()), true);
    out["version"] = 3;
    out["strides"] = py::none();
    out["stream"] = py::none();
    return out;
  }

 private:
  void release() noexcept {
    memory_.reset();
    if (stream_ != nullptr) static_cast<void>(cudaStreamDestroy(stream_));
  }

  py::list shape_;
  std::string typestr_;
  cudaStream_t stream_ = nullptr;
  cuda::DeviceMemory memory_;
};

MonitorHolder<cuda::EmbeddingMonitor> make_embedding(std::int64_t dims, std::int64_t frequencies,
                                                     bool full, const py::object& directions,
                                                     int device) {
  const Numbers<double> all(directions);
  if (all.size() != dims * frequencies) {
    throw InvalidArgument("directions must be dims times frequencies: " +
                          std::to_string(all.size()));
  }
  return make_held<cuda::EmbeddingMonitor>(device, cuda::EmbeddingShape{dims, frequencies, full},
                                           all.data());
}

}  // namespace

void register_detect(py::module_& m) {
  m.def("two_samples", &two_samples, py::arg("x"), py::arg("y"), py::pos_only(), py::kw_only(),
        py::arg("stream") = py::none(),
        "Compare the columns of two tensors: of each the fields, and how many integers were "
        "rounded. Waits.");
  m.def("kernel_forms", &kernel_forms, py::arg("x"), py::arg("y"), py::pos_only(), py::kw_only(),
        py::arg("gaussian"), py::arg("bandwidth"), py::arg("chosen"), py::arg("signs"),
        py::arg("kept") = py::make_tuple(py::none(), py::none()), py::arg("stream") = py::none(),
        "Forms of a kernel matrix for the splits of rows in signs[rows][splits]. Waits.");
  m.def("median_distance", &median_distance, py::arg("rows"), py::pos_only(), py::kw_only(),
        py::arg("chosen"), py::arg("kept") = py::none(), py::arg("stream") = py::none(),
        "The median distance between chosen rows. Waits.");
  m.def("sliced_distances", &sliced_distances, py::arg("x"), py::arg("y"), py::pos_only(),
        py::kw_only(), py::arg("directions"), py::arg("p"),
        py::arg("kept") = py::make_tuple(py::none(), py::none()), py::arg("stream") = py::none(),
        "Wasserstein-p to the p-th power of both sides seen from directions. Waits.");
  m.def("row_moments", &row_moments, py::arg("rows"), py::pos_only(), py::kw_only(),
        py::arg("fourth"), py::arg("stream") = py::none(),
        "Mean and scatter of finite rows. Waits.");
  py::class_<RowsOnDevice>(m, "RowsOnDevice", "Contiguous rows of the host, copied to a device.")
      .def(py::init<const py::object&, int>(), py::arg("rows"), py::arg("device"))
      .def_property_readonly("__cuda_array_interface__", &RowsOnDevice::interface);

  using Monitor = cuda::EmbeddingMonitor;
  py::class_<Monitor, MonitorHolder<Monitor>> type(m, "EmbeddingMonitor",
                                                   "The state of an Embedding on a device.");
  type.def(py::init(&make_embedding), py::kw_only(), py::arg("dims"), py::arg("frequencies"),
           py::arg("full"), py::arg("directions"), py::arg("device"));
  type.def(
      "update",
      [](Monitor& self, const py::object& rows, const py::object& stream) {
        update_monitor(self, "Embedding", [&] {
          const TensorInput input(rows, stream, self.device());
          // Safe: the input holds the memory.
          const py::gil_scoped_release release;
          self.update(input.tensor(), input.stream());
        });
      },
      py::arg("rows"), py::pos_only(), py::arg("stream") = py::none(), "Enqueue rows.");
  type.def(
      "take",
      [](Monitor& self) {
        const Monitor::Summed taken = self.take();
        return py::make_tuple(taken.head.count, taken.head.left_out, bytes_of(taken.numbers));
      },
      "What has arrived and was not taken yet: rows, rows left out, and mean, scatter, cosines and "
      "sines one behind the other.");
  bind_monitor<Monitor>(type, "Embedding");
}

}  // namespace inlay::python
