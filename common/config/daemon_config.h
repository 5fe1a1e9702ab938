// SPDX-License-Identifier: Apache-2.0
// What coordinator.yaml and client.yaml have in common. Plain values, any thread. No file is opened
// here.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/config/yaml_reader.h"
#include "common/domain/tls_files.h"
#include "common/telemetry/event_log.h"

namespace tributary {

EventLogOptions read_log(Section& root, const std::string& file_name);
TlsFiles read_tls(Section& root, const std::string& file_name);

// A path as written in a file: relative ones start at that file's folder.
std::string resolve_path(const std::string& path, const std::string& file_name);

}  // namespace tributary
