// SPDX-License-Identifier: Apache-2.0
// A hardware token in software (SoftHSM 2), with its store in a directory of its own. One for the
// whole process, as the library reads its settings once; each test puts a token of its own there
// before the process asks for the first key.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "common/base/assert.h"
#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"

namespace tributary {

class SoftToken {
 public:
  static constexpr const char* kPin = "271828";

  SoftToken() {
    std::filesystem::create_directory(directory_ / "tokens");
    std::ofstream(directory_ / "softhsm2.conf")
        << "directories.tokendir = " << directory_ / "tokens"
        << "\nobjectstore.backend = file\n";
    ::setenv("SOFTHSM2_CONF", (directory_ / "softhsm2.conf").c_str(), 1);
  }
  void add_token(const std::string& label) {
    use({"--init-token", "--free", "--label", label, "--so-pin", kPin, "--pin", kPin});
  }
  // `key` in PKCS 8; `id` in hexadecimal digits.
  void import(const std::string& token, const std::string& object, const std::string& id,
              const std::string& key) {
    std::ofstream(directory_ / "key.pem") << key;
    use({"--import", directory_ / "key.pem", "--token", token, "--label", object, "--id", id,
         "--pin", kPin});
    std::filesystem::remove(directory_ / "key.pem");
  }
  static std::string module() {
    for (const char* path :
         {"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"}) {
      if (std::filesystem::exists(path)) return path;
    }
    return "/SoftHSM/is/not/installed";
  }

 private:
  void use(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "softhsm2-util");
    TRIB_ASSERT(run_process(std::move(arguments), directory_ / "output") == 0,
                "softhsm2-util (deploy/install-dependencies) failed");
  }

  TemporaryDirectory directory_;
};

}  // namespace tributary
