#include "data/stats_sum.hpp"

#include <cmath>

namespace inlay::detail {
namespace {

void scan_wide(const Block& block, BlockScan& out) noexcept {
  const auto* values = block.as<Wide256>();
  out.sum = Wide256();
  out.overflowed = false;
  bool any = false;
  for (std::size_t i = 0; i < block.size; ++i) {
    if ((block.valid[i / 64] >> (i % 64) & 1) == 0) continue;
    const Wide256& value = values[i];
    if (!any || value < out.min) out.min = value;
    if (!any || out.max < value) out.max = value;
    if (!out.sum.add(value)) out.overflowed = true;
    any = true;
  }
}

Wide256 unflipped(std::int64_t value, std::uint64_t flip) noexcept {
  return flip == 0 ? Wide256(Wide{value})
                   : Wide256(static_cast<Wide>(static_cast<std::uint64_t>(value) ^ flip));
}

CheckStats stats_of(const Block& block, const LeafType& type, const BlockScan* scan) noexcept {
  CheckStats out;
  out.rows = block.size;
  out.nulls = block.size - block.present - block.outside;
  if (scan == nullptr || block.form == BlockForm::kNone || block.form == BlockForm::kText) {
    return out;
  }
  out.is_number = true;
  switch (block.form) {
    case BlockForm::kReal64:
    case BlockForm::kReal32:
      out.is_real = true;
      out.nans = scan->real.nans;
      out.pos_infs = scan->real.pos_infs;
      out.neg_infs = scan->real.neg_infs;
      out.any = scan->real.min <= scan->real.max;
      out.min = scan->real.min;
      out.max = scan->real.max;
      out.sum_high = scan->real.sum;
      return out;
    case BlockForm::kWide:
      out.any = block.present != 0;
      out.min_integer = scan->min.exact();
      out.max_integer = scan->max.exact();
      out.sum_integer = scan->sum.exact();
      out.overflowed = scan->overflowed;
      return out;
    default:
      break;
  }
  const std::uint64_t flip = flip_of(type);
  out.any = block.present != 0;
  out.min_integer = unflipped(scan->whole.min, flip).exact();
  out.max_integer = unflipped(scan->whole.max, flip).exact();
  Wide sum = scan->whole.sum;
  if (flip != 0) sum += static_cast<Wide>(block.present) << 63;
  out.sum_integer = Wide256(sum).exact();
  return out;
}

}  // namespace

void scan_block(const Block& block, std::uint64_t flip, BlockScan& out) noexcept {
  const ScanKernels& kernels = scan_kernels();
  const std::uint64_t* valid = block.valid_or_all();
  out.real.nans = out.real.pos_infs = out.real.neg_infs = 0;
  switch (block.form) {
    case BlockForm::kReal64:
      kernels.scan_f64(block.as<double>(), block.size, valid, out.real);
      return;
    case BlockForm::kReal32:
      kernels.scan_f32(block.as<float>(), block.size, valid, out.real);
      return;
    case BlockForm::kWhole64:
      kernels.scan_i64(block.as<std::int64_t>(), block.size, valid, flip, out.whole);
      return;
    case BlockForm::kWhole32:
      kernels.scan_i32(block.as<std::int32_t>(), block.size, valid, out.whole);
      return;
    case BlockForm::kWide:
      scan_wide(block, out);
      return;
    default:
      return;
  }
}

void add_exactly(double value, double& high, double& low) noexcept {
  const double sum = high + value;
  if (std::isfinite(sum)) {
    low += std::fabs(high) >= std::fabs(value) ? (high - sum) + value : (value - sum) + high;
  }
  high = sum;
}

StatsSum::StatsSum(const LeafType& type) noexcept {
  const BlockForm form = form_of(type);
  stats_.is_number = form != BlockForm::kNone && form != BlockForm::kText;
  stats_.is_real = form == BlockForm::kReal64 || form == BlockForm::kReal32;
}

void StatsSum::add(const Block& block, const LeafType& type, const BlockScan* scan) noexcept {
  stats_.merge(stats_of(block, type, scan));
}

}  // namespace inlay::detail

namespace inlay {

void CheckStats::merge(const CheckStats& other) noexcept {
  rows += other.rows;
  nulls += other.nulls;
  nans += other.nans;
  pos_infs += other.pos_infs;
  neg_infs += other.neg_infs;
  is_number = is_number || other.is_number;
  is_real = is_real || other.is_real;
  overflowed = overflowed || other.overflowed;
  detail::add_exactly(other.sum_high, sum_high, sum_low);
  sum_low += other.sum_low;
  if (!sum_integer.add(other.sum_integer)) overflowed = true;
  if (!other.any) return;
  if (!any || other.min < min) min = other.min;
  if (!any || other.max > max) max = other.max;
  if (!any || other.min_integer < min_integer) min_integer = other.min_integer;
  if (!any || max_integer < other.max_integer) max_integer = other.max_integer;
  any = true;
}

}  // namespace inlay
