// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/entrance.h"

#include "common/base/limits.h"
#include "common/transport/spawn.h"

namespace tributary {

void Entrance::admit(std::shared_ptr<FrameLink> link, const Hello& hello) {
  switch (link->peer().role) {
    case PeerRole::kSite:
    case PeerRole::kEvaluator:
      return admit_site(link, hello);
    case PeerRole::kOperator:
      return ports_.operators.admit(link, {link->peer().name, link->peer().operator_role});
    case PeerRole::kCoordinator:
      return link->close(make_error(ErrorCode::kPermissionDenied,
                                    "a coordinator may not connect to a coordinator"),
                         limits::kRedialMs);
    case PeerRole::kGuest:
      if (!hello.bearer.empty()) return admit_bearer(link, hello.bearer);
      return ports_.guests.admit(std::move(link));
  }
}

void Entrance::admit_bearer(const std::shared_ptr<FrameLink>& link, const std::string& token) {
  const Result<Caller> caller = ports_.access.by_token(token, ports_.clock.wall_ms() / 1000);
  if (caller) return ports_.operators.admit(link, *caller);
  refusals_.refused(link->address(), caller.error());
  link->close(caller.error());
}

void Entrance::admit_site(const std::shared_ptr<FrameLink>& link, const Hello& hello) {
  const SiteName site{link->peer().name};
  if (const Status may = ports_.registry.admit(site, link->peer().fingerprint); !may) {
    ports_.log.record(
        "site.refused",
        {{"site", site.value}, {"address", link->address()}, {"reason", may.error().message}});
    return link->close(may.error(), limits::kRedialMs);
  }
  ports_.enrolments.begin(site);
  const std::shared_ptr<LinkHandler> handler = ports_.sites.admit(
      link, site, link->address(), hello, link->peer().role == PeerRole::kEvaluator);
  const auto run = [](SiteSessions* sites, std::shared_ptr<FrameLink> its_link,
                      std::shared_ptr<LinkHandler> its_handler) -> asio::awaitable<void> {
    const Error why = co_await its_link->run(*its_handler);
    sites->ended(its_handler, why);
  };
  if (!handler) return;
  ports_.exchange.begin(site);
  spawn(link->executor(), run(&ports_.sites, link, handler));
}

void Entrance::close_all(const Error& why) {
  ports_.sites.close_all(why);
  ports_.operators.close_all(why);
  ports_.guests.close_all(why);
}

std::size_t Entrance::size() const {
  return ports_.sites.size() + ports_.operators.size() + ports_.guests.size();
}

}  // namespace tributary
