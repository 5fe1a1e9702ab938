// SPDX-License-Identifier: Apache-2.0
// tributaryctl enroll and kit: who may have a certificate. The coordinator keeps the requests;
// whoever has the sites' CA signs here, where its key is. One thread.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "common/base/result.h"
#include "coordinator/ctl/connection.h"

namespace tributary {

struct EnrollOptions {
  std::string site;
  std::string role = "site";
  std::int64_t hours = 72;
  std::string fingerprint;  // as it was spoken, or its beginning
  std::string why;
  std::string authority = "federation";  // folder of the CAs
  int days = 90;
  bool renewals = false;
  bool watch = false;
  bool json = false;
  std::string request, out;  // files of a kit
};

// `remote` gives a command what it does over a connection.
using Remote = std::function<void(CLI::App*, std::function<Status(Connection&)>)>;
// The same for one that only needs to know where the coordinator is.
using Local = std::function<void(CLI::App*, std::function<Status(const OperatorConfig&)>)>;
void add_enroll(CLI::App& app, EnrollOptions& options, const Remote& remote);
void add_kit(CLI::App& app, EnrollOptions& options, const Local& local);

}  // namespace tributary
