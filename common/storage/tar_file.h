// SPDX-License-Identifier: Apache-2.0
// Small files in one (tar), as people carry them from machine to machine: names to texts. Any
// thread. For kits of certificates and configuration: no folders, no links, 1 MiB in all.
#pragma once

#include <map>
#include <string>

#include "common/base/result.h"

namespace tributary {

using TarFiles = std::map<std::string, std::string>;

// kInvalidArgument: no tar, something else than plain files with valid names, or too much.
Result<TarFiles> unpack_tar(const std::string& bytes);
Result<std::string> pack_tar(const TarFiles& files);

}  // namespace tributary
