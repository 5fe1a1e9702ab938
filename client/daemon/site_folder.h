// SPDX-License-Identifier: Apache-2.0
// SiteFolder: what a site has of its own identity before its daemon runs: NAME.key, made here and
// never copied, NAME.pem once it is issued, ca.pem, crl.pem, and client.yaml and policy.yaml to go
// on with. What a person may have changed is not written over, nor is another root. Owned by a
// command, one thread.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/storage/file_system.h"

namespace tributary {

struct SiteKit {
  std::string roots;         // ca.pem, believed already
  std::string certificates;  // the site's, then those between it and the root
  std::string lists;         // crl.pem; empty: there are none
  std::string client_file;   // client.yaml
};

class SiteFolder {
 public:
  // kInvalidArgument: the site has its certificate already, or the name is none.
  static Result<SiteFolder> open(const std::string& directory, const std::string& site);

  // ca.pem; kInvalidArgument: there is another one already.
  Status keep_root(const std::string& root);
  // A request for the key here, which is made if it is missing.
  Result<std::string> request(const std::string& role);
  // kUnauthenticated: the certificate is not for this site and its key, or not from the roots.
  Status install(const SiteKit& kit);
  std::string place(const std::string& name) const { return directory_ + "/" + name; }

 private:
  SiteFolder(std::string directory, std::string site)
      : directory_(std::move(directory)), site_(std::move(site)) {}

  std::string directory_;
  std::string site_;
  std::unique_ptr<FileSystem> files_ = make_file_system();
};

// The root among `offered` whose hash a person told; the others are not to be believed.
// kUnauthenticated: none has it.
Result<std::string> root_that_was_told(const std::string& offered, const std::string& told_hash);

}  // namespace tributary
