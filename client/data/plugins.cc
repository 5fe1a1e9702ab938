// SPDX-License-Identifier: Apache-2.0
#include "client/data/loader.h"
#include "common/base/assert.h"

namespace tributary {

Result<const DataLoader*> find_loader(std::string_view name) {
  for (const DataLoader* loader : loader_table()) {
    if (loader->name == name) return loader;
  }
  return make_error(ErrorCode::kInvalidArgument, "no data loader '" + std::string(name) + "'");
}

const std::string& text_of(const OptionMap& options, const std::string& name) {
  const auto found = options.find(name);
  const auto* text = found == options.end() ? nullptr : std::get_if<std::string>(&found->second);
  TRIB_ASSERT(text != nullptr, "a loader's option is not what the catalogue says");
  return *text;
}

Error data_error(std::string& local_detail, std::string shared, std::string local) {
  local_detail = std::move(local);
  return make_error(ErrorCode::kInvalidArgument, std::move(shared));
}

}  // namespace tributary
