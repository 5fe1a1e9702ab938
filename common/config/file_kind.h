// SPDX-License-Identifier: Apache-2.0
// Tells our kinds of files apart by their top keys, so that one given for another is told in
// one line and not key by key. Inside this room only. One thread.
#pragma once

#include "common/config/yaml_reader.h"

namespace tributary {

enum class FileKind { kJob, kCoordinator, kClient, kOperator, kFederation, kPolicy, kRoles };

// Fails where the document's keys are clearly those of another kind than `wanted`.
Status refuse_other_kinds(FileKind wanted, Section& root, YamlDocument& document);

}  // namespace tributary
