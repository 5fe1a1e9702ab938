// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/refusals.h"

#include "common/base/limits.h"

namespace tributary {
namespace {

constexpr Milliseconds kSecond{1'000};

}  // namespace

void Refusals::refused(const std::string& address, const Error& why) {
  pass_time();
  if (told_ >= limits::kRefusalsToldMax) {
    ++untold_;
    last_ = address;
    return;
  }
  ++told_;
  log_.record("link.refused", {{"address", address},
                               {"reason", std::string(error_code_name(why.code))},
                               {"detail", why.message}});
}

void Refusals::dropped(const std::string& host) {
  pass_time();
  ++dropped_;
  last_ = host;
}

void Refusals::pass_time() {
  if (clock_.now() - since_ < kSecond) return;
  since_ = clock_.now();
  if (untold_ > 0 || dropped_ > 0)
    log_.record("links.refused", {{"refused", untold_}, {"dropped", dropped_}, {"last", last_}});
  told_ = untold_ = dropped_ = 0;
}

}  // namespace tributary
