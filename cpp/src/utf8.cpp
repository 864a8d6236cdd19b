#include "utf8.hpp"

#if defined(__SSSE3__)
#include <immintrin.h>
#endif

namespace inlay::detail {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080;

std::uint64_t word_at(const char* from) noexcept {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

#if defined(__SSSE3__)

// Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte", 2021: three lookups
// by four bits each say which faults a pair of bytes may have; a fault in all three is one. A bit
// stands for each fault.
constexpr char kTooShort = 1 << 0;      // a lead or ASCII where a continuation must be
constexpr char kTooLong = 1 << 1;       // a continuation after ASCII
constexpr char kOverlong3 = 1 << 2;     // E0, then below A0
constexpr char kTooLarge = 1 << 3;      // F4, then above 8F; F5 and above
constexpr char kSurrogate = 1 << 4;     // ED, then above 9F
constexpr char kOverlong2 = 1 << 5;     // C0 or C1
constexpr char kTooLarge1000 = 1 << 6;  // F5 and above, then 80 to 8F
constexpr char kOverlong4 = 1 << 6;     // F0, then below 90
constexpr char kTwoContinue = static_cast<char>(1 << 7);
// Faults that do not depend on the lower half of the first byte.
constexpr char kCarry = static_cast<char>(kTooShort | kTooLong | kTwoContinue);

struct Validator {
  __m128i error = _mm_setzero_si128();
  __m128i before = _mm_setzero_si128();
  __m128i unfinished = _mm_setzero_si128();

  static __m128i table(char a, char b, char c, char d, char e, char f, char g, char h, char i,
                       char j, char k, char l, char m, char n, char o, char p) noexcept {
    return _mm_setr_epi8(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
  }

  void add(__m128i bytes) noexcept {
    if (_mm_movemask_epi8(bytes) == 0) {
      error = _mm_or_si128(error, unfinished);
      unfinished = _mm_setzero_si128();
      before = bytes;
      return;
    }
    const __m128i low_half = _mm_set1_epi8(0x0F);
    const __m128i first = _mm_alignr_epi8(bytes, before, 15);
    const __m128i by_first_high = _mm_shuffle_epi8(
        table(kTooLong, kTooLong, kTooLong, kTooLong, kTooLong, kTooLong, kTooLong, kTooLong,
              kTwoContinue, kTwoContinue, kTwoContinue, kTwoContinue, kTooShort | kOverlong2,
              kTooShort, kTooShort | kOverlong3 | kSurrogate,
              kTooShort | kTooLarge | kTooLarge1000 | kOverlong4),
        _mm_and_si128(_mm_srli_epi16(first, 4), low_half));
    const __m128i by_first_low = _mm_shuffle_epi8(
        table(kCarry | kOverlong3 | kOverlong2 | kOverlong4, kCarry | kOverlong2, kCarry, kCarry,
              kCarry | kTooLarge, kCarry | kTooLarge | kTooLarge1000,
              kCarry | kTooLarge | kTooLarge1000, kCarry | kTooLarge | kTooLarge1000,
              kCarry | kTooLarge | kTooLarge1000, kCarry | kTooLarge | kTooLarge1000,
              kCarry | kTooLarge | kTooLarge1000, kCarry | kTooLarge | kTooLarge1000,
              kCarry | kTooLarge | kTooLarge1000, kCarry | kTooLarge | kTooLarge1000 | kSurrogate,
              kCarry | kTooLarge | kTooLarge1000, kCarry | kTooLarge | kTooLarge1000),
        _mm_and_si128(first, low_half));
    constexpr char kContinues = kTooLong | kOverlong2 | kTwoContinue;
    const __m128i by_second_high = _mm_shuffle_epi8(
        table(kTooShort, kTooShort, kTooShort, kTooShort, kTooShort, kTooShort, kTooShort,
              kTooShort, kContinues | kOverlong3 | kTooLarge1000 | kOverlong4,
              kContinues | kOverlong3 | kTooLarge, kContinues | kSurrogate | kTooLarge,
              kContinues | kSurrogate | kTooLarge, kTooShort, kTooShort, kTooShort, kTooShort),
        _mm_and_si128(_mm_srli_epi16(bytes, 4), low_half));
    const __m128i faults =
        _mm_and_si128(_mm_and_si128(by_first_high, by_first_low), by_second_high);
    // Two continuations in a row are right exactly where a lead of three or four says so.
    const __m128i second = _mm_alignr_epi8(bytes, before, 14);
    const __m128i third = _mm_alignr_epi8(bytes, before, 13);
    const __m128i must_continue =
        _mm_or_si128(_mm_subs_epu8(second, _mm_set1_epi8(static_cast<char>(0xE0 - 0x80))),
                     _mm_subs_epu8(third, _mm_set1_epi8(static_cast<char>(0xF0 - 0x80))));
    const __m128i continues = _mm_and_si128(must_continue, _mm_set1_epi8(static_cast<char>(0x80)));
    error = _mm_or_si128(error, _mm_xor_si128(continues, faults));
    // A lead too near the end to be complete.
    unfinished = _mm_subs_epu8(
        bytes, table(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, static_cast<char>(0xEF),
                     static_cast<char>(0xDF), static_cast<char>(0xBF)));
    before = bytes;
  }

  bool good() const noexcept {
    const __m128i all = _mm_or_si128(error, unfinished);
    return _mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_setzero_si128())) == 0xFFFF;
  }
};

#endif

}  // namespace

bool is_ascii(const char* text, std::size_t size) noexcept {
  std::size_t i = 0;
  std::uint64_t any = 0;
  for (; i + 32 <= size; i += 32) {
    any |=
        word_at(text + i) | word_at(text + i + 8) | word_at(text + i + 16) | word_at(text + i + 24);
    if ((any & kHighBits) != 0) return false;
  }
  for (; i + 8 <= size; i += 8) any |= word_at(text + i);
  unsigned char rest = 0;
  for (; i < size; ++i) rest |= static_cast<unsigned char>(text[i]);
  return ((any | rest) & kHighBits) == 0;
}

bool is_utf8(const char* text, std::size_t size) noexcept {
#if defined(__SSSE3__)
  if (size >= 16) {
    Validator validator;
    std::size_t i = 0;
    for (; i + 16 <= size; i += 16) {
      validator.add(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(text + i)));
    }
    if (i != size) {
      char rest[16] = {};
      std::memcpy(rest, text + i, size - i);
      validator.add(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(rest)));
    }
    return validator.good();
  }
#endif
  return is_ascii(text, size) || utf8_prefix({text, size}) == size;
}

std::size_t utf8_prefix(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t at = 0;
  while (at < text.size()) {
    const unsigned lead = byte(at);
    std::size_t length = 1;
    // Bounds of the second byte exclude overlong forms, surrogates and what lies above U+10FFFF.
    unsigned low = 0x80;
    unsigned high = 0xBF;
    if (lead >= 0x80) {
      if (lead < 0xC2 || lead > 0xF4) return at;
      length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    }
    if (text.size() - at < length) return at;
    for (std::size_t k = 1; k < length; ++k) {
      if (byte(at + k) < low || byte(at + k) > high) return at;
      low = 0x80;
      high = 0xBF;
    }
    at += length;
  }
  return at;
}

}  // namespace inlay::detail
