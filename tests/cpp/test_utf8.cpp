#include <gtest/gtest.h>

#include <inlay/names.hpp>
#include <memory>
#include <random>
#include <string>

#include "utf8.hpp"

namespace {

// In memory of its own size, so that a sanitizer sees every read beyond it.
bool valid(const std::string& text) {
  const auto exact = std::make_unique<char[]>(text.size());
  text.copy(exact.get(), text.size());
  return inlay::detail::is_utf8(exact.get(), text.size());
}

// The validator of names walks point by point.
void compare(const std::string& text) {
  ASSERT_EQ(valid(text), inlay::is_utf8(text)) << ::testing::PrintToString(text);
}

TEST(Utf8, all_pairs_of_bytes_and_the_edges_of_longer_ones_agree_with_the_plain_validator) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string pair = {static_cast<char>(a), static_cast<char>(b)};
      for (const std::size_t before : {0, 14, 15, 16, 31}) {
        compare(std::string(before, 'x') + pair);
        compare(std::string(before, 'x') + pair + std::string(17, 'y'));
      }
    }
  }
  const char edges[] =
      "\x00\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF"
      "\xF0\xF1\xF3\xF4\xF5\xFF";
  const std::string bytes(edges, sizeof(edges) - 1);
  for (const char a : bytes) {
    for (const char b : bytes) {
      for (const char c : bytes) {
        for (const std::size_t before : {0, 13, 14, 15}) {
          compare(std::string(before, 'x') + a + b + c);
        }
        for (const char d : bytes) {
          compare(std::string(13, 'x') + a + b + c + d);
          compare(std::string(15, 'x') + a + b + c + d + std::string(16, 'y'));
        }
      }
    }
  }
}

TEST(Utf8, texts_of_points_with_one_byte_changed_agree_with_the_plain_validator) {
  std::mt19937_64 random(3);
  const std::string points[] = {
      "a", "\x7F", "é", "߿", "ࠀ", "퟿", "\xEF\xBF\xBF", "𐀀", "\xF4\x8F\xBF\xBF"};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    std::size_t expected = 0;
    for (std::size_t n = random() % 40; n > 0; --n, ++expected) text += points[random() % 9];
    ASSERT_TRUE(valid(text));
    ASSERT_EQ(inlay::detail::code_points(text.data(), text.size()), expected);
    if (text.empty()) continue;
    text[random() % text.size()] = static_cast<char>(random());
    compare(text);
    compare(text.substr(0, random() % text.size()));
  }
}

TEST(Utf8, ascii_has_no_byte_of_128_or_more) {
  for (std::size_t size = 0; size < 100; ++size) {
    std::string text(size, '\x7F');
    EXPECT_TRUE(inlay::detail::is_ascii(text.data(), size));
    for (std::size_t at = 0; at < size; ++at) {
      text[at] = '\x80';
      EXPECT_FALSE(inlay::detail::is_ascii(text.data(), size)) << size << " " << at;
      text[at] = 'x';
    }
  }
}

}  // namespace
