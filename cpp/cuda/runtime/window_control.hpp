#pragma once

namespace inlay::cuda {

/// Which of a monitor's two window states its kernels write to, kept in device memory.
///
/// The host turns the window by a kernel of its own stream, whatever streams or captured graphs the
/// updates run in: each launch chooses its state when its first block starts and stays with it, and
/// a closed state is read once as many launches have left it as have entered. So a graph captured
/// before a turn writes to the new state after it, and nobody waits.
///
/// The launches of one monitor follow each other (the host orders streams by events), so one set
/// of counters for the launch in flight is enough.
struct WindowControl {
  unsigned active;      // 0 or 1: the state that launches enter
  unsigned entered[2];  // launches that chose the state, and those that are done with it
  unsigned left[2];
  unsigned started;  // blocks of the launch in flight that began, and those that ended
  unsigned ended;
  unsigned chosen;  // its state plus 1; 0 until the first block has chosen
  unsigned quiet;   // the closed state's number plus 1 once every launch has left it, else 0
};

}  // namespace inlay::cuda
