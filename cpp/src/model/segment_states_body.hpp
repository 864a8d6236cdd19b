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
// each state.
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
    states.at(*std::max_element(segments + at, segments + at + rows));
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
State& SegmentStates<State>::at(std::size_t segment) {
  if (segment >= kMaxSegments) {
    detail::fail<InvalidArgument>(
        "segments are numbered from 0 to " + std::to_string(kMaxSegments - 1), segment);
  }
  while (states_.size() <= segment) states_.emplace_back(settings_);
  return states_[segment];
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
  for (std::size_t i = 0; i < other.states_.size(); ++i) at(i).merge(other.states_[i]);
}

template <class State>
void SegmentStates<State>::merge(const SegmentStates& other,
                                 const std::vector<std::pair<std::size_t, std::size_t>>& pairs) {
  require_same_settings(other);
  for (const auto& [mine, theirs] : pairs) {
    if (theirs >= other.states_.size()) {
      detail::fail<InvalidArgument>("there is no such segment to merge", theirs);
    }
    at(mine);
  }
  for (const auto& [mine, theirs] : pairs) states_[mine].merge(other.states_[theirs]);
}

template <class State>
std::vector<std::uint8_t> SegmentStates<State>::bytes_of(const State* states,
                                                         std::size_t size) const {
  detail::ByteWriter out(State::kMagic, kSegmentStatesVersion);
  settings_.write(out);
  out.varint(size);
  for (std::size_t i = 0; i < size; ++i) states[i].write(settings_, out);
  return out.take();
}

template <class State>
std::vector<std::uint8_t> SegmentStates<State>::to_bytes() const {
  return bytes_of(states_.data(), states_.size());
}

template <class State>
std::vector<std::uint8_t> SegmentStates<State>::to_bytes(std::size_t segment) const {
  if (segment >= states_.size()) detail::fail<InvalidArgument>("there is no segment", segment);
  return bytes_of(&states_[segment], 1);
}

template <class State>
SegmentStates<State> SegmentStates<State>::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, State::kName);
  in.expect(State::kMagic, kSegmentStatesVersion);
  SegmentStates out(Settings::read(in));
  const std::uint64_t segments = in.varint();
  // A state takes more bytes than one, so that a claim alone reserves nothing.
  if (segments > kMaxSegments || segments > in.left()) in.refuse("have segments", segments);
  for (std::uint64_t i = 0; i < segments; ++i) {
    out.states_.push_back(State::read(out.settings_, in));
  }
  in.expect_end();
  return out;
}

}  // namespace inlay
