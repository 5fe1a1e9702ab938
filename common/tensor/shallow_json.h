// SPDX-License-Identifier: Apache-2.0
// Parses JSON of a file that may be hostile; inside this room only. Any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace tributary {

// Discarded where it is no JSON. What is nested deeper than anything of ours is left out: a text of
// brackets alone would become a tree of sixty times its size.
inline nlohmann::json parse_shallow_json(std::string_view text) {
  constexpr int kDepthMax = 4;
  const auto shallow = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    return depth <= kDepthMax;
  };
  return nlohmann::json::parse(text, shallow, /*allow_exceptions=*/false);
}

}  // namespace tributary
