#pragma once

// The bodies of SegmentStates, for the file that instantiates them for its task, and how rows of
// several segments reach the states.

#include <algorithm>
#include <inlay/error.hpp>
#include <inlay/model/segment_states.hpp>
#include <string>

#include "model/segment_partition.hpp"
#include "summary/bytes.hpp"

namespace inlay {

// Version 1, after the state's magic and the version byte: the settings; the number of segments;
// for each, 0 if it does not exist or 1 and its state, the last of which exists.
inline constexpr std::uint8_t kSegmentStatesVersion = 1;

namespace detail {

/// Calls f(state, group, partition, first row of the block) for the rows of each segment of each
/// block.
/// @throws InvalidArgument if a segment is out of range; the blocks before were counted.
template <class State, class F>
void for_each_group(SegmentStates<State>& states, const std::uint32_t* segments, std::size_t size,
                    F&& f) {
  SegmentPartition partition;
  for (std::size_t at = 0; at < size; at += SegmentPartition::kBlock) {
    const std::size_t rows = std::min(SegmentPartition::kBlock, size - at);
    states.at(*std::max_element(segments + at, segments + at + rows));  // or nothing of the block
    partition.sort(segments + at, rows);
    for (const SegmentPartition::Group& group : partition.groups()) {
      f(states.at(group.segment), group, partition, at);
    }
  }
}

}  // namespace detail

template <class State>
SegmentStates<State>::SegmentStates(Settings settings) : settings_(std::move(settings)) {
  settings_.check();
}

template <class State>
SegmentStates<State>::SegmentStates(const SegmentStates& other) : settings_(other.settings_) {
  states_.resize(other.states_.size());
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (other.states_[i]) states_[i] = std::make_unique<State>(*other.states_[i]);
  }
}

template <class State>
SegmentStates<State>& SegmentStates<State>::operator=(const SegmentStates& other) {
  return *this = SegmentStates(other);
}

template <class State>
State& SegmentStates<State>::at(std::size_t segment) {
  if (segment >= kMaxSegments) {
    detail::fail<InvalidArgument>(
        "segments are numbered from 0 to " + std::to_string(kMaxSegments - 1), segment);
  }
  if (segment < states_.size() && states_[segment]) return *states_[segment];
  auto made = std::make_unique<State>(settings_);
  if (segment >= states_.size()) states_.resize(segment + 1);
  return *(states_[segment] = std::move(made));
}

template <class State>
void SegmentStates<State>::require_same_settings(const SegmentStates& other) const {
  if (settings_ == other.settings_) return;
  throw InvalidArgument("states of different settings do not merge: " + settings_.text() + " and " +
                        other.settings_.text());
}

template <class State>
void SegmentStates<State>::merge(const SegmentStates& other) {
  require_same_settings(other);
  for (std::size_t i = 0; i < other.states_.size(); ++i) {
    if (other.states_[i]) at(i).merge(*other.states_[i]);
  }
}

template <class State>
void SegmentStates<State>::merge(const SegmentStates& other,
                                 const std::vector<std::pair<std::size_t, std::size_t>>& pairs) {
  require_same_settings(other);
  for (const auto& [mine, theirs] : pairs) {
    for (const std::size_t segment : {mine, theirs}) {
      if (segment >= kMaxSegments) {
        detail::fail<InvalidArgument>("there is no such segment to merge", segment);
      }
    }
  }
  for (const auto& [mine, theirs] : pairs) {
    if (const State* added = other.find(theirs)) at(mine).merge(*added);
  }
}

template <class State>
std::vector<std::uint8_t> SegmentStates<State>::bytes_of(const std::unique_ptr<State>* states,
                                                         std::size_t size) const {
  detail::ByteWriter out(State::kMagic, kSegmentStatesVersion);
  settings_.write(out);
  out.varint(size);
  for (std::size_t i = 0; i < size; ++i) {
    out.u8(states[i] ? 1 : 0);
    if (states[i]) states[i]->write(settings_, out);
  }
  return out.take();
}

template <class State>
std::vector<std::uint8_t> SegmentStates<State>::to_bytes() const {
  return bytes_of(states_.data(), states_.size());
}

template <class State>
std::vector<std::uint8_t> SegmentStates<State>::to_bytes(std::size_t segment) const {
  if (find(segment) == nullptr) detail::fail<InvalidArgument>("there is no segment", segment);
  return bytes_of(&states_[segment], 1);
}

template <class State>
SegmentStates<State> SegmentStates<State>::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, State::kName);
  in.expect(State::kMagic, kSegmentStatesVersion);
  SegmentStates out(Settings::read(in));
  const std::uint64_t segments = in.varint();
  // Each takes a byte at least, so that a claim alone reserves little.
  if (segments > kMaxSegments || segments > in.left()) in.refuse("have segments", segments);
  for (std::uint64_t i = 0; i < segments; ++i) {
    const std::uint8_t exists = in.u8();
    if (exists > 1) in.refuse("mark a segment by", exists);
    out.states_.push_back(exists ? std::make_unique<State>(State::read(out.settings_, in))
                                 : nullptr);
  }
  if (segments > 0 && !out.states_.back()) in.refuse("end with an absent segment", segments - 1);
  in.expect_end();
  return out;
}

}  // namespace inlay
