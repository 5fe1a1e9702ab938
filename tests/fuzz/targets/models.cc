// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "common/base/assert.h"
#include "common/tensor/safetensors.h"
#include "common/tensor/update_reader.h"
#include "tests/fuzz/targets.h"

namespace tributary {

bool fuzz_safetensors(ByteView bytes) {
  const Result<Model> model = decode_safetensors(bytes);
  if (!model) return false;
  TRIB_ASSERT(model->values.size() == model->layout.element_count(), "values beside the layout");
  return true;
}

// All encodings, compressed or not.
bool fuzz_updates(ByteView bytes) {
  const Result<OpenedUpdate> opened = open_update(
      [bytes](std::uint64_t offset, MutableByteView into) -> Status {
        TRIB_ASSERT(offset <= bytes.size() && into.size() <= bytes.size() - offset,
                    "asked beyond the file's end");
        std::ranges::copy(bytes.subspan(static_cast<std::size_t>(offset), into.size()),
                          into.begin());
        return {};
      },
      bytes.size());
  if (!opened) return false;
  // A small file may say that it has many values: not all of them are read here.
  std::array<float, 1000> values;
  for (int i = 0; i < 1000; ++i) {
    const Result<std::size_t> count = opened->values->read(values);
    if (!count) return false;
    if (*count == 0) break;
  }
  return true;
}

}  // namespace tributary
