// SPDX-License-Identifier: Apache-2.0
// What coordinator.yaml and client.yaml have in common. Plain values, any thread. No file is opened
// here.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/config/yaml_reader.h"

namespace tributary {

struct LogConfig {
  std::string level = "info";   // debug, info, warn, error
  std::string file;             // JSON lines; empty: none
  std::string format = "text";  // of stderr: text, json
};

struct TlsConfig {
  std::string certificate;  // PEM files
  std::string key;
  std::string ca;
};

LogConfig read_log(Section& root, const std::string& file_name);
TlsConfig read_tls(Section& root, const std::string& file_name);

// A path as written in a file: relative ones start at that file's folder.
std::string resolve_path(const std::string& path, const std::string& file_name);

}  // namespace tributary
