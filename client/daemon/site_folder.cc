// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/site_folder.h"

#include <ctime>
#include <iostream>

#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/cli/named_file.h"
#include "common/config/starter_files.h"
#include "common/crypto/signing.h"
#include "common/crypto/signing_request.h"

namespace tributary {

Result<SiteFolder> SiteFolder::open(const std::string& directory, const std::string& site) {
  if (!is_valid_name(site)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "'" + site + "' is no name: letters, digits, '.', '_', '-'");
  }
  SiteFolder folder(directory, site);
  if (Status made = folder.files_->make_directories(directory); !made)
    return fault_of_named(directory, std::move(made).error());
  const std::string certificate = folder.place(site + ".pem");
  if (!folder.files_->exists(certificate)) return folder;
  return make_error(ErrorCode::kInvalidArgument,
                    certificate +
                        " exists: this site has its certificate, and its daemon renews it; to "
                        "begin anew, move it and its key away");
}

Result<std::string> SiteFolder::request(const std::string& role) {
  const std::string path = place(site_ + ".key");
  if (!files_->exists(path)) {
    TRIB_TRY(made, make_signing_request(site_, role, KeyKind::kP256));
    TRIB_CHECK_OK(write_named_secret(path, made.key));
  }
  TRIB_TRY(key, read_named(path, limits::kConfigBytesMax));
  TRIB_TRY(request, signing_request_for(std::string(as_text(key)), site_, role));
  TRIB_TRY(read, read_signing_request(request));
  std::cerr << "The key of " << site_ << " has the fingerprint\n\n  "
            << spoken_fingerprint(read.fingerprint)
            << "\n\nRead it out to whoever invited you, when you are called.\n";
  return request;
}

Status SiteFolder::install(const SiteKit& kit) {
  TRIB_TRY(who, verify_certificates(kit.roots, kit.certificates, std::time(nullptr)));
  auto key = read_named(place(site_ + ".key"), limits::kConfigBytesMax);
  if (!key)
    return std::move(key).error().with_context(
        "the key is made first, by `enroll` or `kit request`");
  const auto pair = Signer::make(kit.certificates, std::string(as_text(*key)));
  if (who.name != site_ || !pair) {
    return make_error(ErrorCode::kUnauthenticated,
                      "the certificate that came is for '" + who.name + "'" +
                          (pair ? "" : ", and not for the key in " + place(site_ + ".key")));
  }
  TRIB_CHECK_OK(keep_root(kit.roots));
  if (!kit.lists.empty()) TRIB_CHECK_OK(write_named(place("crl.pem"), as_bytes(kit.lists)));
  for (const auto& [name, text] : {std::pair{"client.yaml", kit.client_file},
                                   std::pair{"policy.yaml", starter_policy_file()}}) {
    if (!files_->exists(place(name))) TRIB_CHECK_OK(write_named(place(name), as_bytes(text)));
  }
  // Last: with it the site is enrolled.
  TRIB_CHECK_OK(write_named(place(site_ + ".pem"), as_bytes(kit.certificates)));
  std::cerr << "Enrolled. Say in " << place("client.yaml") << " where the data is, and in "
            << place("policy.yaml") << " what jobs may do; then\n";
  std::cout << "tributary-client --config " << place("client.yaml") << "\n";
  return {};
}

Status SiteFolder::keep_root(const std::string& root) {
  const std::string path = place("ca.pem");
  if (files_->exists(path)) {
    TRIB_TRY(there, read_named(path, limits::kCertificatesBytesMax));
    if (as_text(there) == root) return {};
    return make_error(ErrorCode::kInvalidArgument,
                      path + " is another federation's root; take another --dir");
  }
  return write_named(path, as_bytes(root));
}

Result<std::string> root_that_was_told(const std::string& offered, const std::string& told_hash) {
  Result<std::string> root = certificate_with_hash(offered, fingerprint_as_spoken(told_hash));
  if (root) return root;
  TRIB_TRY(hash, certificate_hash(offered));
  return make_error(ErrorCode::kInvalidArgument,
                    "the root has the hash " + hash +
                        ", not that of --ca-hash: it is not your federation's, or the command was "
                        "not copied as a whole");
}

}  // namespace tributary
