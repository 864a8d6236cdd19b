#include <inlay/model/logits.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <inlay/error.hpp>

#include "components.hpp"
#include "shared_summary.hpp"

namespace inlay::python {
namespace {

using SharedLogits = Shared<Logits>;

/// A strided buffer held for reading, with the GIL.
class Strided {
 public:
  Strided(const py::handle& object, int dims, const char* what) {
    if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_STRIDED_RO | PyBUF_FORMAT) != 0) {
      throw py::error_already_set();
    }
    if (view_.ndim != dims) {
      const int found = view_.ndim;
      PyBuffer_Release(&view_);
      throw py::value_error(std::string(what) + " of " + std::to_string(dims) +
                            " dimensions, not " + std::to_string(found));
    }
  }
  Strided(const Strided&) = delete;
  Strided& operator=(const Strided&) = delete;
  ~Strided() { PyBuffer_Release(&view_); }

  const void* data() const { return view_.buf; }
  std::size_t size(int dim) const { return static_cast<std::size_t>(view_.shape[dim]); }
  /// In elements.
  std::ptrdiff_t stride(int dim) const { return view_.strides[dim] / view_.itemsize; }
  /// A single character; 0 for anything else.
  char format() const {
    const char* text = view_.format == nullptr ? "B" : view_.format;
    if (*text == '@' || *text == '=' || *text == '<') ++text;
    return text[1] == '\0' ? *text : '\0';
  }
  std::string format_text() const { return view_.format == nullptr ? "B" : view_.format; }
  bool whole_strides() const {
    for (int i = 0; i < view_.ndim; ++i) {
      if (view_.strides[i] % view_.itemsize != 0) return false;
    }
    return true;
  }
  std::size_t item_size() const { return static_cast<std::size_t>(view_.itemsize); }

 private:
  Py_buffer view_{};
};

LogitsElement element_of(const Strided& logits) {
  switch (logits.format()) {
    case 'f':
      return LogitsElement::kF32;
    case 'd':
      return LogitsElement::kF64;
    case 'e':
      return LogitsElement::kF16;
    case 'H':  // as there is no format for bfloat16
      return LogitsElement::kBF16;
    default:
      throw py::type_error("logits are floats, not of format '" + logits.format_text() + "'");
  }
}

void require(bool right, const std::string& message) {
  if (!right) throw InvalidArgument(message);
}

template <class Field, class Member>
py::bytes column_of(const std::vector<LogitsRow>& rows, Member member) {
  std::string bytes(rows.size() * sizeof(Field), '\0');
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto value = static_cast<Field>(rows[i].*member);
    std::memcpy(bytes.data() + i * sizeof(Field), &value, sizeof(Field));
  }
  return py::bytes(bytes);
}

/// Reads logits [rows, columns]; returns a column of bytes for each field of a row if asked to.
py::object update(SharedLogits& self, const py::object& logits, const py::object& chosen,
                  const py::object& mask, unsigned threads, bool per_row) {
  const Strided entries(logits, 2, "logits are");
  LogitsBatch batch;
  batch.element = element_of(entries);
  require(entries.whole_strides(), "logits lie whole elements apart");
  batch.data = entries.data();
  batch.rows = entries.size(0);
  batch.columns = entries.size(1);
  batch.row_stride = entries.stride(0);
  batch.column_stride = entries.stride(1);
  std::unique_ptr<Strided> ids;
  if (!chosen.is_none()) {
    ids = std::make_unique<Strided>(chosen, 1, "chosen tokens are");
    const char format = ids->format();
    require((format == 'l' || format == 'q') && ids->item_size() == 8 &&
                (ids->stride(0) == 1 || ids->size(0) < 2) && ids->size(0) == batch.rows,
            "chosen tokens are one packed int64 a row, for " + std::to_string(batch.rows) +
                " rows, not " + std::to_string(ids->size(0)) + " of format '" + ids->format_text() +
                "'");
    batch.chosen = static_cast<const std::int64_t*>(ids->data());
  }
  std::unique_ptr<Strided> hidden;
  if (!mask.is_none()) {
    hidden = std::make_unique<Strided>(mask, 2, "a mask is");
    require(hidden->item_size() == 1 && hidden->size(0) == batch.rows &&
                hidden->size(1) == batch.columns,
            "a mask is of booleans, in the shape of its logits");
    batch.mask = static_cast<const std::uint8_t*>(hidden->data());
    batch.mask_row_stride = hidden->stride(0);
    batch.mask_column_stride = hidden->stride(1);
  }
  std::vector<LogitsRow> rows(per_row ? batch.rows : 0);
  // Safe without the GIL: the buffers are held, and no Python object is touched.
  self.without_gil([&](Logits& to) { to.update(batch, threads, per_row ? rows.data() : nullptr); });
  if (!per_row) return py::none();
  return py::make_tuple(
      column_of<float>(rows, &LogitsRow::entropy), column_of<float>(rows, &LogitsRow::top1),
      column_of<float>(rows, &LogitsRow::top2), column_of<float>(rows, &LogitsRow::margin),
      column_of<float>(rows, &LogitsRow::log_prob),
      column_of<std::uint32_t>(rows, &LogitsRow::rank),
      column_of<std::uint32_t>(rows, &LogitsRow::masked),
      column_of<std::uint32_t>(rows, &LogitsRow::nonfinite),
      column_of<std::uint8_t>(rows, &LogitsRow::undefined),
      column_of<std::uint8_t>(rows, &LogitsRow::chosen));
}

std::size_t checked(std::size_t statistic) {
  if (statistic >= Logits::kStatistics) throw py::index_error(std::to_string(statistic));
  return statistic;
}

}  // namespace

void register_logits(py::module_& m) {
  const auto get = [](auto read) { return [read](SharedLogits& self) { return self.with(read); }; };
  py::class_<SharedLogits>(m, "Logits", "Distributions of what rows of logits say of certainty.")
      .def(py::init([](int scale) { return std::make_unique<SharedLogits>(Logits(scale)); }),
           py::kw_only(), py::arg("scale") = ExpHistogram::kDefaultScale)
      .def_static("from_bytes", &from_bytes<Logits>, py::arg("data"), py::pos_only())
      .def("update", &update, py::arg("logits"), py::arg("chosen"), py::arg("mask"), py::kw_only(),
           py::arg("threads"), py::arg("per_row"))
      .def(
          "merge",
          [](SharedLogits& self, SharedLogits& other) {
            const Logits added = other.copy();  // never two locks at once
            self.with([&](Logits& v) { v.merge(added); });
          },
          py::arg("other"), py::pos_only())
      .def("reset", get([](Logits& v) { v.reset(); }))
      .def("copy", [](SharedLogits& self) { return std::make_unique<SharedLogits>(self.copy()); })
      .def(
          "take",
          [](SharedLogits& self) {
            return std::make_unique<SharedLogits>(self.with([](Logits& v) {
              Logits out(v.scale());
              std::swap(out, v);
              return out;
            }));
          },
          "Return the state and leave it empty.")
      .def("to_bytes", &to_bytes<Logits>)
      .def(
          "equals",
          [](SharedLogits& self, SharedLogits& other) { return self.copy() == other.copy(); },
          py::arg("other"), py::pos_only())
      .def(
          "moments",
          [](SharedLogits& self, std::size_t statistic) {
            return std::make_unique<Shared<Moments>>(
                self.with([&](const Logits& v) { return v.moments(checked(statistic)); }));
          },
          py::arg("statistic"), py::pos_only())
      .def(
          "histogram",
          [](SharedLogits& self, std::size_t statistic) {
            return std::make_unique<Shared<ExpHistogram>>(
                self.with([&](const Logits& v) { return v.histogram(checked(statistic)); }));
          },
          py::arg("statistic"), py::pos_only())
      .def_property_readonly("scale", get([](const Logits& v) { return v.scale(); }))
      .def_property_readonly("rows", get([](const Logits& v) { return v.rows(); }))
      .def_property_readonly("undefined_rows",
                             get([](const Logits& v) { return v.undefined_rows(); }))
      .def_property_readonly("masked_rows", get([](const Logits& v) { return v.masked_rows(); }))
      .def_property_readonly("nonfinite_rows",
                             get([](const Logits& v) { return v.nonfinite_rows(); }))
      .def_property_readonly("entries", get([](const Logits& v) { return v.entries(); }))
      .def_property_readonly("nonfinite_count",
                             get([](const Logits& v) { return v.nonfinite_count(); }))
      .def_property_readonly("masked_count", get([](const Logits& v) { return v.masked_count(); }))
      .def_property_readonly("chosen_rows", get([](const Logits& v) { return v.chosen_rows(); }))
      .def_property_readonly("out_of_range_rows",
                             get([](const Logits& v) { return v.out_of_range_rows(); }));
}

}  // namespace inlay::python
