// SPDX-License-Identifier: Apache-2.0
#include "client/data/augmentation.h"
#include "client/data/loader.h"

namespace tributary {

Result<const DataLoader*> find_loader(std::string_view name) {
  for (const DataLoader* loader : loader_table()) {
    if (loader->name == name) return loader;
  }
  return make_error(ErrorCode::kInvalidArgument, "no data loader '" + std::string(name) + "'");
}

Result<const Augmentation*> find_augmentation(std::string_view name) {
  for (const Augmentation* augmentation : augmentation_table()) {
    if (augmentation->name == name) return augmentation;
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "there is no augmentation '" + std::string(name) + "' in this client");
}

Status LoadContext::faulty_record(Error fault, const std::string& place) {
  Status passed = faulty.add(std::move(fault), place);
  if (!passed) local_detail = place;
  return passed;
}

Error data_error(LoadContext& context, std::string shared, std::string local) {
  context.local_detail = std::move(local);
  return make_error(ErrorCode::kInvalidArgument, std::move(shared));
}

ExampleSet empty_examples(const LoadContext& context) { return stored_examples(context.store); }

}  // namespace tributary
