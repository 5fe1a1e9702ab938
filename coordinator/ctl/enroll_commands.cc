// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/enroll_commands.h"

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/audit/papers.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/cli/named_file.h"
#include "common/config/starter_files.h"
#include "common/crypto/digest.h"
#include "common/crypto/secret.h"
#include "common/crypto/signing_request.h"
#include "common/crypto/vouched_request.h"
#include "common/storage/tar_file.h"
#include "coordinator/ctl/authority.h"
#include "coordinator/ctl/tables.h"

namespace tributary {
namespace {

constexpr std::chrono::seconds kLookAgain{10};  // for renewals
// Half of a key's fingerprint is enough to tell it from any that somebody could make.
constexpr std::size_t kSpokenDigitsMin = 32;

const char* state_of(const EnrolmentRow& row) {
  switch (row.state) {
    case EnrolmentState::kInvited:
      return SystemClock().wall_ms() < row.until_wall_ms ? "invited" : "ended unused";
    case EnrolmentState::kRequested:
      return "waits for you";
    case EnrolmentState::kIssued:
      return "issued";
    case EnrolmentState::kDenied:
      return "denied";
  }
  return "";
}

Result<std::vector<EnrolmentRow>> all_rows(Connection& connection) {
  TRIB_TRY(list, connection.ask_pages<EnrolmentList>(ListEnrolments{}));
  return std::move(list.rows);
}

Result<EnrolmentRow> row_of(Connection& connection, const EnrollOptions& options) {
  TRIB_TRY(rows, all_rows(connection));
  for (EnrolmentRow& row : rows) {
    if (row.site.value == options.site && row.renewal == options.renewals) return row;
  }
  return make_error(ErrorCode::kNotFound, "site '" + options.site + "' asks for nothing; " +
                                              "`tributaryctl enroll list` shows who does");
}

// What an invitation would push aside is told first.
Status look_before_invitation(Connection& connection, const std::string& site) {
  TRIB_TRY(rows, all_rows(connection));
  for (const EnrolmentRow& row : rows) {
    if (row.site.value != site || row.renewal) continue;
    switch (row.state) {
      case EnrolmentState::kInvited:
        std::cerr << "This takes the place of the invitation of " << format_utc(row.changed_wall_ms)
                  << ", whose token is worth nothing now.\n";
        break;
      case EnrolmentState::kRequested:
        return make_error(ErrorCode::kFailedPrecondition,
                          "site '" + site +
                              "' asks for its certificate and waits for you: `enroll "
                              "approve` or `enroll deny` comes first");
      case EnrolmentState::kIssued:
        std::cerr << site << " got a certificate on " << format_utc(row.changed_wall_ms)
                  << ", and renews it itself; for another, move the old one and its key away "
                     "there.\n";
        break;
      case EnrolmentState::kDenied:
        break;
    }
  }
  return {};
}

Status invite(Connection& connection, const EnrollOptions& options) {
  TRIB_CHECK_OK(look_before_invitation(connection, options.site));
  const std::string token = make_token();
  const InviteSite request{SiteName{options.site}, options.role, sha256(as_bytes(token)),
                           options.hours * 3'600'000};
  TRIB_TRY(roots, read_named(connection.config().tls.ca, limits::kCertificatesBytesMax));
  TRIB_TRY(hash, certificate_hash(std::string(as_text(roots))));
  TRIB_TRY(invited, connection.ask<SiteInvited>(request));
  const OperatorConfig& config = connection.config();
  std::cerr << "Tell this to whoever runs " << options.site
            << ", by a way that others do not read; "
            << "it is good once, until " << format_utc(invited.until_wall_ms)
            << ".\nWhoever uses it has to wait for `tributaryctl enroll approve " << options.site
            << " --fingerprint ... --dir FOLDER_OF_THE_CAS`.\n";
  std::cout << "tributary-client enroll " << options.site << " --coordinator "
            << to_string(config.coordinator);
  if (config.server_name != config.coordinator.host)
    std::cout << " --server-name " << config.server_name;
  std::cout << " --ca-hash " << hash << " --token " << token << "\n";
  return {};
}

Status list(Connection& connection, const EnrollOptions& options) {
  TRIB_TRY(rows, all_rows(connection));
  if (options.json) {
    nlohmann::json all = nlohmann::json::array();
    for (const EnrolmentRow& row : rows) {
      all.push_back({{"site", row.site.value},
                     {"role", row.role},
                     {"renewal", row.renewal},
                     {"state", state_of(row)},
                     {"fingerprint", row.fingerprint},
                     {"address", row.address},
                     {"by", row.by},
                     {"why", row.why},
                     {"changed", format_utc(row.changed_wall_ms)},
                     {"until", row.until_wall_ms == 0 ? "" : format_utc(row.until_wall_ms)}});
    }
    std::cout << all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    return {};
  }
  std::vector<TableRow> table = {
      {"SITE", "ROLE", "KIND", "STATE", "SINCE", "TOKEN UNTIL", "FROM", "FINGERPRINT"}};
  for (const EnrolmentRow& row : rows) {
    table.push_back({row.site.value, row.role, row.renewal ? "renewal" : "invitation",
                     state_of(row), format_utc(row.changed_wall_ms),
                     row.state == EnrolmentState::kInvited ? format_utc(row.until_wall_ms) : "-",
                     row.address.empty() ? "-" : row.address,
                     row.fingerprint.empty() ? "-" : spoken_fingerprint(row.fingerprint)});
  }
  if (rows.empty()) {
    std::cout << "nobody was invited yet: tributaryctl enroll invite SITE\n";
  } else {
    print_table(std::cout, std::move(table));
  }
  return {};
}

// For whom a certificate is: by what a person was told, or by what the site's present certificate
// says; never by what the coordinator says.
struct Party {
  std::string name;
  std::string role;
};

Result<Party> vouched_party(const OperatorConfig& config, const EnrolmentRow& row) {
  TRIB_TRY(trust, read_trust(*make_file_system(), config.tls));
  TRIB_TRY(vouched, read_vouched_request(trust, row.request, SystemClock().wall_ms() / 1000));
  const PeerRole role = vouched.by.role;
  if (role != PeerRole::kSite && role != PeerRole::kEvaluator) {
    return make_error(ErrorCode::kPermissionDenied,
                      "the request is vouched for by the " + peer_role_name(role) + " '" +
                          vouched.by.name + "'; only sites and evaluators renew theirs so");
  }
  return Party{vouched.by.name, peer_role_name(role)};
}

Status issue(Connection& connection, const Authority& authority, const EnrolmentRow& row,
             const Party& party, const EnrollOptions& options) {
  TRIB_TRY(read, read_signing_request(row.request));
  // The coordinator told both; the key in the request is what would be certified.
  if (read.fingerprint != row.fingerprint || party.name != row.site.value) {
    return make_error(ErrorCode::kDataLoss, "the coordinator shows the key " + row.fingerprint +
                                                " of '" + row.site.value + "' for a request of '" +
                                                party.name + "' and the key " + read.fingerprint);
  }
  TRIB_TRY(certificates,
           authority.certify(row.request, {party.name, party.role, {}, {}, options.days}));
  TRIB_TRY(decided, connection.ask<EnrolmentDecided>(DecideEnrolment{
                        row.site, row.renewal, row.fingerprint, certificates, options.why}));
  std::cout << "issued " << decided.site.value << ", " << party.role << ", for " << options.days
            << " days, key " << spoken_fingerprint(row.fingerprint) << "\n";
  return {};
}

void add_authority(CLI::App* command, EnrollOptions& options) {
  command->add_option("--dir", options.authority, "Folder of the CAs")->capture_default_str();
  command->add_option("--days", options.days, "Validity")
      ->check(CLI::Range(1, 825))
      ->capture_default_str();
}

Status check_spoken(const std::string& told, const std::string& fingerprint) {
  const std::string spoken = fingerprint_as_spoken(told);
  if (spoken.size() >= kSpokenDigitsMin && fingerprint.starts_with(spoken)) return {};
  return make_error(
      ErrorCode::kInvalidArgument,
      (spoken.size() < kSpokenDigitsMin
           ? "--fingerprint has too few hexadecimal digits (" + std::to_string(kSpokenDigitsMin) +
                 " at least)"
           : "this is not the fingerprint of the key that was asked for: somebody else may have "
             "asked in its name. Deny it, and invite the site again") +
          "; asked for was\n  " + spoken_fingerprint(fingerprint) +
          "\nCall the site by a number that you know, and let it read out what its command shows");
}

Status approve(Connection& connection, const EnrollOptions& options) {
  TRIB_TRY(authority, Authority::open(options.authority));
  TRIB_TRY(row, row_of(connection, options));
  if (row.state != EnrolmentState::kRequested) {
    return make_error(
        ErrorCode::kFailedPrecondition,
        "site '" + options.site + "': " + state_of(row) +
            (row.state == EnrolmentState::kInvited ? ": nobody has used its token"
                                                   : ": nothing waits for a decision"));
  }
  TRIB_CHECK_OK(check_spoken(options.fingerprint, row.fingerprint));
  return issue(connection, authority, row, {options.site, options.role}, options);
}

// Each is signed with the site's present certificate, which is looked at here.
Status approve_renewals(Connection& connection, const EnrollOptions& options) {
  TRIB_TRY(authority, Authority::open(options.authority));
  for (;;) {
    TRIB_TRY(rows, all_rows(connection));
    for (const EnrolmentRow& row : rows) {
      if (!row.renewal || row.state != EnrolmentState::kRequested) continue;
      const auto party = vouched_party(connection.config(), row);
      if (Status issued =
              party ? issue(connection, authority, row, *party, options) : Status(party.error());
          !issued) {
        // Another one may have come in its place; the others are not to wait for it.
        if (connection.ended()) return issued;
        std::cerr << escaped(row.site.value + ": " + issued.error().message) << "\n";
      }
    }
    if (!options.watch) return {};
    TRIB_TRY(nothing, connection.next(kLookAgain));  // but the end of the link
    static_cast<void>(nothing);
  }
}

Status deny(Connection& connection, const EnrollOptions& options) {
  TRIB_TRY(row, row_of(connection, options));
  TRIB_TRY(decided, connection.ask<EnrolmentDecided>(
                        DecideEnrolment{row.site, row.renewal, row.fingerprint, "", options.why}));
  std::cout << "denied " << decided.site.value << "\n";
  return {};
}

Status sign_kit(const OperatorConfig& config, const EnrollOptions& options) {
  TRIB_CHECK_OK(check_place(options.out));
  TRIB_TRY(bytes, read_named(options.request, limits::kConfigBytesMax));
  const auto asked = unpack_tar(std::string(as_text(bytes)));
  if (!asked) return fault_of_named(options.request, asked.error());
  if (!asked->contains("request.pem")) {
    return make_error(ErrorCode::kInvalidArgument,
                      options.request +
                          " has no request.pem: it is not what `tributary-client kit "
                          "request` makes");
  }
  const std::string& request = asked->at("request.pem");
  TRIB_TRY(read, read_signing_request(request));
  if (read.name != options.site) {
    return make_error(ErrorCode::kInvalidArgument, options.request +
                                                       " asks for a certificate of '" + read.name +
                                                       "', not of '" + options.site + "'");
  }
  TRIB_CHECK_OK(check_spoken(options.fingerprint, read.fingerprint));
  TRIB_TRY(authority, Authority::open(options.authority));
  TRIB_TRY(roots, authority.read("ca.pem"));
  TRIB_TRY(lists, authority.read("crl.pem"));
  TRIB_TRY(hash, certificate_hash(roots));
  TRIB_TRY(certificates,
           authority.certify(request, {read.name, options.role, {}, {}, options.days}));
  TRIB_TRY(packed, pack_tar({{"ca.pem", roots},
                             {"crl.pem", lists},
                             {"certificates.pem", certificates},
                             {"client.yaml", starter_client_file(read.name, config.coordinator,
                                                                 config.server_name)}}));
  TRIB_CHECK_OK(write_named(options.out, as_bytes(packed)));
  std::cerr << "Signed for the " << options.role << " " << read.name << ". Carry " << options.out
            << " to the site; there:\n";
  std::cout << "tributary-client kit install " << read.name << " "
            << std::filesystem::path(options.out).filename().string() << " --ca-hash " << hash
            << "\n";
  return {};
}

}  // namespace

void add_enroll(CLI::App& app, EnrollOptions& options, const Remote& remote) {
  CLI::App* enroll =
      app.add_subcommand("enroll", "Certificates for sites, whose keys stay where they are");
  enroll->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, bool of_one,
                       Status (*action)(Connection&, const EnrollOptions&)) {
    CLI::App* added = enroll->add_subcommand(name, help);
    if (of_one) added->add_option("SITE", options.site, "Its name")->required();
    remote(added, [&options, action](Connection& c) { return action(c, options); });
    return added;
  };
  CLI::App* invited = add(
      "invite", "Make a token that lets a site ask for its certificate; prints the site's command",
      true, &invite);
  invited->add_option("--role", options.role, "What it will be")
      ->check(CLI::IsMember({"site", "evaluator"}))
      ->capture_default_str();
  invited->add_option("--hours", options.hours, "Until the token is worth nothing")
      ->check(CLI::Range(1, 720))
      ->capture_default_str();
  add("list", "Who was invited, who asks, what was decided", false, &list)
      ->add_flag("--json", options.json, "For programs");
  CLI::App* approved = add(
      "approve", "Sign what a site asks for, once its fingerprint was compared", true, &approve);
  approved->add_option("--role", options.role, "What it will be, as it was invited")
      ->check(CLI::IsMember({"site", "evaluator"}))
      ->capture_default_str();
  approved
      ->add_option("--fingerprint", options.fingerprint,
                   "What the site read out, by phone: half of it at least")
      ->required();
  add_authority(approved, options);
  CLI::App* renewed = add("renewals",
                          "Sign what sites ask for over their links, in time before their "
                          "certificates end; for cron, or with --watch as a service",
                          false, &approve_renewals);
  add_authority(renewed, options);
  renewed->add_flag("--watch", options.watch, "Go on until interrupted");
  CLI::App* denied =
      add("deny", "Refuse what a site asks for, or withdraw its invitation", true, &deny);
  denied->add_flag("--renewal", options.renewals, "Refuse its next certificate");
  denied->add_option("--reason", options.why, "For the log, and for the site");
}

void add_kit(CLI::App& app, EnrollOptions& options, const Local& local) {
  CLI::App* kits =
      app.add_subcommand("kit", "Certificates for sites by files, where no link can be had");
  kits->require_subcommand(1);
  CLI::App* command = kits->add_subcommand(
      "sign", "Sign what `tributary-client kit request` made, and pack what the site needs");
  command->add_option("SITE", options.site, "The site that you have on the phone")->required();
  command->add_option("REQUEST", options.request, "The file, a tar")->required();
  command->add_option("--out", options.out, "The kit to write, a tar")->required();
  command->add_option("--fingerprint", options.fingerprint, "What the site read out, by phone")
      ->required();
  command->add_option("--role", options.role, "What it will be")
      ->check(CLI::IsMember({"site", "evaluator"}))
      ->capture_default_str();
  add_authority(command, options);
  local(command, [&options](const OperatorConfig& config) { return sign_kit(config, options); });
}

}  // namespace tributary
