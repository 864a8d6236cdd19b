#include <algorithm>
#include <charconv>
#include <inlay/prometheus/exposition.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace inlay::prometheus {
namespace {

constexpr std::string_view kTextType = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kProtobufType =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

/// Takes what stands before the next `separator` off the front of `rest`.
std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view item = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return trimmed(item);
}

/// One element of the header. A plain value.
struct MediaRange {
  std::string type;
  std::string version;
  std::string proto;
  std::string encoding;
  double quality = 1;
};

std::optional<MediaRange> parse_range(std::string_view text) {
  MediaRange range;
  range.type = lowered(take_until(text, ';'));
  while (!text.empty()) {
    std::string_view parameter = take_until(text, ';');
    const std::string name = lowered(take_until(parameter, '='));
    std::string_view value = trimmed(parameter);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (name == "version") range.version = value;
    if (name == "proto") range.proto = value;
    if (name == "encoding") range.encoding = lowered(value);
    if (name == "q") {
      double quality = 0;
      const auto end = value.data() + value.size();
      const auto result = std::from_chars(value.data(), end, quality);
      if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
      if (!(quality >= 0 && quality <= 1)) return std::nullopt;
      range.quality = quality;
    }
  }
  return range;
}

std::optional<Negotiation> answer_to(const MediaRange& range) {
  if (range.type == "application/vnd.google.protobuf") {
    if (range.proto != "io.prometheus.client.MetricFamily" || range.encoding != "delimited") {
      return std::nullopt;
    }
    return Negotiation{Format::kProtobuf, std::string(kProtobufType)};
  }
  if (range.type == "application/openmetrics-text") {
    // 0.0.1 and 1.0.0 differ in nothing we write; whoever asks for one is told that one.
    const std::string version = range.version.empty() ? "1.0.0" : range.version;
    if (version != "1.0.0" && version != "0.0.1") return std::nullopt;
    return Negotiation{Format::kOpenMetrics,
                       "application/openmetrics-text; version=" + version + "; charset=utf-8"};
  }
  if (range.type == "text/plain" || range.type == "text/*" || range.type == "*/*") {
    return Negotiation{Format::kText, std::string(kTextType)};
  }
  return std::nullopt;
}

}  // namespace

Negotiation negotiate(std::string_view accept) {
  Negotiation best{Format::kText, std::string(kTextType)};
  double best_quality = 0;
  while (!accept.empty()) {
    const auto range = parse_range(take_until(accept, ','));
    if (!range || range->quality <= best_quality) continue;
    if (auto answer = answer_to(*range)) {
      best = std::move(*answer);
      best_quality = range->quality;
    }
  }
  return best;
}

EdgeGrid default_edges(std::string_view unit) {
  // Durations: from 122 µs to 256 s, in whichever unit they are.
  if (unit == "s") return {-13, 8, 0};
  if (unit == "ms") return {-3, 18, 0};
  if (unit == "us") return {7, 28, 0};
  if (unit == "ns") return {17, 38, 0};
  // 16 bytes to a tebibyte, by fours.
  if (unit == "By") return {2, 20, -1};
  if (unit == "1") return {-16, 4, 0};
  // Anything else: 1/1024 to a million by twos.
  return {-10, 20, 0};
}

}  // namespace inlay::prometheus
