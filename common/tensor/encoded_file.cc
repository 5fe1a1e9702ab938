// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/encoded_file.h"

#include <bit>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/tensor/encoding.h"
#include "common/tensor/shallow_json.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

constexpr const char* kLayoutKey = "layout";
constexpr const char* kDataName = "data";

std::string encoding_text(const EncodingSpec& spec) {
  Json json = {{"name", spec.name}};
  if (spec.block > 0) json["block"] = spec.block;
  if (spec.k > 0) json["k"] = spec.k;
  if (spec.zstd) json["zstd"] = true;
  return json.dump();
}

std::string layout_text(const Layout& layout) {
  Json json = Json::array();
  for (const TensorInfo& tensor : layout.tensors)
    json.push_back(Json::array({tensor.name, tensor.shape}));
  return json.dump();
}

Result<EncodingSpec> read_encoding(const std::string& text) {
  const Json json = parse_shallow_json(text);
  if (!json.is_object() || !json.contains("name") || !json["name"].is_string())
    return damaged_update("its encoding is no JSON object with a name");
  EncodingSpec spec;
  spec.name = json["name"].get<std::string>();
  for (const auto& [key, value] : json.items()) {
    if (key == "name") continue;
    if (key == "zstd" && value.is_boolean()) {
      spec.zstd = value.get<bool>();
    } else if (key == "k" && value.is_number_unsigned()) {
      spec.k = value.get<std::uint64_t>();
    } else if (key == "block" && value.is_number_unsigned() &&
               value.get<std::uint64_t>() <= kScaleBlockMax) {
      spec.block = value.get<std::uint32_t>();
    } else {
      return damaged_update("its encoding has an unusable " + tributary::quoted(key));
    }
  }
  return spec;
}

Result<Layout> read_layout(const std::string& text) {
  const Json json = parse_shallow_json(text);
  if (!json.is_array()) return damaged_update("its layout is no JSON array");
  if (json.size() > limits::kTensorsMax) return damaged_update("it has too many tensors");
  Layout layout;
  for (const Json& entry : json) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_array() ||
        entry[1].size() > limits::kTensorRankMax) {
      return damaged_update("its layout has something else than a name and a shape");
    }
    TensorInfo tensor{entry[0].get<std::string>(), {}};
    for (const Json& size : entry[1]) {
      if (!size.is_number_unsigned() || size.get<std::uint64_t>() > limits::kBlobBytesMax)
        return damaged_update("tensor " + tributary::quoted(tensor.name) +
                              " has an impossible shape");
      tensor.shape.push_back(size.get<std::int64_t>());
    }
    layout.tensors.push_back(std::move(tensor));
  }
  if (Status valid = validate_layout(layout); !valid) return damaged_update(valid.error().message);
  return layout;
}

// The options that the encoding has are there, and no others.
Status check_spec(const EncodingSpec& spec, std::uint64_t values) {
  const auto encoding = find_update_encoding(spec.name);
  if (!encoding) return damaged_update(encoding.error().message);
  const bool has_scales = (*encoding)->block > 0;
  if (has_scales ? spec.block < kScaleBlockMin || !std::has_single_bit(spec.block)
                 : spec.block != 0) {
    return damaged_update("its encoding has an unusable 'block'");
  }
  if (spec.k > ((*encoding)->sparse ? values : 0))
    return damaged_update("its encoding has an unusable 'k'");
  if ((*encoding)->plain && !spec.zstd)
    return damaged_update("its encoding is that of a plain safetensors file");
  return {};
}

}  // namespace

Bytes write_encoded_head(const EncodingSpec& spec, const Layout& layout, std::uint64_t data_bytes) {
  const Layout data{{{kDataName, {static_cast<std::int64_t>(data_bytes)}}}};
  return write_safetensors_head(
      data, {{kEncodingKey, encoding_text(spec)}, {kLayoutKey, layout_text(layout)}},
      ElementType::kU8);
}

Result<EncodedHead> read_encoded_head(const SafetensorsHead& head) {
  if (head.tensors.size() != 1 || head.tensors[0].type != ElementType::kU8 ||
      head.tensors[0].info.name != kDataName) {
    return damaged_update("it names an encoding, and has something else than one tensor 'data'");
  }
  if (!head.metadata.contains(kLayoutKey)) return damaged_update("it has no layout");
  TRIB_TRY(spec, read_encoding(head.metadata.at(kEncodingKey)));
  TRIB_TRY(layout, read_layout(head.metadata.at(kLayoutKey)));
  TRIB_CHECK_OK(check_spec(spec, layout.element_count()));
  return EncodedHead{std::move(spec), std::move(layout)};
}

}  // namespace tributary
