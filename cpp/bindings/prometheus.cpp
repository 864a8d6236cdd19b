#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <inlay/arrow/table.hpp>
#include <inlay/error.hpp>
#include <inlay/prometheus/accumulator.hpp>
#include <inlay/prometheus/exposition.hpp>

#include <cstring>
#include <optional>
#include <string>

#include "components.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

using prometheus::Accumulator;
using prometheus::EdgeGrid;
using prometheus::Format;
using prometheus::OpenWindow;
using prometheus::WindowId;

Format parse_format(const std::string& format) {
  if (format == "text") return Format::kText;
  if (format == "openmetrics") return Format::kOpenMetrics;
  if (format == "protobuf") return Format::kProtobuf;
  detail::fail<InvalidArgument>("format must be text, openmetrics or protobuf", format);
}

const char* format_name(Format format) {
  switch (format) {
    case Format::kText:
      return "text";
    case Format::kOpenMetrics:
      return "openmetrics";
    case Format::kProtobuf:
      return "protobuf";
  }
  return "text";
}

/// (points, exemplars, origin, window_seq) of a peek, or None.
std::optional<OpenWindow> open_window(const std::optional<py::tuple>& peek) {
  if (!peek) return std::nullopt;
  if (peek->size() != 4) {
    detail::fail<InvalidArgument>("an open window is a tuple of 4 items, not", peek->size());
  }
  return OpenWindow{(*peek)[0].cast<Table>(),
                    (*peek)[1].cast<Table>(),
                    {(*peek)[2].cast<std::int64_t>(), (*peek)[3].cast<std::int64_t>()}};
}

/// Bytes objects are filled before anyone sees them, so the copy needs no GIL: a scrape may be
/// many megabytes.
py::bytes to_bytes(const std::string& text) {
  PyObject* raw = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(text.size()));
  if (raw == nullptr) throw py::error_already_set();
  auto bytes = py::reinterpret_steal<py::bytes>(raw);
  char* out = PyBytes_AS_STRING(raw);
  {
    const py::gil_scoped_release release;
    std::memcpy(out, text.data(), text.size());
  }
  return bytes;
}

py::bytes render(Accumulator& accumulator, const std::string& format,
                 const std::optional<py::tuple>& open, std::int64_t now_us) {
  const auto window = open_window(open);
  const Format parsed = parse_format(format);
  std::string text;
  {
    const py::gil_scoped_release release;  // safe: tables never change, the accumulator locks
    text = accumulator.render(parsed, window ? &*window : nullptr, now_us);
  }
  return to_bytes(text);
}

py::dict stats_as_dict(const Accumulator& accumulator) {
  prometheus::AccumulatorStats stats;
  {
    const py::gil_scoped_release release;  // safe: the accumulator locks
    stats = accumulator.stats();
  }
  py::dict out;
  out["series"] = stats.series;
  out["families"] = stats.families;
  out["renamed"] = stats.renamed;
  out["duplicates"] = stats.duplicates;
  out["lost_windows"] = stats.lost_windows;
  out["refused_rows"] = stats.refused_rows;
  out["expired"] = stats.expired;
  out["scrapes"] = stats.scrapes;
  out["workers"] = stats.workers;
  out["folded_workers"] = stats.folded_workers;
  out["unreadable_files"] = stats.unreadable_files;
  out["directory_errors"] = stats.directory_errors;
  out["last_refusal"] = stats.last_refusal;
  out["last_error"] = stats.last_error;
  return out;
}

}  // namespace

void register_prometheus(py::module_& m) {
  // Every call that takes the accumulator's lock lets go of the GIL first: another thread may hold
  // the lock for a whole scrape.
  using ReleaseGil = py::call_guard<py::gil_scoped_release>;
  py::class_<Accumulator>(m, "PrometheusAccumulator",
                          "Running totals of windows; `inlay.sinks.Prometheus` feeds it.")
      .def(py::init([](double expire_s, std::size_t max_buckets, std::size_t max_exemplars,
                       bool classic_in_protobuf, bool created_samples) {
             prometheus::ExpositionOptions options;
             options.expire_s = expire_s;
             options.max_buckets = max_buckets;
             options.max_exemplars = max_exemplars;
             options.classic_in_protobuf = classic_in_protobuf;
             options.created_samples = created_samples;
             return new Accumulator(options);
           }),
           py::kw_only(), py::arg("expire_s"), py::arg("max_buckets"), py::arg("max_exemplars"),
           py::arg("classic_in_protobuf"), py::arg("created_samples"))
      .def("describe", &Accumulator::describe, py::arg("metric"), py::arg("kind"), py::arg("unit"),
           py::arg("description"), ReleaseGil(), "Give a metric its help text.")
      .def(
          "set_edges",
          [](Accumulator& accumulator, const std::string& metric, int low, int high,
             int resolution) { accumulator.set_edges(metric, EdgeGrid{low, high, resolution}); },
          py::arg("metric"), py::arg("low"), py::arg("high"), py::arg("resolution"), ReleaseGil(),
          "Set the edges of a metric's classic buckets.")
      .def("set_gauge_merge", &Accumulator::set_gauge_merge, py::arg("metric"), py::arg("merge"),
           ReleaseGil(), "Say how a gauge of several processes becomes one.")
      .def("set_resource", &Accumulator::set_resource, py::arg("resource"), ReleaseGil(),
           "Set what target_info shows, as JSON.")
      .def(
          "add",
          [](Accumulator& accumulator, const Table& points, const Table& exemplars,
             std::int64_t origin, std::int64_t window_seq) {
            return accumulator.add(points, exemplars, WindowId{origin, window_seq});
          },
          py::arg("points"), py::arg("exemplars"), py::arg("origin"), py::arg("window_seq"),
          ReleaseGil(), "Add a window; False if it was added before.")
      .def(
          "is_behind",
          [](const Accumulator& accumulator, std::int64_t origin, std::int64_t window_seq) {
            return accumulator.is_behind(WindowId{origin, window_seq});
          },
          py::arg("origin"), py::arg("window_seq"), ReleaseGil(),
          "Whether a window before the open one was cut and not added yet.")
      .def("render", &render, py::arg("format"), py::arg("open"), py::arg("now_us"),
           "Write all series: what was added and what the open window (points, exemplars, origin, "
           "window_seq) shows.")
      .def("open_directory", &Accumulator::open_directory, py::arg("path"), py::arg("run"),
           ReleaseGil(), "Share totals with the other workers of a directory.")
      .def(
          "publish",
          [](Accumulator& accumulator, const std::optional<py::tuple>& open, std::int64_t now_us) {
            const auto window = open_window(open);
            const py::gil_scoped_release release;  // safe: the accumulator locks
            accumulator.publish(window ? &*window : nullptr, now_us);
          },
          py::arg("open"), py::arg("now_us"), "Make the totals visible to the other workers.")
      .def("close_directory", &Accumulator::close_directory, py::arg("now_us"), ReleaseGil(),
           "Publish a last time and tell the others that this process is through.")
      .def("stats", &stats_as_dict)
      .def("renamed", &Accumulator::renamed, ReleaseGil(),
           "Metrics shown under another name, and that name.");
  m.def(
      "negotiate_exposition",
      [](const std::string& accept) {
        const auto chosen = prometheus::negotiate(accept);
        return py::make_tuple(format_name(chosen.format), chosen.content_type);
      },
      py::arg("accept"), "Return the format and Content-Type an HTTP Accept header asks for.");
}

}  // namespace inlay::python
