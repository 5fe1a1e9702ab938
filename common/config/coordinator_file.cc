// SPDX-License-Identifier: Apache-2.0
#include "common/config/coordinator_file.h"

#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/config/file_kind.h"
#include "common/crypto/identity.h"

namespace tributary {
namespace {

// Groups are the provider's words, such as "/fl/leads", and no names of ours.
OidcConfig read_oidc(Section& root, const std::string& file_name) {
  Section from = root.section("oidc", Section::Need::kRequired);
  OidcConfig oidc;
  OidcRules& rules = oidc.rules;
  rules.issuer = from.text("issuer");
  rules.audience = from.text("audience");
  oidc.jwks_file = resolve_path(from.text("jwks"), file_name);
  rules.name_claim =
      from.choice("name_claim", {"sub", "email", "preferred_username"}, rules.name_claim);
  rules.role_claim = from.text("role_claim", rules.role_claim);
  if (from.has("issuer") && rules.issuer.empty()) from.fault("issuer", "must not be empty");
  if (from.has("audience") && rules.audience.empty()) from.fault("audience", "must not be empty");
  Section map = from.section("role_map", Section::Need::kOptional);
  const std::vector<std::string> roles(kOperatorRoles.begin(), kOperatorRoles.end());
  for (const std::string& word : map.keys())
    rules.role_map.emplace_back(word, map.choice(word, roles));
  if (map.present() && rules.role_map.empty())
    from.fault("role_map", "is empty, so that no token would have a role");
  return oidc;
}

}  // namespace

Result<CoordinatorConfig> parse_coordinator_config(const std::string& text,
                                                   const std::string& file_name) {
  TRIB_TRY(document, YamlDocument::parse(text, file_name));
  Section root = document->root();
  TRIB_CHECK_OK(refuse_other_kinds(FileKind::kCoordinator, root, *document));
  CoordinatorConfig config;
  config.listen =
      root.has("listen") ? root.host_port("listen", {0, 65535}) : HostPort{"0.0.0.0", 8443};
  config.state_dir = resolve_path(root.text("state_dir"), file_name);
  config.tls = read_tls(root, file_name);
  config.sites = root.texts("sites", std::vector<std::string>{});
  for (const std::string& site : config.sites) {
    if (!is_valid_name(site)) root.fault("sites", "'" + site + "' is no name of a site");
  }
  config.roles_file = resolve_path(root.text("roles", ""), file_name);
  if (root.has("oidc")) config.oidc = read_oidc(root, file_name);
  Section admission = root.section("admission", Section::Need::kOptional);
  config.admission.rate =
      admission.integer("rate", {1, limits::kAdmissionRateMax}, config.admission.rate);
  config.admission.dials_per_address = admission.integer(
      "dials_per_address", {1, limits::kAdmissionRateMax}, config.admission.dials_per_address);
  config.admission.sites_max = admission.integer(
      "sites_max", {1, static_cast<std::int64_t>(limits::kSitesMax)}, config.admission.sites_max);
  config.log = read_log(root, file_name);
  config.threads = root.integer("threads", {0, 1024}, 0);
  config.running_jobs =
      root.integer("running_jobs", {1, static_cast<std::int64_t>(limits::kJobsMax)}, 1);
  config.tasks_per_site =
      root.integer("tasks_per_site", {0, static_cast<std::int64_t>(limits::kJobsMax)}, 0);
  config.upload_memory =
      root.byte_size("upload_memory", {8 << 20, std::int64_t{1} << 40}, config.upload_memory);
  config.staging_memory =
      root.byte_size("staging_memory", {0, std::int64_t{1} << 40}, config.staging_memory);
  TRIB_CHECK_OK(document->finish());
  return config;
}

}  // namespace tributary
