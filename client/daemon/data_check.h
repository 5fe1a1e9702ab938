// SPDX-License-Identifier: Apache-2.0
// `data check`: what a job would find in this site's dataset, before anybody runs it. Plain
// functions, any thread. Nothing of it leaves.
#pragma once

#include <string>

#include "client/data/description.h"
#include "common/base/result.h"
#include "common/config/client_file.h"
#include "common/domain/data_spec.h"

namespace tributary {

// For a terminal; words of the data are escaped.
std::string text_of(const DatasetDescription& description, const DataSpec& spec);

// Reads the job's dataset as the job would and prints what is there. The error is one of the data,
// with file and line.
Status check_data(const ClientConfig& config, const std::string& job_path);

}  // namespace tributary
