#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <vector>

namespace inlay {

/// Tests, window by window and for ever, whether counts still come from the distribution of which a
/// reference is a sample.
///
/// With c_u the counts of window u in k cells, alpha the parameters of the Dirichlet distribution
/// that the reference leaves for the unknown shares of the cells, and DM(c; a) the probability that
/// a sequence of rows with counts c has under shares drawn from Dirichlet(a),
///
///   e_t = sum over s of w_s DM(c_s + … + c_t; b) DM(c_1 + … + c_(s-1); alpha)
///                           / DM(c_1 + … + c_t; alpha).
///
/// The denominator has learned from everything seen. The alternative says that the shares changed
/// to others, of which nothing is known, when window s began. If nothing changed, each ratio has
/// expectation 1 whenever one stops, so e_t exceeds 1 / level at any time at all with a probability
/// of at most `level` (Ville's inequality), averaged over what the reference leaves open. w_s is
/// proportional to 1 / ((s + 1) log^2 (s + 1)) and sums to less than 1. Starts are dense in the
/// recent past and thinned geometrically backwards; dropping one only lowers the sum. About 50 are
/// kept after 100,000 windows. One that contributes less than e^-18 of the largest is left out
/// until its age has grown by a sixteenth, which lowers the sum too, and spares half of the work.
///
/// b is 1 for each cell. The outer two may be rare ends: they lie beyond all that the reference
/// has, and mostly stay empty. For these b is kRare, and the denominator is a mixture: the share of
/// an end is one spacing of the reference, or, with probability kAtom, smaller, as it is of a
/// distribution that ends in a value which many rows have. Its other parameter is then kRare as
/// well. e_t is multiplied by (1 - kAtom)^2, so that its bound holds for each of them.
///
/// All arithmetic is this class's own: equal windows give equal bits on every machine. Copies are
/// independent. Not safe for concurrent use of one object when any of the uses changes it.
class INLAY_API DirichletEProcess {
 public:
  /// More rows than this lose exactness in a double.
  static constexpr std::uint64_t kMaxRows = std::uint64_t{1} << 52;
  static constexpr std::size_t kMaxCells = 4096;
  /// The parameter of a rare end that the alternative has, and a distribution that ends in an atom.
  static constexpr double kRare = 0.125;
  /// The weight of such distributions.
  static constexpr double kAtom = 0.125;

  /// @throws InvalidArgument if there are fewer than 2 or more than kMaxCells parameters, fewer
  /// than 3 with rare ends, or one is not finite and above 0.
  explicit DirichletEProcess(std::vector<double> alpha, bool has_rare_ends = false);

  /// Adds the counts of one window, `cells()` of them, that began at `start_us`. A window without
  /// rows changes nothing.
  /// @throws InvalidArgument if all rows together would exceed kMaxRows; nothing is added then.
  void update(const std::uint64_t* counts, std::int64_t start_us);

  /// Logarithm of e_t; 0 before the first row.
  double log_e() const noexcept { return log_e_; }
  /// Windows with rows, and rows.
  std::uint64_t windows() const noexcept { return windows_; }
  std::uint64_t rows() const noexcept { return rows_; }
  std::size_t cells() const noexcept { return alpha_.size(); }
  const std::vector<double>& alpha() const noexcept { return alpha_; }

  /// The start that contributes most to e_t: when it was, and the counts from then on.
  struct Change {
    std::int64_t start_us = 0;
    std::uint64_t rows = 0;
    std::vector<std::uint64_t> counts;
  };
  /// Without rows, one at 0 with no counts.
  Change most_likely_change() const;

  std::size_t num_starts() const noexcept { return starts_.size(); }
  std::size_t memory_bytes() const noexcept;

  /// Equal states give equal bytes, on every machine. alpha and b are not among them.
  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned for as many
  /// parameters.
  static DirichletEProcess from_bytes(std::vector<double> alpha, const std::uint8_t* bytes,
                                      std::size_t size, bool has_rare_ends = false);

 private:
  struct Start {
    std::uint64_t window;   // s, from 1
    std::int64_t start_us;  // of that window
    double log_constant;    // log w_s + log DM(c_1 + … + c_(s-1); alpha)
    std::uint64_t before;   // rows of the windows before it
    std::uint64_t due;      // the first window at which it takes part again
  };
  void evaluate();
  std::size_t pick_due(std::uint32_t* picked) const;
  void log_probabilities(const std::uint32_t* picked, std::size_t size, double* out) const;
  void add_rare_ends(const std::uint32_t* picked, std::size_t size, double* out) const;
  void drop_starts();
  double log_null() const;
  /// What a rare end is by its own parameter and as an atom, and the constant of their ratio.
  struct End {
    End() = default;
    End(double own_parameter, double rest);
    double own = 0, sum = 0, atom_sum = 0, constant = 0;
  };
  double log_atoms() const;

  std::vector<double> alpha_;
  bool has_rare_ends_;
  bool is_alpha_whole_ = true;
  double alpha_sum_ = 0;
  double alpha_constant_ = 0;  // log Gamma(sum) - sum of log Gamma
  End ends_[2];
  double inner_constant_ = 0;  // log Gamma of the sum of b
  std::vector<Start> starts_;
  std::vector<std::uint64_t> before_;  // by start, counts of the windows before it
  std::vector<std::uint64_t> total_;
  std::uint64_t rows_ = 0;
  std::uint64_t windows_ = 0;
  double log_null_ = 0;  // log DM(c_1 + … + c_t; alpha)
  double log_e_ = 0;
  std::size_t best_ = 0;  // the start that contributes most
};

}  // namespace inlay
