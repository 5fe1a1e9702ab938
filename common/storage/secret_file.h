// SPDX-License-Identifier: Apache-2.0
// Files that their user alone may reach, from their first byte on. Sets the process's umask for a
// moment: one thread of the program at a time.
#pragma once

#include <string>

#include "common/storage/file_system.h"

namespace tributary {

// As FileSystem::write_durably.
Status write_secret(FileSystem& files, const std::string& path, const std::string& text);

}  // namespace tributary
