// SPDX-License-Identifier: Apache-2.0
// PastSumStore: the sums that a site gave its input to, as one file, for the rule about sums on one
// model (common/privacy/secagg/rerun_rule.h). The last kKept, or fewer of many
// members; a model that is older than so many is not asked about any more. One thread.
#pragma once

#include <string>
#include <vector>

#include "common/privacy/secagg/rerun_rule.h"
#include "common/storage/file_system.h"

namespace tributary {

class PastSumStore {
 public:
  static constexpr std::size_t kKept = 1'000;
  static constexpr std::size_t kNamesKept = 200'000;  // of members, in all of them

  PastSumStore(FileSystem& files, std::string path) : files_(&files), path_(std::move(path)) {}

  // Empty where there is no file yet. kDataLoss: it is damaged, and the site gives to no sum
  // until somebody has looked at it; the error names the file.
  Result<std::vector<PastSum>> all() const;
  // Durable when it returns. A sum whose survivors are known takes the place of the same one
  // without.
  Status add(const PastSum& sum) const;

 private:
  FileSystem* files_;
  std::string path_;
};

}  // namespace tributary
