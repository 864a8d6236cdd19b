#include "weights.hpp"

#include <inlay/error.hpp>
#include <string>
#include <string_view>
#include <type_traits>

#include "item_input.hpp"

namespace inlay::python {
namespace {

// The first weight that is none; `text` is what it is.
struct Wrong {
  bool found = false;
  std::size_t at = 0;
  std::string text;
};

}  // namespace

Weights::Weights(PyObject* object, std::size_t num_values) {
  const ItemInput input(object);
  if (input.size() != num_values) {
    detail::fail<InvalidArgument>("there must be one weight a value, and there are " +
                                      std::to_string(num_values) + " values; weights",
                                  input.size());
  }
  weights_.resize(num_values);
  Wrong wrong;
  std::size_t next = 0;  // what is left out between blocks is null
  const auto refuse = [&wrong](std::size_t at, std::string text) {
    if (!wrong.found) wrong = {true, at, std::move(text)};
  };
  const auto take = [&](const auto* items, std::size_t size, std::size_t at) {
    using Item = std::remove_cv_t<std::remove_reference_t<decltype(*items)>>;
    if (at != next) refuse(next, "None");
    next = at + size;
    for (std::size_t i = 0; i < size && !wrong.found; ++i) {
      if constexpr (std::is_same_v<Item, std::int64_t> || std::is_same_v<Item, std::uint64_t>) {
        const bool fits = std::is_signed_v<Item>
                              ? items[i] >= 0
                              : static_cast<std::uint64_t>(items[i]) <= INT64_MAX;
        if (!fits) refuse(at + i, detail::describe(items[i]));
        weights_[at + i] = static_cast<std::int64_t>(items[i]);
      } else if constexpr (std::is_same_v<Item, bool>) {
        refuse(at + i, items[i] ? "True" : "False");
      } else {
        refuse(at + i, detail::describe(items[i]));
      }
    }
  };
  input.for_each_placed_block(take);
  if (next != num_values) refuse(next, "None");
  if (wrong.found) {
    throw InvalidArgument("weights must be integers from 0 to 2^63 - 1; at position " +
                          std::to_string(wrong.at) + ": " + wrong.text);
  }
  for (std::size_t i = 0; i < num_values; ++i) {
    const auto weight = static_cast<std::uint64_t>(weights_[i]);
    if (weight > INT64_MAX - total_) {
      detail::fail<InvalidArgument>(
          "weights must add up to less than 2^63; at position " + std::to_string(i), weight);
    }
    total_ += weight;
  }
}

}  // namespace inlay::python
