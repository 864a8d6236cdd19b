#include "data/value_set.hpp"

#include <algorithm>

#include "data/bounds.hpp"

namespace inlay::detail {
namespace {

template <class T>
void sort_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

ValueSet::ValueSet(const LeafType& type, const std::vector<CheckValue>& values)
    : words_(values.size(), key_seed()) {
  switch (form_of(type)) {
    case BlockForm::kNone:
      return;
    case BlockForm::kText:
      add_texts(values);
      return;
    case BlockForm::kReal64:
    case BlockForm::kReal32:
      for (const CheckValue& value : values) {
        const std::optional<double> real = real_of(type, value);
        if (!real) continue;
        if (*real != *real) {
          has_nan_ = true;
        } else {
          reals_.push_back(*real + 0.0);
        }
      }
      sort_unique(reals_);
      looked_up_ = reals_.size() > kFew;
      for (const double real : reals_) words_.insert(key_of_real(real));
      return;
    case BlockForm::kWide:
      for (const CheckValue& value : values) wides_.emplace_back(value.integer);
      sort_unique(wides_);
      return;
    case BlockForm::kWhole64:
    case BlockForm::kWhole32:
      for (const CheckValue& value : values) {
        // As they lie in memory: a flip changes what is less, not what is equal.
        if (const std::optional<std::int64_t> whole = whole_of(type, value)) {
          wholes_.push_back(
              static_cast<std::int64_t>(static_cast<std::uint64_t>(*whole) ^ flip_of(type)));
        }
      }
      sort_unique(wholes_);
      looked_up_ = wholes_.size() > kFew;
      for (const std::int64_t whole : wholes_) {
        narrow_.push_back(static_cast<std::int32_t>(whole));
        words_.insert(static_cast<std::uint64_t>(whole));
      }
  }
}

void ValueSet::add_texts(const std::vector<CheckValue>& values) {
  slots_.resize(std::bit_ceil(4 * values.size() + 4));
  shift_ = 64 - std::countr_zero(slots_.size());
  for (const CheckValue& value : values) {
    const Key128 key = key_of(value.text, key_seed());
    if (contains(value.text, key)) continue;
    std::size_t at = spread_(key) >> shift_;
    while (!(slots_[at].key == Key128{})) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {key, value.text};
    lengths_ |= std::uint64_t{1} << length_bit(value.text);
  }
}

void ValueSet::absent(const Block& block, std::uint64_t* out) const noexcept {
  const ScanKernels& kernels = scan_kernels();
  const std::size_t size = block.size;
  switch (block.form) {
    case BlockForm::kNone:
      set_all(out, size);
      return;
    case BlockForm::kReal64:
    case BlockForm::kReal32: {
      const bool wide = block.form == BlockForm::kReal64;
      const auto* values = block.as<double>();
      const auto* floats = block.as<float>();
      const auto at = [&](std::size_t i) { return wide ? values[i] : double{floats[i]}; };
      if (looked_up_) {
        write_row_bits(size, out, [&](std::size_t i) {
          const double value = at(i);
          return value == value ? !words_.contains(key_of_real(value)) : !has_nan_;
        });
        return;
      }
      if (wide) {
        kernels.absent_f64(values, size, reals_.data(), reals_.size(), out);
      } else {
        kernels.absent_f32(floats, size, reals_.data(), reals_.size(), out);
      }
      if (!has_nan_) return;
      for (std::size_t i = 0; i < size; ++i) {
        if (at(i) != at(i)) out[i / 64] &= ~(std::uint64_t{1} << (i % 64));
      }
      return;
    }
    case BlockForm::kWhole64: {
      const auto* values = block.as<std::int64_t>();
      if (!looked_up_) {
        kernels.absent_i64(values, size, wholes_.data(), wholes_.size(), out);
        return;
      }
      write_row_bits(size, out, [&](std::size_t i) {
        return !words_.contains(static_cast<std::uint64_t>(values[i]));
      });
      return;
    }
    case BlockForm::kWhole32: {
      const auto* values = block.as<std::int32_t>();
      if (!looked_up_) {
        kernels.absent_i32(values, size, narrow_.data(), narrow_.size(), out);
        return;
      }
      write_row_bits(size, out, [&](std::size_t i) {
        return !words_.contains(static_cast<std::uint64_t>(std::int64_t{values[i]}));
      });
      return;
    }
    case BlockForm::kWide: {
      const auto* values = block.as<Wide256>();
      write_row_bits(size, out, [&](std::size_t i) {
        return !std::binary_search(wides_.begin(), wides_.end(), values[i]);
      });
      return;
    }
    case BlockForm::kText: {
      // Most texts that are none of a few names differ from all in length, and need no key.
      const auto* values = block.as<std::string_view>();
      if (block.keys == nullptr) {
        write_row_bits(size, out, [&, seed = key_seed()](std::size_t i) {
          return !has_length_of(values[i]) || !contains(values[i], key_of(values[i], seed));
        });
        return;
      }
      write_row_bits(size, out, [&](std::size_t i) {
        return !has_length_of(values[i]) || !contains(values[i], block.keys[i]);
      });
    }
  }
}

}  // namespace inlay::detail
