// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy files, one of inputs and one of labels, plain or .gz.
#include "client/data/npy.h"

#include "client/data/array_files.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

Result<RawData> load(const OptionMap& options, const DataSpec& spec, LoadContext& context) {
  return load_array_files(
      {option<std::string>(options, "inputs"), option<std::string>(options, "labels"),
       option<std::string>(options, "validation_inputs"),
       option<std::string>(options, "validation_labels")},
      &read_npy_head, spec, context);
}

}  // namespace

const DataLoader& npy_loader() {
  static constexpr DataLoader kLoader{"npy", "NumPy arrays in .npy files, .gz too", &load};
  return kLoader;
}

}  // namespace tributary
