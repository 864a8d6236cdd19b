#include "infra/gpu_selection.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace inlay::infra {

namespace {

constexpr std::string_view kGpu = "GPU-", kMig = "MIG-";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_uuid_part(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '-';
  });
}

bool same_letters(char a, char b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return lower(a) == lower(b);
}

}  // namespace

std::optional<GpuToken> parse_gpu_token(const std::string& text) {
  const std::string_view given = trimmed(text);
  GpuToken token;
  if (given.substr(0, kGpu.size()) == kGpu) {
    if (!is_uuid_part(given.substr(kGpu.size()))) return std::nullopt;
    token.kind = GpuToken::Kind::kUuid;
    token.uuid = given;
    return token;
  }
  if (given.substr(0, kMig.size()) == kMig) {
    token.kind = GpuToken::Kind::kMig;
    std::string_view rest = given.substr(kMig.size());
    if (rest.substr(0, kGpu.size()) != kGpu) {
      if (!is_uuid_part(rest)) return std::nullopt;
      token.uuid = given;
      return token;
    }
    const std::size_t first = rest.find('/');
    if (first == std::string_view::npos) return std::nullopt;
    const std::size_t second = rest.find('/', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    token.uuid = rest.substr(0, first);
    token.gpu_instance = number(rest.substr(first + 1, second - first - 1));
    token.compute_instance = number(rest.substr(second + 1));
    if (!token.gpu_instance || !token.compute_instance ||
        !is_uuid_part(rest.substr(kGpu.size(), first - kGpu.size()))) {
      return std::nullopt;
    }
    return token;
  }
  const auto index = number(given);
  if (!index) return std::nullopt;
  token.index = *index;
  return token;
}

std::vector<GpuToken> parse_visible_devices(const std::string& text) {
  std::vector<GpuToken> tokens;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    auto token = parse_gpu_token(text.substr(begin, end - begin));
    if (!token) break;
    for (const GpuToken& before : tokens) {
      if (before.kind == token->kind && before.index == token->index &&
          before.uuid == token->uuid && before.gpu_instance == token->gpu_instance &&
          before.compute_instance == token->compute_instance) {
        return {};
      }
    }
    tokens.push_back(std::move(*token));
    begin = end + 1;
  }
  return tokens;
}

bool names_gpu(const GpuToken& token, std::uint32_t index, const std::string& uuid) {
  if (token.kind == GpuToken::Kind::kIndex) return token.index == index;
  const bool whole_gpu = token.kind == GpuToken::Kind::kUuid;
  if (!whole_gpu && !token.gpu_instance) return false;
  return token.uuid.size() <= uuid.size() &&
         std::equal(token.uuid.begin(), token.uuid.end(), uuid.begin(), same_letters);
}

}  // namespace inlay::infra
