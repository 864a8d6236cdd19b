#include <inlay/model/label_join.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <inlay/error.hpp>

#include "components.hpp"
#include "id_input.hpp"
#include "shared_summary.hpp"

namespace inlay::python {
namespace {

using SharedJoin = Shared<LabelJoin>;

// How many values are read at once.
constexpr std::size_t kBlock = HashedIds::kHashed;

/// Numbers as doubles, NaN for a null. Packed arrays of the usual types are read where they lie.
class Doubles {
 public:
  explicit Doubles(const py::handle& values) {
    PyObject* object = values.ptr();
    if (PyFloat_Check(object) != 0 || PyLong_Check(object) != 0) {
      const double value = PyFloat_AsDouble(object);
      if (value == -1.0 && PyErr_Occurred() != nullptr) throw py::error_already_set();
      copied_.push_back(value);
    } else if (take_packed(object)) {
      return;
    } else {
      const ColumnInput input(object);
      copied_.reserve(input.size());  // here, since reading must not throw
      input.for_each_span_in_place([&](const double* run, std::size_t part) {
        copied_.insert(copied_.end(), run, run + part);
        return true;
      });
      if (input.rounded() != 0) warn_of_rounding(input.rounded());
    }
    size_ = copied_.size();
  }
  Doubles(const Doubles&) = delete;
  Doubles& operator=(const Doubles&) = delete;
  ~Doubles() {
    if (kind_ != '\0') PyBuffer_Release(&view_);
  }
  std::size_t size() const { return size_; }

  /// The values at..at+size-1, perhaps in `scratch`; at most kBlock. Touches no Python object.
  const double* block(std::size_t at, std::size_t size, double* scratch) const {
    switch (kind_) {
      case 'd':
        return static_cast<const double*>(view_.buf) + at;
      case 'f':
        return widen(static_cast<const float*>(view_.buf) + at, size, scratch);
      case 'l':
        return widen(static_cast<const std::int64_t*>(view_.buf) + at, size, scratch);
      default:
        return copied_.data() + at;
    }
  }

 private:
  template <class T>
  static const double* widen(const T* from, std::size_t size, double* to) {
    for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<double>(from[i]);
    return to;
  }

  bool take_packed(PyObject* object) {
    // A masked array's buffer says nothing of its mask.
    if (PyObject_CheckBuffer(object) == 0 ||
        std::strcmp(Py_TYPE(object)->tp_name, "MaskedArray") == 0) {
      return false;
    }
    if (PyObject_GetBuffer(object, &view_, PyBUF_FORMAT | PyBUF_ND) != 0) {
      PyErr_Clear();  // not packed, for one
      return false;
    }
    const std::string format = view_.format == nullptr ? "" : view_.format;
    if (view_.ndim == 1 && reinterpret_cast<std::uintptr_t>(view_.buf) % sizeof(double) == 0) {
      if (format == "d" || format == "f") kind_ = format[0];
      // Of integers beyond 2^53 ColumnInput warns; classes and outcomes are none.
      if ((format == "l" || format == "q") && view_.itemsize == 8 && are_exact()) kind_ = 'l';
    }
    if (kind_ == '\0') {
      PyBuffer_Release(&view_);
      return false;
    }
    size_ = static_cast<std::size_t>(view_.shape[0]);
    return true;
  }

  bool are_exact() const {
    constexpr std::uint64_t kExact = std::uint64_t{1} << 53;
    const auto* values = static_cast<const std::uint64_t*>(view_.buf);
    std::uint64_t beyond = 0;
    for (py::ssize_t i = 0; i < view_.shape[0]; ++i) beyond |= values[i] + kExact;
    return beyond <= 2 * kExact - 1;
  }

  Py_buffer view_{};
  char kind_ = '\0';  // of what lies in the view; none if all was copied
  std::vector<double> copied_;
  std::size_t size_ = 0;
};

/// One integer for all rows, or one a row.
class Integers {
 public:
  /// What becomes of numbers of 2^63 and above: the most there is, or the number of the same bits.
  enum class Above { kMost, kSameBits };

  Integers(const py::handle& values, std::size_t rows, const char* what,
           Above above = Above::kMost) {
    if (PyLong_Check(values.ptr()) != 0) {
      numbers_.push_back(PyLong_AsLongLong(values.ptr()));
      if (numbers_[0] == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
      return;
    }
    const ItemInput input(values.ptr());
    if (input.size() != rows) {
      throw InvalidArgument(std::string(what) + " are one, or one a row of " +
                            std::to_string(rows) + ": " + std::to_string(input.size()));
    }
    numbers_.reserve(rows);
    bool whole = true;
    const std::size_t nulls = input.for_each_block([&]<class T>(const T* items, std::size_t size) {
      if constexpr (std::is_same_v<T, std::int64_t>) {
        numbers_.insert(numbers_.end(), items, items + size);
      } else if constexpr (std::is_same_v<T, std::uint64_t>) {
        const std::uint64_t most = above == Above::kMost
                                       ? std::numeric_limits<std::int64_t>::max()
                                       : std::numeric_limits<std::uint64_t>::max();
        for (std::size_t i = 0; i < size; ++i) {
          numbers_.push_back(static_cast<std::int64_t>(std::min(items[i], most)));
        }
      } else {
        whole = false;
      }
    });
    if (!whole) throw py::type_error(std::string(what) + " are integers");
    if (nulls != 0) {
      throw InvalidArgument(std::string(what) + " have no nulls: " + std::to_string(nulls));
    }
    step_ = 1;
  }
  const std::int64_t* data() const { return numbers_.data(); }
  std::size_t size() const { return numbers_.size(); }
  std::size_t step() const { return step_; }

 private:
  std::vector<std::int64_t> numbers_;
  std::size_t step_ = 0;
};

/// What a call joined, by pane.
struct Joined {
  JoinedColumns columns;
  std::vector<std::uint64_t> refused;
  // Of classes.
  bool has_classes = false;
  std::vector<std::int64_t> scores, outcomes;
  std::size_t accepted = 0;
  std::vector<std::int64_t> panes;  // made when asked for

  void finish(LabelTask task, JoinedLabels& joined) {
    columns = JoinedColumns::of(joined.rows);
    refused = std::move(joined.refused);
    if (task != LabelTask::kMulticlass) return;
    has_classes = true;
    const auto whole = [](const std::vector<double>& from, std::vector<std::int64_t>& to) {
      to.reserve(from.size());
      for (const double value : from) {
        const bool is_class = value >= 0 && value < 0x1p31 && value == std::floor(value);
        to.push_back(is_class ? static_cast<std::int64_t>(value) : -1);  // -1 is no class
      }
    };
    whole(columns.scores, scores);
    whole(columns.outcomes, outcomes);
  }
};

/// A column of what was joined, for the buffer protocol.
struct JoinedColumn {
  std::shared_ptr<const Joined> owner;
  py::buffer_info info;
};

template <class T>
py::memoryview column(const std::shared_ptr<Joined>& owner, const std::vector<T>& values) {
  static T none{};
  auto* data = const_cast<T*>(values.empty() ? &none : values.data());
  auto held = std::make_unique<JoinedColumn>();
  held->owner = owner;
  held->info = py::buffer_info(data, static_cast<py::ssize_t>(values.size()), true);
  return py::memoryview(py::cast(std::move(held)));
}

void require_sizes(const char* what, std::size_t ids, std::size_t values) {
  if (ids == values) return;
  throw InvalidArgument("there is one id for each of the " + std::string(what) + ": " +
                        std::to_string(ids) + " ids, " + std::to_string(values));
}

/// Ids by the halves of their hashes, as prediction_id_hash() gives them, or uint64 of the same
/// bits. Both 0 are a null.
class HalvedIds final : public HashedIds {
 public:
  HalvedIds(const py::handle& high, const py::handle& low)
      : high_(high, count_of(high), "halves", Integers::Above::kSameBits),
        low_(low, high_.size(), "halves", Integers::Above::kSameBits) {
    if (low_.size() == high_.size()) return;  // one number alone stands for no more than one row
    throw InvalidArgument("an id has two halves: " + std::to_string(high_.size()) + " high ones, " +
                          std::to_string(low_.size()) + " low ones");
  }
  std::size_t count() const noexcept override { return high_.size(); }
  IdKind kind() const noexcept override { return IdKind::kNone; }

 private:
  void read(Taker& taker) const noexcept override {
    IdHash hashes[kHashed];
    for (std::size_t at = 0; at < count();) {
      std::size_t part = 0;
      for (; at + part < count() && part < kHashed; ++part) {
        const std::int64_t high = high_.data()[at + part];
        const std::int64_t low = low_.data()[at + part];
        if (high == 0 && low == 0) break;
        hashes[part] = {static_cast<std::uint64_t>(high), static_cast<std::uint64_t>(low)};
      }
      if (part != 0) taker.take(hashes, part, at);
      at += std::max<std::size_t>(part, 1);
    }
  }

  static std::size_t count_of(const py::handle& column) { return ItemInput(column.ptr()).size(); }
  Integers high_, low_;
};

std::shared_ptr<Joined> take_predictions(SharedJoin& self, const HashedIds& ids,
                                         const py::object& scores_given,
                                         const py::object& panes_given,
                                         const py::object& segments_given) {
  const Doubles scores(scores_given);
  require_sizes("scores", ids.count(), scores.size());
  const Integers panes(panes_given, ids.count(), "panes");
  const Integers segments(segments_given, ids.count(), "segments");
  LabelJoin::check_segments(segments.data(), segments.size());
  auto joined = std::make_shared<Joined>();
  JoinedLabels found;
  // Safe: the columns are held, the lock holds the join, and no Python object is touched.
  self.without_gil([&](LabelJoin& join) {
    join.check_panes(panes.data(), panes.size());  // first: what is refused changes nothing
    join.expect_ids(ids.kind());
    std::size_t next = 0;
    double values[kBlock];
    const auto skip = [&](std::size_t to) {
      join.add_null_ids(to - next);
      for (; next < to; ++next) found.refused.push_back(next);
    };
    ids.for_each_hashed_block([&](const IdHash* hashes, std::size_t size, std::size_t at) {
      skip(at);
      LabelRows rows;
      rows.ids = hashes;
      rows.values = scores.block(at, size, values);
      rows.size = size;
      rows.first_row = at;
      rows.following = ids.count() - at - size;
      rows.panes = panes.data() + at * panes.step();
      rows.pane_step = panes.step();
      rows.segments = segments.data() + at * segments.step();
      rows.segment_step = segments.step();
      join.predicted(rows, found);
      next = at + size;
    });
    skip(ids.count());
    joined->accepted = ids.count() - found.refused.size();
    joined->finish(join.task(), found);
  });
  return joined;
}

std::shared_ptr<Joined> take_labels(SharedJoin& self, const HashedIds& ids,
                                    const py::object& outcomes_given, std::int64_t now) {
  const Doubles outcomes(outcomes_given);
  require_sizes("outcomes", ids.count(), outcomes.size());
  auto joined = std::make_shared<Joined>();
  JoinedLabels found;
  // Safe: as above.
  self.without_gil([&](LabelJoin& join) {
    join.check_pane_now(now);  // first, as above
    join.expect_ids(ids.kind());
    found.reserve(std::min<std::size_t>(ids.count(), join.pending()));
    std::size_t valid = 0;
    double values[kBlock];
    ids.for_each_hashed_block([&](const IdHash* hashes, std::size_t size, std::size_t at) {
      LabelRows rows;
      rows.ids = hashes;
      rows.values = outcomes.block(at, size, values);
      rows.size = size;
      rows.first_row = at;
      join.labelled(rows, now, found);
      valid += size;
    });
    join.add_null_ids(ids.count() - valid);
    joined->accepted = found.rows.size();
    joined->finish(join.task(), found);
  });
  return joined;
}

py::typing::List<py::typing::Tuple<py::int_, py::int_, py::int_>> expire(SharedJoin& self,
                                                                         std::int64_t before) {
  const auto expired = self.without_gil([&](LabelJoin& join) { return join.expire(before); });
  py::list rows;
  for (const auto& row : expired) {
    rows.append(py::make_tuple(row.pane, row.segment, row.predictions));
  }
  return rows;
}

py::typing::Dict<py::str, py::int_> counts(SharedJoin& self) {
  const auto [c, pending, early, remembered] = self.with([](const LabelJoin& join) {
    return std::tuple(join.counts(), join.pending(), join.early(), join.remembered());
  });
  py::dict out;
  out["predictions"] = c.predictions;
  out["labels"] = c.labels;
  out["duplicate_predictions"] = c.duplicate_predictions;
  out["late_predictions"] = c.late_predictions;
  out["duplicate_labels"] = c.duplicate_labels;
  out["conflicting_labels"] = c.conflicting_labels;
  out["orphan_labels"] = c.orphan_labels;
  out["late_labels"] = c.late_labels;
  out["null_labels"] = c.null_labels;
  out["null_ids"] = c.null_ids;
  out["expired_predictions"] = c.expired_predictions;
  out["evicted_predictions"] = c.evicted_predictions;
  out["evicted_labels"] = c.evicted_labels;
  out["pending"] = pending;
  out["early"] = early;
  out["remembered"] = remembered;
  return out;
}

std::unique_ptr<SharedJoin> join_from_bytes(const py::object& bytes, const py::object& task) {
  const Bytes in(bytes);
  LabelJoin join = LabelJoin::from_bytes(in.data(), in.size());
  const std::string found(name_of(join.task()));
  if (!task.is_none() && task.cast<std::string>() != found) {
    throw SerializationError("the bytes are a label join of another task than " +
                             task.cast<std::string>() + ": " + found);
  }
  return std::make_unique<SharedJoin>(std::move(join));
}

/// The halves of each id's hash, int64, both 0 for a null.
py::typing::Tuple<py::memoryview, py::memoryview> prediction_id_hash(const py::object& ids_given) {
  const IdInput ids(ids_given);
  std::vector<std::uint64_t> high(ids.count());
  std::vector<std::uint64_t> low(ids.count());
  {
    const py::gil_scoped_release release;  // a column is read without touching a Python object
    ids.for_each_hashed_block([&](const IdHash* hashes, std::size_t size, std::size_t at) {
      for (std::size_t i = 0; i < size; ++i) {
        high[at + i] = hashes[i].high;
        low[at + i] = hashes[i].low;
      }
    });
  }
  const auto words = [](const std::vector<std::uint64_t>& half) {
    return py::memoryview(bytes_of(half)).attr("cast")("q");
  };
  return py::make_tuple(words(high), words(low));
}

}  // namespace

void register_label_join(py::module_& m) {
  const auto get = [](auto read) { return [read](SharedJoin& self) { return self.with(read); }; };

  py::class_<JoinedColumn>(m, "JoinedColumn", py::buffer_protocol(), "Numbers of joined labels.")
      .def_buffer([](JoinedColumn& self) {
        return py::buffer_info(self.info.ptr, self.info.itemsize, self.info.format, 1,
                               self.info.shape, self.info.strides, true);
      });

  py::class_<Joined, std::shared_ptr<Joined>>(
      m, "JoinedLabels", "Predictions and labels that found each other, panes ascending.")
      .def("__len__", [](const Joined& self) { return self.columns.scores.size(); })
      .def_property_readonly(
          "score",
          [](const std::shared_ptr<Joined>& self) {
            return self->has_classes ? column(self, self->scores)
                                     : column(self, self->columns.scores);
          },
          "float64; of multiclass the class predicted, int64, -1 for none.")
      .def_property_readonly(
          "outcome",
          [](const std::shared_ptr<Joined>& self) {
            return self->has_classes ? column(self, self->outcomes)
                                     : column(self, self->columns.outcomes);
          },
          "float64; of multiclass the class, int64, -1 for none.")
      .def_property_readonly(
          "segment",
          [](const std::shared_ptr<Joined>& self) { return column(self, self->columns.segments); },
          "uint32.")
      .def_property_readonly(
          "pane",
          [](const std::shared_ptr<Joined>& self) {
            auto& panes = self->panes;  // under the GIL
            for (const auto& group : self->columns.groups) panes.resize(group.end, group.pane);
            return column(self, panes);
          },
          "int64.")
      .def_property_readonly(
          "row",
          [](const std::shared_ptr<Joined>& self) { return column(self, self->columns.rows); },
          "uint32: the number of each in its call: of the label, or of the prediction.")
      .def_property_readonly(
          "refused",
          [](const std::shared_ptr<Joined>& self) { return column(self, self->refused); },
          "uint64: numbers of the predictions not taken, ascending: without an id, doubles, late.")
      .def_readonly("accepted", &Joined::accepted, "Predictions taken, or labels joined.")
      .def_property_readonly(
          "groups",
          [](const Joined& self) {
            py::typing::List<py::typing::Tuple<py::int_, py::int_, py::int_>> groups;
            for (const auto& group : self.columns.groups) {
              groups.append(py::make_tuple(group.pane, group.begin, group.end));
            }
            return groups;
          },
          "(pane, begin, end) of the rows of each pane.");

  py::class_<SharedJoin>(m, "LabelJoin", "Joins labels to predictions by id, over a horizon.")
      .def(
          py::init([](const std::string& task, std::int64_t horizon_panes, std::uint64_t capacity) {
            return std::make_unique<SharedJoin>(
                LabelJoin(label_task_of(task), horizon_panes, capacity));
          }),
          py::arg("task"), py::arg("horizon_panes"), py::arg("capacity"))
      .def_static("from_bytes", &join_from_bytes, py::arg("data"), py::arg("task") = py::none())
      .def(
          "predicted",
          [](SharedJoin& self, const py::object& ids, const py::object& scores,
             const py::object& pane, const py::object& segments) {
            return take_predictions(self, IdInput(ids), scores, pane, segments);
          },
          py::arg("ids"), py::arg("scores"), py::arg("pane"), py::arg("segments") = 0,
          "Take predictions; return those whose label waits already.")
      .def(
          "labelled",
          [](SharedJoin& self, const py::object& ids, const py::object& outcomes,
             std::int64_t now) { return take_labels(self, IdInput(ids), outcomes, now); },
          py::arg("ids"), py::arg("outcomes"), py::arg("pane_now"),
          "Take labels; return those whose prediction waits.")
      .def(
          "predicted_hashed",
          [](SharedJoin& self, const py::object& high, const py::object& low,
             const py::object& scores, const py::object& pane, const py::object& segments) {
            return take_predictions(self, HalvedIds(high, low), scores, pane, segments);
          },
          py::arg("high"), py::arg("low"), py::arg("scores"), py::arg("pane"),
          py::arg("segments") = 0, "Take predictions by the hashes of their ids.")
      .def(
          "labelled_hashed",
          [](SharedJoin& self, const py::object& high, const py::object& low,
             const py::object& outcomes,
             std::int64_t now) { return take_labels(self, HalvedIds(high, low), outcomes, now); },
          py::arg("high"), py::arg("low"), py::arg("outcomes"), py::arg("pane_now"),
          "Take labels by the hashes of their ids.")
      .def("expire", &expire, py::arg("before_pane"),
           "End the wait of earlier panes; return (pane, segment, predictions) that expired.")
      .def("reset", get([](LabelJoin& join) { join.reset(); }))
      .def("copy", [](SharedJoin& self) { return std::make_unique<SharedJoin>(self.copy()); })
      .def("to_bytes", &to_bytes<LabelJoin>)
      .def(
          "equals", [](SharedJoin& self, SharedJoin& other) { return self.copy() == other.copy(); },
          py::arg("other"), py::pos_only())
      .def_property_readonly("task",
                             get([](const LabelJoin& j) { return std::string(name_of(j.task())); }))
      .def_property_readonly("horizon_panes",
                             get([](const LabelJoin& j) { return j.horizon_panes(); }))
      .def_property_readonly("capacity", get([](const LabelJoin& j) { return j.capacity(); }))
      .def_property_readonly("counts", &counts)
      .def_property_readonly("memory_bytes",
                             get([](const LabelJoin& j) { return j.memory_bytes(); }));

  m.def("prediction_id_hash", &prediction_id_hash, py::arg("ids"), py::pos_only(),
        "Return the high and low half of each id's hash, int64; both 0 for a null.");
}

}  // namespace inlay::python
