// SPDX-License-Identifier: Apache-2.0
// Authority: the folder of a federation's certificate authorities: ca (the root), sites-ca and
// services-ca, each NAME.pem and NAME.key, and crl.pem, the lists of all three; issued/NAME/ has
// what was signed for NAME, to be revoked by name one day. Owned by one command, one thread. A key
// is never written over. The root's key need only be there when a CA is made or revoked, and once a
// year for its list.
#pragma once

#include <string>
#include <vector>

#include "common/crypto/pki.h"
#include "common/storage/file_system.h"

namespace tributary {

// NAME.key, which its user alone can reach, and NAME.pem; told on stdout. kInvalidArgument where
// either is there.
Status write_pair(FileSystem& files, const std::string& stem, const PemPair& pair);

struct AuthorityOptions {
  std::string federation = "Tributary federation";
  std::string key = "p256";
  int days = 3650;   // of the root
  int crl_days = 7;  // of the issuing CAs' lists
};

class Authority {
 public:
  // All three CAs and their empty lists. What an interruption left undone is finished by the next
  // call.
  static Result<Authority> make(const std::string& directory, const AuthorityOptions& options);
  static bool is_made(const std::string& directory);
  static Result<Authority> open(const std::string& directory);

  // By the CA that may vouch for the role. Warns on stderr where the CA ends first.
  Result<PemPair> issue(const CertificateRequest& request) const;
  // The same for the key of a signing request.
  Result<std::string> certify(const std::string& signing_request,
                              const CertificateRequest& as) const;
  // crl.pem anew, with those certificates on it from now on: files, or names whose certificates are
  // all meant. Lists of CAs whose key is not here stay as they are.
  // kDataLoss where crl.pem has not all three lists: nothing is forgotten.
  Status renew_lists(const std::vector<std::string>& revoked, int days) const;
  std::string folder_of_issued(const std::string& name) const { return place("issued/" + name); }
  Result<std::string> read(const std::string& name) const;  // of a file of the folder

 private:
  explicit Authority(std::string directory) : directory_(std::move(directory)) {}
  std::string place(const std::string& name) const { return directory_ + "/" + name; }
  Status make_anew(const AuthorityOptions& options) const;
  Result<PemPair> ca(const std::string& name) const;
  Result<PemPair> issuer_for(const CertificateRequest& request) const;
  Status write_lists(const std::string& before, const std::vector<std::string>& revoked,
                     int days) const;
  Status keep_issued(const std::string& name, const std::string& certificate) const;
  Result<std::vector<std::string>> files_of(const std::vector<std::string>& named) const;

  std::string directory_;
};

KeyKind key_kind(const std::string& name);

}  // namespace tributary
