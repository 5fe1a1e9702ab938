// SPDX-License-Identifier: Apache-2.0
// What code of others may be made of: each way of hiding an operator is found, and models as people
// write them pass.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/learning/learner.h"
#include "common/domain/script_operators.h"
#include "common/storage/script_archive.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/script_module.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kHarmless = R"(
    def forward(self, x):
        return torch.linear(x, self.weight)
)";

class ScriptGate : public testing::Test {
 protected:
  ScriptGate() {
    job_.model = {"torchscript", {{"file", std::string("module.pt")}}};
    job_.train.optimizer = choose(client_optimizers(), "sgd", {});
  }
  // What a site says of it; "none": it takes it.
  std::string fault(const torch::jit::Module& module) {
    const Bytes file = file_of(module);
    const auto model = initial_model(job_, {3}, file);
    if (model) return "none";
    code_ = model.error().code;
    return model.error().message;
  }
  // The site's word is that of the whole graph; whoever submits has it from the text.
  void expect_refused(const torch::jit::Module& module, const std::string& what,
                      const std::string& where) {
    if (what.starts_with("aten::")) {
      const Status submitted = check_script(file_of(module));
      EXPECT_FALSE(submitted) << what;
      if (!submitted) {
        EXPECT_THAT(submitted.error().message, HasSubstr("'" + what + "'"));
      }
    }
    EXPECT_THAT(fault(module), AllOf(HasSubstr("'" + what + "'"), HasSubstr(where)));
    EXPECT_EQ(code_, ErrorCode::kPermissionDenied);
  }

  JobSpec job_;
  ErrorCode code_ = ErrorCode::kInternal;
};

TEST_F(ScriptGate, FilesOfTheSiteAreOutOfReach) {
  expect_refused(linear_module(R"(
    def forward(self, x):
        return torch.linear(x, self.weight) + torch.from_file("/etc/passwd", False, 3, dtype=6)[0]
)"),
                 "aten::from_file", "forward");
  expect_refused(linear_module(R"(
    def forward(self, x):
        torch.save(x, "/tmp/leak")
        return torch.linear(x, self.weight)
)"),
                 "aten::save", "forward");
}

TEST_F(ScriptGate, WhateverIsNotArithmeticIsNamedAndRefused) {
  const std::pair<const char*, const char*> expressions[] = {

      {"torch.as_strided(x, [9999], [1])", "aten::as_strided"},
      {"torch.empty_strided([4], [1])", "aten::empty_strided"},
      {"x.set_(x)", "aten::set_"},
      {"x.resize_([4096])", "aten::resize_"},
      {"x.cuda()", "aten::cuda"},
      {"torch.quantize_per_tensor(x, 1.0, 0, 12)", "aten::quantize_per_tensor"},
      {"x.to_sparse()", "aten::to_sparse"},
      {"torch._foobar(x)", "aten::_foobar"}};
  for (const auto& [expression, name] : expressions) {
    const std::string method =
        std::string("\n    def forward(self, x):\n        if x.size(0) == 77:\n            x = ") +
        expression + "\n        return torch.linear(x, self.weight)\n";
    expect_refused(linear_module(method), name, "forward");
  }
}

TEST_F(ScriptGate, NoPlaceIsOverlooked) {
  const std::string reads = "torch.from_file(\"/etc/passwd\", False, 1, dtype=6)\n";
  const std::string unused = "\n    def later(self):\n        return " + reads + kHarmless;
  expect_refused(linear_module(unused), "aten::from_file", "later");
  const std::string nested =
      "\n    def forward(self, x):\n        for i in range(3):\n            while i < 0:\n"
      "                if x.size(0) == 5:\n                    x = x + " +
      reads + "        return torch.linear(x, self.weight)\n";
  expect_refused(linear_module(nested), "aten::from_file", "forward");
  torch::jit::Module inner = linear_module(unused);
  torch::jit::Module outer = linear_module(kHarmless);
  outer.register_module("inner", inner);
  expect_refused(outer, "aten::from_file", "later");
}

// Nobody calls it in the text of a model; loading does.
TEST_F(ScriptGate, WhatRunsWhileItIsLoadedIsLookedAtToo) {
  torch::jit::Module module = linear_module(R"(
    def __getstate__(self):
        return (self.weight, self.training)
    def __setstate__(self, state: Tuple[Tensor, bool]):
        self.weight = state[0]
        torch.manual_seed(3)
        self.training = state[1]
    def forward(self, x):
        return torch.linear(x, self.weight)
)");
  expect_refused(module, "aten::manual_seed", "__setstate__");
}

TEST(ScriptOperators, AreThoseOnTheListAndTheirInPlaceForms) {
  for (const char* name : {"prim::fork", "aten::wait", "prim::PythonOp", "prim::rpc_async",
                           "c10d::send", "quantized::add", "prepacked::linear_clamp_run",
                           "aten::load", "prim::TimePoint", "aten::relu__", "aten::", "relu"})
    EXPECT_FALSE(is_allowed_operator(name)) << name;
  for (const char* name : {"aten::relu", "aten::relu_", "prim::If", "aten::__iand__"})
    EXPECT_TRUE(is_allowed_operator(name)) << name;
}

TEST_F(ScriptGate, ModelsAsPeopleWriteThemPass) {
  torch::jit::Module module("__torch__.Usual");
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_parameter("filters", torch::ones({2, 1, 2}).requires_grad_(), false);
  module.register_parameter("weight", torch::ones({1, 4}).requires_grad_(), false);
  module.register_buffer("mean", torch::zeros({2}));
  module.register_buffer("var", torch::ones({2}));
  module.define(R"(
    def block(self, x, scale: float):
        x = torch.conv1d(x, self.filters)
        x = torch.batch_norm(x, None, None, self.mean, self.var, self.training, 0.1, 1e-5, False)
        return torch.dropout(torch.gelu(x) * scale, 0.1, self.training)
    def forward(self, x):
        assert x.dim() == 2, "expected [rows, inputs], found {}".format(x.size())
        parts: List[Tensor] = []
        sizes: Dict[str, int] = {"rows": x.size(0)}
        for i in range(2):
            parts.append(self.block(x.unsqueeze(1), 1.0 / float(i + 1)))
        y = torch.stack(parts, 0).sum(0).flatten(1)
        y += torch.zeros_like(y)
        attention = torch.softmax(torch.matmul(y, y.t()) / float(sizes["rows"]) ** 0.5, -1)
        y = torch.where(y > 0, y, torch.tanh(y)).clamp(-5.0, 5.0) + attention.mean()
        y = y * torch.empty_like(y).bernoulli_(0.9)
        return torch.linear(y[:, 0:4], self.weight).squeeze(-1)
)");
  EXPECT_EQ(fault(module), "none");
}

}  // namespace
}  // namespace tributary
