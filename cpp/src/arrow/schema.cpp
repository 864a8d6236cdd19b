#include <inlay/arrow/schema.hpp>

#include <string>

#include <inlay/error.hpp>

namespace inlay {

namespace {

constexpr bool kRequired = false;
constexpr bool kNullable = true;

std::vector<TableSpec> make_schemas() {
  using enum ColumnType;
  return {
      {"points",
       {
           {"time", kTimestampUs, kRequired},
           {"start_time", kTimestampUs, kRequired},
           {"observed_time", kTimestampUs, kRequired},
           {"revision", kInt32, kRequired},
           {"form", kUtf8, kRequired},
           {"origin", kInt64, kRequired},
           {"window_seq", kInt64, kRequired},
           {"rank", kInt32, kNullable},
           {"layer", kUtf8, kRequired},
           {"metric", kUtf8, kRequired},
           {"kind", kUtf8, kRequired},
           {"unit", kUtf8, kNullable},
           {"series_id", kInt64, kRequired},
           {"attrs", kUtf8, kRequired},
           {"resource", kUtf8, kRequired},
           {"status", kUtf8, kRequired},
           {"value", kFloat64, kNullable},
           {"count", kInt64, kNullable},
           {"null_count", kInt64, kNullable},
           {"nan_count", kInt64, kNullable},
           {"pos_inf_count", kInt64, kNullable},
           {"neg_inf_count", kInt64, kNullable},
           {"sum", kFloat64, kNullable},
           {"min", kFloat64, kNullable},
           {"max", kFloat64, kNullable},
           {"mean", kFloat64, kNullable},
           {"m2", kFloat64, kNullable},
           {"m3", kFloat64, kNullable},
           {"m4", kFloat64, kNullable},
           {"scale", kInt32, kNullable},
           {"zero_count", kInt64, kNullable},
           {"zero_threshold", kFloat64, kNullable},
           {"pos_offset", kInt32, kNullable},
           {"pos_counts", kInt64List, kNullable},
           {"neg_offset", kInt32, kNullable},
           {"neg_counts", kInt64List, kNullable},
           {"bounds", kFloat64List, kNullable},
           {"categories", kUtf8List, kNullable},
           {"counts", kInt64List, kNullable},
           {"reference_id", kUtf8, kNullable},
           {"summary", kBinary, kNullable},
           {"summary_type", kUtf8, kNullable},
       }},
      {"verdicts",
       {
           {"time", kTimestampUs, kRequired},
           {"start_time", kTimestampUs, kRequired},
           {"observed_time", kTimestampUs, kRequired},
           {"revision", kInt32, kRequired},
           {"origin", kInt64, kRequired},
           {"series_id", kInt64, kRequired},
           {"layer", kUtf8, kRequired},
           {"metric", kUtf8, kRequired},
           {"attrs", kUtf8, kRequired},
           {"resource", kUtf8, kRequired},
           {"method", kUtf8, kRequired},
           {"scope", kUtf8, kRequired},
           {"verdict", kUtf8, kRequired},
           {"reason", kUtf8, kNullable},
           {"value", kFloat64, kNullable},
           {"low", kFloat64, kNullable},
           {"high", kFloat64, kNullable},
           {"threshold", kFloat64, kNullable},
           {"effect", kFloat64, kNullable},
           {"p_value", kFloat64, kNullable},
           {"log_e", kFloat64, kNullable},
           {"n", kInt64, kNullable},
           {"n_reference", kInt64, kNullable},
           {"reference_id", kUtf8, kNullable},
           {"part_names", kUtf8List, kNullable},
           {"part_values", kFloat64List, kNullable},
           {"judge", kUtf8, kRequired},
           {"judge_version", kUtf8, kRequired},
       }},
      {"events",
       {
           {"time", kTimestampUs, kRequired},
           {"end_time", kTimestampUs, kNullable},
           {"observed_time", kTimestampUs, kRequired},
           {"origin", kInt64, kRequired},
           {"layer", kUtf8, kRequired},
           {"name", kUtf8, kRequired},
           {"severity", kInt32, kRequired},
           {"body", kUtf8, kNullable},
           {"attrs", kUtf8, kRequired},
           {"resource", kUtf8, kRequired},
           {"trace_id", kUtf8, kNullable},
           {"span_id", kUtf8, kNullable},
           {"series_id", kInt64, kNullable},
       }},
      {"exemplars",
       {
           {"time", kTimestampUs, kRequired},
           {"observed_time", kTimestampUs, kRequired},
           {"layer", kUtf8, kRequired},
           {"origin", kInt64, kRequired},
           {"series_id", kInt64, kRequired},
           {"window_seq", kInt64, kRequired},
           {"value", kFloat64, kRequired},
           {"trace_id", kUtf8, kNullable},
           {"span_id", kUtf8, kNullable},
           {"attrs", kUtf8, kRequired},
       }},
      {"spans",
       {
           {"trace_id", kUtf8, kRequired},
           {"span_id", kUtf8, kRequired},
           {"parent_id", kUtf8, kNullable},
           {"name", kUtf8, kRequired},
           {"kind", kUtf8, kNullable},
           {"start_time", kTimestampUs, kRequired},
           {"time", kTimestampUs, kRequired},
           {"observed_time", kTimestampUs, kRequired},
           {"layer", kUtf8, kRequired},
           {"status", kUtf8, kNullable},
           {"attrs", kUtf8, kRequired},
           {"resource", kUtf8, kRequired},
           {"origin", kInt64, kRequired},
       }},
  };
}

}  // namespace

const char* column_format(ColumnType type) noexcept {
  switch (type) {
    case ColumnType::kTimestampUs:
      return "tsu:UTC";
    case ColumnType::kInt32:
      return "i";
    case ColumnType::kInt64:
      return "l";
    case ColumnType::kFloat64:
      return "g";
    case ColumnType::kUtf8:
      return "u";
    case ColumnType::kBinary:
      return "z";
    case ColumnType::kInt64List:
    case ColumnType::kFloat64List:
    case ColumnType::kUtf8List:
      return "+l";
  }
  return "";
}

const char* column_type_name(ColumnType type) noexcept {
  switch (type) {
    case ColumnType::kTimestampUs:
      return "timestamp[us, UTC]";
    case ColumnType::kInt32:
      return "int32";
    case ColumnType::kInt64:
      return "int64";
    case ColumnType::kFloat64:
      return "float64";
    case ColumnType::kUtf8:
      return "utf8";
    case ColumnType::kBinary:
      return "binary";
    case ColumnType::kInt64List:
      return "list<int64>";
    case ColumnType::kFloat64List:
      return "list<float64>";
    case ColumnType::kUtf8List:
      return "list<utf8>";
  }
  return "";
}

const std::vector<TableSpec>& table_schemas() {
  // Never freed: tables made while the process ends still refer to it.
  static const auto* const kSchemas = new std::vector<TableSpec>(make_schemas());
  return *kSchemas;
}

const TableSpec& table_schema(std::string_view name) {
  for (const auto& spec : table_schemas()) {
    if (spec.name == name) {
      return spec;
    }
  }
  throw InvalidArgument("there is no table named '" + std::string(name) + "'");
}

}  // namespace inlay
