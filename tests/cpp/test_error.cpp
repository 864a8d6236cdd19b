#include <gtest/gtest.h>

#include <inlay/error.hpp>
#include <limits>
#include <string>

namespace inlay {
namespace {

std::string message_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Error, message_ends_with_the_offending_value) {
  EXPECT_EQ(message_of([] { detail::fail<InvalidArgument>("scale must be at most 20", 21); }),
            "scale must be at most 20: 21");
  EXPECT_EQ(message_of([] { detail::fail<InvalidArgument>("not finite", 0.1); }),
            "not finite: 0.1");
  EXPECT_EQ(message_of([] {
              detail::fail<OutOfRange>("too large", std::numeric_limits<std::uint64_t>::max());
            }),
            "too large: 18446744073709551615");
  EXPECT_EQ(message_of([] { detail::fail<SerializationError>("no name", "a b"); }),
            "no name: 'a b'");
  EXPECT_EQ(message_of([] { detail::fail<InvalidArgument>("flag", true); }), "flag: true");
}

TEST(Error, long_text_is_cut_between_characters) {
  const std::string text = std::string(119, 'x') + "ü" + std::string(50, 'y');
  EXPECT_EQ(detail::describe(text), "'" + std::string(119, 'x') + "…'");
  // Bytes that are no UTF-8 are spelt out, so that the message is.
  EXPECT_EQ(detail::describe(std::string_view("a\xff\xc3z")), "'a\\xff\\xc3z'");
}

TEST(Error, every_class_is_caught_as_error) {
  EXPECT_THROW(throw InvalidArgument("x"), Error);
  EXPECT_THROW(throw OutOfRange("x"), Error);
  EXPECT_THROW(throw SerializationError("x"), Error);
}

}  // namespace
}  // namespace inlay
