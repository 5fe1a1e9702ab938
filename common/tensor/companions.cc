// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/companions.h"

#include <algorithm>

namespace tributary {
namespace {

struct Named {
  std::string_view algorithm;
  Companions companions;
};

constexpr Named kKnown[] = {
    {"scaffold",
     {.update_tensors = "scaffold.control",
      .update_value = "",
      .sent_tensors = "scaffold.server_control"}},
    {"fednova", {.update_tensors = "", .update_value = "fednova.steps", .sent_tensors = ""}},
};

void add_beside(Layout& layout, std::string_view name, const Layout& model) {
  if (name.empty()) return;
  for (const TensorInfo& tensor : model.tensors)
    layout.tensors.push_back({std::string(name) + "/" + tensor.name, tensor.shape});
}

}  // namespace

const Companions& companions_of(std::string_view algorithm) {
  static constexpr Companions kNone;
  const auto* const found = std::ranges::find(kKnown, algorithm, &Named::algorithm);
  return found == std::end(kKnown) ? kNone : found->companions;
}

Layout update_layout(const Companions& companions, const Layout& model) {
  Layout layout = model;
  add_beside(layout, companions.update_tensors, model);
  if (!companions.update_value.empty())
    layout.tensors.push_back({std::string(companions.update_value), {}});
  return layout;
}

Layout sent_layout(const Companions& companions, const Layout& model) {
  Layout layout = model;
  add_beside(layout, companions.sent_tensors, model);
  return layout;
}

Result<SentModel> split_sent(const Companions& companions, Model file) {
  if (companions.sent_tensors.empty()) return SentModel{std::move(file), {}};
  SentModel sent;
  const auto half = static_cast<std::ptrdiff_t>(file.layout.tensors.size() / 2);
  sent.model.layout.tensors.assign(file.layout.tensors.begin(), file.layout.tensors.begin() + half);
  const Layout expected = sent_layout(companions, sent.model.layout);
  if (std::string difference = layout_difference(expected, file.layout); !difference.empty())
    return make_error(ErrorCode::kDataLoss, std::move(difference));
  const auto values =
      file.values.begin() + static_cast<std::ptrdiff_t>(sent.model.layout.element_count());
  sent.along.assign(values, file.values.end());
  file.values.erase(values, file.values.end());
  sent.model.values = std::move(file.values);
  return sent;
}

}  // namespace tributary
