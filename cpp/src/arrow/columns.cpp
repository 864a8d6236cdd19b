#include "arrow/columns.hpp"

#include <bit>

namespace inlay::detail {

namespace {

template <class T>
BuiltColumn constant_fixed(T value, std::int64_t rows, ColumnType type) {
  BuiltColumn built;
  built.type = type;
  built.length = rows;
  if (value != T{}) {  // no buffer: zeros
    const auto count = static_cast<std::size_t>(rows);
    built.data.reserve(count * sizeof(T));
    std::fill_n(built.data.as<T>(), count, value);
    built.data.set_size(count * sizeof(T));
  }
  return built;
}

}  // namespace

void Validity::grow(std::size_t bytes) {
  const auto old = bits_.size();
  if (bytes <= old) {
    return;
  }
  bits_.ensure(bytes - old);
  std::memset(bits_.data() + old, 0, bytes - old);
  bits_.set_size(bytes);
}

void Validity::add_nulls(std::int64_t length, std::int64_t row) {
  if (!active()) {  // the first null: all rows before it have values
    const auto whole = static_cast<std::size_t>(length) / 8;
    grow(static_cast<std::size_t>(length + 7) / 8);
    if (whole != 0) {
      std::memset(bits_.data(), 0xff, whole);
    }
    if (length % 8 != 0) {
      bits_.data()[whole] = static_cast<std::byte>((1U << (length % 8)) - 1U);
    }
  }
  const auto bytes = static_cast<std::size_t>(row + 7) / 8;
  grow(bytes);
  null_count_ += row - length;
}

void Offsets::grow(std::size_t bytes) {
  constexpr std::size_t kMinBytes = 64;
  const bool first = data_.empty();
  data_.reserve(std::max(bytes, kMinBytes));
  if (first) {
    put(0);
  }
}

void StringColumn::pad(std::int64_t row) {
  validity_.add_nulls(length_, row);
  offsets_.append_repeated(data_.size(), row - length_);
  length_ = row;
}

BuiltColumn StringColumn::take(std::int64_t rows, ColumnType type) {
  BuiltColumn built;
  built.type = type;
  built.length = rows;
  if (length_ == 0) {
    built.null_count = rows;
  } else {
    if (length_ != rows) {
      pad(rows);
    }
    built.null_count = validity_.null_count();
    built.validity = std::move(validity_).take();
    built.offsets = std::move(offsets_).take();
    built.data = std::move(data_);
  }
  *this = StringColumn{};
  return built;
}

BuiltColumn constant_column(std::int64_t value, std::int64_t rows, ColumnType type) {
  return constant_fixed(value, rows, type);
}

BuiltColumn constant_column(std::int32_t value, std::int64_t rows) {
  return constant_fixed(value, rows, ColumnType::kInt32);
}

BuiltColumn constant_column(std::string_view value, std::int64_t rows) {
  BuiltColumn built;
  built.type = ColumnType::kUtf8;
  built.length = rows;
  const auto count = static_cast<std::size_t>(rows);
  if (value.empty() || count == 0) {
    return built;  // no buffers: zero offsets
  }
  const auto total = count * value.size();
  built.data.reserve(total);
  built.data.append_unchecked(value.data(), value.size());
  while (built.data.size() < total) {
    built.data.append_unchecked(built.data.data(),
                                std::min(built.data.size(), total - built.data.size()));
  }
  built.offsets.reserve((count + 1) * sizeof(std::int32_t));
  auto* offsets = built.offsets.as<std::int32_t>();
  for (std::size_t i = 0; i <= count; ++i) {
    offsets[i] = static_cast<std::int32_t>(i * value.size());
  }
  built.offsets.set_size((count + 1) * sizeof(std::int32_t));
  return built;
}

BuiltColumn null_column(ColumnType type, std::int64_t rows) {
  BuiltColumn built;
  built.type = type;
  built.length = rows;
  built.null_count = rows;
  return built;
}

}  // namespace inlay::detail
