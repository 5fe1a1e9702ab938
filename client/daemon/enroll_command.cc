// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/enroll_command.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <iostream>

#include "client/daemon/site_folder.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/cli/named_file.h"
#include "common/config/client_file.h"
#include "common/config/starter_files.h"
#include "common/storage/tar_file.h"
#include "common/transport/ask.h"

namespace tributary {
namespace {

constexpr std::chrono::seconds kAskAgain{3};

Error wrong(const std::string& why) { return make_error(ErrorCode::kInvalidArgument, why); }

Error answered_otherwise() {
  return make_error(ErrorCode::kProtocol, "the coordinator answered something else");
}

Result<std::string> token_of(const EnrollOptions& options) {
  std::string token = options.token;
  if (!options.token_file.empty()) {
    TRIB_TRY(text, read_named(options.token_file, limits::kLogValueBytesMax));
    token = as_text(text);
    token.erase(token.find_last_not_of(" \t\r\n") + 1);
  }
  if (token.empty()) return wrong("--token or --token-file is missing");
  return token;
}

// Any coordinator is asked: only the root that was told counts.
Result<std::string> learn_root(const DialTarget& target, const std::string& ca_hash) {
  TRIB_TRY(anyone, TlsContext::load_stranger());
  auto told = ask(target, anyone, GetRoot{});
  if (!told) {
    return std::move(told).error().with_context(
        "if it takes no guests, nobody is invited there now: the token may have ended, and whoever "
        "invited you can make a new one (tributaryctl enroll invite)");
  }
  const auto* root = std::get_if<RootCertificate>(&*told);
  if (root == nullptr) return answered_otherwise();
  return root_that_was_told(root->certificate, ca_hash);
}

// Until it is issued or denied.
Result<EnrolAnswer> wait_for_certificate(const DialTarget& target,
                                         const std::shared_ptr<TlsContext>& context,
                                         const Enrol& question) {
  std::string last;
  boost::asio::io_context io{1};
  for (;; boost::asio::steady_timer(io, kAskAgain).wait()) {
    const Result<Message> told = ask(target, context, question);
    if (!told) {
      if (told.error().code != ErrorCode::kUnavailable) return told.error();
      if (last != told.error().message) std::cerr << escaped(told.error().message) << "\n";
      last = told.error().message;
      continue;
    }
    const auto* answer = std::get_if<EnrolAnswer>(&*told);
    if (answer == nullptr) return answered_otherwise();
    if (answer->state == EnrolmentState::kIssued) return *answer;
    if (answer->state != EnrolmentState::kDenied) continue;
    return make_error(ErrorCode::kPermissionDenied,
                      "the federation's operators denied it" +
                          (answer->why.empty() ? std::string() : ": " + answer->why));
  }
}

Status enroll(const EnrollOptions& options) {
  const auto coordinator = parse_host_port(options.coordinator);
  if (!coordinator) return wrong("--coordinator: " + coordinator.error().message);
  const std::string server = options.server_name.empty() ? coordinator->host : options.server_name;
  const DialTarget target{coordinator->host, coordinator->port, server};
  TRIB_TRY(token, token_of(options));
  TRIB_TRY(folder, SiteFolder::open(options.directory, options.site));
  TRIB_TRY(roots, learn_root(target, options.ca_hash));
  TRIB_CHECK_OK(folder.keep_root(roots));
  TRIB_TRY(context, TlsContext::load_guest({"", "", folder.place("ca.pem"), ""}));
  TRIB_TRY(request, folder.request(options.role));
  std::cerr << "Waiting until the certificate is issued; you may stop this (Ctrl-C), and give the "
               "same command again later.\n";
  TRIB_TRY(issued, wait_for_certificate(target, context, {SiteName{options.site}, token, request}));
  return folder.install(
      {roots, issued.certificates, issued.crl,
       starter_client_file(options.site, *coordinator, server, !issued.crl.empty())});
}

Status kit_request(const EnrollOptions& options) {
  TRIB_CHECK_OK(check_place(options.kit));
  TRIB_TRY(folder, SiteFolder::open(options.directory, options.site));
  TRIB_TRY(request, folder.request(options.role));
  TRIB_TRY(packed, pack_tar({{"request.pem", request}, {"role", options.role + "\n"}}));
  TRIB_CHECK_OK(write_named(options.kit, as_bytes(packed)));
  std::cerr << "Carry this file to whoever has the sites' CA (tributaryctl kit sign), and bring "
               "back the kit:\n";
  std::cout << options.kit << "\n";
  return {};
}

Status kit_install(const EnrollOptions& options) {
  TRIB_TRY(bytes, read_named(options.kit, limits::kConfigBytesMax));
  const auto kit = unpack_tar(std::string(as_text(bytes)));
  if (!kit) return fault_of_named(options.kit, kit.error());
  for (const char* name : {"ca.pem", "crl.pem", "certificates.pem", "client.yaml"}) {
    if (!kit->contains(name)) return wrong(options.kit + " has no " + name + ": it is no kit");
  }
  TRIB_TRY(root, root_that_was_told(kit->at("ca.pem"), options.ca_hash));
  // Nobody signed this file: of all that it may say, where the coordinator is is taken over.
  const auto said = parse_client_config(kit->at("client.yaml"), "client.yaml");
  if (!said) return fault_of_named(options.kit, said.error());
  TRIB_TRY(folder, SiteFolder::open(options.directory, options.site));
  std::cerr << "The kit says that the coordinator is " << to_string(said->coordinator) << ".\n";
  return folder.install({root, kit->at("certificates.pem"), kit->at("crl.pem"),
                         starter_client_file(options.site, said->coordinator, said->server_name)});
}

}  // namespace

void add_enroll(CLI::App& app, EnrollOptions& options, std::function<Status()>& chosen) {
  const auto add = [&](CLI::App& to, const char* name, const char* help,
                       Status (*action)(const EnrollOptions&)) {
    CLI::App* command = to.add_subcommand(name, help);
    command->add_option("SITE", options.site, "The site's name, as it was invited")->required();
    command->add_option("--dir", options.directory, "Folder for key, certificate and client.yaml")
        ->capture_default_str();
    command->callback(
        [&options, &chosen, action] { chosen = [&options, action] { return action(options); }; });
    return command;
  };
  const auto add_role = [&](CLI::App* command) {
    command->add_option("--role", options.role, "What it will be, as it was invited")
        ->check(CLI::IsMember({"site", "evaluator"}))
        ->capture_default_str();
  };
  const auto add_hash = [&](CLI::App* command) {
    command->add_option("--ca-hash", options.ca_hash, "SHA-256 of the federation's root")
        ->required();
  };
  CLI::App* online = add(app, "enroll",
                         "Get this site's certificate: makes the key here, asks the coordinator, "
                         "waits until an operator has compared the fingerprint",
                         &enroll);
  online->add_option("--coordinator", options.coordinator, "HOST:PORT")->required();
  online->add_option("--server-name", options.server_name,
                     "The name in the coordinator's certificate, where it is not HOST");
  online->add_option("--token", options.token,
                     "What you were told; it does not stay in the list of processes");
  online->add_option("--token-file", options.token_file, "A file that holds it, instead");
  add_hash(online);
  add_role(online);

  CLI::App* kits = app.add_subcommand("kit", "The same by files, where no link can be had");
  kits->require_subcommand(1);
  CLI::App* asked =
      add(*kits, "request", "Make the key here, and a file to be signed", &kit_request);
  asked->add_option("--out", options.kit, "The file to write, a tar")->required();
  add_role(asked);
  CLI::App* installed =
      add(*kits, "install", "Put what came back (tributaryctl kit sign) into place", &kit_install);
  installed->add_option("KIT", options.kit, "The file")->required();
  add_hash(installed);
}

}  // namespace tributary
