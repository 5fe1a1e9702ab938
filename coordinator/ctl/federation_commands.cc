// SPDX-License-Identifier: Apache-2.0
// tributaryctl federation init: from one federation.yaml to a folder for each party.
#include <algorithm>
#include <iostream>
#include <map>

#include "common/base/limits.h"
#include "common/base/words.h"
#include "common/cli/named_file.h"
#include "common/config/federation_file.h"
#include "common/config/starter_files.h"
#include "common/domain/role_matrix.h"
#include "coordinator/ctl/authority.h"
#include "coordinator/ctl/commands.h"

namespace tributary {
namespace {

constexpr int kLeafDays = 90;

// What a party is started with, beside its certificates. Only the party knows its data.
struct Kit {
  std::string name;
  std::string role;
  std::vector<std::string> hosts;
  std::map<std::string, std::string> files = {};  // name to text
};

std::vector<Kit> kits_of(const FederationConfig& federation) {
  const HostPort address{federation.hosts.front(), static_cast<std::uint16_t>(federation.port)};
  const std::string port = std::to_string(federation.port);
  std::vector<Kit> kits = {
      {federation.coordinator,
       peer_role_name(PeerRole::kCoordinator),
       federation.hosts,
       {{"coordinator.yaml", "listen: 0.0.0.0:" + port + "\nstate_dir: state\n" +
                                 starter_tls(federation.coordinator) +
                                 "log: {file: coordinator.jsonl}\n"}}}};
  const auto add_site = [&](const std::string& name, PeerRole role) {
    kits.push_back({name,
                    peer_role_name(role),
                    {},
                    {{"client.yaml", starter_client_file(name, address, federation.coordinator)},
                     {"policy.yaml", starter_policy_file()}}});
  };
  for (const std::string& site : federation.sites) add_site(site, PeerRole::kSite);
  for (const std::string& site : federation.evaluators) add_site(site, PeerRole::kEvaluator);
  for (const auto& [name, role] : federation.operators)
    kits.push_back({name,
                    role,
                    {},
                    {{"tributaryctl.yaml",
                      starter_dial(address, federation.coordinator) + starter_tls(name)}}});
  return kits;
}

// What is new of a party is made, and the lists are as fresh as the authority's; nothing that the
// party may have changed is touched.
Status make_kit(const Authority& authority, const std::string& folder, const Kit& kit,
                bool with_key) {
  const auto files = make_file_system();
  if (Status made = files->make_directories(folder); !made)
    return fault_of_named(folder, std::move(made).error());
  const std::string stem = folder + "/" + kit.name;
  const bool earlier = files->exists(authority.folder_of_issued(kit.name));
  if (!with_key) {
    // It makes its key itself, and asks: see `enroll`.
  } else if (!files->exists(stem + ".pem")) {
    TRIB_TRY(issued, authority.issue({kit.name, kit.role, kit.hosts, KeyKind::kP256, kLeafDays}));
    TRIB_CHECK_OK(write_pair(*files, stem, issued));
    if (earlier) {
      std::cerr
          << "warning: " << kit.name
          << " has an earlier certificate, too, which stays good until it ends or is revoked\n";
    }
  } else {
    TRIB_TRY(certificate, read_named(stem + ".pem", limits::kConfigBytesMax));
    TRIB_TRY(days, days_left(std::string(as_text(certificate))));
    if (days <= limits::kExpiryWarningDays) {
      std::cerr << "warning: " << stem << ".pem ends in " << days
                << " days; move it and its key away, and run this again for new ones\n";
    }
  }
  for (const char* shared : {"ca.pem", "crl.pem"}) {
    TRIB_TRY(text, authority.read(shared));
    TRIB_CHECK_OK(write_named(folder + "/" + shared, as_bytes(text)));
  }
  for (const auto& [name, text] : kit.files) {
    const std::string path = folder + "/" + name;
    if (!files->exists(path)) TRIB_CHECK_OK(write_named(path, as_bytes(text)));
  }
  return {};
}

}  // namespace

Status federation_init(const FederationInit& options) {
  TRIB_TRY(text, read_named(options.file, limits::kConfigBytesMax));
  TRIB_TRY(federation, parse_federation_config(std::string(as_text(text)), options.file,
                                               {kOperatorRoles.begin(), kOperatorRoles.end()}));
  AuthorityOptions made;
  made.federation = federation.federation;
  const bool is_new = !Authority::is_made(options.directory);
  TRIB_TRY(authority,
           is_new ? Authority::make(options.directory, made) : Authority::open(options.directory));
  if (!is_new) TRIB_CHECK_OK(authority.renew_lists({}, made.crl_days));
  for (const Kit& kit : kits_of(federation)) {
    const bool is_site = kit.files.contains("client.yaml");
    TRIB_CHECK_OK(make_kit(authority, options.directory + "/" + kit.name, kit,
                           !is_site || options.with_keys));
  }
  const auto enrols = roles_that_may(built_in_roles(), OperatorAction::kEnrolSites);
  const bool somebody_enrols = std::ranges::any_of(federation.operators, [&](const auto& one) {
    return std::ranges::find(enrols, one.second) != enrols.end();
  });
  if (!options.with_keys && !somebody_enrols) {
    std::cerr << "warning: no operator may let sites enrol; that needs one of the roles "
              << joined(enrols, ", ") << "\n";
  }
  if (!options.with_keys)
    std::cerr << "Sites make their keys themselves, and ask for their certificates: tributaryctl "
                 "enroll invite SITE\n";
  std::cerr << "Each party gets its own folder, and no other (tar -C " << options.directory
            << " -cf NAME.tar NAME). Put " << options.directory
            << "/ca.key on a medium in a safe, and bring it back once a year for its own "
               "list.\nThe lists of revoked certificates are good for "
            << made.crl_days << " days: run this, or pki crl, before, and hand crl.pem out.\n";
  return {};
}

}  // namespace tributary
