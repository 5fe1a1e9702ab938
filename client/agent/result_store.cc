// SPDX-License-Identifier: Apache-2.0
#include "client/agent/result_store.h"

#include "common/base/limits.h"
#include "common/wire/message_codec.h"

namespace tributary {

Result<ResultStore> ResultStore::open(FileSystem& files, std::string directory) {
  TRIB_CHECK_OK(files.make_directories(directory));
  return ResultStore(files, std::move(directory));
}

std::string ResultStore::path(const TaskKey& key) const {
  return directory_ + "/" + key.job.value + "." + std::to_string(key.round) + "." +
         std::to_string(key.attempt) + "." + std::string(task_kind_name(key.kind)) + ".result";
}

Status ResultStore::keep(const TaskResult& result) {
  TRIB_TRY(bytes, encode_message(result));
  return files_->write_durably(path(result.key), bytes);
}

Status ResultStore::forget(const TaskKey& key) { return files_->remove(path(key)); }

Result<std::vector<TaskResult>> ResultStore::load(std::vector<std::string>& damaged) {
  TRIB_TRY(names, files_->list(directory_));
  std::vector<TaskResult> results;
  for (const std::string& name : names) {
    const std::string file = directory_ + "/" + name;
    const Result<Bytes> bytes = files_->read(file, limits::kControlBytesMax);
    const auto message = bytes ? decode_message(*bytes) : bytes.error();
    const auto* result = message ? std::get_if<TaskResult>(&*message) : nullptr;
    if (result == nullptr) {
      damaged.push_back(file);
      TRIB_CHECK_OK(files_->remove(file));
    } else {
      results.push_back(*result);
    }
  }
  return results;
}

}  // namespace tributary
