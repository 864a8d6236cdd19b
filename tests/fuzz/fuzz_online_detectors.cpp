#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/detect/adwin.hpp>
#include <inlay/detect/cusum.hpp>
#include <inlay/detect/ddm.hpp>
#include <inlay/detect/eddm.hpp>
#include <inlay/detect/fhddm.hpp>
#include <inlay/detect/hddm_a.hpp>
#include <inlay/detect/hddm_w.hpp>
#include <inlay/detect/kswin.hpp>
#include <inlay/detect/page_hinkley.hpp>
#include <inlay/error.hpp>
#include <vector>

namespace {

// Bytes either are refused or are the one form of a state that can be used.
template <class Test>
void try_as(const std::uint8_t* data, std::size_t size) {
  using Detector = inlay::detect::Online<Test>;
  try {
    Detector detector = Detector::from_bytes(data, size);
    if (detector.to_bytes() != std::vector<std::uint8_t>(data, data + size)) std::abort();
    static_cast<void>(detector.undefined());
    Detector one_by_one(detector);
    std::vector<double> values;
    for (int i = 0; i < 300; ++i) values.push_back(i % 7 < 3 ? 1.0 : 0.0);
    for (std::size_t at = 0; at < values.size();) {
      at += detector.update(values.data() + at, values.size() - at);
    }
    for (const double value : values) one_by_one.update(value);
    if (detector != one_by_one) std::abort();
  } catch (const inlay::SerializationError&) {
    return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace inlay::detect;
  try_as<Adwin>(data, size);
  try_as<Cusum>(data, size);
  try_as<Ddm>(data, size);
  try_as<Eddm>(data, size);
  try_as<Fhddm>(data, size);
  try_as<HddmA>(data, size);
  try_as<HddmW>(data, size);
  try_as<Kswin>(data, size);
  try_as<PageHinkley>(data, size);
  return 0;
}
