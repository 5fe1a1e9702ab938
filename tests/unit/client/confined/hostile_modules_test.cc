// SPDX-License-Identifier: Apache-2.0
// Modules that are out to do harm: each is refused by its operators, and where that check is taken
// away, contained by its process.
#include <caffe2/serialize/inline_container.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>

#include "client/confined/confined_learner.h"
#include "client/sandbox/child_process.h"
#include "client/sandbox/confinement.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/script_module.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/client/confined/unchecked.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kMemory = 256u << 20;
constexpr const char* kLinear = "        return torch.linear(x, self.weight)\n";
constexpr const char* kState = R"(
    def __getstate__(self):
        return (self.weight, self.training)
    def __setstate__(self, state: Tuple[Tensor, bool]):
        self.training = state[1]
)";

class HostileModules : public testing::Test {
 protected:
  HostileModules() {
    std::ofstream(secret_) << "confidential";
    job_.model = {"torchscript", {{"file", std::string("module.pt")}}};
    job_.train.optimizer = choose(client_optimizers(), "sgd", {});
  }
  static Bytes with_forward(const std::string& lines) {
    return file_of(linear_module("\n    def forward(self, x):\n" + lines + kLinear));
  }
  // `weight` of a module that is loaded is what this gives.
  static Bytes with_loading(const std::string& lines, const std::string& weight = "state[0]") {
    return file_of(linear_module(kState + lines + "        self.weight = " + weight +
                                 "\n    def forward(self, x):\n" + kLinear));
  }
  std::string from_file(const std::string& path, const char* shared) const {
    return "torch.from_file(\"" + path + "\", " + shared + ", 3, dtype=6)";
  }
  Error refusal(const Bytes& module) const {
    const auto model = confined_.initial_model(job_, {3}, module, leash_);
    return model ? make_error(ErrorCode::kInternal, "it was taken") : model.error();
  }
  // What becomes of it where nobody looks at its operators.
  static std::string unchecked(const Bytes& module) {
    auto child = ChildProcess::start(kOwnProgram, std::string(kUncheckedCommand));
    if (!child || !child->channel().send(1, module)) return "not started";
    const auto told = child->channel().receive(1u << 16);
    return told ? std::string(as_text(told->bytes)) : child->end(Milliseconds(5000)).message;
  }
  Result<TrainOutput> train(const Bytes& module, std::function<bool()> should_stop = {}) {
    const Model global{{{{"weight", {1, 3}}}}, {1, 1, 1}};
    TrainRequest request{job_, 1, global, data_, 1, 1, std::move(should_stop), {}, module};
    request.memory_bytes = kMemory;
    return confined_.train(request);
  }

  JobSpec job_;
  TemporaryDirectory directory_;
  const std::string secret_ = directory_ / "secret.txt";
  const SystemClock clock_;
  const ConfinedLearner confined_{
      {clock_, [] { return kMemory; }, kOwnProgram, Milliseconds(60'000), Milliseconds(300)}};
  const Leash leash_{{}, kMemory};
  const ExampleSet data_{{3}, 4, {1, 2, 3, 0, 1, 0, 2, 2, 2, -1, 0, 1}, {1, 0, 1, 0}, {}};
};

TEST_F(HostileModules, AHarmlessOneTrains) {
  const auto trained = train(with_forward(""));
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_EQ(unchecked(with_forward("")), "it ran");
}

TEST_F(HostileModules, FilesAreNotReadByForward) {
  const Bytes module = with_forward("        x = x + " + from_file(secret_, "False") + "\n");
  const Error error = refusal(module);
  EXPECT_EQ(error.code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(error.message, AllOf(HasSubstr("aten::from_file"), HasSubstr("forward")));
  EXPECT_EQ(train(module).error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(unchecked(module), HasSubstr("Operation not permitted"));
}

TEST_F(HostileModules, FilesAreNotReadWhileAModuleIsLoaded) {
  const Bytes module = with_loading("", from_file(secret_, "False"));
  EXPECT_THAT(refusal(module).message, HasSubstr("Operation not permitted"));
  EXPECT_THAT(unchecked(module), HasSubstr("Operation not permitted"));
}

TEST_F(HostileModules, FilesAreNotMade) {
  const std::string made = directory_ / "made";
  const Bytes modules[] = {with_loading("", from_file(made, "True")),
                           with_loading("        torch.save(state[0], \"" + made + "\")\n"),
                           with_forward("        torch.save(x, \"" + made + "\")\n"),
                           with_forward("        x = x + " + from_file(made, "True") + "\n")};
  for (const Bytes& module : modules) {
    unchecked(module);  // whether it notices that nothing was written is its own business
    EXPECT_EQ(::access(made.c_str(), F_OK), -1);
  }
}

TEST_F(HostileModules, HugeAllocationsFailAndThisProcessLives) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's allocator ends a process where there is no memory";
#endif
  for (const Bytes& module :
       {with_forward("        x = x + torch.zeros([1099511627776]).sum()\n"),
        with_loading("        self.training = bool(torch.zeros([1099511627776]).sum() > 1)\n"),
        with_forward(
            "        kept: List[Tensor] = []\n        for i in range(1000000):\n"
            "            kept.append(torch.ones([1000000]))\n        x = x + kept[-1].sum()\n")}) {
    const Error error = refusal(module);
    EXPECT_EQ(error.code, ErrorCode::kResourceExhausted) << error.message;
  }
  // The same with rows only, which no try-out sees.
  const auto trained = train(with_forward(
      "        if x.size(0) == 4:\n            x = x + torch.zeros([1099511627776]).sum()\n"));
  EXPECT_EQ(trained.error().code, ErrorCode::kResourceExhausted) << trained.error().message;
}

TEST_F(HostileModules, EndlessLoopsAreEnded) {
  const ConfinedLearner hasty({clock_, [] { return kMemory; }, kOwnProgram, Milliseconds(3000)});
  const std::string loop = "        while self.training == self.training:\n            ";
  for (const Bytes& module : {with_forward(loop + "x = x + 1\n"),
                              with_loading(loop + "self.training = not self.training\n")}) {
    const auto model = hasty.initial_model(job_, {3}, module, leash_);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, ErrorCode::kDeadlineExceeded) << model.error().message;
    EXPECT_THAT(model.error().message, HasSubstr("within 3 s"));
  }
}

// One that behaves until it sees rows ends when the task does, whether it listens or not.
TEST_F(HostileModules, AnEndlessTrainingEndsWithItsTask) {
  const Bytes module = with_forward(
      "        while bool(x.abs().sum() > 0):\n            self.training = self.training\n");
  const TimePoint end = clock_.now() + Milliseconds(5000);  // it is in its loop by then
  const auto trained = train(module, [&] { return clock_.now() > end; });
  ASSERT_FALSE(trained);
  EXPECT_EQ(trained.error().code, ErrorCode::kCancelled) << trained.error().message;
  bool asked = false;
  const auto at_once = train(module, [&] { return std::exchange(asked, true); });
  EXPECT_EQ(at_once.error().code, ErrorCode::kCancelled) << "while it is loaded";
}

// A file of an archive, changed; its name ends so.
Bytes with_record(const Bytes& module, const std::string& record,
                  const std::function<std::string(std::string)>& change) {
  std::istringstream from{std::string(as_text(module))};
  caffe2::serialize::PyTorchStreamReader reader(&from);
  std::ostringstream to;
  {
    caffe2::serialize::PyTorchStreamWriter writer([&to](const void* data, std::size_t size) {
      to.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
      return size;
    });
    for (const std::string& name : reader.getAllRecords()) {
      if (name == "version" || name == ".data/version" || name == "byteorder") continue;
      const auto [data, size] = reader.getRecord(name);
      std::string text(static_cast<const char*>(data.get()), size);
      if (name.ends_with(record)) text = change(std::move(text));
      writer.writeRecord(name, text.data(), text.size());
    }
    writer.writeEndOfFile();
  }
  const ByteView bytes = as_bytes(to.view());
  return {bytes.begin(), bytes.end()};
}

TEST_F(HostileModules, ProgramsInThePickleAreNotRun) {
  const std::string made = directory_ / "made";
  const std::string command = "touch " + made;
  for (const std::string callee : {"posix\nsystem\n", "torch._utils\n_rebuild_tensor_v2\n"}) {
    std::string pickle =
        "\x80\x02"
        "c" +
        callee + "X";
    const std::uint32_t size = static_cast<std::uint32_t>(command.size());
    for (int shift = 0; shift < 32; shift += 8)
      pickle += static_cast<char>(static_cast<unsigned char>(size >> shift));
    pickle += command + "\x85R.";
    const Bytes module =
        with_record(with_forward(""), "data.pkl", [&](const std::string&) { return pickle; });
    EXPECT_THAT(refusal(module).message, HasSubstr("loading the TorchScript module")) << callee;
    EXPECT_THAT(unchecked(module), Not(HasSubstr("it ran")));
    EXPECT_EQ(::access(made.c_str(), F_OK), -1);
  }
}

// The language of the file knows a word that that of people does not.
TEST_F(HostileModules, ThreadsAreNotStarted) {
  const Bytes plain =
      file_of(linear_module("\n    def helper(self, x):\n        return torch.relu(x)\n"
                            "    def forward(self, x):\n        x = torch.selu(x)\n" +
                            std::string(kLinear)));
  const Bytes module = with_record(plain, ".py", [](std::string code) {
    const std::string call = "torch.selu(x)";
    const std::size_t at = code.find(call);
    EXPECT_NE(at, std::string::npos) << code;
    return code.replace(at, call.size(), "torch.wait(fork(self.helper, x))");
  });
  const Error error = refusal(module);
  EXPECT_THAT(error.message, HasSubstr("prim::fork"));
  EXPECT_EQ(error.code, ErrorCode::kPermissionDenied);
}

TEST_F(HostileModules, CutAndDamagedFilesAreRefused) {
  const Bytes whole = with_forward("");
  Bytes cut = whole;
  cut.resize(cut.size() / 2);
  EXPECT_THAT(refusal(cut).message, HasSubstr("loading the TorchScript module"));
  Bytes damaged = whole;
  for (std::size_t i = 100; i < damaged.size(); i += 41) damaged[i] ^= std::byte{0x5a};
  EXPECT_THAT(refusal(damaged).message, Not(HasSubstr("it was taken")));
}

}  // namespace

int serve_unchecked() {
  Channel channel = begin_as_child();
  const auto module = channel.receive();
  if (!module) return 1;
  warm_up_torch();
  if (!confine({kMemory})) return 2;
  std::string told = "it ran";
  try {
    module_in(module->bytes).forward({torch::ones({2, 3})});
  } catch (const std::exception& error) {
    told = error.what();
  }
  static_cast<void>(channel.send(1, as_bytes(told)).has_value());
  ::_exit(0);
}

}  // namespace tributary
