#pragma once

#include <Python.h>

#include <utility>
#include <vector>

namespace inlay::python {

/// Finds the handle of attribute values given per call, by the values' hashes. Bounded: a set that
/// is not found is bound anew, which costs a microsecond. The GIL guards it.
template <typename Handle>
class SeriesCache {
 public:
  explicit SeriesCache(size_t width) : width_(width) {}
  ~SeriesCache() { clear(); }
  SeriesCache(const SeriesCache&) = delete;

  /// The handle of these values (exact str, int or bool), or null. Sets `hash` for `insert`.
  const Handle* find(PyObject* const* values, Py_hash_t& hash) {
    hash = 0x345678;
    for (size_t i = 0; i < width_; ++i) {
      const Py_hash_t one = PyObject_Hash(values[i]);  // cached in a str
      hash = (hash ^ one) * 1000003 + static_cast<Py_hash_t>(i);
    }
    if (entries_.empty()) return nullptr;
    for (size_t probe = 0; probe < kProbes; ++probe) {
      const size_t at = (home(hash) + probe) & (entries_.size() - 1);
      Entry& entry = entries_[at];
      if (entry.hash == hash && entry.full && same(&values_[at * width_], values)) {
        entry.used = true;
        return &entry.handle;
      }
    }
    return nullptr;
  }

  const Handle& insert(PyObject* const* values, Py_hash_t hash, Handle handle) {
    if (entries_.empty()) resize(kFirst);
    size_t at = place(hash);
    if (entries_[at].full && entries_.size() < kLargest) {
      resize(2 * entries_.size());
      at = place(hash);
    }
    drop(at);
    for (size_t i = 0; i < width_; ++i) values_[at * width_ + i] = Py_NewRef(values[i]);
    entries_[at] = {hash, true, true, std::move(handle)};
    return entries_[at].handle;
  }

  /// Drops what was not found since the last call.
  void trim() {
    for (size_t at = 0; at < entries_.size(); ++at) {
      if (entries_[at].full && !entries_[at].used) drop(at);
      entries_[at].used = false;
    }
  }

  void clear() {
    for (size_t at = 0; at < entries_.size(); ++at) drop(at);
    entries_.clear();
    values_.clear();
  }

 private:
  struct Entry {
    Py_hash_t hash = 0;
    bool full = false;
    bool used = false;
    Handle handle;
  };
  static constexpr size_t kProbes = 4;
  static constexpr size_t kFirst = 16;
  static constexpr size_t kLargest = 4096;

  size_t home(Py_hash_t hash) const {
    const auto bits = static_cast<size_t>(hash);
    return (bits ^ bits >> 17) & (entries_.size() - 1);
  }

  /// A free place for the hash, or else the one to give up.
  size_t place(Py_hash_t hash) const {
    for (size_t probe = 0; probe < kProbes; ++probe) {
      const size_t at = (home(hash) + probe) & (entries_.size() - 1);
      if (!entries_[at].full) return at;
    }
    return home(hash);
  }

  void resize(size_t size) {
    std::vector<Entry> entries(size);
    std::vector<PyObject*> values(size * width_, nullptr);
    entries.swap(entries_);
    values.swap(values_);
    for (size_t at = 0; at < entries.size(); ++at) {
      if (!entries[at].full) continue;
      const size_t to = place(entries[at].hash);
      drop(to);
      entries_[to] = std::move(entries[at]);
      for (size_t i = 0; i < width_; ++i) values_[to * width_ + i] = values[at * width_ + i];
    }
  }

  void drop(size_t at) {
    if (!entries_[at].full) return;
    entries_[at] = {};
    for (size_t i = 0; i < width_; ++i) Py_CLEAR(values_[at * width_ + i]);
  }

  bool same(PyObject* const* a, PyObject* const* b) const {
    for (size_t i = 0; i < width_; ++i) {
      if (a[i] == b[i]) continue;
      if (Py_TYPE(a[i]) != Py_TYPE(b[i])) return false;  // 1, True and "1" are three things
      if (PyObject_RichCompareBool(a[i], b[i], Py_EQ) != 1) return false;
    }
    return true;
  }

  const size_t width_;
  std::vector<Entry> entries_;
  std::vector<PyObject*> values_;
};

}  // namespace inlay::python
