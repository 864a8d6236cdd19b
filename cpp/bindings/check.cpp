#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <cstring>
#include <inlay/data/check_plan.hpp>
#include <inlay/error.hpp>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "arrow_capsules.hpp"
#include "components.hpp"
#include "exact_integers.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

// Checking fewer rows than this takes less time than to release the GIL is worth.
constexpr std::int64_t kShort = 256;

CheckValue value_of(const py::handle& item) {
  CheckValue out;
  PyObject* object = item.ptr();
  if (item.is_none()) return out;
  const char* type = Py_TYPE(object)->tp_name;
  if (PyUnicode_Check(object) != 0) {
    out.kind = CheckValue::Kind::kText;
    out.text = item.cast<std::string>();
  } else if (PyBytes_Check(object) != 0) {
    out.kind = CheckValue::Kind::kText;
    out.text.assign(PyBytes_AS_STRING(object), static_cast<std::size_t>(PyBytes_GET_SIZE(object)));
  } else if (PyFloat_Check(object) != 0 || std::strcmp(type, "numpy.float32") == 0 ||
             std::strcmp(type, "numpy.float16") == 0) {
    out.kind = CheckValue::Kind::kReal;
    out.real = PyFloat_AsDouble(object);
    if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  } else if (std::strncmp(type, "numpy.bool", 10) == 0) {
    out.kind = CheckValue::Kind::kInteger;
    out.integer = ExactInteger::of(PyObject_IsTrue(object) != 0 ? 1 : 0);
  } else if (PyIndex_Check(object) != 0) {
    out.kind = CheckValue::Kind::kInteger;
    const auto integer = py::reinterpret_steal<py::object>(PyNumber_Index(object));
    if (!integer) throw py::error_already_set();
    out.integer = exact_integer(integer);
  } else {
    throw py::type_error("a rule's value must be text, bytes or a number, got " +
                         py::repr(item).cast<std::string>());
  }
  return out;
}

std::vector<CheckValue> values_of(const py::handle& items) {
  if (PyUnicode_Check(items.ptr()) != 0 || PyBytes_Check(items.ptr()) != 0) {
    throw py::type_error("values must be a sequence, got " + py::repr(items).cast<std::string>());
  }
  std::vector<CheckValue> out;
  for (const py::handle item : items) out.push_back(value_of(item));
  return out;
}

CheckKind kind_of(const std::string& name) {
  for (unsigned i = 0; i < kCheckKinds; ++i) {
    const auto kind = static_cast<CheckKind>(i);
    if (name == check_kind_name(kind)) return kind;
  }
  detail::fail<InvalidArgument>("no such kind of rule", name);
}

CheckOp op_of(const std::string& name) {
  static constexpr std::pair<const char*, CheckOp> kOps[] = {
      {"<", CheckOp::kLess},      {"<=", CheckOp::kAtMost},  {"==", CheckOp::kEqual},
      {"!=", CheckOp::kNotEqual}, {">=", CheckOp::kAtLeast}, {">", CheckOp::kGreater}};
  for (const auto& [text, op] : kOps) {
    if (name == text) return op;
  }
  detail::fail<InvalidArgument>("an operator must be one of <, <=, ==, !=, >=, >", name);
}

/// A plan and what it was made of. Immutable.
struct BoundPlan {
  std::unique_ptr<const CheckPlan> plan;
  std::unordered_map<std::string, std::size_t> stats;  // path to the rule
};

// Columns by number: what a leaf they are called, as the compiled plan knows.
std::string path_of(const BoundPlan& names, const py::handle& column) {
  if (PyUnicode_Check(column.ptr()) != 0) return column.cast<std::string>();
  if (PyIndex_Check(column.ptr()) == 0) {
    throw py::type_error("a column must be a number or a path, got " +
                         py::repr(column).cast<std::string>());
  }
  return names.plan->path_of_column(column.cast<std::int64_t>());
}

// Kind, column and parameters.
using Column = std::variant<std::int64_t, std::string>;
using Rule = std::tuple<std::string, Column, py::typing::Dict<py::str, py::object>>;

CheckRule rule_of(const BoundPlan& names, const Rule& given) {
  const auto& [kind, column, parameters] = given;
  CheckRule out;
  out.kind = kind_of(kind);
  out.paths.push_back(path_of(names, py::cast(column)));
  const auto add_columns = [&](const py::handle& columns) {
    for (const py::handle each : columns) out.paths.push_back(path_of(names, each));
  };
  for (const auto& [key, value] : parameters) {
    const auto name = key.cast<std::string>();
    if (name == "min" || (name == "value" && out.kind == CheckKind::kCompare)) {
      out.low = value_of(value);
    } else if (name == "max") {
      out.high = value_of(value);
    } else if (name == "min_exclusive") {
      out.low_exclusive = value.cast<bool>();
    } else if (name == "max_exclusive") {
      out.high_exclusive = value.cast<bool>();
    } else if (name == "values") {
      out.values = values_of(value);
    } else if (name == "columns") {
      out.paths.clear();
      add_columns(value);
    } else if (name == "parts") {
      add_columns(value);
    } else if (name == "other") {
      out.paths.push_back(path_of(names, value));
    } else if (name == "strict") {
      out.strict = value.cast<bool>();
    } else if (name == "decreasing") {
      out.decreasing = value.cast<bool>();
    } else if (name == "op") {
      out.op = op_of(value.cast<std::string>());
    } else if (name == "tolerance") {
      out.tolerance = value.cast<double>();
    } else if (name == "max_keys") {
      out.max_keys = value.cast<std::size_t>();
    } else {
      detail::fail<InvalidArgument>("a rule of kind " + kind + " has no such parameter", name);
    }
  }
  return out;
}

std::shared_ptr<BoundPlan> make_plan(const py::object& schema, const std::vector<Rule>& rules,
                                     std::size_t max_rows) {
  const BorrowedSchema lent(schema);
  const ArrowSchema& arrow = lent.schema();
  auto out = std::make_shared<BoundPlan>();
  // Columns are numbers until there is a plan that knows their paths.
  out->plan = std::make_unique<const CheckPlan>(arrow, std::vector<CheckRule>{}, max_rows);
  std::vector<CheckRule> compiled;
  for (const Rule& rule : rules) {
    compiled.push_back(rule_of(*out, rule));
    if (compiled.back().kind == CheckKind::kStats) {
      out->stats.emplace(compiled.back().paths.front(), compiled.size() - 1);
    }
  }
  out->plan = std::make_unique<const CheckPlan>(arrow, compiled, max_rows);
  return out;
}

/// What a plan found, and the plan, which knows the columns by name.
struct BoundOutcome {
  CheckOutcome outcome;
  std::shared_ptr<BoundPlan> plan;

  const RuleOutcome& rule(std::size_t number) const {
    if (number >= outcome.rules.size()) {
      detail::fail<OutOfRange>("no such rule", static_cast<unsigned long long>(number));
    }
    return outcome.rules[number];
  }
};

std::unique_ptr<BoundOutcome> check(const std::shared_ptr<BoundPlan>& self, const py::object& batch,
                                    std::int64_t first_row,
                                    const std::optional<std::shared_ptr<CheckState>>& given,
                                    bool mask) {
  CheckState* const state = given ? given->get() : nullptr;
  const BorrowedArray lent(batch);
  const auto run = [&] {
    return self->plan->check(lent.schema(), lent.array(), first_row, state, mask);
  };
  if (lent.array().length < kShort && state == nullptr) {
    return std::make_unique<BoundOutcome>(BoundOutcome{run(), self});
  }
  CheckOutcome out;
  {
    // Safe: the capsules hold the memory, the plan does not change, the state has a lock.
    const py::gil_scoped_release release;
    out = run();
  }
  return std::make_unique<BoundOutcome>(BoundOutcome{std::move(out), self});
}

using Stats = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                         py::object, py::object, py::object>;

Stats stats_of(const BoundOutcome& self, const py::object& column) {
  const std::string path = path_of(*self.plan, column);
  const auto found = self.plan->stats.find(path);
  if (found == self.plan->stats.end()) {
    detail::fail<InvalidArgument>("the plan has no stats rule for column", path);
  }
  CheckStats stats;
  for (const RuleStats& rule : self.outcome.stats) {
    if (rule.rule == found->second) stats = rule.stats;
  }
  py::object min = py::none(), max = py::none(), sum = py::none();
  if (stats.is_real) {
    if (stats.any) {
      min = py::float_(stats.min);
      max = py::float_(stats.max);
    }
    // A sum beyond the range of doubles is none.
    if (stats.sum_high - stats.sum_high == 0) sum = py::float_(stats.sum_high + stats.sum_low);
  } else if (stats.is_number) {
    if (stats.any) {
      min = python_int(stats.min_integer);
      max = python_int(stats.max_integer);
    }
    if (!stats.overflowed) sum = python_int(stats.sum_integer);
  }
  return {stats.rows, stats.nulls, stats.nans, stats.pos_infs, stats.neg_infs, min, max, sum};
}

std::optional<py::bytes> mask_of(const BoundOutcome& self) {
  if (!self.outcome.mask) return std::nullopt;
  const std::vector<std::uint64_t>& words = *self.outcome.mask;
  std::string bytes((self.outcome.rows + 7) / 8, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(words[i / 8] >> (8 * (i % 8)) & 0xFF);
  }
  return py::bytes(bytes);
}

}  // namespace

void register_check(py::module_& m) {
  py::class_<CheckState, std::shared_ptr<CheckState>>(m, "CheckState",
                                                      "What a plan carries from batch to batch.")
      .def_property_readonly("memory_bytes", &CheckState::memory_bytes);

  py::class_<BoundOutcome>(m, "CheckOutcome", "What the rules of a plan found.")
      .def_property_readonly("rows", [](const BoundOutcome& self) { return self.outcome.rows; })
      .def_property_readonly("first_row",
                             [](const BoundOutcome& self) { return self.outcome.first_row; })
      .def_property_readonly("counts",
                             [](const BoundOutcome& self) {
                               std::vector<std::uint64_t> out;
                               for (const RuleOutcome& rule : self.outcome.rules) {
                                 out.push_back(rule.failed);
                               }
                               return out;
                             })
      .def(
          "failed",
          [](const BoundOutcome& self, std::size_t rule) { return self.rule(rule).failed; },
          py::arg("rule"), py::pos_only())
      .def(
          "evaluated",
          [](const BoundOutcome& self, std::size_t rule) { return self.rule(rule).evaluated; },
          py::arg("rule"), py::pos_only())
      .def(
          "undefined",
          [](const BoundOutcome& self, std::size_t rule) -> std::optional<std::string> {
            if (!self.rule(rule).undefined) return std::nullopt;
            return "more different values than max_keys";
          },
          py::arg("rule"), py::pos_only())
      .def(
          "rows_of",
          [](const BoundOutcome& self, std::size_t rule) { return self.rule(rule).rows; },
          py::arg("rule"), py::pos_only())
      .def("failing_rows", [](const BoundOutcome& self) { return self.outcome.failing_rows(); })
      .def("mask", &mask_of)
      .def("stats", &stats_of, py::arg("column"), py::pos_only())
      .def(
          "merge",
          [](BoundOutcome& self, const BoundOutcome& other) {
            if (self.plan != other.plan) {
              throw InvalidArgument("outcomes of two plans do not merge");
            }
            self.outcome.merge(other.outcome);
          },
          py::arg("other"), py::pos_only());

  py::class_<BoundPlan, std::shared_ptr<BoundPlan>>(m, "CheckPlan", "Rules compiled for a schema.")
      .def(py::init(&make_plan), py::arg("schema"), py::arg("rules"), py::kw_only(),
           py::arg("max_rows") = 100)
      .def_property_readonly("paths", [](const BoundPlan& self) { return self.plan->paths(); })
      .def("state",
           [](const BoundPlan& self) {
             return std::shared_ptr<CheckState>(self.plan->make_state());
           })
      .def("check", &check, py::arg("batch"), py::pos_only(), py::kw_only(),
           py::arg("first_row") = 0, py::arg("state") = py::none(), py::arg("mask") = false);
}

}  // namespace inlay::python
