#include <inlay/data/profile.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <cstdint>
#include <inlay/error.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "arrow_capsules.hpp"
#include "components.hpp"
#include "exact_integers.hpp"
#include "shared_summary.hpp"

namespace inlay::python {
namespace {

using SharedProfile = Shared<Profile>;

/// A snapshot, which nobody changes.
struct Column {
  std::shared_ptr<const ColumnProfile> profile;
  const ColumnProfile& operator*() const { return *profile; }
  const ColumnProfile* operator->() const { return profile.get(); }
};

std::optional<py::int_> optional_int(const std::optional<ExactInteger>& value) {
  if (!value) return std::nullopt;
  return python_int(*value);
}

// A copy as Python has it, or None.
template <class Summary>
py::typing::Optional<Shared<Summary>> shared_copy(const Summary* summary) {
  if (summary == nullptr) return py::none();
  return py::cast(std::make_unique<Shared<Summary>>(Summary(*summary)));
}

using Quantiles = py::typing::Union<Shared<Kll<float>>, Shared<Kll<double>>, py::none>;

Quantiles quantiles_of(const ColumnProfile& column) {
  if (column.float_quantiles() != nullptr) return shared_copy(column.float_quantiles());
  return shared_copy(column.quantiles());
}

std::uint64_t update_profile(SharedProfile& shared, const py::object& batch, unsigned threads) {
  const BorrowedArray lent(batch);
  // Safe: the capsules hold the memory, the lock holds the profile, no Python object is touched.
  return shared.without_gil(
      [&](Profile& p) { return p.update(lent.schema(), lent.array(), threads); });
}

std::unique_ptr<SharedProfile> make_profile(const py::object& schema, unsigned k, int lg_k,
                                            std::uint32_t top, std::uint32_t numeric_top,
                                            int scale) {
  const BorrowedSchema lent(schema);
  return std::make_unique<SharedProfile>(
      Profile(lent.schema(), ProfileOptions{k, lg_k, top, numeric_top, scale}));
}

Column column_of(SharedProfile& shared, std::size_t index) {
  return {shared.with([index](const Profile& p) {
    if (index >= p.columns().size()) {
      detail::fail<OutOfRange>(
          "the profile has " + std::to_string(p.columns().size()) + " columns, none with index",
          index);
    }
    return std::make_shared<const ColumnProfile>(p.columns()[index]);
  })};
}

std::vector<std::string> paths_of(SharedProfile& shared) {
  return shared.with([](const Profile& p) {
    std::vector<std::string> paths;
    for (const ColumnProfile& column : p.columns()) paths.push_back(column.path());
    return paths;
  });
}

using Renames = std::map<std::size_t, py::typing::Callable<py::bytes(py::bytes)>>;

// A new profile, so that no lock is held while Python is asked.
std::unique_ptr<SharedProfile> redacted(SharedProfile& shared, const Renames& renames) {
  Profile profile = shared.copy();
  for (const auto& [column, rename] : renames) {
    profile.redact(column, [&rename = rename](std::string_view text) {
      return rename(py::bytes(text.data(), text.size())).cast<std::string>();
    });
  }
  return std::make_unique<SharedProfile>(std::move(profile));
}

using Runs = std::vector<std::pair<std::int64_t, std::uint32_t>>;
using Coverage = std::tuple<std::uint64_t, std::int64_t, Runs>;
using Gap = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t>;

// Width, where the first bucket begins, and runs of occupied buckets counted from it.
std::optional<Coverage> coverage_of(const Column& column) {
  const TimeCoverage* coverage = column->coverage();
  if (coverage == nullptr || coverage->empty()) return std::nullopt;
  Runs runs;
  const std::int64_t first = coverage->min() >> coverage->shift();
  for (const TimeCoverage::Run& run : coverage->runs()) {
    runs.emplace_back(run.first - first, run.size);
  }
  const auto begin =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(first) << coverage->shift());
  return Coverage(coverage->width(), begin, std::move(runs));
}

std::optional<Gap> gap_of(const Column& column) {
  const TimeCoverage* coverage = column->coverage();
  if (coverage == nullptr) return std::nullopt;
  const std::optional<TimeCoverage::Gap> gap = coverage->largest_gap();
  if (!gap) return std::nullopt;
  return Gap(gap->low, gap->high, gap->after, gap->before);
}

std::optional<py::bytes> extreme_bytes(const ColumnProfile::Extreme* extreme) {
  if (extreme == nullptr) return std::nullopt;
  return py::bytes(extreme->bytes);
}

void register_column(py::module_& m) {
  const auto text = [](std::string value) -> std::optional<std::string> {
    if (value.empty()) return std::nullopt;
    return value;
  };
  py::class_<Column>(m, "ColumnProfile", "What a profile knows of one column; a snapshot.")
      .def_property_readonly("path", [](const Column& c) { return c->path(); })
      .def_property_readonly("kind", [](const Column& c) { return leaf_kind_name(c->kind()); })
      .def_property_readonly("type", [](const Column& c) { return c->type(); })
      .def_property_readonly("unit", [](const Column& c) { return c->unit(); })
      .def_property_readonly("timezone", [text](const Column& c) { return text(c->timezone()); })
      .def_property_readonly("precision",
                             [](const Column& c) -> std::optional<int> {
                               if (c->kind() != LeafKind::kDecimal) return std::nullopt;
                               return c->precision();
                             })
      .def_property_readonly("scale",
                             [](const Column& c) -> std::optional<int> {
                               if (c->kind() != LeafKind::kDecimal) return std::nullopt;
                               return c->scale();
                             })
      .def_property_readonly("rows", [](const Column& c) { return c->rows(); })
      .def_property_readonly("null_count", [](const Column& c) { return c->null_count(); })
      .def_property_readonly("nan_count", [](const Column& c) { return c->nan_count(); })
      .def_property_readonly("pos_inf_count", [](const Column& c) { return c->pos_inf_count(); })
      .def_property_readonly("neg_inf_count", [](const Column& c) { return c->neg_inf_count(); })
      .def_property_readonly("zero_count", [](const Column& c) { return c->zero_count(); })
      .def_property_readonly("empty_count", [](const Column& c) { return c->empty_count(); })
      .def_property_readonly("invalid_utf8_count",
                             [](const Column& c) { return c->invalid_utf8_count(); })
      .def_property_readonly("invalid_index_count",
                             [](const Column& c) { return c->invalid_index_count(); })
      .def_property_readonly("moments", [](const Column& c) { return shared_copy(c->moments()); })
      .def_property_readonly("histogram",
                             [](const Column& c) { return shared_copy(c->histogram()); })
      .def_property_readonly("quantiles", [](const Column& c) { return quantiles_of(*c); })
      .def_property_readonly("cardinality",
                             [](const Column& c) { return shared_copy(c->cardinality()); })
      .def_property_readonly("top_k", [](const Column& c) { return shared_copy(c->top_k()); })
      .def_property_readonly("lengths", [](const Column& c) { return shared_copy(c->lengths()); })
      .def_property_readonly("length_histogram",
                             [](const Column& c) { return shared_copy(c->length_histogram()); })
      .def_property_readonly("exact_min",
                             [](const Column& c) { return optional_int(c->exact_min()); })
      .def_property_readonly("exact_max",
                             [](const Column& c) { return optional_int(c->exact_max()); })
      .def_property_readonly("exact_sum",
                             [](const Column& c) { return optional_int(c->exact_sum()); })
      .def_property_readonly("sum_overflowed", [](const Column& c) { return c->sum_overflowed(); })
      .def_property_readonly("min_text",
                             [](const Column& c) { return extreme_bytes(c->min_text()); })
      .def_property_readonly("max_text",
                             [](const Column& c) { return extreme_bytes(c->max_text()); })
      .def_property_readonly(
          "min_text_truncated",
          [](const Column& c) { return c->min_text() != nullptr && c->min_text()->truncated; })
      .def_property_readonly(
          "max_text_truncated",
          [](const Column& c) { return c->max_text() != nullptr && c->max_text()->truncated; })
      .def_property_readonly("coverage", &coverage_of)
      .def_property_readonly("largest_gap", &gap_of)
      .def_property_readonly("ordered", [](const Column& c) { return c->ordered(); })
      .def_property_readonly("steps_back", [](const Column& c) { return c->steps_back(); })
      .def_property_readonly("memory_bytes", [](const Column& c) { return c->memory_bytes(); });
}

}  // namespace

void register_profile(py::module_& m) {
  register_column(m);
  const auto get = [](auto read) {
    return [read](SharedProfile& self) { return self.with(read); };
  };
  const ProfileOptions defaults;
  py::class_<SharedProfile>(m, "Profile", "Profiles of a table's columns.")
      .def(py::init(&make_profile), py::arg("schema"), py::pos_only(), py::kw_only(),
           py::arg("k") = defaults.k, py::arg("lg_k") = defaults.lg_k,
           py::arg("top") = defaults.top, py::arg("numeric_top") = defaults.numeric_top,
           py::arg("scale") = defaults.scale)
      .def_static("from_bytes", &from_bytes<Profile>, py::arg("data"), py::pos_only())
      .def("update", &update_profile, py::arg("batch"), py::pos_only(), py::kw_only(),
           py::arg("threads") = 0)
      .def(
          "merge",
          [](SharedProfile& self, SharedProfile& other) {
            const Profile added = other.copy();  // never two locks at once
            self.with([&](Profile& p) { p.merge(added); });
          },
          py::arg("other"), py::pos_only())
      .def("copy", [](SharedProfile& self) { return std::make_unique<SharedProfile>(self.copy()); })
      .def(
          "equals",
          [](SharedProfile& self, SharedProfile& other) {
            const Profile right = other.copy();
            return self.with([&](const Profile& left) { return left == right; });
          },
          py::arg("other"), py::pos_only())
      .def("redacted", &redacted, py::arg("renames"), py::pos_only())
      .def("to_bytes", &to_bytes<Profile>)
      .def("column", &column_of, py::arg("index"), py::pos_only())
      .def_property_readonly("rows", get([](const Profile& p) { return p.rows(); }))
      .def_property_readonly("paths", &paths_of)
      .def_property_readonly("k", get([](const Profile& p) { return p.options().k; }))
      .def_property_readonly("lg_k", get([](const Profile& p) { return p.options().lg_k; }))
      .def_property_readonly("top", get([](const Profile& p) { return p.options().top; }))
      .def_property_readonly("numeric_top",
                             get([](const Profile& p) { return p.options().numeric_top; }))
      .def_property_readonly("scale", get([](const Profile& p) { return p.options().scale; }))
      .def_property_readonly("memory_bytes",
                             get([](const Profile& p) { return p.memory_bytes(); }));
}

}  // namespace inlay::python
