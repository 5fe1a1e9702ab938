// SPDX-License-Identifier: Apache-2.0
// The job file: YAML text to JobSpec, strictly: every fault of the file at once, with line and the
// nearest known key. Coordinator, clients and tributaryctl parse the same text with this same
// function. Any thread.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

struct JobFile {
  JobSpec spec;
  std::string model_path;  // model.file (torchscript) or transfer.start as written; only
                           // tributaryctl opens it
};

// `file_name` stands in the errors. The error message has one fault a line.
Result<JobFile> parse_job(const std::string& text, const std::string& file_name);

}  // namespace tributary
