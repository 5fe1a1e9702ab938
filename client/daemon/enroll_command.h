// SPDX-License-Identifier: Apache-2.0
// `tributary-client enroll` and `kit`: how a site comes by its first certificate, from the
// coordinator or, where that cannot be reached, by files. The coordinator is believed once its root
// has the hash that a person told. Both can be stopped and begun again. One thread.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "common/base/result.h"

namespace tributary {

struct EnrollOptions {
  std::string site;
  std::string role = "site";
  std::string coordinator;  // HOST:PORT
  std::string server_name;  // empty: the host
  std::string ca_hash;      // SHA-256 of the root
  std::string token;
  std::string token_file;
  std::string kit;  // a file
  std::string directory = ".";
};

// The commands; the one that is chosen comes back in `chosen`.
void add_enroll(CLI::App& app, EnrollOptions& options, std::function<Status()>& chosen);

}  // namespace tributary
