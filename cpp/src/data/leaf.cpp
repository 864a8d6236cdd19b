#include "data/leaf.hpp"

#include <charconv>
#include <inlay/error.hpp>
#include <string_view>
#include <unordered_set>

#include "arrow/layout.hpp"
#include "arrow/table_data.hpp"
#include "utf8.hpp"

namespace inlay {

const char* leaf_kind_name(LeafKind kind) noexcept {
  static constexpr const char* kNames[kLeafKinds] = {
      "null", "boolean",   "integer",  "unsigned", "float",  "decimal", "date",
      "time", "timestamp", "duration", "text",     "binary", "list"};
  return kNames[static_cast<unsigned>(kind)];
}

namespace detail {
namespace {

// Beyond, decimals and their sums leave the range of a double, and texts of them grow long.
constexpr int kMaxScale = 300;
constexpr int kMaxPrecision = 76;

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw InvalidArgument("column '" + path + "' " + what);
}

struct Decimal {
  int precision = 0;
  int scale = 0;
  int bits = 128;
};

// "d:precision,scale[,bits]"; check_schema() has seen the commas and the bits.
Decimal parse_decimal(std::string_view format) {
  Decimal out;
  const char* at = format.data() + 2;
  const char* const end = format.data() + format.size();
  for (int* field : {&out.precision, &out.scale, &out.bits}) {
    if (at >= end) break;
    const auto [stop, error] = std::from_chars(at, end, *field);
    if (error != std::errc{} || (stop != end && *stop != ',')) return {};
    at = stop + 1;
  }
  return out;
}

std::string zone_of(std::string_view format) { return std::string(format.substr(4)); }

std::string decimal_name(std::string_view format) {
  const Decimal decimal = parse_decimal(format);
  return "decimal" + std::to_string(decimal.bits) + "(" + std::to_string(decimal.precision) + ", " +
         std::to_string(decimal.scale) + ")";
}

std::string temporal_name(std::string_view format) {
  const char* known = unit_name(format[2]);
  const std::string unit = known == nullptr ? "" : known;
  switch (format[1]) {
    case 'd':
      return format[2] == 'D' ? "date32" : "date64";
    case 't':
      return (format[2] == 's' || format[2] == 'm' ? "time32[" : "time64[") + unit + "]";
    case 's': {
      const std::string zone = zone_of(format);
      return "timestamp[" + unit + (zone.empty() ? "]" : ", " + zone + "]");
    }
    case 'D':
      return "duration[" + unit + "]";
    default:
      return format[2] == 'M'   ? "interval[months]"
             : format[2] == 'D' ? "interval[days, ms]"
                                : "interval[months, days, ns]";
  }
}

const char* plain_name(char code) {
  switch (code) {
    case 'n':
      return "null";
    case 'b':
      return "bool";
    case 'c':
      return "int8";
    case 'C':
      return "uint8";
    case 's':
      return "int16";
    case 'S':
      return "uint16";
    case 'i':
      return "int32";
    case 'I':
      return "uint32";
    case 'l':
      return "int64";
    case 'L':
      return "uint64";
    case 'e':
      return "float16";
    case 'f':
      return "float32";
    case 'g':
      return "float64";
    case 'u':
      return "utf8";
    case 'U':
      return "large_utf8";
    case 'z':
      return "binary";
    default:
      return "large_binary";
  }
}

std::string children_names(const ArrowSchema& schema, bool named) {
  std::string out = "<";
  for (std::int64_t i = 0; i < schema.n_children; ++i) {
    const ArrowSchema& child = *schema.children[i];
    if (i != 0) out += ", ";
    if (named && child.name != nullptr) out += std::string(child.name) + ": ";
    out += type_name(child);
  }
  return out + ">";
}

std::string nested_name(const ArrowSchema& schema) {
  const std::string_view format = schema.format;
  switch (format[1]) {
    case 'l':
      return "list" + children_names(schema, false);
    case 'L':
      return "large_list" + children_names(schema, false);
    case 'v':
      return (format[2] == 'l' ? "list_view" : "large_list_view") + children_names(schema, false);
    case 'w':
      return "fixed_size_list[" + std::string(format.substr(3)) + "]" +
             children_names(schema, false);
    case 'm': {
      const ArrowSchema& entries = *schema.children[0];
      return "map" + children_names(entries, false);
    }
    case 's':
      return "struct" + children_names(schema, true);
    case 'r':
      return "run_end_encoded" + children_names(schema, false);
    default:
      return (format[2] == 's' ? "sparse_union" : "dense_union") + children_names(schema, true);
  }
}

std::string value_name(const ArrowSchema& schema) {
  const std::string_view format = schema.format;
  switch (format[0]) {
    case 'd':
      return decimal_name(format);
    case 't':
      return temporal_name(format);
    case 'w':
      return "fixed_size_binary[" + std::string(format.substr(2)) + "]";
    case 'v':
      return format[1] == 'u' ? "utf8_view" : "binary_view";
    case '+':
      return nested_name(schema);
    default:
      return plain_name(format[0]);
  }
}

LeafType plain(LeafKind kind, LeafFormat format, std::int64_t width) {
  LeafType type;
  type.kind = kind;
  type.format = format;
  type.width = width;
  return type;
}

LeafType temporal(std::string_view format, std::int64_t width) {
  LeafKind kind = LeafKind::kDuration;
  if (format[1] == 'd') kind = LeafKind::kDate;
  if (format[1] == 't') kind = LeafKind::kTime;
  if (format[1] == 's') kind = LeafKind::kTimestamp;
  LeafType type = plain(kind, LeafFormat::kSigned, width);
  type.unit = format[2];
  if (kind == LeafKind::kTimestamp) type.timezone = zone_of(format);
  return type;
}

LeafType decimal(const ArrowSchema& schema, const std::string& path) {
  const Decimal parsed = parse_decimal(schema.format);
  if (parsed.precision < 1 || parsed.precision > kMaxPrecision) {
    refuse(path, "needs a precision of 1 to 76: '" + std::string(schema.format) + "'");
  }
  if (parsed.scale < -kMaxScale || parsed.scale > kMaxScale) {
    refuse(path, "needs a scale of -300 to 300: '" + std::string(schema.format) + "'");
  }
  LeafType type = plain(LeafKind::kDecimal, LeafFormat::kDecimal, parsed.bits / 8);
  type.precision = parsed.precision;
  type.scale = parsed.scale;
  return type;
}

// The type of what is no struct and no list.
LeafType flat_type(const ArrowSchema& schema, const std::string& path) {
  const std::string_view format = schema.format;
  const Layout layout = parse_layout(format, path);
  const std::int64_t width = layout.width_bits / 8;
  switch (format[0]) {
    case 'n':
      return plain(LeafKind::kNull, LeafFormat::kNull, 0);
    case 'b':
      return plain(LeafKind::kBoolean, LeafFormat::kBits, 0);
    case 'c':
    case 's':
    case 'i':
    case 'l':
      return plain(LeafKind::kInteger, LeafFormat::kSigned, width);
    case 'C':
    case 'S':
    case 'I':
    case 'L':
      return plain(LeafKind::kUnsigned, LeafFormat::kUnsigned, width);
    case 'e':
    case 'f':
    case 'g':
      return plain(LeafKind::kFloat, LeafFormat::kFloat, width);
    case 'u':
      return plain(LeafKind::kText, LeafFormat::kOffsets32, 0);
    case 'U':
      return plain(LeafKind::kText, LeafFormat::kOffsets64, 0);
    case 'z':
      return plain(LeafKind::kBinary, LeafFormat::kOffsets32, 0);
    case 'Z':
      return plain(LeafKind::kBinary, LeafFormat::kOffsets64, 0);
    case 'v':
      return plain(format[1] == 'u' ? LeafKind::kText : LeafKind::kBinary, LeafFormat::kView, 16);
    case 'w':
      return plain(LeafKind::kBinary, LeafFormat::kFixedBytes, width);
    case 'd':
      return decimal(schema, path);
    case 't':
      if (format[1] != 'i') return temporal(format, width);
      break;
    default:
      break;
  }
  refuse(path, "has a type that is not supported: " + type_name(schema));
}

LeafType list_type(const ArrowSchema& schema, const Layout& layout) {
  LeafFormat format = LeafFormat::kList32;
  if (layout.kind == LayoutKind::kList64) format = LeafFormat::kList64;
  if (layout.kind == LayoutKind::kFixedList) format = LeafFormat::kFixedList;
  if (layout.kind == LayoutKind::kListView) {
    const bool large = schema.format[2] == 'L';
    format = large ? LeafFormat::kListView64 : LeafFormat::kListView32;
  }
  return plain(LeafKind::kList, format, layout.list_size);
}

class Flattener {
 public:
  std::vector<Leaf> take() { return std::move(leaves_); }

  void column(const ArrowSchema& schema, std::int64_t index) {
    column_ = index;
    const bool flat = schema.format[0] != '+';
    visit(schema, child_path("", schema, index), !flat);
  }

  /// As column(), but leaves of a column that is refused are taken back.
  void column_or_nothing(const ArrowSchema& schema, std::int64_t index,
                         std::vector<RefusedColumn>& refused) {
    const std::size_t before = leaves_.size();
    try {
      column(schema, index);
    } catch (const InvalidArgument& error) {
      for (std::size_t i = before; i < leaves_.size(); ++i) paths_.erase(leaves_[i].path);
      leaves_.resize(before);
      std::string path = child_path("", schema, index);
      const std::string_view what = error.what();
      const std::string prefix = "column '" + path + "' ";
      const bool of_column = what.substr(0, prefix.size()) == prefix;
      refused.push_back({std::move(path), std::string(what.substr(of_column ? prefix.size() : 0))});
    }
  }

 private:
  void visit(const ArrowSchema& schema, const std::string& path, bool nested) {
    if (utf8_prefix(path) != path.size()) {
      fail<InvalidArgument>("a name that is not UTF-8 lies in column", column_);
    }
    if (schema.dictionary != nullptr) {
      add(schema, path, dictionary_type(schema, path), nested);
      return;
    }
    const Layout layout = parse_layout(schema.format, path);
    switch (layout.kind) {
      case LayoutKind::kStruct:
        for (std::int64_t i = 0; i < schema.n_children; ++i) {
          const ArrowSchema& child = *schema.children[i];
          visit(child, child_path(path, child, i), true);
        }
        return;
      case LayoutKind::kMap: {
        add(schema, path, list_type(schema, layout), true);
        const ArrowSchema& entries = *schema.children[0];
        if (entries.dictionary != nullptr || std::string_view(entries.format) != "+s" ||
            entries.n_children != 2) {
          refuse(path, "is a map without keys and values: " + type_name(entries));
        }
        visit(*entries.children[0], path + ".key", true);
        visit(*entries.children[1], path + ".value", true);
        return;
      }
      case LayoutKind::kList32:
      case LayoutKind::kList64:
      case LayoutKind::kListView:
      case LayoutKind::kFixedList:
        add(schema, path, list_type(schema, layout), true);
        visit(*schema.children[0], path + "[]", true);
        return;
      default:
        add(schema, path, flat_type(schema, path), nested);
    }
  }

  static LeafType dictionary_type(const ArrowSchema& schema, const std::string& path) {
    const ArrowSchema& values = *schema.dictionary;
    if (values.format[0] == '+' || values.dictionary != nullptr) {
      refuse(path, "has a type that is not supported: " + type_name(schema));
    }
    LeafType type = flat_type(values, path);
    const LeafType index = flat_type_of_index(schema);
    type.is_dictionary = true;
    type.signed_index = index.format == LeafFormat::kSigned;
    type.index_width = static_cast<int>(index.width);
    return type;
  }

  static LeafType flat_type_of_index(const ArrowSchema& schema) {
    ArrowSchema index = schema;
    index.dictionary = nullptr;
    return flat_type(index, "");
  }

  void add(const ArrowSchema& schema, const std::string& path, LeafType type, bool nested) {
    type.arrow_format = schema.dictionary == nullptr ? schema.format : schema.dictionary->format;
    type.name = type_name(schema);
    std::string unique = path;
    for (int again = 2; !paths_.insert(unique).second; ++again) {
      unique = path + "#" + std::to_string(again);
    }
    leaves_.push_back({std::move(unique), std::move(type), column_, nested});
  }

  std::int64_t column_ = 0;
  std::vector<Leaf> leaves_;
  std::unordered_set<std::string> paths_;
};

}  // namespace

const char* unit_name(char unit) noexcept {
  switch (unit) {
    case 'D':
      return "D";
    case 's':
      return "s";
    case 'm':
      return "ms";
    case 'u':
      return "us";
    case 'n':
      return "ns";
    default:
      return nullptr;
  }
}

std::string child_path(const std::string& parent, const ArrowSchema& child, std::int64_t index) {
  const std::string name = child.name == nullptr ? std::to_string(index) : child.name;
  return parent.empty() ? name : parent + "." + name;
}

std::string type_name(const ArrowSchema& schema) {
  if (schema.dictionary == nullptr) return value_name(schema);
  return "dictionary<" + value_name(schema) + ", " + type_name(*schema.dictionary) + ">";
}

namespace {

void check_table_schema(const ArrowSchema& schema) {
  check_schema(schema);
  if (std::string_view(schema.format) != "+s" || schema.dictionary != nullptr) {
    fail<InvalidArgument>("expected the schema of a table, a struct; its type", type_name(schema));
  }
}

}  // namespace

std::vector<Leaf> flatten_known(const ArrowSchema& schema, std::vector<RefusedColumn>& refused) {
  check_table_schema(schema);
  Flattener flattener;
  for (std::int64_t i = 0; i < schema.n_children; ++i) {
    flattener.column_or_nothing(*schema.children[i], i, refused);
  }
  return flattener.take();
}

std::vector<Leaf> flatten(const ArrowSchema& schema) {
  check_table_schema(schema);
  Flattener flattener;
  for (std::int64_t i = 0; i < schema.n_children; ++i) flattener.column(*schema.children[i], i);
  return flattener.take();
}

}  // namespace detail
}  // namespace inlay
