// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/describe_command.h"

#include <iostream>

#include "client/confined/confined_learner.h"
#include "client/learning/description.h"
#include "client/work/resources.h"
#include "common/base/limits.h"
#include "common/cli/named_file.h"
#include "common/config/daemon_config.h"
#include "common/config/job_file.h"

namespace tributary {

Status describe_model(const DescribeOptions& options) {
  TRIB_TRY(text, read_named(options.job, limits::kJobDocumentBytesMax));
  TRIB_TRY(job, parse_job(std::string(as_text(text)), options.job));
  std::vector<std::int64_t> shape = options.input_shape;
  if (shape.empty()) {
    TRIB_TRY(said, input_shape_of(job.spec.data));
    shape = std::move(said);
  }
  Bytes module_file;
  if (!job.model_path.empty()) {
    TRIB_TRY(read, read_named(resolve_path(job.model_path, options.job), limits::kBlobBytesMax));
    module_file = std::move(read);
  }
  const SystemClock clock;
  const ConfinedLearner learner({clock, [] { return free_resources(".").memory_bytes; }});
  JobSpec whole = job.spec;
  whole.transfer = {};
  TRIB_TRY(model, learner.initial_model(whole, shape, module_file, {}));
  std::cout << describe(job.spec, model.layout, shape);
  return {};
}

}  // namespace tributary
