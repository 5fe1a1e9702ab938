// SPDX-License-Identifier: Apache-2.0
// Whether the files that client.yaml names are there, before a job asks for them. Plain functions;
// what is in the files is seen with a job.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/config/client_file.h"
#include "common/telemetry/event_log.h"

namespace tributary {

// Names the dataset and the file.
Status check_dataset_files(const std::string& name, const PluginChoice& dataset);
// A job would find out, perhaps at night.
void tell_missing_files(const ClientConfig& config, EventLog& log);

}  // namespace tributary
