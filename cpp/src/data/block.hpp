#pragma once

// A run of rows of a leaf in one of a few forms, whatever the physical format.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "data/key_set.hpp"
#include "data/leaf_view.hpp"
#include "data/scan_kernels.hpp"
#include "data/wide.hpp"

namespace inlay::detail {

/// The form of a block's values.
enum class BlockForm : std::uint8_t {
  kNone,     // nothing but nulls
  kReal64,   // double
  kReal32,   // float
  kWhole64,  // int64, of unsigned ones with the highest bit flipped: `flip`
  kWhole32,  // int32
  kWide,     // Wide256
  kText,     // string_view; bytes too
};

/// The form that values of a type take, and the bit that is flipped.
BlockForm form_of(const LeafType& type) noexcept;
std::uint64_t flip_of(const LeafType& type) noexcept;

/// Up to kScanBlock rows. Of rows that are not there, the values are anything that can be read.
struct Block {
  BlockForm form = BlockForm::kNone;
  std::size_t size = 0;
  std::size_t present = 0;                      // rows that are there
  std::size_t outside = 0;                      // rows whose index lies outside of the dictionary
  std::array<std::uint64_t, kScanWords> valid;  // bits of the rows that are there
  std::array<std::uint64_t, kScanWords> invalid_index;  // only if `outside` is not 0
  const void* values = nullptr;
  const std::int64_t* indices = nullptr;  // of a dictionary, those that are there
  std::string_view bytes;                 // of texts that lie one after the other, all of theirs
  const Key128* keys = nullptr;           // of texts, after make_keys()

  bool all_present() const noexcept { return present == size; }
  const std::uint64_t* valid_or_all() const noexcept {
    return all_present() ? nullptr : valid.data();
  }
  std::size_t words() const noexcept { return (size + 63) / 64; }
  template <class T>
  const T* as() const noexcept {
    return static_cast<const T*>(values);
  }
};

/// Room for the values of a block that do not lie in memory as its form has them.
struct BlockRoom {
  alignas(64) std::array<char, kScanBlock * sizeof(Wide256)> values;
  alignas(64) std::array<Key128, kScanBlock> keys;
  std::array<std::int64_t, kScanBlock> indices;
};

/// Reads a leaf of one batch block by block. Borrows the view and the room.
class BlockReader {
 public:
  BlockReader(const LeafView& view, BlockRoom& room) noexcept : view_(view), room_(room) {}

  /// Reads positions [begin, begin + size) of the leaf's buffers, all in one range, at most
  /// kScanBlock. Without `values` only which rows are there, and the indices of a dictionary.
  void read(std::int64_t begin, std::size_t size, bool values, Block& out) const noexcept;

 private:
  void read_valid(std::int64_t begin, Block& out) const noexcept;
  void read_indices(std::int64_t begin, Block& out) const noexcept;
  void read_values(std::int64_t begin, Block& out) const noexcept;

  const LeafView& view_;
  BlockRoom& room_;
};

/// Makes the key of each text of a block.
void make_keys(Block& block, BlockRoom& room) noexcept;

/// Sets the bits of the first `size` rows.
void set_all(std::uint64_t* words, std::size_t size) noexcept;

}  // namespace inlay::detail
