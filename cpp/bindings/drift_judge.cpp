#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <inlay/drift/dirichlet_e_process.hpp>
#include <inlay/drift/drift_judge.hpp>
#include <inlay/error.hpp>
#include <string>
#include <utility>
#include <vector>

#include "components.hpp"
#include "shared_summary.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

using Counts = std::vector<std::uint64_t>;
using SharedJudge = Shared<DriftJudge>;
using SharedProcess = Shared<DirichletEProcess>;

DriftJudge::Options options_of(double level, double threshold, std::uint64_t min_rows,
                               bool correct) {
  DriftJudge::Options out;
  out.level = level;
  out.threshold = threshold;
  out.min_rows = min_rows;
  out.correct = correct;
  return out;
}

void add_reference(SharedJudge& self, std::int64_t series_id, std::string reference_id,
                   Counts counts, bool exact, bool ordered, std::int64_t family, bool bounded) {
  DriftJudge::Reference reference;
  reference.series_id = series_id;
  reference.reference_id = std::move(reference_id);
  reference.counts = std::move(counts);
  reference.is_exact = exact;
  reference.is_ordered = ordered;
  reference.is_bounded = bounded;
  reference.family = family;
  self.with([&](DriftJudge& judge) { judge.add_reference(std::move(reference)); });
}

void update(SharedProcess& self, const Counts& counts, std::int64_t start_us) {
  self.with([&](DirichletEProcess& process) {
    if (counts.size() != process.cells()) {
      detail::fail<InvalidArgument>(
          "there must be a count a cell (" + std::to_string(process.cells()) + "); counts",
          counts.size());
    }
    process.update(counts.data(), start_us);
  });
}

template <class Read>
auto reader(Read read) {
  return [read](SharedProcess& self) { return self.with(read); };
}

}  // namespace

void register_drift_judge(py::module_& m) {
  py::class_<SharedProcess>(m, "DirichletEProcess", "An e-process over counts of windows.")
      .def(py::init([](std::vector<double> alpha, bool rare_ends) {
             return std::make_unique<SharedProcess>(DirichletEProcess(std::move(alpha), rare_ends));
           }),
           py::arg("alpha"), py::pos_only(), py::kw_only(), py::arg("rare_ends") = false)
      .def("update", &update, py::arg("counts"), py::pos_only(), py::kw_only(),
           py::arg("start_us") = 0)
      .def("to_bytes", &to_bytes<DirichletEProcess>)
      .def_property_readonly("log_e", reader([](const DirichletEProcess& p) { return p.log_e(); }))
      .def_property_readonly("rows", reader([](const DirichletEProcess& p) { return p.rows(); }))
      .def_property_readonly("windows",
                             reader([](const DirichletEProcess& p) { return p.windows(); }))
      .def_property_readonly("num_starts",
                             reader([](const DirichletEProcess& p) { return p.num_starts(); }))
      .def_property_readonly("memory_bytes",
                             reader([](const DirichletEProcess& p) { return p.memory_bytes(); }))
      .def_property_readonly("change", [](SharedProcess& self) {
        auto change = self.with([](const DirichletEProcess& p) { return p.most_likely_change(); });
        return std::pair(change.start_us, std::move(change.counts));
      });

  py::class_<SharedJudge>(m, "DriftJudge", "Verdicts over rows of points.")
      .def(py::init([](double level, double threshold, std::uint64_t min_rows, bool correct) {
             return std::make_unique<SharedJudge>(
                 DriftJudge(options_of(level, threshold, min_rows, correct)));
           }),
           py::kw_only(), py::arg("level"), py::arg("threshold"), py::arg("min_rows"),
           py::arg("correct"))
      .def("add_reference", &add_reference, py::arg("series_id"), py::arg("reference_id"),
           py::arg("counts"), py::kw_only(), py::arg("exact"), py::arg("ordered"),
           py::arg("family"), py::arg("bounded") = false)
      .def(
          "has_reference",
          [](SharedJudge& self, std::int64_t series_id, const std::string& reference_id) {
            return self.with([&](const DriftJudge& judge) {
              return judge.has_reference(series_id, reference_id);
            });
          },
          py::arg("series_id"), py::arg("reference_id"), py::pos_only())
      .def(
          "judge",
          [](SharedJudge& self, const Table& points, unsigned threads) {
            // Safe: a table never changes, the lock holds the judge, no Python object is touched.
            return self.without_gil(
                [&](DriftJudge& judge) { return judge.judge(points, threads); });
          },
          py::arg("points"), py::pos_only(), py::kw_only(), py::arg("threads") = 0)
      .def("to_bytes", &to_bytes<DriftJudge>)
      .def_static("from_bytes", &from_bytes<DriftJudge>, py::arg("data"), py::pos_only())
      .def_property_readonly(
          "options",
          [](SharedJudge& self) {
            const auto found = self.with([](const DriftJudge& judge) { return judge.options(); });
            return std::tuple(found.level, found.threshold, found.min_rows, found.correct);
          })
      .def_property_readonly(
          "num_series",
          [](SharedJudge& self) {
            return self.with([](const DriftJudge& judge) { return judge.num_series(); });
          })
      .def_property_readonly("memory_bytes", [](SharedJudge& self) {
        return self.with([](const DriftJudge& judge) { return judge.memory_bytes(); });
      });
}

}  // namespace inlay::python
