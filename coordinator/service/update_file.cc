// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/update_file.h"

#include "common/config/encoding_choice.h"
#include "common/tensor/update_reader.h"

namespace tributary {
namespace {

bool is_plain(const EncodingSpec& spec) { return spec.block == 0 && spec.k == 0 && !spec.zstd; }

}  // namespace

Result<std::unique_ptr<ValueSource>> open_update_file(std::unique_ptr<ReadFile> file,
                                                      const PluginChoice& encoding,
                                                      const Layout& layout) {
  const std::uint64_t bytes = file->size();
  TRIB_TRY(opened, open_update(reader_of(std::move(file)), bytes));
  TRIB_TRY(wanted, encoding_spec(encoding_choice(encoding), layout.element_count()));
  const bool any_plain = wanted == EncodingSpec{} && is_plain(opened.spec);
  if (opened.spec != wanted && !any_plain) {
    return make_error(ErrorCode::kDataLoss, "the update is encoded as " + describe(opened.spec) +
                                                ", the job wants " + describe(wanted));
  }
  return std::move(opened.values);
}

}  // namespace tributary
