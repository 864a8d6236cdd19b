#include <gtest/gtest.h>

#include "inlay/error.hpp"
#include "inlay/names.hpp"
#include "md5.hpp"

namespace inlay {
namespace {

std::string md5_hex(std::string_view text) {
  Md5 md5;
  md5.update(text);
  std::string hex;
  for (const uint8_t byte : md5.finish()) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

// The test suite of RFC 1321, appendix A.5.
TEST(Md5, agrees_with_the_rfc) {
  EXPECT_EQ(md5_hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5_hex("a"), "0cc175b9c0f1b6a831c399e269772661");
  EXPECT_EQ(md5_hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(md5_hex("abcdefghijklmnopqrstuvwxyz"), "c3fcd3d76192e4007dfb496cca67e13b");
  std::string digits;
  for (int i = 0; i < 8; ++i) digits += "1234567890";
  EXPECT_EQ(md5_hex(digits), "57edf4a22be3c955ac49da2e2107b67a");
}

TEST(Md5, pads_every_length_around_a_block) {
  // The lengths at which padding needs a block of its own; digests by another implementation.
  EXPECT_EQ(md5_hex(std::string(55, 'x')), "04364420e25c512fd958a70738aa8f72");
  EXPECT_EQ(md5_hex(std::string(56, 'x')), "668a72d5ba17f08e62dabcafad6db14b");
  EXPECT_EQ(md5_hex(std::string(64, 'x')), "c1bb4f81d892b2d57947682aeb252456");
}

TEST(Names, metric_names_follow_the_rule) {
  for (const char* good : {"a", "request.latency", "A_b-c/d.9"})
    EXPECT_NO_THROW(check_metric_name(good));
  EXPECT_NO_THROW(check_metric_name(std::string(255, 'a')));
  for (const char* bad : {"", "9a", "_a", "a b", "ä", "a:b"}) {
    EXPECT_THROW(check_metric_name(bad), InvalidArgument) << bad;
  }
  EXPECT_THROW(check_metric_name(std::string(256, 'a')), InvalidArgument);
  EXPECT_NO_THROW(check_attribute_key("_private.key"));
  EXPECT_THROW(check_attribute_key("a=b"), InvalidArgument);
}

TEST(Names, utf8_is_told_from_other_bytes) {
  EXPECT_TRUE(is_utf8("plain ä € 𝄞"));
  for (const char* bad :
       {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xe2\x82"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(Names, canonical_json_sorts_and_escapes) {
  EXPECT_EQ(canonical_json({}), "{}");
  EXPECT_EQ(canonical_json({{"b", "2"}, {"a", "\"\\\b\f\n\r\t\x01/ü"}}),
            "{\"a\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001/ü\",\"b\":\"2\"}");
  // UTF-16 order: U+1F600 (surrogates D83D …) stands before U+FB33.
  EXPECT_EQ(canonical_json({{"\uFB33", "1"}, {"\U0001F600", "2"}}),
            "{\"\U0001F600\":\"2\",\"\uFB33\":\"1\"}");
  EXPECT_THROW(canonical_json({{"a", "1"}, {"a", "2"}}), InvalidArgument);
  EXPECT_THROW(canonical_json({{"a", "\xff"}}), InvalidArgument);
}

TEST(Names, series_id_is_the_head_of_an_md5) {
  // printf 'latency\x1f{"route":"chat"}\x1franker' | md5sum
  EXPECT_EQ(static_cast<uint64_t>(series_id("latency", R"({"route":"chat"})", "ranker")),
            0x2444ebe1f805d157u);
}

}  // namespace
}  // namespace inlay
