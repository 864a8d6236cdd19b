#include <algorithm>
#include <cmath>
#include <cstring>
#include <inlay/error.hpp>
#include <inlay/model/ranking_states.hpp>
#include <numeric>

#include "model/row_faults.hpp"
#include "model/segment_states_body.hpp"

namespace inlay {
namespace {

double gain(double relevance) noexcept {
  // Of a small one the difference would keep no digits.
  constexpr double kLn2 = 0x1.62e42fefa39efp-1;
  return relevance < 0x1p-10 ? std::expm1(relevance * kLn2) : std::exp2(relevance) - 1;
}
double discount(std::size_t place) noexcept {
  return 1 / std::log2(static_cast<double>(place) + 1);
}

void add_to(RankingState::Sum& sum, double value, double weight) noexcept {
  sum.total += weight * value;
  sum.squares += weight * (value * value);
}

}  // namespace

void RankingSettings::check() const {
  if (k.size() > kMaxCuts) detail::fail<InvalidArgument>("there are at most 16 cuts", k.size());
  std::int32_t before = 0;
  for (const std::int32_t cut : k) {
    if (cut < 1 || cut > kMaxK) {
      detail::fail<InvalidArgument>("a list is cut at 1 to 1000000", cut);
    }
    if (cut <= before) detail::fail<InvalidArgument>("cuts ascend; not so", cut);
    before = cut;
  }
}

std::string RankingSettings::text() const {
  std::string out = "k (";
  for (const std::int32_t cut : k) out += (out.back() == '(' ? "" : ", ") + std::to_string(cut);
  return out + ")";
}

void RankingSettings::write(detail::ByteWriter& out) const {
  out.varint(k.size());
  for (const std::int32_t cut : k) out.varint(static_cast<std::uint64_t>(cut));
}

RankingSettings RankingSettings::read(detail::ByteReader& in) {
  RankingSettings out;
  const std::uint64_t size = in.varint();
  if (size > kMaxCuts) in.refuse("have too many cuts", size);
  out.k.clear();
  std::uint64_t before = 0;
  for (std::uint64_t i = 0; i < size; ++i) {
    const std::uint64_t cut = in.varint();
    if (cut <= before || cut > std::uint64_t{kMaxK}) in.refuse("have a cut that is none", cut);
    out.k.push_back(static_cast<std::int32_t>(before = cut));
  }
  return out;
}

RankingState::RankingState(const Settings& settings) : at_k_(settings.k.size()) {}

void RankingState::add(const Settings& settings, const double* relevance, const double* scores,
                       std::size_t size, double weight) {
  std::vector<std::uint32_t> order(size);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [scores](std::uint32_t a, std::uint32_t b) { return scores[a] > scores[b]; });
  bool tied = false;
  for (std::size_t i = 1; i < size; ++i) tied |= scores[order[i]] == scores[order[i - 1]];
  std::vector<double> gains;
  for (std::size_t i = 0; i < size; ++i) {
    if (relevance[i] > 0) gains.push_back(gain(relevance[i]));
  }
  std::sort(gains.begin(), gains.end(), std::greater<>());
  rows_ += static_cast<std::int64_t>(size);
  tied_ += tied ? 1 : 0;
  if (gains.empty()) {
    ++irrelevant_;
    return;
  }
  ++queries_;
  weight_ += weight;
  weight_squares_ += weight * weight;

  const auto relevant = static_cast<double>(gains.size());
  std::size_t found = 0;
  double precisions = 0;
  double dcg = 0;
  double ideal = 0;
  auto cut = settings.k.begin();
  auto at = at_k_.begin();
  const auto cut_here = [&](double k) {
    add_to(at->ndcg, dcg / ideal, weight);
    add_to(at->precision, static_cast<double>(found) / k, weight);
    add_to(at->recall, static_cast<double>(found) / relevant, weight);
    at->hits += found == 0 ? 0 : 1;
    at->hit_weight += found == 0 ? 0.0 : weight;
    ++cut;
    ++at;
  };
  for (std::size_t place = 1; place <= size; ++place) {
    const double rel = relevance[order[place - 1]];
    if (rel > 0) {
      ++found;
      precisions += static_cast<double>(found) / static_cast<double>(place);
      if (found == 1) add_to(reciprocal_rank_, 1 / static_cast<double>(place), weight);
    }
    if (cut == settings.k.end()) {
      if (found == gains.size()) break;  // nothing more to find
      continue;
    }
    const double factor = discount(place);
    if (rel > 0) dcg += gain(rel) * factor;
    if (place <= gains.size()) ideal += gains[place - 1] * factor;
    if (place == static_cast<std::size_t>(*cut)) cut_here(*cut);
  }
  while (cut != settings.k.end()) cut_here(*cut);  // the list is shorter
  add_to(average_precision_, precisions / relevant, weight);
}

void RankingState::merge(const RankingState& other) {
  const auto add = [](Sum& to, const Sum& from) {
    to.total += from.total;
    to.squares += from.squares;
  };
  queries_ += other.queries_;
  irrelevant_ += other.irrelevant_;
  rows_ += other.rows_;
  tied_ += other.tied_;
  mixed_ += other.mixed_;
  faults_.merge(other.faults_);
  weighted_ |= other.weighted_;
  weight_ += other.weight_;
  weight_squares_ += other.weight_squares_;
  add(reciprocal_rank_, other.reciprocal_rank_);
  add(average_precision_, other.average_precision_);
  for (std::size_t i = 0; i < at_k_.size(); ++i) {
    at_k_[i].hits += other.at_k_[i].hits;
    at_k_[i].hit_weight += other.at_k_[i].hit_weight;
    add(at_k_[i].ndcg, other.at_k_[i].ndcg);
    add(at_k_[i].precision, other.at_k_[i].precision);
    add(at_k_[i].recall, other.at_k_[i].recall);
  }
}

bool operator==(const RankingState& a, const RankingState& b) noexcept {
  const auto same = [](const RankingState::Sum& x, const RankingState::Sum& y) {
    return x.total == y.total && x.squares == y.squares;
  };
  const auto same_at = [&same](const RankingState::AtK& x, const RankingState::AtK& y) {
    return x.hits == y.hits && x.hit_weight == y.hit_weight && same(x.ndcg, y.ndcg) &&
           same(x.precision, y.precision) && same(x.recall, y.recall);
  };
  return a.queries_ == b.queries_ && a.irrelevant_ == b.irrelevant_ && a.rows_ == b.rows_ &&
         a.tied_ == b.tied_ && a.mixed_ == b.mixed_ && a.faults_ == b.faults_ &&
         a.weighted_ == b.weighted_ && a.weight_ == b.weight_ &&
         a.weight_squares_ == b.weight_squares_ && same(a.reciprocal_rank_, b.reciprocal_rank_) &&
         same(a.average_precision_, b.average_precision_) &&
         std::equal(a.at_k_.begin(), a.at_k_.end(), b.at_k_.begin(), b.at_k_.end(), same_at);
}

namespace {

// The rows of one query, together.
struct Query {
  std::vector<double> relevance;
  std::vector<double> scores;

  void add_to(RankingStates& states, const RankingBatch& batch, const std::size_t* rows,
              std::size_t size);
};

void Query::add_to(RankingStates& states, const RankingBatch& batch, const std::size_t* rows,
                   std::size_t size) {
  if (size == 0) return;
  const auto segment_of = [&batch](std::size_t row) {
    return batch.segments == nullptr ? batch.segment : batch.segments[row];
  };
  RankingState& state = states.at(segment_of(rows[0]));
  const double weight = batch.weights == nullptr ? 1.0 : batch.weights[rows[0]];
  relevance.clear();
  scores.clear();
  bool mixed = false;
  RowFaults found;
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t row = rows[i];
    mixed |= segment_of(row) != segment_of(rows[0]);
    if (batch.weights != nullptr && detail::is_weight(batch.weights[row], found)) {
      mixed |= batch.weights[row] != weight;
    }
    const double rel = batch.relevance[row];
    if (!(rel >= 0 && rel <= RankingState::kMaxRelevance)) ++found.bad_label;
    if (std::isnan(batch.scores[row])) ++found.nan_score;
    relevance.push_back(rel);
    scores.push_back(batch.scores[row]);
  }
  // One fault a query.
  RowFaults fault;
  if (found.bad_label != 0) {
    fault.bad_label = 1;
  } else if (found.nan_score != 0) {
    fault.nan_score = 1;
  } else if (found.bad_weight != 0) {
    fault.bad_weight = 1;
  } else if (mixed) {
    return state.add_mixed();
  } else {
    if (batch.weights != nullptr) state.set_weighted();
    return state.add(states.settings(), relevance.data(), scores.data(), size, weight);
  }
  state.add_fault(fault);
}

// Before anything is counted.
void check_offsets(const RankingBatch& batch) {
  std::int64_t before = 0;
  for (std::size_t i = 0; i <= batch.num_queries; ++i) {
    const std::int64_t offset = batch.offsets[i];
    const bool first = i == 0 && offset != 0;
    const bool last = i == batch.num_queries && offset != static_cast<std::int64_t>(batch.size);
    if (first || last || offset < before) {
      detail::fail<InvalidArgument>("offsets ascend from 0 to the number of rows, " +
                                        std::to_string(batch.size) + "; offset " +
                                        std::to_string(i) + " does not",
                                    offset);
    }
    before = offset;
  }
}

}  // namespace

void update(RankingStates& states, const RankingBatch& batch) {
  if (batch.queries == nullptr && batch.offsets != nullptr) check_offsets(batch);
  if (batch.size == 0) return;
  if (batch.segments == nullptr) {
    states.at(batch.segment);
  } else {
    states.at(*std::max_element(batch.segments, batch.segments + batch.size));
  }
  std::vector<std::size_t> rows(batch.size);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  Query query;
  if (batch.queries == nullptr) {
    for (std::size_t i = 0; i < batch.num_queries; ++i) {
      const auto from = static_cast<std::size_t>(batch.offsets[i]);
      const auto to = static_cast<std::size_t>(batch.offsets[i + 1]);
      query.add_to(states, batch, rows.data() + from, to - from);
    }
    return;
  }
  const std::int64_t* of = batch.queries;
  if (!std::is_sorted(of, of + batch.size)) {
    std::stable_sort(rows.begin(), rows.end(),
                     [of](std::size_t a, std::size_t b) { return of[a] < of[b]; });
  }
  for (std::size_t from = 0; from < batch.size;) {
    std::size_t to = from + 1;
    while (to < batch.size && of[rows[to]] == of[rows[from]]) ++to;
    query.add_to(states, batch, rows.data() + from, to - from);
    from = to;
  }
}

// ---- bytes ------------------------------------------------------------------------------------
// A state: queries, those without relevant rows, rows, tied and mixed queries; faults; whether
// weighted; two sums of weights, reciprocal rank and average precision, each with its squares; of
// each cut hits, their weight, and NDCG, precision and recall likewise. Integers are base-128.

void RankingState::write(const Settings& settings, detail::ByteWriter& out) const {
  static_cast<void>(settings);
  const auto write_sum = [&out](const Sum& sum) {
    out.f64(sum.total);
    out.f64(sum.squares);
  };
  for (const std::int64_t count : {queries_, irrelevant_, rows_, tied_, mixed_}) {
    detail::write_count(out, count);
  }
  detail::write_faults(out, faults_);
  out.u8(weighted_ ? 1 : 0);
  out.f64(weight_);
  out.f64(weight_squares_);
  write_sum(reciprocal_rank_);
  write_sum(average_precision_);
  for (const AtK& at : at_k_) {
    detail::write_count(out, at.hits);
    out.f64(at.hit_weight);
    write_sum(at.ndcg);
    write_sum(at.precision);
    write_sum(at.recall);
  }
}

RankingState RankingState::read(const Settings& settings, detail::ByteReader& in) {
  RankingState out(settings);
  for (std::int64_t* count :
       {&out.queries_, &out.irrelevant_, &out.rows_, &out.tied_, &out.mixed_}) {
    *count = detail::read_count(in);
  }
  if (out.queries_ > out.rows_ || out.irrelevant_ > out.rows_ - out.queries_) {
    in.refuse("count more queries than rows, rows", out.rows_);
  }
  if (out.tied_ > out.queries_ + out.irrelevant_) in.refuse("count ties", out.tied_);
  const auto sum_in = [&in]() {
    const double sum = in.f64();
    if (!(sum >= 0)) in.refuse("have a sum below 0", sum);
    return sum;
  };
  const auto read_sum = [&sum_in](Sum& sum) {
    sum.total = sum_in();
    sum.squares = sum_in();
  };
  out.faults_ = detail::read_faults(in);
  out.weighted_ = detail::read_flag(in);
  out.weight_ = sum_in();
  out.weight_squares_ = sum_in();
  read_sum(out.reciprocal_rank_);
  read_sum(out.average_precision_);
  for (AtK& at : out.at_k_) {
    at.hits = detail::read_count(in);
    if (at.hits > out.queries_) in.refuse("count more hits than queries", at.hits);
    at.hit_weight = sum_in();
    read_sum(at.ndcg);
    read_sum(at.precision);
    read_sum(at.recall);
  }
  return out;
}

template class SegmentStates<RankingState>;

}  // namespace inlay
