#include "metric/facts.hpp"

#include <algorithm>

#include "inlay/error.hpp"
#include "inlay/names.hpp"

namespace inlay::detail {

namespace {

constexpr std::string_view kLayers[] = {"app", "data", "model", "infra", "training", "self"};

// Readers of the tables know no years beyond 9999, and milliseconds taken for seconds lie beyond.
constexpr int64_t kFarthestUs = 90'000'000'000'000'000;

constexpr int32_t kMostSeverity = 24;

/// Null: absent.
void check_texts(std::initializer_list<const std::string*> texts) {
  for (const std::string* text : texts) {
    if (text != nullptr && !is_utf8(*text)) {
      fail<InvalidArgument>("the text of an event, a span or a verdict must be UTF-8", *text);
    }
  }
}

const std::string* pointer(const std::optional<std::string>& text) {
  return text ? &*text : nullptr;
}

void check_id(std::string_view id, std::string_view name, size_t digits) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (id.size() != digits || !std::all_of(id.begin(), id.end(), is_hex) ||
      id.find_first_not_of('0') == std::string_view::npos) {
    fail<InvalidArgument>(std::string(name) + " must be " + std::to_string(digits) +
                              " lower-case hex digits, not all of them 0",
                          id);
  }
}

void check_time(const std::optional<int64_t>& time_us, std::string_view name) {
  if (time_us && (*time_us < -kFarthestUs || *time_us > kFarthestUs)) {
    fail<InvalidArgument>(
        std::string(name) + " must lie within a few thousand years, in microseconds", *time_us);
  }
}

/// Times that are both given must be in their order.
void check_span_of_time(const std::optional<int64_t>& start_us, std::string_view start,
                        const std::optional<int64_t>& end_us, std::string_view end) {
  check_time(start_us, start);
  check_time(end_us, end);
  if (start_us && end_us && *end_us < *start_us) {
    fail<InvalidArgument>(
        std::string(end) + " must not be before " + std::string(start) + "; it is, in microseconds",
        *start_us - *end_us);
  }
}

void check_not_empty(std::string_view text, std::string_view what) {
  if (text.empty()) fail<InvalidArgument>(std::string(what) + " must not be empty", text);
}

}  // namespace

void check_layer(std::string_view layer) {
  if (std::find(std::begin(kLayers), std::end(kLayers), layer) == std::end(kLayers)) {
    throw InvalidArgument("a layer is one of app, data, model, infra, training and self, got '" +
                          std::string(layer) + "'");
  }
}

void check_trace_id(std::string_view id) { check_id(id, "trace_id", 32); }
void check_span_id(std::string_view id, std::string_view name) { check_id(id, name, 16); }

void check(const Event& event) {
  check_texts({&event.name, &event.attrs, pointer(event.body)});
  check_not_empty(event.name, "the name of an event");
  check_layer(event.layer);
  if (event.severity < 1 || event.severity > kMostSeverity) {
    fail<InvalidArgument>("severity must be 1 to 24", event.severity);
  }
  if (event.trace_id) check_trace_id(*event.trace_id);
  if (event.span_id) check_span_id(*event.span_id);
  check_span_of_time(event.time_us, "time", event.end_time_us, "end_time");
}

void check(const Span& span) {
  check_texts({&span.name, &span.attrs, pointer(span.kind), pointer(span.status)});
  check_layer(span.layer);
  check_trace_id(span.trace_id);
  check_span_id(span.span_id);
  if (span.parent_id) check_span_id(*span.parent_id, "parent_id");
  check_span_of_time(span.start_us, "start", span.end_us, "end");
}

void check(const Verdict& verdict) {
  check_texts({&verdict.metric, &verdict.attrs, &verdict.method, &verdict.judge,
               &verdict.judge_version, pointer(verdict.reason), pointer(verdict.reference_id)});
  check_not_empty(verdict.metric, "the metric of a verdict");
  check_layer(verdict.layer);
  if (verdict.verdict != "yes" && verdict.verdict != "no" && verdict.verdict != "undefined") {
    fail<InvalidArgument>("a verdict must be yes, no or undefined", verdict.verdict);
  }
  if (verdict.verdict == "undefined" && !verdict.reason) {
    fail<InvalidArgument>("an undefined verdict needs a reason; its method", verdict.method);
  }
  if (verdict.scope != "process" && verdict.scope != "host" && verdict.scope != "fleet") {
    fail<InvalidArgument>("a scope must be process, host or fleet", verdict.scope);
  }
  check_span_of_time(verdict.start_us, "start_time", verdict.time_us, "time");
  const size_t names = verdict.part_names ? verdict.part_names->size() : 0;
  const size_t values = verdict.part_values ? verdict.part_values->size() : 0;
  if (names != values) {
    fail<InvalidArgument>(
        "parts need a value each; " + std::to_string(names) + " names, number of values", values);
  }
  for (size_t i = 0; i < names; ++i) check_texts({&(*verdict.part_names)[i]});
}

}  // namespace inlay::detail
