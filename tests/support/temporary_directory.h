// SPDX-License-Identifier: Apache-2.0
// A directory of its own for one test, removed with all it holds. One owner.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "common/base/assert.h"

namespace tributary {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "tributary-test-").string() + std::string(6, 'X');
    TRIB_ASSERT(::mkdtemp(pattern.data()) != nullptr, "cannot make a temporary directory");
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace tributary
