#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include <inlay/arrow/table.hpp>
#include <inlay/batch.hpp>
#include <inlay/error.hpp>
#include <memory>
#include <string>

#include "components.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

// The names are part of the PyCapsule protocol; the tag selects them by type.
constexpr const char* capsule_name(const ArrowSchema*) { return "arrow_schema"; }
constexpr const char* capsule_name(const ArrowArray*) { return "arrow_array"; }
constexpr const char* capsule_name(const ArrowArrayStream*) { return "arrow_array_stream"; }

template <class Struct>
void destroy_capsule(PyObject* capsule) {
  auto* value = static_cast<Struct*>(
      PyCapsule_GetPointer(capsule, capsule_name(static_cast<Struct*>(nullptr))));
  if (value == nullptr) {
    PyErr_WriteUnraisable(capsule);
    return;
  }
  if (value->release != nullptr) value->release(value);  // nobody consumed it
  delete value;
}

/// A struct on its way into a capsule. Thread-safety: none.
template <class Struct>
class Outgoing {
 public:
  Outgoing() : value_(new Struct{}) {}
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;
  ~Outgoing() {
    if (value_ == nullptr) return;
    if (value_->release != nullptr) value_->release(value_);
    delete value_;
  }

  Struct* get() { return value_; }

  py::object into_capsule() {
    PyObject* capsule = PyCapsule_New(value_, capsule_name(value_), &destroy_capsule<Struct>);
    if (capsule == nullptr) throw py::error_already_set();
    value_ = nullptr;
    return py::reinterpret_steal<py::object>(capsule);
  }

 private:
  Struct* value_;
};

template <class Struct>
Struct* open_capsule(const py::object& capsule) {
  const char* name = capsule_name(static_cast<Struct*>(nullptr));
  if (!PyCapsule_CheckExact(capsule.ptr())) {
    throw py::type_error(std::string("expected a PyCapsule named '") + name + "', got " +
                         Py_TYPE(capsule.ptr())->tp_name);
  }
  auto* value = static_cast<Struct*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (value == nullptr) throw py::error_already_set();
  return value;
}

/// A requested schema may ask for other encodings of the same columns, and a producer may keep to
/// its own; but columns that are not there are a mistake worth an error.
void check_request(const Table& table, const py::object& requested_schema) {
  if (requested_schema.is_none()) return;
  const auto& schema = *open_capsule<ArrowSchema>(requested_schema);
  if (schema.release == nullptr || schema.format == nullptr) {
    throw InvalidArgument("the requested schema was already released");
  }
  if (std::string(schema.format) != "+s") {
    detail::fail<InvalidArgument>("the requested schema is not a struct; format", schema.format);
  }
  if (schema.n_children != table.num_columns()) {
    detail::fail<InvalidArgument>("the table has " + std::to_string(table.num_columns()) +
                                      " columns, but the number requested is",
                                  static_cast<long long>(schema.n_children));
  }
  for (std::int64_t i = 0; i < schema.n_children; ++i) {
    const char* name = schema.children[i]->name;
    if (table.column_name(i) != (name == nullptr ? "" : name)) {
      detail::fail<InvalidArgument>("column " + std::to_string(i) + " is '" +
                                        std::string(table.column_name(i)) + "', not as requested",
                                    name == nullptr ? "" : name);
    }
  }
}

Table import_object(const py::object& source) {
  if (py::isinstance<Table>(source)) return source.cast<Table>();
  // The stream first: it carries chunked tables without a copy.
  if (py::hasattr(source, "__arrow_c_stream__")) {
    const py::object capsule = source.attr("__arrow_c_stream__")();
    auto* stream = open_capsule<ArrowArrayStream>(capsule);
    // Safe: the capsule is ours, and a producer that needs the GIL takes it; with it held, one
    // whose other threads need it would wait for ever.
    const py::gil_scoped_release release;
    return Table::import_stream(stream);
  }
  if (py::hasattr(source, "__arrow_c_array__")) {
    const py::object pair = source.attr("__arrow_c_array__")();
    if (!py::isinstance<py::tuple>(pair) || py::len(pair) != 2) {
      throw py::type_error(std::string("__arrow_c_array__ must return a pair of capsules, not ") +
                           py::repr(pair).cast<std::string>());
    }
    const auto capsules = pair.cast<py::tuple>();
    auto* schema = open_capsule<ArrowSchema>(py::object(capsules[0]));
    auto* array = open_capsule<ArrowArray>(py::object(capsules[1]));
    return Table::import_from(schema, array);
  }
  throw py::type_error(std::string("expected an object with __arrow_c_stream__ or "
                                   "__arrow_c_array__, got ") +
                       Py_TYPE(source.ptr())->tp_name);
}

py::object export_stream(const Table& table, const py::object& requested_schema) {
  check_request(table, requested_schema);
  Outgoing<ArrowArrayStream> stream;
  table.export_stream(stream.get());
  return stream.into_capsule();
}

py::tuple export_array(const Table& table, const py::object& requested_schema) {
  check_request(table, requested_schema);
  Outgoing<ArrowSchema> schema;
  Outgoing<ArrowArray> array;
  {
    const py::gil_scoped_release release;  // safe: tables never change; several chunks are copied
    table.export_to(schema.get(), array.get());
  }
  py::object schema_capsule = schema.into_capsule();
  return py::make_tuple(std::move(schema_capsule), array.into_capsule());
}

py::object export_schema(const Table& table) {
  Outgoing<ArrowSchema> schema;
  table.export_schema(schema.get());
  return schema.into_capsule();
}

py::list column_names(const Table& table) {
  py::list names;
  for (std::int64_t i = 0; i < table.num_columns(); ++i) {
    const auto name = table.column_name(i);
    // Foreign names need not be UTF-8.
    names.append(py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(
        name.data(), static_cast<Py_ssize_t>(name.size()), "backslashreplace")));
  }
  return names;
}

py::dict schemas_as_data() {
  py::dict schemas;
  for (const auto& spec : table_schemas()) {
    py::list columns;
    for (const auto& column : spec.columns) {
      columns.append(py::make_tuple(column.name, column_type_name(column.type), column.nullable));
    }
    schemas[spec.name] = py::tuple(columns);
  }
  return schemas;
}

}  // namespace

void register_arrow(py::module_& m) {
  py::class_<Table>(m, "Table", "An immutable Arrow table; `inlay.Table` wraps it.")
      .def(py::init(&import_object), py::arg("source"), py::pos_only(),
           "Import any object that offers the Arrow PyCapsule interface.")
      .def_static(
          "empty", [](const std::string& name) { return Table::empty(table_schema(name)); },
          py::arg("name"), "Return a table of 0 rows with one of the five schemas.")
      .def_property_readonly("num_rows", &Table::num_rows)
      .def_property_readonly("num_columns", &Table::num_columns)
      .def_property_readonly("num_chunks", &Table::num_chunks)
      .def_property_readonly("nbytes", &Table::nbytes)
      .def_property_readonly("column_names", &column_names)
      .def("__len__", &Table::num_rows)
      .def("__arrow_c_stream__", &export_stream, py::arg("requested_schema") = py::none(),
           "Return a capsule of one batch per chunk, without a copy.")
      .def("__arrow_c_array__", &export_array, py::arg("requested_schema") = py::none(),
           "Return capsules of schema and struct array; several chunks are copied into one.")
      .def("__arrow_c_schema__", &export_schema, "Return a capsule of the schema.");

  py::class_<NativeBatch>(m, "NativeBatch", "What one turn yields; `inlay.Batch` wraps it.")
      .def_readonly("points", &NativeBatch::points, py::return_value_policy::copy)
      .def_readonly("verdicts", &NativeBatch::verdicts, py::return_value_policy::copy)
      .def_readonly("events", &NativeBatch::events, py::return_value_policy::copy)
      .def_readonly("exemplars", &NativeBatch::exemplars, py::return_value_policy::copy)
      .def_readonly("spans", &NativeBatch::spans, py::return_value_policy::copy)
      .def_property_readonly(
          "others",
          [](const NativeBatch& batch) {
            py::typing::Dict<py::str, Table> others;
            for (const auto& [name, table] : batch.others) others[name.c_str()] = table;
            return others;
          },
          "Tables that components added, by name.")
      .def_readonly("window_seq", &NativeBatch::window_seq)
      .def_readonly("origin", &NativeBatch::origin)
      .def_readonly("start_time_us", &NativeBatch::start_time_us)
      .def_readonly("time_us", &NativeBatch::time_us)
      .def_readonly("observed_time_us", &NativeBatch::observed_time_us)
      .def_readonly("resource", &NativeBatch::resource);

  m.def("table_schemas", &schemas_as_data,
        "Return each table's columns as (name, type, nullable), as the core builds them.");
}

}  // namespace inlay::python
