// SPDX-License-Identifier: Apache-2.0
// Models go to Python and come from it. Skipped where /usr/bin/python3 has no torch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "client/learning/learner.h"
#include "common/storage/file_system.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/client/learning/model_kinds.h"

namespace tributary {
namespace {

class Python : public testing::Test {
 protected:
  void SetUp() override {
    if (python("import torch\n") != 0)
      GTEST_SKIP() << "/usr/bin/python3 has no torch: models in Python are not tested";
    job_.model = {"torchscript", {{"file", directory_ / "module.pt"}}};
    job_.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", 0.1}});
  }
  int python(const std::string& program) {
    std::ofstream(directory_ / "program.py") << program;
    return run_process({"/usr/bin/python3", directory_ / "program.py", directory_.path()},
                       directory_ / "python.txt");
  }
  std::string said() {
    std::ifstream in(directory_ / "python.txt");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Bytes read(const std::string& name) { return *files_->read(directory_ / name, 1u << 24); }
  void write(const std::string& name, const Result<Bytes>& bytes) {
    ASSERT_TRUE(bytes) << bytes.error().message;
    ASSERT_TRUE(files_->write_durably(directory_ / name, *bytes));
  }
  int make_module(const std::string& how) {
    return python(
        "import sys, torch\n"
        "torch.manual_seed(1)\n"
        "m = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), "
        "torch.nn.Linear(4, 1))\n" +
        how + "\ns.save(sys.argv[1] + '/module.pt')\n");
  }

  TemporaryDirectory directory_;
  const std::unique_ptr<FileSystem> files_ = make_file_system();
  JobSpec job_;
  const ExampleSet data_{{3},
                         8,
                         {1, 2, 3, 0, 1, 0, 2, 2, 2, -1, 0, 1, 3, 1, 0, 0, 0, 1, 1, 1, 1, -2, 1, 0},
                         {1, 0, 1, 0, 1, 0, 1, 0},
                         {}};
};

TEST_F(Python, AScriptedModuleIsTrainedHereAndLoadedThere) {
  ASSERT_EQ(make_module("s = torch.jit.script(m)"), 0) << said();
  const Bytes module = read("module.pt");
  const auto global = initial_model(job_, {3}, module);
  ASSERT_TRUE(global) << global.error().message;
  const auto trained = train(TrainRequest{job_, 1, *global, data_, 1, 1, {}, {}, module});
  ASSERT_TRUE(trained) << trained.error().message;
  Model model = *global;
  for (std::size_t i = 0; i < model.values.size(); ++i)
    model.values[i] += trained->update.values[i];
  write("out.pt", export_torchscript(job_, model, {3}, module));
  const double loss = figures_of(*evaluate(job_, model, data_, 1, module)).loss;
  ASSERT_EQ(
      python(
          "import sys, torch\n"
          "m = torch.jit.load(sys.argv[1] + '/out.pt').eval()\n"
          "x = torch.tensor([1,2,3,0,1,0,2,2,2,-1,0,1,3,1,0,0,0,1,1,1,1,-2,1,0.]).reshape(8, 3)\n"
          "y = torch.tensor([1,0,1,0,1,0,1,0.])\n"
          "print(torch.nn.functional.binary_cross_entropy_with_logits(m(x).squeeze(1), "
          "y).item())\n"),
      0)
      << said();
  const std::string text = said();
  EXPECT_NEAR(std::stod(text.substr(text.rfind('\n', text.size() - 2) + 1)), loss, 1e-5) << text;
}

TEST_F(Python, ABuiltInModelHasPyTorchsNames) {
  job_.model = choose(model_families(), "mlp", {{"hidden", std::vector<std::int64_t>{5}}});
  const Model model = *initial_model(job_, {3}, {});
  write("out.pt", export_torchscript(job_, model, {3}, {}));
  std::string check =
      "import sys, torch\nd = torch.jit.load(sys.argv[1] + '/out.pt').state_dict()\n";
  for (const TensorInfo& tensor : model.layout.tensors)
    check += "assert '" + tensor.name + "' in d, list(d)\n";
  EXPECT_EQ(python(check), 0) << said();
}

// Of each family a model, as Python's torch reads it, gives what it gives here.
TEST_F(Python, EachFamilyComputesThereWhatItComputesHere) {
  const auto list = [](const torch::Tensor& tensor) {
    std::ostringstream text;
    text.precision(9);
    for (const float value : values_of(tensor)) text << value << ",";
    return "torch.tensor([" + text.str() + "])";
  };
  std::string program = "import sys, torch\n";
  const std::vector<Kind> all = all_kinds();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const JobSpec job = job_of(all[i]);
    const TorchModelPtr model = model_of(job, all[i].shape);
    model->set_training(false);
    const Rows rows = rows_for(job, all[i].shape, 3);
    const torch::Tensor expected = model->forward(rows.inputs).detach().flatten().contiguous();
    std::ostringstream file;
    model->save(file);
    const std::string name = std::to_string(i) + ".pt";
    const ByteView bytes = as_bytes(file.view());
    write(name, Bytes(bytes.begin(), bytes.end()));
    std::string shape = "3";
    for (const std::int64_t size : all[i].shape) shape += "," + std::to_string(size);
    program += "m = torch.jit.load(sys.argv[1] + '/" + name + "').eval()\n" + "y = m(" +
               list(rows.inputs) + ".reshape(" + shape + ")).flatten()\n" + "d = (y - " +
               list(expected) + ").abs().max().item()\n" + "assert d < 1e-5, ('" + all[i].name +
               "', d)\n";
  }
  EXPECT_EQ(python(program), 0) << said();
}

// Layers of torch.nn with our tensors, which have their names, and the paper's sines.
constexpr const char* kTorchsOwn = R"(
import sys, math, torch
from torch.nn import functional as F
def load(name):
    m = torch.jit.load(sys.argv[1] + '/' + name + '.pt').double().eval()
    return m, m.state_dict()
def part(state, prefix):
    return {k[len(prefix):]: v for k, v in state.items() if k.startswith(prefix)}
def same(a, b):
    assert (a - b).abs().max().item() < 1e-10, (a, b)
def sines(places, width):
    return torch.tensor([[math.sin(p / 10000 ** (i / width)) if i % 2 == 0 else
                          math.cos(p / 10000 ** ((i - 1) / width)) for i in range(width)]
                         for p in range(places)], dtype=torch.double)
def blocks(state, x, **masks):
    for i in range(2):
        layer = torch.nn.TransformerEncoderLayer(6, 2, 5, 0.0, F.gelu, batch_first=True, norm_first=True)
        layer.double().load_state_dict(part(state, 'layers.%d.' % i))
        x = layer(x, **masks)
    return F.layer_norm(x, (6,), state['norm.weight'], state['norm.bias'])
torch.manual_seed(1)
m, s = load('steps')
x = torch.randn(4, 5, 3).double()
y = blocks(s, F.linear(x, s['input.weight'], s['input.bias']) + sines(5, 6))
same(m(x), F.linear(y[:, 0], s['output.weight'], s['output.bias']))
m, s = load('tokens')
ids = torch.tensor([[1, 4, 2, 6, 5, 3], [3, 2, 5, 0, 0, 0]])
y = F.embedding(ids, s['embedding.weight']) + sines(6, 6)
ahead = torch.triu(torch.ones(6, 6, dtype=torch.bool), 1)
y = blocks(s, y, src_mask=ahead, src_key_padding_mask=ids == 0)
y = F.linear(y, s['output.weight'], s['output.bias']).transpose(1, 2)
same(m(ids.double())[0], y[0])
same(m(ids.double())[1][:, :3], y[1][:, :3])
m, s = load('lstm')
lstm = torch.nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True).double()
lstm.load_state_dict(part(s, 'rnn.'))
same(m(x), F.linear(lstm(x)[0].mean(1), s['output.weight'], s['output.bias']))
m, s = load('gru')
gru = torch.nn.GRU(3, 4, 2, batch_first=True, bidirectional=True).double()
gru.load_state_dict(part(s, 'rnn.'))
for row in ([1, 4, 2, 6, 5, 3], [3, 2, 5, 0, 0, 0]):
    bare = torch.tensor([[id for id in row if id > 0]])
    y = gru(F.embedding(bare, s['embedding.weight']))[0].mean(1)
    same(m(torch.tensor([row]).double()), F.linear(y, s['output.weight'], s['output.bias']))
)";

TEST_F(Python, RecurrenceAndAttentionAreTorchsOwn) {
  const auto save = [&](const std::string& name, const std::string& kind_name) {
    for (const Kind& kind : all_kinds()) {
      if (kind.name != kind_name) continue;
      std::ostringstream file;
      model_of(job_of(kind), kind.shape)->save(file);
      const ByteView bytes = as_bytes(file.view());
      write(name + ".pt", Bytes(bytes.begin(), bytes.end()));
      return;
    }
    ADD_FAILURE() << kind_name;
  };
  save("steps", "attention over steps, sines, first place");
  save("tokens", "attention, causal");
  save("lstm", "lstm over steps, both ways");
  save("gru", "gru over ids, both ways");
  EXPECT_EQ(python(kTorchsOwn), 0) << said();
}

TEST_F(Python, FrozenModulesAndGarbageAreRefused) {
  ASSERT_EQ(make_module("s = torch.jit.freeze(torch.jit.script(m.eval()))"), 0) << said();
  const auto frozen = initial_model(job_, {3}, read("module.pt"));
  ASSERT_FALSE(frozen);
  EXPECT_THAT(frozen.error().message, testing::HasSubstr("torch.jit.script"));
  std::ofstream(directory_ / "module.pt") << "garbage";
  EXPECT_FALSE(initial_model(job_, {3}, read("module.pt")));
}

}  // namespace
}  // namespace tributary
