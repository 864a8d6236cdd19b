#include "model/score_kernels_loops.hpp"

namespace inlay::detail {

constinit const ScoreKernels kScoreKernelsAvx2 = make_score_kernels();

}  // namespace inlay::detail
