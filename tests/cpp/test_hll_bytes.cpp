#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <functional>
#include <inlay/error.hpp>
#include <inlay/summary/hll.hpp>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace {

using inlay::Hll;
using Bytes = std::vector<std::uint8_t>;

Hll of_ids(std::int64_t count, int lg_k = Hll::kDefaultLgK) {
  Hll sketch(lg_k);
  for (std::int64_t i = 0; i < count; ++i) EXPECT_TRUE(sketch.update(i));
  return sketch;
}

Hll read(const Bytes& bytes) { return Hll::from_bytes(bytes.data(), bytes.size()); }

std::uint64_t number_at(const Bytes& bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value |= std::uint64_t{bytes[at + i]} << (8 * i);
  return value;
}

void append(Bytes& bytes, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
}

// The registers of a dense image, in the other two types.
Bytes as_hll6(const Bytes& hll8) {
  Bytes out(hll8.begin(), hll8.begin() + 40);
  out[7] = 2 | 1 << 2;
  unsigned bits = 0;
  int filled = 0;
  for (std::size_t i = 40; i < hll8.size(); ++i) {
    bits |= unsigned{hll8[i]} << filled;
    for (filled += 6; filled >= 8; filled -= 8, bits >>= 8) {
      out.push_back(static_cast<std::uint8_t>(bits));
    }
  }
  out.push_back(0);
  return out;
}

Bytes as_hll4(const Bytes& hll8, bool compact) {
  Bytes out(hll8.begin(), hll8.begin() + 40);
  const unsigned base = *std::min_element(hll8.begin() + 40, hll8.end());
  out[5] = compact ? 24 : 16;
  out[6] = static_cast<std::uint8_t>(base);
  out[7] = 2;
  std::vector<std::uint32_t> exceptions;
  for (std::size_t i = 40; i < hll8.size(); i += 2) {
    unsigned byte = 0;
    for (std::size_t k = 0; k < 2; ++k) {
      unsigned nibble = hll8[i + k] - base;
      if (nibble >= 15) {
        nibble = 15;
        exceptions.push_back(static_cast<std::uint32_t>(i + k - 40) | std::uint32_t{hll8[i + k]}
                                                                          << 26);
      }
      byte |= nibble << (4 * k);
    }
    out.push_back(static_cast<std::uint8_t>(byte));
  }
  out[36] = static_cast<std::uint8_t>(exceptions.size());
  out[4] = compact ? 0 : 6;
  const std::size_t entries = compact ? exceptions.size() : 64;
  for (std::size_t i = 0; i < entries; ++i) {
    // A table has its free entries anywhere.
    const std::size_t from = compact ? i : i - (entries - exceptions.size());
    append(out, from < exceptions.size() ? exceptions[from] : 0, 4);
  }
  return out;
}

// With registers far above the lowest, as HLL_4 finds hard.
Bytes steep(int lg_k) {
  Bytes bytes = of_ids(20'000, lg_k).to_bytes();
  bytes[41] = 63;
  bytes[47] = 40;
  return bytes;
}

TEST(HllBytes, AnEmptyOneIsEight) {
  EXPECT_EQ(Hll().to_bytes(), (Bytes{2, 1, 7, 12, 3, 12, 0, 8}));
  EXPECT_EQ(Hll(21).to_bytes(), (Bytes{2, 1, 7, 21, 3, 12, 0, 8}));
}

TEST(HllBytes, FewCouponsStandInOrder) {
  EXPECT_EQ(of_ids(2).to_bytes(),
            (Bytes{2, 1, 7, 12, 3, 8, 2, 8, 0xcb, 0xd7, 0xc2, 0x04, 0x2b, 0xf2, 0xfb, 0x06}));
  const Bytes bytes = of_ids(100).to_bytes();
  EXPECT_EQ(bytes.size(), 412U);
  EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + 12),
            (Bytes{3, 1, 7, 12, 8, 8, 0, 9, 100, 0, 0, 0}));
  for (std::size_t at = 16; at < bytes.size(); at += 4) {
    EXPECT_LT(number_at(bytes, at - 4, 4), number_at(bytes, at, 4));
  }
}

TEST(HllBytes, RegistersComeWithSumsThatAreRight) {
  for (const std::int64_t n : {400, 5000, 100'000}) {
    const Bytes bytes = of_ids(n).to_bytes();
    ASSERT_EQ(bytes.size(), 40U + 4096U);
    EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + 16),
              (Bytes{10, 1, 7, 12, 0, 24, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0}));
    double low = 0, high = 0;
    std::uint64_t zeros = 0;
    for (std::size_t i = 40; i < bytes.size(); ++i) {
      (bytes[i] < 32 ? low : high) += std::ldexp(1.0, -bytes[i]);
      zeros += bytes[i] == 0 ? 1 : 0;
    }
    EXPECT_EQ(std::bit_cast<double>(number_at(bytes, 16, 8)), low);
    EXPECT_EQ(std::bit_cast<double>(number_at(bytes, 24, 8)), high);
    EXPECT_EQ(number_at(bytes, 32, 4), zeros);
    EXPECT_EQ(number_at(bytes, 36, 4), 0U);
  }
}

TEST(HllBytes, MakeTheSameStateAgain) {
  for (const int lg_k : {4, 7, 8, 12, 14}) {
    for (const std::int64_t n : {0, 1, 7, 8, 9, 24, 25, 384, 385, 3000, 50'000}) {
      const Hll sketch = of_ids(n, lg_k);
      const Bytes bytes = sketch.to_bytes();
      Hll again = read(bytes);
      EXPECT_EQ(again, sketch) << lg_k << ' ' << n;
      EXPECT_EQ(again.to_bytes(), bytes);
      EXPECT_EQ(again.estimate(), sketch.estimate());
      EXPECT_EQ(again.counts_complete(), n == 0);
      ASSERT_TRUE(again.update(n));
      EXPECT_EQ(again, of_ids(n + 1, lg_k));
    }
  }
}

TEST(HllBytes, CountsComeBackBesideThem) {
  const Bytes bytes = of_ids(3).to_bytes();
  const Hll::Counts counts{5, 4, 3, 2, 1};
  const Hll sketch = Hll::from_bytes(bytes.data(), bytes.size(), counts);
  EXPECT_TRUE(sketch.counts_complete());
  EXPECT_EQ(sketch.counts().items, 5U);
  EXPECT_EQ(sketch.counts().neg_infs, 1U);
  Hll merged = of_ids(3);
  ASSERT_TRUE(merged.merge(sketch));
  EXPECT_EQ(merged.counts().items, 8U);
  ASSERT_TRUE(merged.merge(read(bytes)));
  EXPECT_FALSE(merged.counts_complete());
  EXPECT_THROW(Hll::from_bytes(bytes.data(), bytes.size(), {std::uint64_t{1} << 63, 0, 0, 0, 0}),
               inlay::InvalidArgument);
}

TEST(HllBytes, OtherTypesHoldTheSameRegisters) {
  for (const int lg_k : {4, 5, 10}) {
    const Bytes hll8 = steep(lg_k);
    const Hll expected = read(hll8);
    EXPECT_EQ(read(as_hll6(hll8)), expected);
    EXPECT_EQ(read(as_hll4(hll8, true)), expected);
    EXPECT_EQ(read(as_hll4(hll8, false)), expected);
  }
}

TEST(HllBytes, TablesWithFreeEntriesAreRead) {
  Bytes list{2, 1, 7, 12, 3, 0, 2, 4};
  append(list, 0x06fbf22b, 4);
  append(list, 0x04c2d7cb, 4);
  list.resize(8 + 32);
  EXPECT_EQ(read(list), of_ids(2));
  const Bytes compact = of_ids(9).to_bytes();
  Bytes set(compact.begin(), compact.begin() + 12);
  set[5] = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    const bool used = i % 3 == 0 && i / 3 < 9;
    append(set, used ? number_at(compact, 12 + 4 * (i / 3), 4) : 0, 4);
  }
  EXPECT_EQ(read(set), of_ids(9));
}

struct Damage {
  const char* what;
  std::function<Bytes()> bytes;
  std::size_t at;
  std::string value;
};

Bytes changed(Bytes bytes, const std::map<std::size_t, int>& changes) {
  for (const auto& [at, value] : changes) bytes[at] = static_cast<std::uint8_t>(value);
  return bytes;
}

Bytes cut(Bytes bytes, std::size_t size) {
  bytes.resize(size);
  return bytes;
}

TEST(HllBytes, DamageIsRefusedByPlaceAndValue) {
  const Bytes list = of_ids(3).to_bytes();
  const Bytes set = of_ids(20).to_bytes();
  const Bytes dense = of_ids(5000, 8).to_bytes();
  const Bytes hll4 = as_hll4(steep(5), true);
  const Bytes hll6 = as_hll6(steep(5));
  const Damage damages[] = {
      {"nothing", [&] { return Bytes{}; }, 0, "8"},
      {"head cut", [&] { return cut(list, 7); }, 7, "1"},
      {"version", [&] { return changed(list, {{1, 2}}); }, 1, "2"},
      {"family", [&] { return changed(list, {{2, 15}}); }, 2, "15"},
      {"lg_k low", [&] { return changed(list, {{3, 3}}); }, 3, "3"},
      {"lg_k high", [&] { return changed(list, {{3, 22}}); }, 3, "22"},
      {"mode", [&] { return changed(list, {{7, 11}}); }, 7, "3"},
      {"type", [&] { return changed(list, {{7, 12}}); }, 7, "3"},
      {"head words", [&] { return changed(list, {{0, 3}}); }, 0, "3"},
      {"list cut", [&] { return cut(list, 19); }, 8, "3"},
      {"list longer", [&] { return cut(list, 21); }, 20, "1"},
      {"count too small", [&] { return changed(list, {{6, 2}}); }, 16, "4"},
      {"empty with coupons", [&] { return changed(list, {{5, 12}}); }, 5, "12"},
      {"none but not empty", [&] { return cut(changed(list, {{6, 0}}), 8); }, 5, "8"},
      {"no value", [&] { return changed(list, {{15, 0}, {14, 0}, {13, 0}, {12, 9}}); }, 12, "9"},
      {"set head cut", [&] { return cut(set, 11); }, 11, "1"},
      {"set of billions", [&] { return changed(set, {{11, 255}}); }, 12, "4278190100"},
      {"twice",
       [&] { return changed(set, {{16, set[12]}, {17, set[13]}, {18, set[14]}, {19, set[15]}}); },
       16, std::to_string(number_at(set, 12, 4))},
      {"table too full", [&] { return changed(set, {{5, 0}, {8, 19}}); }, 88, "19"},
      {"table too empty", [&] { return cut(changed(set, {{5, 0}}), set.size() - 4); }, 12, "20"},
      {"registers cut", [&] { return cut(dense, dense.size() - 1); }, dense.size() - 1, "1"},
      {"registers longer", [&] { return cut(dense, dense.size() + 2); }, dense.size(), "2"},
      {"register", [&] { return changed(dense, {{50, 64}}); }, 50, "64"},
      {"lg_k of more", [&] { return changed(dense, {{3, 21}}); }, dense.size(),
       std::to_string(40 + (1 << 20) - dense.size())},
      {"base value", [&] { return changed(dense, {{6, 1}}); }, 6, "1"},
      {"exceptions", [&] { return changed(dense, {{36, 1}}); }, 36, "1"},
      {"HLL_6 cut", [&] { return cut(hll6, hll6.size() - 1); }, hll6.size() - 1, "1"},
      {"HLL_4 base", [&] { return changed(hll4, {{6, 64}}); }, 6, "64"},
      {"HLL_4 count", [&] { return changed(hll4, {{36, 3}}); }, 36, "3"},
      {"HLL_4 slot", [&] { return changed(hll4, {{56, 3}}); }, 56, "3"},
      {"HLL_4 same slot", [&] { return changed(hll4, {{60, hll4[56]}}); }, 60, "1"},
      {"HLL_4 value", [&] { return changed(hll4, {{59, 8}}); }, 56, "2"},
      {"HLL_4 cut", [&] { return cut(hll4, hll4.size() - 3); }, 56, "2"},
      {"HLL_4 sum", [&] { return changed(hll4, {{6, 60}, {40, 0x14}}); }, 40, "64"},
  };
  for (const Damage& damage : damages) {
    const Bytes bytes = damage.bytes();
    try {
      read(bytes);
      ADD_FAILURE() << damage.what;
    } catch (const inlay::SerializationError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find(", at byte " + std::to_string(damage.at) + ","), std::string::npos)
          << damage.what << ": " << message;
      const std::string value = message.substr(message.rfind(' ') + 1);
      EXPECT_EQ(value, damage.value) << damage.what << ": " << message;
    }
  }
}

TEST(HllBytes, EveryPrefixIsRefused) {
  for (const Bytes& whole :
       {of_ids(3).to_bytes(), of_ids(20).to_bytes(), of_ids(500, 6).to_bytes(), as_hll6(steep(5)),
        as_hll4(steep(5), true), as_hll4(steep(5), false)}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      // Exactly as large, so that a sanitizer sees what is read beyond it.
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_THROW(read(part), inlay::SerializationError) << size << " of " << whole.size();
    }
  }
}

TEST(HllBytes, EveryChangedByteIsRefusedOrMakesAState) {
  for (const Bytes& whole :
       {of_ids(3).to_bytes(), of_ids(12).to_bytes(), of_ids(500, 4).to_bytes(), as_hll6(steep(4)),
        as_hll4(steep(4), true), as_hll4(steep(4), false)}) {
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        const Bytes bytes = changed(whole, {{at, value}});
        try {
          const Hll sketch = read(bytes);
          const Bytes written = sketch.to_bytes();
          EXPECT_EQ(read(written), sketch);
          EXPECT_GE(sketch.upper_bound(2), sketch.lower_bound(2));
        } catch (const inlay::SerializationError&) {
          continue;
        }
      }
    }
  }
}

TEST(HllBytes, FrozenOnesOfVersionOneAreRead) {
  for (const auto& [name, n, lg_k] :
       {std::tuple{"hll_v1.bin", 5000, 8}, std::tuple{"hll_sparse_v1.bin", 20, 12}}) {
    std::ifstream file(std::string(INLAY_TEST_DATA "/") + name, std::ios::binary);
    ASSERT_TRUE(file.is_open());
    const Bytes bytes((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(read(bytes), of_ids(n, lg_k));
    EXPECT_EQ(of_ids(n, lg_k).to_bytes(), bytes);
  }
}

}  // namespace
