#include "infra/host_family.hpp"

namespace inlay::infra::detail {

std::uint64_t write_counter(HostTick& tick, std::uint32_t id, std::uint64_t total,
                            bool& lost) noexcept {
  if (lost) tick.writer.forget_base(id);
  lost = false;
  return tick.writer.counter(id, total, tick.time_us);
}

std::uint64_t NumberFile::counter(HostTick& tick) noexcept {
  std::uint64_t total = 0;
  const Status status = file.number(total);
  if (status == Status::kOk) {
    if (limit != 0 && total > limit) {  // wider than the classic counters are
      tick.writer.without_limit(id);
      limit = 0;
    }
    return write_counter(tick, id, total, lost);
  }
  tick.writer.status(id, status);
  // A file that could not be read for once still counts from where it was.
  lost = lost || status == Status::kAbsent;
  return 0;
}

void NumberFile::gauge(HostTick& tick) noexcept {
  std::int64_t value = 0;
  const Status status = file.signed_number(value);
  if (status == Status::kOk) {
    tick.writer.gauge(id, static_cast<double>(value), tick.time_us);
  } else {
    tick.writer.status(id, status);
  }
}

}  // namespace inlay::infra::detail
