#include <inlay/model/prediction_id.hpp>

#include "summary/murmur3.hpp"

namespace inlay {

std::string_view name_of(IdKind kind) noexcept {
  switch (kind) {
    case IdKind::kInteger:
      return "integers";
    case IdKind::kText:
      return "text";
    case IdKind::kBytes:
      return "bytes";
    default:
      return "nothing";
  }
}

void hash_ids(const std::uint64_t* ids, std::size_t size, IdHash* out) noexcept {
  constexpr auto kSeed = static_cast<std::uint64_t>(IdKind::kInteger);
  for (std::size_t i = 0; i < size; ++i) {
    const detail::Hash128 hash = detail::murmur_of_word(ids[i], kSeed);
    out[i] = {hash.high, hash.low};
  }
}

void hash_ids(const std::string_view* ids, std::size_t size, IdKind kind, IdHash* out) noexcept {
  const auto seed = static_cast<std::uint64_t>(kind);
  for (std::size_t i = 0; i < size; ++i) {
    const detail::Hash128 hash = detail::murmur_of_bytes(ids[i].data(), ids[i].size(), seed);
    out[i] = {hash.high, hash.low};
  }
}

}  // namespace inlay
