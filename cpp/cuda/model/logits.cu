#include "model/logits.cuh"

#include <algorithm>
#include <inlay/error.hpp>
#include <inlay/model/logits.hpp>
#include <string>
#include <utility>

#include "model/logits_launch.hpp"
#include "runtime/error.hpp"
#include "runtime/kernel.hpp"

namespace inlay::cuda {
namespace {

// Blocks with partial results, more than any device holds at a time.
constexpr unsigned kMostPartials = 2048;
constexpr unsigned kMostParts = 128;
// Blocks that a multiprocessor is to hold; more would not leave the registers that a tile takes,
// and a block that goes on from row to row.
constexpr unsigned kResident = 4;
constexpr unsigned kResidentOfRows = 3;

template <class Row>
__global__ void __launch_bounds__(kLogitsThreads, kResident)
    logits_parts_kernel(const __grid_constant__ LogitsArgs args, WindowControl* control,
                        LogitsState* state0, LogitsState* state1) {
  logits_by_parts<Row>(args, control, state0, state1);
}

template <class Row>
__global__ void __launch_bounds__(kLogitsThreads, kResidentOfRows)
    logits_rows_kernel(const __grid_constant__ LogitsArgs args, WindowControl* control,
                       LogitsState* state0, LogitsState* state1) {
  logits_by_rows<Row>(args, control, state0, state1);
}

__global__ void extract_logits_kernel(const WindowControl* control, unsigned closed,
                                      unsigned long long* state, unsigned long long* result,
                                      std::size_t words) {
  extract_logits(control, closed, state, result, words);
}

// The kernels that read rows in one way.
struct LogitsKernels {
  using Kernel = void (*)(LogitsArgs, WindowControl*, LogitsState*, LogitsState*);
  Kernel parts;
  Kernel rows;
};

template <class Row>
LogitsKernels make_kernels() {
  return {logits_parts_kernel<Row>, logits_rows_kernel<Row>};
}

// Doubles are read as what lies apart is: few models have such logits.
bool reads_vectors(const LogitsArgs& args) {
  return args.element != Element::kF64 && args.column_stride == 1 &&
         (args.mask == nullptr || args.mask_column_stride == 1);
}

LogitsKernels kernels_of(Element element, bool vectors) {
  if (element == Element::kF64) return make_kernels<AnyEntries<double>>();
  if (!vectors) return make_kernels<AnyEntries<float>>();
  switch (element) {
    case Element::kF16:
      return make_kernels<AdjacentEntries<Half>>();
    case Element::kBF16:
      return make_kernels<AdjacentEntries<BFloat16>>();
    default:
      return make_kernels<AdjacentEntries<float>>();
  }
}

std::string text_of(const Tensor& tensor) {
  std::string out = "[";
  for (int i = 0; i < tensor.dims; ++i) {
    out += (i == 0 ? "" : ", ") + std::to_string(tensor.shape[i]);
  }
  return out + "]";
}

[[noreturn]] void refuse(const std::string& what, const Tensor& tensor) {
  throw InvalidArgument(what + ": " + text_of(tensor));
}

void check_input(const LogitsInput& input) {
  const Tensor& logits = input.logits;
  if (logits.dims != 2) refuse("logits have two dimensions, rows and columns, not", logits);
  if (logits.shape[1] >= (std::int64_t{1} << 30) || logits.shape[0] >= (std::int64_t{1} << 31)) {
    refuse("logits on a device have fewer than 2^31 rows and 2^30 columns, not", logits);
  }
  switch (logits.element) {
    case Element::kF64:
    case Element::kF32:
    case Element::kF16:
    case Element::kBF16:
      break;
    default:
      throw InvalidArgument("logits are float64, float32, float16 or bfloat16, not element type " +
                            std::to_string(static_cast<int>(logits.element)));
  }
  for (const Tensor* other : {input.chosen, input.mask, input.out}) {
    if (other != nullptr && other->device != logits.device) {
      throw InvalidArgument("logits on device " + std::to_string(logits.device) +
                            " go with tensors of the same device, not " +
                            std::to_string(other->device));
    }
  }
  if (const Tensor* chosen = input.chosen; chosen != nullptr) {
    const bool wide = chosen->element == Element::kI64 || chosen->element == Element::kI32;
    if (!wide) throw InvalidArgument("chosen tokens on a device are int64 or int32");
    if (chosen->dims != 1 || chosen->shape[0] != logits.shape[0]) {
      refuse("chosen tokens are one a row of logits " + text_of(logits) + ", not", *chosen);
    }
  }
  if (const Tensor* mask = input.mask; mask != nullptr) {
    if (mask->element != Element::kBool && mask->element != Element::kU8) {
      throw InvalidArgument("a mask of logits is of bool or uint8");
    }
    const bool row = mask->dims == 1 && mask->shape[0] == logits.shape[1];
    const bool all = mask->dims == 2 && mask->shape[1] == logits.shape[1] &&
                     (mask->shape[0] == logits.shape[0] || mask->shape[0] == 1);
    if (!row && !all)
      refuse("a mask has the shape of its logits, " + text_of(logits) + ", not", *mask);
  }
  if (const Tensor* out = input.out; out != nullptr) {
    const bool shaped = out->dims == 2 && out->shape[0] == logits.shape[0] &&
                        out->shape[1] == std::int64_t{kLogitsOut};
    const bool packed = shaped && out->strides[1] == 1 &&
                        (out->shape[0] < 2 || out->strides[0] == std::int64_t{kLogitsOut});
    if (out->element != Element::kF32 || !packed) {
      refuse("results of rows go to contiguous float32 of shape [rows, 8], not", *out);
    }
  }
}

LogitsArgs args_of(const LogitsInput& input, int scale, void* scratch) {
  const Tensor& logits = input.logits;
  LogitsArgs args{};
  args.data = logits.data;
  args.element = logits.element;
  args.rows = logits.shape[0];
  args.columns = static_cast<unsigned>(logits.shape[1]);
  args.row_stride = args.rows == 1 ? 0 : logits.strides[0];
  args.column_stride = args.columns == 1 ? 1 : logits.strides[1];
  if (input.chosen != nullptr) {
    args.chosen = input.chosen->data;
    args.chosen_bytes = input.chosen->element == Element::kI64 ? 8 : 4;
    args.chosen_stride = args.rows == 1 ? 0 : input.chosen->strides[0];
  }
  if (input.mask != nullptr) {
    const Tensor& mask = *input.mask;
    args.mask = static_cast<const std::uint8_t*>(mask.data);
    args.mask_row_stride = mask.dims == 2 && mask.shape[0] > 1 ? mask.strides[0] : 0;
    args.mask_column_stride = args.columns == 1 ? 1 : mask.strides[mask.dims - 1];
  }
  args.out =
      input.out == nullptr ? nullptr : static_cast<float*>(const_cast<void*>(input.out->data));
  args.scale = scale;
  args.partials = scratch;
  return args;
}

}  // namespace

std::size_t logits_scratch_bytes() { return kMostPartials * sizeof(LogitsPart<double>); }

void load_logits_kernels() {
  for (const Element element : {Element::kF64, Element::kF32, Element::kF16, Element::kBF16}) {
    for (const bool vectors : {true, false}) {
      const LogitsKernels kernels = kernels_of(element, vectors);
      load_kernel(kernels.parts);
      load_kernel(kernels.rows);
    }
  }
  load_kernel(extract_logits_kernel);
}

void update_logits_async(const LogitsInput& input, int scale, WindowControl* control,
                         LogitsState* const states[2], void* scratch, int multiprocessors,
                         unsigned parts, cudaStream_t stream) {
  check_input(input);
  LogitsArgs args = args_of(input, scale, scratch);
  if (args.rows == 0) return;
  const bool vectors = reads_vectors(args);
  const LogitsKernels kernels = kernels_of(args.element, vectors);
  const std::int64_t wide = vectors ? 16 / static_cast<std::int64_t>(size_of(args.element)) : 1;
  const std::int64_t units = args.columns / wide;
  const std::int64_t resident = std::int64_t{kResidentOfRows} * multiprocessors;
  // Two blocks for each multiprocessor read as fast as more, which have more to put together in the
  // end (measured on an H100); but none so small that threads idle.
  const std::int64_t wanted = parts != 0 ? parts : 2 * multiprocessors / args.rows;
  const std::int64_t fitting = std::min(
      {wanted, std::int64_t{kMostParts}, kMostPartials / args.rows, units / (2 * kLogitsThreads)});
  args.parts = static_cast<unsigned>(std::max<std::int64_t>(1, fitting));
  args.vectors_a_part = static_cast<unsigned>((units + args.parts - 1) / args.parts);
  if (args.parts > 1) {
    const auto blocks = static_cast<unsigned>(args.rows) * args.parts + 1;
    kernels.parts<<<blocks, kLogitsThreads, 0, stream>>>(args, control, states[0], states[1]);
  } else {
    const auto blocks = static_cast<unsigned>(std::min(args.rows, resident));
    kernels.rows<<<blocks, kLogitsThreads, 0, stream>>>(args, control, states[0], states[1]);
  }
  check(cudaGetLastError(), "reading logits");
}

void extract_logits_async(const WindowControl* control, unsigned closed, LogitsState* state,
                          void* result, int scale, cudaStream_t stream) {
  const std::size_t words = logits_state_bytes(scale) / sizeof(unsigned long long);
  extract_logits_kernel<<<32, 256, 0, stream>>>(control, closed,
                                                reinterpret_cast<unsigned long long*>(state),
                                                static_cast<unsigned long long*>(result), words);
  check(cudaGetLastError(), "moving a window of logits");
}

}  // namespace inlay::cuda
