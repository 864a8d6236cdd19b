#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <cmath>
#include <inlay/detect/two_sample.hpp>
#include <optional>

namespace inlay::python {

namespace py = pybind11;

using TwoSampleFields = py::typing::Dict<py::str, py::object>;

inline const char* reason_of(Undefined undefined) {
  switch (undefined) {
    case Undefined::kDefined:
      return nullptr;
    case Undefined::kEmpty:
      return "empty";
    case Undefined::kInfinite:
      return "infinite";
    case Undefined::kOverflow:
      return "overflow";
    case Undefined::kConstant:
      return "constant";
    case Undefined::kTooFew:
      return "insufficient";
  }
  return "empty";
}

inline std::optional<double> some(double value) {
  return std::isnan(value) ? std::nullopt : std::optional<double>(value);
}

/// Its numbers under the names of the class in Python, None where undefined, and `reasons`.
inline TwoSampleFields fields_of(const TwoSample& result) {
  TwoSampleFields out;
  out["n"] = result.n;
  out["m"] = result.m;
  out["ks"] = some(result.ks);
  out["ks_location"] = some(result.ks_location);
  out["ks_p_value"] = some(result.ks_p_value);
  out["cramer_von_mises"] = some(result.cramer_von_mises);
  out["cramer_von_mises_p_value"] = some(result.cramer_von_mises_p_value);
  out["anderson_darling"] = some(result.anderson_darling);
  out["anderson_darling_p_value"] = some(result.anderson_darling_p_value);
  out["wasserstein"] = some(result.wasserstein);
  out["energy"] = some(result.energy);
  py::dict reasons;
  const auto add = [&](const char* name, Undefined undefined) {
    if (const char* reason = reason_of(undefined)) reasons[name] = reason;
  };
  add("ks", result.ranks);
  add("cramer_von_mises", result.ranks);
  add("anderson_darling", result.anderson);
  add("wasserstein", result.distances);
  add("energy", result.distances);
  out["reasons"] = reasons;
  return out;
}

}  // namespace inlay::python
