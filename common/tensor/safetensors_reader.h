// SPDX-License-Identifier: Apache-2.0
// SafetensorsReader: the values of a safetensors file in blocks, converted to float32. Reads no
// more than it is asked for, and keeps only the header. One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/tensor/value_stream.h"

namespace tributary {

struct SafetensorsHead;
enum class ElementType;
struct StoredTensor;

class SafetensorsReader final : public ValueSource {
 public:
  using ReadAt = tributary::ReadAt;

  // `bytes`: the length of the file. kDataLoss: no safetensors file, see decode_safetensors; other
  // errors are those of `read_at`.
  static Result<std::unique_ptr<SafetensorsReader>> open(ReadAt read_at, std::uint64_t bytes);
  // Of a file whose head has been read.
  static Result<std::unique_ptr<SafetensorsReader>> open(ReadAt read_at, SafetensorsHead head);
  ~SafetensorsReader() override;

  const Layout& layout() const override { return layout_; }
  // The texts under "__metadata__".
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  Result<std::size_t> read(std::span<float> into) override;
  Result<StoredValues> read_stored(std::size_t count, std::vector<float>& room) override;

 private:
  SafetensorsReader(ReadAt read_at, SafetensorsHead head);
  // Values that stand side by side in the file, all of one type; none only at the end.
  struct Run {
    std::size_t count;
    ElementType type;
    std::uint64_t at;  // of the file
  };
  Run next_run(std::size_t count);
  Status read_run(const Run& run, std::span<float> into);

  ReadAt read_at_;
  std::uint64_t data_at_;  // where the data section begins
  std::vector<StoredTensor> stored_;
  std::map<std::string, std::string> metadata_;
  Layout layout_;
  std::size_t tensor_ = 0;  // the next value: of this tensor,
  std::size_t value_ = 0;   // this one
  Bytes raw_;               // of values that are no float32
};

}  // namespace tributary
