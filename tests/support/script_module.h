// SPDX-License-Identifier: Apache-2.0
// TorchScript modules of tests, as the bytes of their files.
#pragma once

#include <torch/script.h>

#include <sstream>
#include <string>

#include "common/base/bytes.h"

namespace tributary {

inline Bytes file_of(const torch::jit::Module& module) {
  std::ostringstream file;
  module.save(file);
  const ByteView bytes = as_bytes(file.view());
  return {bytes.begin(), bytes.end()};
}

inline torch::jit::Module module_in(ByteView file) {
  std::istringstream stream{std::string(as_text(file))};
  return torch::jit::load(stream);
}

// A linear model of so many inputs, `weight` and whether it is in training, with these methods.
inline torch::jit::Module linear_module(const std::string& methods, std::int64_t inputs = 3) {
  torch::jit::Module module("__torch__.Linear");
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_parameter("weight", torch::ones({1, inputs}).requires_grad_(), false);
  module.define(methods);
  return module;
}

}  // namespace tributary
