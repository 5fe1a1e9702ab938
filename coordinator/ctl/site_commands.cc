// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/base/clock.h"
#include "common/config/suggest.h"
#include "coordinator/ctl/commands.h"
#include "coordinator/ctl/tables.h"

namespace tributary {

void print_sites(const std::vector<SiteRow>& sites) {
  std::vector<TableRow> rows = {{"SITE", "LINK", "DOING", "DATASETS", "LAST SEEN"}};
  for (const SiteRow& site : sites) {
    std::string datasets;
    for (const std::string& name : site.datasets) datasets += (datasets.empty() ? "" : ",") + name;
    const std::string what = site.kept_out.empty() ? site.doing : site.why;
    rows.push_back({site.site.value,
                    !site.kept_out.empty() ? site.kept_out
                    : site.online          ? "up"
                                           : "down",
                    what.empty() ? "-" : what, datasets,
                    site.last_seen_wall_ms == 0 ? "never" : format_utc(site.last_seen_wall_ms)});
  }
  if (sites.empty()) {
    std::cout << "no site has come yet\n";
  } else {
    print_table(std::cout, rows);
  }
}

nlohmann::json sites_json(const std::vector<SiteRow>& sites) {
  nlohmann::json all = nlohmann::json::array();
  for (const SiteRow& site : sites) {
    all.push_back({{"site", site.site.value},
                   {"online", site.online},
                   {"kept_out", site.kept_out},
                   {"why", site.why},
                   {"doing", site.doing},
                   {"address", site.address},
                   {"software", site.software},
                   {"datasets", site.datasets},
                   {"last_seen", format_utc(site.last_seen_wall_ms)}});
  }
  return all;
}

Status site_list(Connection& connection, bool json) {
  TRIB_TRY(status, connection.ask_pages<StatusReply>(GetStatus{}));
  if (json) {
    std::cout
        << sites_json(status.sites).dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
        << "\n";
  } else {
    print_sites(status.sites);
  }
  return {};
}

// What is known of the site. A slip of the pen would leave the one that is meant where it is.
Result<SiteRow> known_site(Connection& connection, const SiteName& site) {
  TRIB_TRY(status, connection.ask_pages<StatusReply>(GetStatus{}));
  std::vector<std::string> names;
  for (const SiteRow& row : status.sites) {
    if (row.site == site) return row;
    names.push_back(row.site.value);
  }
  const auto nearest = nearest_word(site.value, names);
  return make_error(ErrorCode::kNotFound,
                    "no site '" + site.value + "' has come yet" +
                        (nearest ? " (did you mean '" + *nearest + "'?)" : std::string()) +
                        "; --unseen for one that is to be kept out before it comes");
}

Status site_control(Connection& connection, const ControlSite& request, bool unseen) {
  SiteRow before;
  if (!unseen) {
    TRIB_TRY(known, known_site(connection, request.site));
    before = known;
  }
  TRIB_TRY(done, connection.ask<SiteControlled>(request));
  const std::string& site = done.site.value;
  switch (request.action) {
    case SiteAction::kEnable:
      if (before.kept_out == "revoked") {
        std::cout << "enabled " << site << ": it needs a new certificate, tributaryctl enroll "
                  << "invite " << site << "; there, move the old one and its key away first\n";
      } else {
        std::cout << "enabled " << site << ": it comes back by itself within a minute\n";
      }
      return {};
    case SiteAction::kDisable:
      std::cout << "disabled " << site;
      break;
    case SiteAction::kRevoke:
      std::cout << "revoked " << site << ", and " << done.certificates
                << " certificate(s) that it came with";
      break;
  }
  std::cout << (done.was_on_link ? "; its link was ended\n" : "; it was not on the link\n");
  if (request.action == SiteAction::kRevoke) {
    std::cerr
        << "Put it on the list that others have, too: tributaryctl pki crl --dir DIR --revoke "
        << request.site.value << "\n";
  }
  return {};
}

}  // namespace tributary
