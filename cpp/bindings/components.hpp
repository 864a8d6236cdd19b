#pragma once

#include <pybind11/pybind11.h>

namespace inlay::python {

/// Sets the Python error that fits the C++ exception being handled. For hand-written types, inside
/// `catch (...)`; what pybind11 binds is translated without it. Needs the GIL.
void set_error_from_current_exception() noexcept;

// One function per component, defined in <component>.cpp and called by module.cpp.
void register_arrow(pybind11::module_& m);
void register_observer(pybind11::module_& module);
void register_summary(pybind11::module_& m);
void register_moments(pybind11::module_& m);
void register_exp_histogram(pybind11::module_& m);
void register_kll(pybind11::module_& m);
void register_hll(pybind11::module_& m);
void register_edge_histogram(pybind11::module_& m);
void register_categories(pybind11::module_& m);
void register_top_k(pybind11::module_& m);
void register_reservoir(pybind11::module_& m);
void register_item_keys(pybind11::module_& m);
void register_profile(pybind11::module_& m);
void register_tally(pybind11::module_& m);
void register_prometheus(pybind11::module_& m);
void register_check(pybind11::module_& m);
void register_drift(pybind11::module_& m);
void register_drift_rows(pybind11::module_& m);
void register_time_extent(pybind11::module_& m);
void register_online_detectors(pybind11::module_& m);
void register_two_sample(pybind11::module_& m);
void register_logits(pybind11::module_& m);
void register_generation(pybind11::module_& m);
void register_gpu(pybind11::module_& module);
void register_host(pybind11::module_& m);
void register_binary_states(pybind11::module_& m);
void register_label_join(pybind11::module_& m);
void register_multiclass_states(pybind11::module_& m);
void register_multilabel_states(pybind11::module_& m);
void register_ranking_states(pybind11::module_& m);
void register_regression_states(pybind11::module_& m);

}  // namespace inlay::python
