// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/strict_json.h"

#include <set>
#include <string>
#include <vector>

namespace tributary {
namespace {

using Json = nlohmann::json;

constexpr int kDepthMax = 16;

Error wrong(const std::string& why) { return make_error(ErrorCode::kInvalidArgument, why); }

// What the parser tells on its way, object by object.
class Watched {
 public:
  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth > kDepthMax) too_deep_ = true;
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end && !keys_.empty()) keys_.pop_back();
    if (event == Json::parse_event_t::key && !keys_.empty())
      twice_ = !keys_.back().insert(parsed.get_ref<const std::string&>()).second || twice_;
    return true;
  }
  bool twice() const { return twice_; }
  bool too_deep() const { return too_deep_; }

 private:
  std::vector<std::set<std::string>> keys_;
  bool twice_ = false;
  bool too_deep_ = false;
};

}  // namespace

Result<Json> parse_strict_object(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    return wrong("it has " + std::to_string(text.size()) + " bytes, and at most " +
                 std::to_string(bytes_max) + " are read");
  }
  Watched watched;
  Json json = Json::parse(
      text,
      [&watched](int depth, Json::parse_event_t event, Json& parsed) {
        return watched(depth, event, parsed);
      },
      false);
  if (watched.too_deep()) return wrong("it is nested too deeply");
  if (json.is_discarded() || !json.is_object()) return wrong("it is no JSON object");
  if (watched.twice()) return wrong("a key stands twice in it");
  return json;
}

}  // namespace tributary
