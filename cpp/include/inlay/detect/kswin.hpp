#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <inlay/detect/online.hpp>
#include <vector>

namespace inlay::detect {

/// Kolmogorov-Smirnov windowing of Raab, Heusinger and Schleif, "Reactive soft prototype computing
/// for concept drift streams" (2020): tests the newest values of a sliding window against as many
/// drawn at random from the older ones.
///
/// Alarms where river 0.26's KSWIN of the same seed does: the draws are those of Python's random
/// module. It tests anew with every value, so at level alpha false alarms come every few hundred
/// values.
struct INLAY_API Kswin : TestState {
  struct Parameters {
    double alpha = 0.005;            ///< level of each test, above 0, at most 1
    std::int64_t window_size = 100;  ///< up to 2^16
    std::int64_t stat_size = 30;     ///< newest values, at most half the window and 10,000
    std::uint64_t seed = 0;
  };
  static constexpr bool kBinary = false;
  static constexpr const char* kMagic = "inKW";
  static constexpr const char* kName = "a KSWIN";
  static constexpr std::int64_t kMaxWindow = std::int64_t{1} << 16;
  static constexpr std::int64_t kMaxStat = 10000;  // beyond, scipy's test is another one

  explicit Kswin(const Parameters& given);
  static void check(const Parameters& given);
  void restart() noexcept;
  void step(double value) noexcept;
  Undefined undefined() const noexcept;
  std::size_t memory_bytes() const noexcept;
  void write(detail::ByteWriter& out) const;
  static Parameters read_parameters(detail::ByteReader& in);
  void read(detail::ByteReader& in);

  /// The exact two-sided p-value of a distance of h / n between two samples of n (Hodges, "The
  /// significance probability of the Smirnov two-sample test", 1958).
  static double p_value(std::int64_t n, std::int64_t h) noexcept;

  Parameters parameters;
  std::vector<double> ring;  ///< the last values
  std::size_t next = 0;      ///< where the next one goes
  std::size_t held = 0;

 private:
  /// The Mersenne Twister of Matsumoto and Nishimura (1998), seeded as Python's random.Random is.
  struct Twister {
    std::array<std::uint32_t, 624> words{};
    std::uint32_t at = 624;

    void seed(std::uint64_t seed) noexcept;
    std::uint32_t draw() noexcept;
    std::uint32_t below(std::uint32_t n) noexcept;
    void refill() noexcept;
  };

  double older(std::uint32_t i) const noexcept;  // i from the oldest value
  void sort_newest() noexcept;
  void replace_newest(double leaving, double value) noexcept;
  void count_drawn(double value) noexcept;
  void draw_older() noexcept;
  std::int64_t distance() const noexcept;

  Twister random_;
  std::int64_t least_distance_;  // that alarms, times stat_size
  bool by_pool_;                 // how Python draws without replacement
  // Scratch memory; it is no state.
  std::vector<std::uint32_t> pool_;
  std::vector<std::uint32_t> identity_;
  std::vector<double> newest_;                // sorted
  std::vector<std::uint32_t> drawn_before_;   // drawn values by how many newest ones are below
  std::vector<std::uint32_t> drawn_through_;  // by how many are below or equal
};

extern template class Online<Kswin>;

}  // namespace inlay::detect
