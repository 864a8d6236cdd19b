// Makes structs of the C Data Interface out of bytes, sound and unsound ones, and runs them through
// import, export, concatenation and the readers. Sizes of buffers are not part of that interface,
// so values stay zero and lengths small; everything else may be wrong.

#include <array>
#include <cstdint>
#include <deque>
#include <inlay/arrow/table.hpp>
#include <inlay/error.hpp>
#include <string>
#include <vector>

#include "arrow/table_reader.hpp"

namespace {

using inlay::Table;
using inlay::TableReader;

constexpr std::array<const char*, 34> kFormats{
    "l",  "g",     "u",         "z",       "U",    "Z",    "b",   "i",       "c",
    "+l", "+L",    "+s",        "+s",      "+s",   "+w:2", "w:3", "vu",      "n",
    "e",  "d:9,2", "d:9,2,256", "tsu:UTC", "tdD",  "tin",  "+m",  "+us:0,1", "+ud:0",
    "+r", "+vl",   "+w:",       "d:9",     "tsx:", "",     "?"};

// What buffers point at: enough for the longest array of the widest type.
const std::array<std::uint64_t, 4096> kZeros{};
const std::array<std::uint8_t, 4096> kBits = [] {
  std::array<std::uint8_t, 4096> bits{};
  bits.fill(0x55);
  return bits;
}();

/// Hands out the bytes one after the other, zeros at the end. Thread-safety: none.
class Source {
 public:
  Source(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  std::uint8_t next() {
    if (position_ == size_) return 0;
    return data_[position_++];
  }

  std::int64_t small() {
    const auto byte = next();
    return byte < 250 ? byte % 24 : 5 - std::int64_t{byte};  // a few negative ones
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t position_ = 0;
};

/// Owns every struct of one case. Thread-safety: none.
struct Arena {
  struct Node {
    ArrowSchema schema{};
    ArrowArray array{};
    std::vector<ArrowSchema*> schema_children;
    std::vector<ArrowArray*> array_children;
    std::array<const void*, 5> buffers{};
    std::string name;
  };
  std::deque<Node> nodes;
};

void release_schema(ArrowSchema* schema) { schema->release = nullptr; }
void release_array(ArrowArray* array) { array->release = nullptr; }

std::int64_t expected_buffers(const std::string& format) {
  if (format.empty() || format == "n" || format == "+r") return 0;
  if (format == "+s" || (format[0] == '+' && (format[1] == 'w' || format.substr(0, 3) == "+us"))) {
    return 1;
  }
  if (format == "u" || format == "z" || format == "U" || format == "Z" || format[0] == 'v' ||
      format == "+vl") {
    return 3;
  }
  return 2;
}

Arena::Node& make_node(Source& source, Arena& arena, int depth, bool root) {
  auto& node = arena.nodes.emplace_back();
  const std::string format = root ? "+s" : kFormats[source.next() % kFormats.size()];
  node.name = std::to_string(arena.nodes.size());
  node.schema.format = root ? "+s" : kFormats[0];
  for (const auto* known : kFormats) {
    if (format == known) node.schema.format = known;
  }
  const auto quirk = source.next();  // most nodes are sound
  node.schema.name = quirk == 1 ? nullptr : node.name.c_str();
  node.schema.release = quirk == 2 ? nullptr : &release_schema;
  node.array.release = quirk == 3 ? nullptr : &release_array;
  node.array.length = quirk == 4 ? source.small() : 4;
  node.array.offset = quirk == 5 ? source.small() : 0;
  node.array.null_count = quirk == 6 ? source.small() : (quirk % 2 == 0 ? -1 : 0);
  node.array.n_buffers = quirk == 7 ? source.small() % 6 : expected_buffers(format);
  for (std::size_t i = 0; i < node.buffers.size(); ++i) {
    node.buffers[i] = i == 0 ? static_cast<const void*>(kBits.data()) : kZeros.data();
  }
  if (root || quirk % 3 == 0) node.buffers[0] = nullptr;
  if (quirk == 8) node.buffers[1] = nullptr;
  node.array.buffers = quirk == 9 ? nullptr : node.buffers.data();
  if (format == "+ud:0" || format == "+us:0,1") node.buffers[0] = kZeros.data();

  std::int64_t children = 0;
  if (depth < 4 && format.size() > 1 && format[0] == '+') {
    children = format == "+s" || format == "+us:0,1" ? source.next() % 4 : format == "+r" ? 2 : 1;
    if (quirk == 10) children = source.next() % 3;
  }
  for (std::int64_t i = 0; i < children; ++i) {
    auto& child = make_node(source, arena, depth + 1, false);
    if (format == "+w:2" && quirk != 11) child.array.length = 8;
    node.schema_children.push_back(&child.schema);
    node.array_children.push_back(&child.array);
  }
  if (quirk == 12 && depth < 4) {
    auto& values = make_node(source, arena, depth + 1, false);
    node.schema.dictionary = &values.schema;
    if (source.next() % 4 != 0) node.array.dictionary = &values.array;
  }
  node.schema.n_children = children;
  node.array.n_children = quirk == 13 ? source.small() : children;
  if (node.array.n_children > children) node.array.children = nullptr;
  node.schema.children = node.schema_children.data();
  node.array.children = node.array_children.data();
  return node;
}

template <class Read>
void try_reading(const Read& read) {
  try {
    read();
  } catch (const inlay::Error&) {  // a column of another type, or offsets it rejects
  }
}

void read_all(const Table& table) {
  for (std::size_t chunk = 0; chunk < table.num_chunks(); ++chunk) {
    const TableReader reader(table, chunk);
    for (std::int64_t i = 0; i < table.num_columns(); ++i) {
      const std::string name(table.column_name(i));
      for (std::int64_t row = 0; row < reader.num_rows(); ++row) {
        try_reading([&] { (void)reader.integers(name).get(row); });
        try_reading([&] { (void)reader.floats(name).get(row); });
        try_reading([&] { (void)reader.strings(name).get(row); });
        try_reading([&] { (void)reader.integer_lists(name).range(row); });
        try_reading([&] { (void)reader.float_lists(name).range(row); });
        try_reading([&] { (void)reader.string_lists(name).range(row); });
      }
    }
  }
}

/// Streams a table's array twice. Thread-safety: none.
struct Twice {
  Table table;
  int left = 2;
  ArrowArrayStream stream{&get_schema, &get_next, &get_last_error, &release, this};

  static Twice& self(ArrowArrayStream* stream) {
    return *static_cast<Twice*>(stream->private_data);
  }
  static int get_schema(ArrowArrayStream* stream, ArrowSchema* out) {
    self(stream).table.export_schema(out);
    return 0;
  }
  static int get_next(ArrowArrayStream* stream, ArrowArray* out) {
    out->release = nullptr;
    if (self(stream).left-- == 0) return 0;
    ArrowSchema schema;
    self(stream).table.export_to(&schema, out);
    schema.release(&schema);
    return 0;
  }
  static const char* get_last_error(ArrowArrayStream*) { return nullptr; }
  static void release(ArrowArrayStream* stream) { stream->release = nullptr; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Source source(data, size);
  Arena arena;
  auto& root = make_node(source, arena, 0, true);
  try {
    const auto table = Table::import_from(&root.schema, &root.array);
    read_all(table);
    Twice twice{table};
    const auto doubled = Table::import_stream(&twice.stream);
    if (doubled.num_rows() != 2 * table.num_rows()) __builtin_trap();
    read_all(doubled);
    ArrowSchema schema;
    ArrowArray array;
    doubled.export_to(&schema, &array);
    const auto joined = Table::import_from(&schema, &array);
    if (joined.num_rows() != doubled.num_rows()) __builtin_trap();
    read_all(joined);
  } catch (const inlay::Error&) {
  }
  if (root.schema.release != nullptr || root.array.release != nullptr) __builtin_trap();
  return 0;
}
