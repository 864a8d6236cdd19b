#include <inlay/data/tally.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <cstdint>
#include <inlay/error.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "arrow_capsules.hpp"
#include "components.hpp"
#include "shared_summary.hpp"

namespace inlay::python {
namespace {

using SharedTally = Shared<Tally>;
using SharedEdges = Shared<EdgeHistogram>;
using SharedCategories = Shared<Categories>;

/// A snapshot, which nobody changes.
struct Column {
  std::shared_ptr<const TallyColumn> tally;
  const TallyColumn& operator*() const { return *tally; }
  const TallyColumn* operator->() const { return tally.get(); }
};

// A copy as Python has it, or None.
template <class Summary>
py::typing::Optional<Shared<Summary>> shared_copy(const Summary* summary) {
  if (summary == nullptr) return py::none();
  return py::cast(std::make_unique<Shared<Summary>>(Summary(*summary)));
}

using CellsOrNone = py::typing::Union<SharedEdges, SharedCategories, py::none>;
using Quantiles = py::typing::Union<Shared<Kll<float>>, Shared<Kll<double>>, py::none>;

CellsOrNone cells_of(const Column& column) {
  if (column->edges() != nullptr) return shared_copy(column->edges());
  return shared_copy(column->categories());
}

Quantiles quantiles_of(const Column& column) {
  if (column->float_quantiles() != nullptr) return shared_copy(column->float_quantiles());
  return shared_copy(column->quantiles());
}

using GivenCells = std::map<std::size_t, std::variant<SharedEdges*, SharedCategories*>>;

std::unique_ptr<SharedTally> make_tally(const py::object& schema, const GivenCells& given,
                                        bool moments, bool quantiles, unsigned k,
                                        std::uint32_t unseen, bool counted) {
  const BorrowedSchema lent(schema);
  Tally::Cells cells;
  for (const auto& [number, cell] : given) {
    const auto add = [&cells, number = number](auto* shared) {
      if (shared == nullptr) throw py::type_error("cells must not be None");
      cells.emplace(number, shared->copy());
    };
    std::visit(add, cell);
  }
  return std::make_unique<SharedTally>(
      Tally(lent.schema(), cells, TallyOptions{moments, quantiles, k, unseen}, counted));
}

std::vector<std::pair<std::string, std::string>> fit(SharedTally& shared,
                                                     const py::object& schema) {
  const BorrowedSchema lent(schema);
  std::vector<std::pair<std::string, std::string>> out;
  shared.with([&](const Tally& t) {
    for (Tally::Problem& problem : t.fit(lent.schema())) {
      out.emplace_back(std::move(problem.path), std::move(problem.what));
    }
  });
  return out;
}

std::uint64_t update_tally(SharedTally& shared, const py::object& batch, unsigned threads,
                           const std::vector<std::size_t>& skip) {
  const BorrowedArray lent(batch);
  // Safe: the capsules hold the memory, the lock holds the tally, no Python object is touched.
  return shared.without_gil(
      [&](Tally& t) { return t.update(lent.schema(), lent.array(), threads, skip); });
}

void update_column(SharedTally& shared, std::size_t column, const py::object& array) {
  const BorrowedArray lent(array);
  // Safe: the capsules hold the memory, the lock holds the tally, no Python object is touched.
  shared.without_gil([&](Tally& t) { t.update_column(column, lent.schema(), lent.array()); });
}

using SharedMoments = Shared<Moments>;
using CountedColumn = std::tuple<std::size_t, SharedEdges*, SharedMoments*>;

void add_counted(SharedTally& shared, std::uint64_t rows, const std::vector<CountedColumn>& given) {
  std::vector<Tally::Counted> columns;
  for (const auto& [column, edges, moments] : given) {
    if (moments == nullptr) throw py::type_error("moments must not be None");
    Tally::Counted counted{column, std::nullopt, moments->copy()};
    if (edges != nullptr) counted.edges.emplace(edges->copy());
    columns.push_back(std::move(counted));
  }
  shared.with([&](Tally& t) { t.add_counted(rows, columns); });
}

Column column_of(SharedTally& shared, std::size_t index) {
  return {shared.with([index](const Tally& t) {
    if (index >= t.columns().size()) {
      detail::fail<OutOfRange>(
          "the tally has " + std::to_string(t.columns().size()) + " columns, none with index",
          index);
    }
    return std::make_shared<const TallyColumn>(t.columns()[index]);
  })};
}

std::vector<std::string> paths_of(SharedTally& shared) {
  return shared.with([](const Tally& t) {
    std::vector<std::string> paths;
    for (const TallyColumn& column : t.columns()) paths.push_back(column.path());
    return paths;
  });
}

using Renames = std::map<std::size_t, py::typing::Callable<py::bytes(py::bytes)>>;

// A new tally, so that no lock is held while Python is asked.
std::unique_ptr<SharedTally> redacted(SharedTally& shared, const Renames& renames) {
  Tally tally = shared.copy();
  for (const auto& [column, rename] : renames) {
    tally.redact(column, [&rename = rename](std::string_view text) {
      return rename(py::bytes(text.data(), text.size())).cast<std::string>();
    });
  }
  return std::make_unique<SharedTally>(std::move(tally));
}

Table points_of(SharedTally& shared, const std::vector<std::string>& attrs, std::string metric,
                std::int64_t time_us, std::int64_t start_time_us, std::int64_t observed_time_us,
                std::int32_t revision, std::int64_t origin, std::int64_t window_seq, bool derived,
                std::string resource, std::string service_name) {
  TallyStamp stamp;
  stamp.metric = std::move(metric);
  stamp.time = time_us;
  stamp.start_time = start_time_us;
  stamp.observed_time = observed_time_us;
  stamp.revision = revision;
  stamp.origin = origin;
  stamp.window_seq = window_seq;
  stamp.derived = derived;
  stamp.resource = std::move(resource);
  stamp.service_name = std::move(service_name);
  return shared.with([&](const Tally& t) { return t.points(stamp, attrs); });
}

void register_column(py::module_& m) {
  py::class_<Column>(m, "TallyColumn", "What a tally counted of one column; a snapshot.")
      .def_property_readonly("path", [](const Column& c) { return c->path(); })
      .def_property_readonly("kind", [](const Column& c) { return leaf_kind_name(c->kind()); })
      .def_property_readonly("type", [](const Column& c) { return c->type(); })
      .def_property_readonly("unit", [](const Column& c) { return c->unit(); })
      .def_property_readonly("rows", [](const Column& c) { return c->rows(); })
      .def_property_readonly("null_count", [](const Column& c) { return c->null_count(); })
      .def_property_readonly("nan_count", [](const Column& c) { return c->nan_count(); })
      .def_property_readonly("pos_inf_count", [](const Column& c) { return c->pos_inf_count(); })
      .def_property_readonly("neg_inf_count", [](const Column& c) { return c->neg_inf_count(); })
      .def_property_readonly("cells", &cells_of)
      .def_property_readonly("reference_id",
                             [](const Column& c) -> std::optional<std::string> {
                               if (c->reference_id().empty()) return std::nullopt;
                               return c->reference_id();
                             })
      .def_property_readonly("moments", [](const Column& c) { return shared_copy(c->moments()); })
      .def_property_readonly("quantiles", &quantiles_of)
      .def_property_readonly("unseen", [](const Column& c) { return shared_copy(c->unseen()); })
      .def_property_readonly("memory_bytes", [](const Column& c) { return c->memory_bytes(); });
}

}  // namespace

void register_tally(py::module_& m) {
  register_column(m);
  const auto get = [](auto read) { return [read](SharedTally& self) { return self.with(read); }; };
  const TallyOptions defaults;
  py::class_<SharedTally>(m, "Tally", "Counts of a table's rows in a reference's cells.")
      .def(py::init(&make_tally), py::arg("schema"), py::arg("cells") = GivenCells(),
           py::pos_only(), py::kw_only(), py::arg("moments") = defaults.moments,
           py::arg("quantiles") = defaults.quantiles, py::arg("k") = defaults.k,
           py::arg("unseen") = defaults.unseen, py::arg("counted") = false)
      .def_static("from_bytes", &from_bytes<Tally>, py::arg("data"), py::pos_only())
      .def("fit", &fit, py::arg("schema"), py::pos_only())
      .def("update", &update_tally, py::arg("batch"), py::pos_only(), py::kw_only(),
           py::arg("threads") = 0, py::arg("skip") = std::vector<std::size_t>())
      .def("add_counted", &add_counted, py::arg("rows"), py::arg("columns"), py::pos_only())
      .def("update_column", &update_column, py::arg("index"), py::arg("array"), py::pos_only())
      .def(
          "merge",
          [](SharedTally& self, SharedTally& other) {
            const Tally added = other.copy();  // never two locks at once
            self.with([&](Tally& t) { t.merge(added); });
          },
          py::arg("other"), py::pos_only())
      .def("copy", [](SharedTally& self) { return std::make_unique<SharedTally>(self.copy()); })
      .def("reset", get([](Tally& t) { t.reset(); }))
      .def(
          "equals",
          [](SharedTally& self, SharedTally& other) {
            const Tally right = other.copy();
            return self.with([&](const Tally& left) { return left == right; });
          },
          py::arg("other"), py::pos_only())
      .def("redacted", &redacted, py::arg("renames"), py::pos_only())
      .def("to_bytes", &to_bytes<Tally>)
      .def("column", &column_of, py::arg("index"), py::pos_only())
      .def("points", &points_of, py::arg("attrs"), py::pos_only(), py::kw_only(),
           py::arg("metric") = "data.column", py::arg("time_us"), py::arg("start_time_us"),
           py::arg("observed_time_us"), py::arg("revision") = 0, py::arg("origin"),
           py::arg("window_seq"), py::arg("derived") = false, py::arg("resource"),
           py::arg("service_name"))
      .def_property_readonly("rows", get([](const Tally& t) { return t.rows(); }))
      .def_property_readonly("paths", &paths_of)
      .def_property_readonly("k", get([](const Tally& t) { return t.options().k; }))
      .def_property_readonly("unseen", get([](const Tally& t) { return t.options().unseen; }))
      .def_property_readonly("memory_bytes", get([](const Tally& t) { return t.memory_bytes(); }));
}

}  // namespace inlay::python
