#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "summary/coupon_kernels.hpp"
#include "summary/kernels.hpp"
#include "summary/murmur3.hpp"

namespace {

using inlay::detail::coupon_of;
using inlay::detail::Hash128;
using inlay::detail::kSlotBits;
using inlay::detail::murmur_of_bytes;
using inlay::detail::murmur_of_word;

// MurmurHash3 x64-128 once more, as plainly as it can be said: blocks of two words, the last one
// filled with zeros and passed over where it has no byte.
Hash128 plain_murmur(const std::string& bytes, std::uint64_t seed) {
  constexpr std::uint64_t kOne = 0x87c37b91114253d5, kTwo = 0x4cf5ad432745937f;
  std::uint64_t h[2] = {seed, seed};
  const std::size_t blocks = bytes.size() / 16;
  for (std::size_t block = 0; 16 * block < bytes.size(); ++block) {
    std::uint64_t k[2] = {0, 0};
    for (std::size_t i = 0; i < 16 && 16 * block + i < bytes.size(); ++i) {
      const auto byte = static_cast<unsigned char>(bytes[16 * block + i]);
      k[i / 8] |= std::uint64_t{byte} << (8 * (i % 8));
    }
    h[0] ^= std::rotl(k[0] * kOne, 31) * kTwo;
    if (block < blocks) h[0] = (std::rotl(h[0], 27) + h[1]) * 5 + 0x52dce729;
    h[1] ^= std::rotl(k[1] * kTwo, 33) * kOne;
    if (block < blocks) h[1] = (std::rotl(h[1], 31) + h[0]) * 5 + 0x38495ab5;
  }
  for (std::uint64_t& half : h) half ^= bytes.size();
  h[0] += h[1];
  h[1] += h[0];
  for (std::uint64_t& half : h) {
    half = (half ^ (half >> 33)) * 0xff51afd7ed558ccd;
    half = (half ^ (half >> 33)) * 0xc4ceb9fe1a85ec53;
    half ^= half >> 33;
  }
  h[0] += h[1];
  return {h[0], h[0] + h[1]};
}

TEST(Murmur3, PlainFormGivesTheKnownHash) {
  // Widely published: x64-128 of this text with seed 0.
  const Hash128 hash = plain_murmur("The quick brown fox jumps over the lazy dog", 0);
  EXPECT_EQ(hash.low, 0xe34bbc7bbc071b6cU);
  EXPECT_EQ(hash.high, 0x7a433ca9c49a9347U);
}

TEST(Murmur3, EveryLengthAgreesWithThePlainForm) {
  std::mt19937_64 random(5);
  for (std::size_t size = 0; size < 100; ++size) {
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::string bytes(size, '\0');
      for (char& byte : bytes) byte = static_cast<char>(random());
      // Exactly as large as the text, so that a sanitizer sees what is read beyond it.
      const std::vector<char> tight(bytes.begin(), bytes.end());
      const Hash128 hash = murmur_of_bytes(tight.data(), size);
      const Hash128 expected = plain_murmur(bytes, 9001);
      ASSERT_EQ(hash.low, expected.low) << size;
      ASSERT_EQ(hash.high, expected.high) << size;
    }
  }
}

TEST(Murmur3, AWordIsItsEightBytes) {
  std::mt19937_64 random(6);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t word = random() >> (random() % 64);
    std::string bytes(8, '\0');
    for (std::size_t k = 0; k < 8; ++k) bytes[k] = static_cast<char>(word >> (8 * k));
    EXPECT_EQ(murmur_of_word(word).low, plain_murmur(bytes, 9001).low);
    EXPECT_EQ(murmur_of_word(word).high, plain_murmur(bytes, 9001).high);
  }
}

TEST(Coupons, AreThoseOfDataSketches) {
  // Read out of images that PyPI's datasketches 5.2.0 wrote.
  EXPECT_EQ(coupon_of(murmur_of_word(0)), 0x4c2d7cbU);
  EXPECT_EQ(coupon_of(murmur_of_word(1)), 0x6fbf22bU);
  EXPECT_EQ(coupon_of(murmur_of_word(~std::uint64_t{0})), 0xbe764d9U);
  EXPECT_EQ(coupon_of(murmur_of_word(std::uint64_t{1} << 63)), 0xcc21975U);
  EXPECT_EQ(coupon_of(murmur_of_word(std::bit_cast<std::uint64_t>(3.5))), 0xb323bc3U);
  const auto of_text = [](const std::string& text) {
    return coupon_of(murmur_of_bytes(text.data(), text.size()));
  };
  EXPECT_EQ(of_text("a"), 0x43b822fU);
  EXPECT_EQ(of_text("h\xC3\xA9llo"), 0xbffa97eU);
  EXPECT_EQ(of_text("twelve bytes"), 0x4cfbbbdU);
  EXPECT_EQ(of_text("sixteen bytes ok"), 0x533352cU);
  EXPECT_EQ(of_text("seventeen bytes ok"), 0x74ace47U);
  EXPECT_EQ(of_text("a rather longer text of more than 32 bytes"), 0x10193e39U);
}

TEST(Coupons, HoldOneMoreThanTheLeadingZerosUpTo63) {
  for (unsigned zeros = 0; zeros <= 64; ++zeros) {
    const std::uint64_t high = zeros == 64 ? 0 : ~std::uint64_t{0} >> zeros;
    const Hash128 hash{0x123456789ABCDEF0, high};
    const std::uint32_t coupon = coupon_of(hash);
    EXPECT_EQ(coupon >> kSlotBits, std::min(zeros, 62U) + 1);
    EXPECT_EQ(coupon & 0x3FFFFFFU, 0x09ABCDEF0U & 0x3FFFFFFU);
    for (unsigned floor = 0; floor < 63; ++floor) {
      EXPECT_EQ(inlay::detail::exceeds(hash, floor), std::min(zeros, 62U) + 1 > floor);
    }
  }
}

// Of 70,000 words some have 16 leading zeros or more; floors beyond those must leave none.
TEST(CouponKernels, EverySetMakesTheSameCoupons) {
  using inlay::detail::SummaryKernels;
  const SummaryKernels& before = inlay::detail::summary_kernels();
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> words(70'000);
  for (std::uint64_t& word : words) word = random() >> (random() % 64);
  std::vector<std::size_t> sizes{words.size(), 1024, 1023};
  for (std::size_t size = 0; size < 70; ++size) sizes.push_back(size);
  int sets = 0;
  for (const SummaryKernels* kernels : inlay::detail::all_summary_kernels()) {
    if (kernels == nullptr || !inlay::detail::use_summary_kernels(*kernels)) continue;
    ++sets;
    const inlay::detail::CouponKernels& coupons = inlay::detail::coupon_kernels();
    EXPECT_STREQ(coupons.name, kernels->name);
    for (unsigned floor = 0; floor <= 63; ++floor) {
      for (const std::size_t size : sizes) {
        std::vector<std::uint32_t> expected;
        for (std::size_t i = 0; i < size; ++i) {
          const Hash128 hash = murmur_of_word(words[i]);
          if (hash.high <= ~std::uint64_t{0} >> floor) expected.push_back(coupon_of(hash));
        }
        std::vector<std::uint32_t> out(size, 0xFFFFFFFF);
        const std::size_t kept = coupons.coupons_of_words(words.data(), size, floor, out.data());
        ASSERT_EQ(kept, expected.size()) << kernels->name << ' ' << floor << ' ' << size;
        out.resize(kept);
        ASSERT_EQ(out, expected) << kernels->name << ' ' << floor << ' ' << size;
      }
    }
  }
  EXPECT_GE(sets, 1);
  inlay::detail::use_summary_kernels(before);
}

}  // namespace
