// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/authority.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>

#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/cli/named_file.h"
#include "common/crypto/digest.h"
#include "common/crypto/private_key.h"
#include "common/storage/directory_lock.h"

namespace tributary {
namespace {

constexpr int kIssuingDays = 3 * 365;
// So that the root's key can stay where it is safe.
constexpr int kRootListDays = 365;
constexpr std::int64_t kDaySeconds = 24 * 3600;

const std::array<std::string, 3> kCas = {"ca", "sites-ca", "services-ca"};

// Where the CAs are made, in the folder that they are for.
constexpr const char* kUnfinished = "authority.new";

Status check_free(FileSystem& files, const std::string& stem) {
  const bool certificate = files.exists(stem + ".pem"), key = files.exists(stem + ".key");
  if (certificate) {
    return make_error(ErrorCode::kInvalidArgument,
                      stem + ".pem exists; move it away or take another name");
  }
  if (!key) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    stem +
                        ".key exists without its certificate: what made it was interrupted, or "
                        "the certificate was moved. Move it away, too, and run this again");
}

// The certificate last: nobody uses a key without one.
Status write_both(const std::string& stem, const PemPair& pair) {
  TRIB_CHECK_OK(write_named_secret(stem + ".key", pair.key));
  return write_named(stem + ".pem", as_bytes(pair.certificate));
}

std::string ca_for(const std::string& role) {
  return role == peer_role_name(PeerRole::kSite) || role == peer_role_name(PeerRole::kEvaluator)
             ? "sites-ca"
             : "services-ca";
}

}  // namespace

KeyKind key_kind(const std::string& name) {
  return name == "ed25519" ? KeyKind::kEd25519 : KeyKind::kP256;
}

Status write_pair(FileSystem& files, const std::string& stem, const PemPair& pair) {
  TRIB_CHECK_OK(check_free(files, stem));
  TRIB_CHECK_OK(write_both(stem, pair));
  std::cout << stem << ".pem\n" << stem << ".key\n";
  return {};
}

Result<Authority> Authority::make(const std::string& directory, const AuthorityOptions& options) {
  const auto files = make_file_system();
  const Authority authority(directory);
  const Authority unfinished(authority.place(kUnfinished));
  // Whole before the first file is where somebody might use it; its lists come last.
  if (!files->exists(unfinished.place("crl.pem"))) {
    for (const std::string& name : kCas) TRIB_CHECK_OK(check_free(*files, authority.place(name)));
    TRIB_CHECK_OK(unfinished.make_anew(options));
  }
  for (const std::string& name : kCas) {
    for (const char* ending : {".key", ".pem"}) {
      const std::string from = unfinished.place(name + ending);
      if (!files->exists(from)) continue;  // moved before an interruption
      TRIB_CHECK_OK(files->rename(from, authority.place(name + ending)));
      std::cout << authority.place(name + ending) << "\n";
    }
  }
  TRIB_CHECK_OK(files->rename(unfinished.place("crl.pem"), authority.place("crl.pem")));
  std::error_code ignored;
  std::filesystem::remove(unfinished.directory_, ignored);
  return authority;
}

bool Authority::is_made(const std::string& directory) {
  const auto files = make_file_system();
  return files->exists(directory + "/ca.pem") &&
         !files->exists(directory + "/" + kUnfinished + "/crl.pem");
}

Status Authority::make_anew(const AuthorityOptions& options) const {
  const auto files = make_file_system();
  if (Status made = files->make_directories(directory_); !made)
    return fault_of_named(directory_, std::move(made).error());
  for (const std::string& name : kCas) {
    for (const char* ending : {".key", ".pem"}) TRIB_CHECK_OK(files->remove(place(name + ending)));
  }
  const KeyKind kind = key_kind(options.key);
  const int days = std::min(options.days, kIssuingDays);
  TRIB_TRY(root, make_ca(options.federation, kind, options.days));
  TRIB_TRY(sites, make_issuing_ca(root, kSitesCa, kind, days));
  TRIB_TRY(services, make_issuing_ca(root, kServicesCa, kind, days));
  TRIB_CHECK_OK(write_both(place("ca"), root));
  TRIB_CHECK_OK(write_both(place("sites-ca"), sites));
  TRIB_CHECK_OK(write_both(place("services-ca"), services));
  return write_lists("", {}, options.crl_days);
}

Result<Authority> Authority::open(const std::string& directory) {
  Authority authority(directory);
  if (auto root = authority.read("ca.pem"); !root) {
    return std::move(root).error().with_context(
        "--dir names the folder of the CAs, which `tributaryctl federation init` or `pki init` "
        "makes");
  }
  return authority;
}

Result<std::string> Authority::read(const std::string& name) const {
  TRIB_TRY(bytes, read_named(place(name), limits::kConfigBytesMax));
  return std::string(as_text(bytes));
}

Result<PemPair> Authority::ca(const std::string& name) const {
  TRIB_TRY(certificate, read(name + ".pem"));
  TRIB_CHECK_OK(check_private("key", place(name + ".key")));
  TRIB_TRY(key, read(name + ".key"));
  return PemPair{certificate, key};
}

Result<PemPair> Authority::issuer_for(const CertificateRequest& request) const {
  const std::string name = ca_for(request.role);
  TRIB_TRY(issuer, ca(name));
  TRIB_TRY(left, days_left(issuer.certificate));
  if (request.days > left + 1) {
    std::cerr << "warning: " << place(name + ".pem") << " ends in " << left
              << " days; from then on this certificate is worth nothing, although it is made for "
              << request.days << "\n";
  }
  return issuer;
}

Result<PemPair> Authority::issue(const CertificateRequest& request) const {
  TRIB_TRY(issuer, issuer_for(request));
  TRIB_TRY(pair, issue_certificate(issuer, request));
  TRIB_CHECK_OK(keep_issued(request.name, pair.certificate));
  return pair;
}

Result<std::string> Authority::certify(const std::string& signing_request,
                                       const CertificateRequest& as) const {
  TRIB_TRY(issuer, issuer_for(as));
  TRIB_TRY(certificate, tributary::certify(issuer, signing_request, as));
  TRIB_CHECK_OK(keep_issued(as.name, certificate));
  return certificate;
}

Status Authority::keep_issued(const std::string& name, const std::string& certificate) const {
  const std::string folder = folder_of_issued(name);
  const std::string hash = sha256(as_bytes(certificate)).hex().substr(0, 16);
  if (Status made = make_file_system()->make_directories(folder); !made)
    return fault_of_named(folder, std::move(made).error());
  return write_named(folder + "/" + hash + ".pem", as_bytes(certificate));
}

Result<std::vector<std::string>> Authority::files_of(const std::vector<std::string>& named) const {
  const auto files = make_file_system();
  std::vector<std::string> paths;
  for (const std::string& one : named) {
    const std::string folder = folder_of_issued(one);
    if (files->exists(one)) {
      paths.push_back(one);
    } else if (is_valid_name(one) && files->exists(folder)) {
      TRIB_TRY(kept, files->list(folder));
      for (const std::string& name : kept) paths.push_back(folder + "/" + name);
    } else {
      return make_error(ErrorCode::kInvalidArgument,
                        "'" + one + "' is no file, and no certificate was issued to that name by " +
                            place("") + " (" + place("issued/") + " has those that were)");
    }
  }
  return paths;
}

Status Authority::renew_lists(const std::vector<std::string>& revoked, int days) const {
  TRIB_TRY(lock, DirectoryLock::acquire(directory_));
  auto before = read("crl.pem");
  for (const std::string& name : kCas) {
    TRIB_TRY(certificate, read(name + ".pem"));
    if (const auto list = before ? crl_of(certificate, *before) : before; !list) {
      return make_error(ErrorCode::kDataLoss,
                        list.error().message + ": " + place("crl.pem") +
                            " has to hold the list of " + name +
                            ", or what was revoked would be forgotten; every party's folder "
                            "has a copy");
    }
  }
  return write_lists(*before, revoked, days);
}

Status Authority::write_lists(const std::string& before, const std::vector<std::string>& revoked,
                              int days) const {
  const auto files = make_file_system();
  TRIB_TRY(paths, files_of(revoked));
  std::vector<std::string> certificates, left = paths;
  for (const std::string& path : paths) {
    TRIB_TRY(bytes, read_named(path, limits::kConfigBytesMax));
    certificates.emplace_back(as_text(bytes));
  }
  std::string lists;
  for (const std::string& name : kCas) {
    TRIB_TRY(certificate, read(name + ".pem"));
    if (!files->exists(place(name + ".key"))) {
      TRIB_TRY(kept, crl_of(certificate, before));
      lists += kept;
      continue;
    }
    TRIB_TRY(issuer, ca(name));
    const int valid = name == "ca" ? std::max(days, kRootListDays) : days;
    TRIB_TRY(list, make_crl(issuer, before, certificates, valid * kDaySeconds));
    lists += list;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (is_signed_by(certificates[i], certificate)) std::erase(left, paths[i]);
    }
  }
  if (!left.empty()) {
    return make_error(ErrorCode::kInvalidArgument,
                      left.front() + " was signed by no CA whose key is in " + directory_);
  }
  return write_named(place("crl.pem"), as_bytes(lists));
}

}  // namespace tributary
