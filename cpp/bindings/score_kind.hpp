#pragma once

#include <array>
#include <string>

#include <inlay/error.hpp>
#include <inlay/model/score_histogram.hpp>

namespace inlay::python {

inline constexpr std::array<const char*, 3> kScoreKinds{"probability", "logit", "label"};

/// @throws InvalidArgument if it is none of them.
inline ScoreKind score_kind(const std::string& name) {
  for (std::size_t i = 0; i < kScoreKinds.size(); ++i) {
    if (name == kScoreKinds[i]) return static_cast<ScoreKind>(i);
  }
  throw InvalidArgument("kind is 'probability', 'logit' or 'label': '" + name + "'");
}

inline const char* name_of(ScoreKind kind) { return kScoreKinds[static_cast<std::size_t>(kind)]; }

}  // namespace inlay::python
